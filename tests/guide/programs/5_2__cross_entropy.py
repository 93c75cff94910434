import math

import torch
import torch.nn as nn

criterion = nn.CrossEntropyLoss()
logits = torch.tensor([[0.0, 0.0], [1000.0, 0.0]], requires_grad=True)
loss = criterion(logits, torch.tensor([0, 0]))
assert abs(loss.item() - math.log(2) / 2) < 1e-6
loss.backward()
assert torch.allclose(logits.grad, torch.tensor([[-0.25, 0.25], [0.0, 0.0]]), atol=1e-7)
weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))(torch.zeros(2, 2), torch.tensor([0, 1]))
assert abs(weighted.item() - math.log(2)) < 1e-6
shares = criterion(torch.zeros(1, 2), torch.tensor([[0.3, 0.7]]))
assert abs(shares.item() - math.log(2)) < 1e-6
try:
    criterion(torch.zeros(1, 2), torch.tensor([2])).item()
except IndexError as error:
    assert "2" in str(error)
else:
    raise AssertionError("a class out of range has to be refused")
