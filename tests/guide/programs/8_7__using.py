import warnings

import torch
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")
optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.01)
scheduler = lr_scheduler.ReduceLROnPlateau(optimizer)
for validation_loss in (1.0, torch.tensor(0.5)):
    scheduler.step(validation_loss)
assert scheduler.best == 0.5
try:
    scheduler.step()
except TypeError as error:
    assert "metrics" in str(error)
else:
    raise AssertionError("a plateau needs its metrics")
lr_scheduler.StepLR(optimizer, 1).step()
