import torch
from torch.optim import lr_scheduler


def reduced(mode, values):
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, patience=1)
    for v in values:
        scheduler.step(v)
    return optimizer.param_groups[0]["lr"] < 1


rising = [1.0, 2.0, 3.0, 4.0]
assert reduced("min", rising) and reduced("auto", rising) and not reduced("max", rising)
try:
    reduced("best", rising)
except ValueError as error:
    assert "best" in str(error)
else:
    raise AssertionError("another word has to be refused")
