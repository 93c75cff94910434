import warnings

import torch
import torch.optim as optim
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")
a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.01)
scheduler = lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.1)
num_epochs = 12
for epoch in range(num_epochs):
    ...
    scheduler.step()
rates = scheduler.get_last_lr()
assert abs(rates[0] - 1e-4) < 1e-12 and abs(rates[1] - 5e-3) < 1e-12
assert scheduler.last_epoch == 12 and optimizer.param_groups[0]["initial_lr"] == 0.01
