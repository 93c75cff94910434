import torch
import torch.nn as nn
import torch.optim as optim

model = nn.Linear(2, 1)
optimizer = optim.SGD(model.parameters(), lr=0.1)
model(torch.ones(1, 2)).sum().backward()
optimizer.zero_grad()
assert model.weight.grad is None
before = model.weight.detach().clone()
optimizer.step()
assert torch.equal(before, model.weight)
model(torch.ones(1, 2)).sum().backward()
optimizer.zero_grad(set_to_none=False)
assert model.weight.grad.tolist() == [[0, 0]]
model.zero_grad()
assert model.weight.grad is None
