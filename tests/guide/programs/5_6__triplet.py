import torch
import torch.nn as nn
from torch.nn.functional import triplet_margin_loss

criterion = triplet_margin_loss
a, p, n = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 1.0]])
assert abs(criterion(a, p, n).item() - 5) < 1e-4
assert criterion(a, n, p).item() == 0
assert abs(criterion(a, p, n, margin=2.0).item() - 6) < 1e-4
assert torch.equal(nn.TripletMarginLoss()(a, p, n), criterion(a, p, n))
same = torch.nn.functional.pairwise_distance(a, a).item()
assert abs(same - 2**0.5 * 1e-6) < 1e-8
