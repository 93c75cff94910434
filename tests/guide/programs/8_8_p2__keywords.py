import torch
from torch.optim import lr_scheduler

optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
lr_scheduler.StepLR(optimizer=optimizer, step_size=2, gamma=0.5)
lr_scheduler.MultiStepLR(optimizer=optimizer, milestones=[1], gamma=0.5)
lr_scheduler.CosineAnnealingLR(optimizer=optimizer, T_max=4)
lr_scheduler.LambdaLR(optimizer=optimizer, lr_lambda=lambda epoch: 1.0)
lr_scheduler.ReduceLROnPlateau(optimizer=optimizer, mode="max")
try:
    lr_scheduler.MultiStepLR(optimizer, step_size=2)
except TypeError as error:
    assert "step_size" in str(error)
else:
    raise AssertionError("MultiStepLR has no step_size")
