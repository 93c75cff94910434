import math
import warnings

import torch
import torch.nn as nn

warnings.simplefilter("ignore")
criterion = nn.KLDivLoss()
p = torch.tensor([[0.5, 0.5], [0.25, 0.75]])
q = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
total = math.log(1 / 0.75)
assert abs(criterion(p.log(), q).item() - total / 4) < 1e-6
assert abs(nn.KLDivLoss(reduction="batchmean")(p.log(), q).item() - total / 2) < 1e-6
assert abs(nn.KLDivLoss(reduction="sum")(p.log(), q).item() - total) < 1e-6
assert nn.KLDivLoss(reduction="none")(p.log(), q).shape == (2, 2)
assert abs(nn.KLDivLoss(reduction="sum", log_target=True)(p.log(), p.log()).item()) < 1e-7
