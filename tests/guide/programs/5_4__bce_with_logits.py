import math

import torch
import torch.nn as nn

weight_class_0, weight_class_1 = 1.0, 3.0
weights = torch.tensor([weight_class_0, weight_class_1])
criterion = nn.BCEWithLogitsLoss(pos_weight=weights)
loss = criterion(torch.zeros(1, 2), torch.ones(1, 2))
assert abs(loss.item() - (1 + 3) * math.log(2) / 2) < 1e-6
assert criterion(torch.full((1, 2), 1000.0), torch.ones(1, 2)).item() == 0
assert criterion(torch.full((1, 2), -1000.0), torch.zeros(1, 2)).item() == 0
try:
    criterion(torch.zeros(4), torch.ones(4))
except RuntimeError as error:
    assert "2" in str(error) and "4" in str(error)
else:
    raise AssertionError("two weights for four outputs have to be refused")
