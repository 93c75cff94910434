import math

import torch
import torch.nn as nn

criterion = nn.BCELoss()
assert abs(criterion(torch.tensor([0.5, 0.25]), torch.tensor([1.0, 0.0])).item() + (math.log(0.5) + math.log(0.75)) / 2) < 1e-6
assert criterion(torch.tensor([0.0]), torch.tensor([1.0])).item() == 100
for x, y, kind in (
    (torch.tensor([1.5]), torch.tensor([1.0]), RuntimeError),
    (torch.tensor([0.5, 0.5]), torch.tensor([1.0]), ValueError),
):
    try:
        criterion(x, y).item()
    except kind:
        pass
    else:
        raise AssertionError("input outside [0, 1] and other shapes have to be refused")
