import torch
import torch.nn as nn
import torch.optim as optim

model = nn.Linear(2, 1)
optimizer = optim.SGD(model.parameters(), lr=0.01)
assert optimizer.param_groups[0]["lr"] == 0.01 and optimizer.defaults["lr"] == 0.01
optimizer.param_groups[0]["lr"] = 0.5
model.weight.grad = torch.ones(1, 2)
before = model.weight.detach().clone()
optimizer.step()
assert torch.allclose(model.weight, before - 0.5)
grouped = optim.SGD([{"params": [model.weight], "lr": 1.0}, {"params": [model.bias]}], lr=0.1)
assert [g["lr"] for g in grouped.param_groups] == [1.0, 0.1]
