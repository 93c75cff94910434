import warnings

import torch
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")
optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.01)
scheduler = lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.1)
rates = []
num_epochs = 12
for epoch in range(num_epochs):
    rates.append(optimizer.param_groups[0]["lr"])
    scheduler.step()
expected = [0.01] * 5 + [0.001] * 5 + [0.0001] * 2
assert all(abs(a - b) < 1e-12 for a, b in zip(rates, expected))
