import contextlib
import io

import torch
import torch.nn as nn

text = io.StringIO()
with contextlib.redirect_stdout(text):
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    print('Using device:', device)
assert text.getvalue() == "Using device: cpu\n"
model = nn.Linear(2, 2)
model.to(device)
inputs, labels = torch.ones(1, 2), torch.zeros(1)
assert inputs.to(device) is inputs
inputs, labels = inputs.to(device), labels.to(device)
try:
    inputs.to("cuda")
except (RuntimeError, AssertionError) as error:
    assert "cuda" in str(error).lower()
else:
    raise AssertionError("there is no GPU here")
