import contextlib
import io

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(3, 3, bias=False)
with torch.no_grad():
    model.weight.copy_(torch.eye(3))
x = torch.eye(3)[[0, 1, 2, 0]]
dataloader = DataLoader(TensorDataset(x, torch.tensor([0, 1, 2, 1])), batch_size=3)
text = io.StringIO()
with contextlib.redirect_stdout(text):
    model.eval()

    total_correct = 0
    total_samples = 0

    with torch.no_grad():
        for inputs, labels in dataloader:
            outputs = model(inputs)
            _, predicted = torch.max(outputs, 1)

            total_correct += (predicted == labels).sum().item()
            total_samples += labels.size(0)

    accuracy = total_correct / total_samples
    print(f'Accuracy: {accuracy}')
assert text.getvalue() == "Accuracy: 0.75\n"
found = torch.max(x, 1)
assert found.values.tolist() == [1, 1, 1, 1] and found.indices.tolist() == [0, 1, 2, 0]
