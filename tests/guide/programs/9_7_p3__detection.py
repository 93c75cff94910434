import torch
from sklearn.metrics import average_precision_score


def iou(a, b):
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = (high - low).clamp(min=0)
    inside = sides[..., 0] * sides[..., 1]
    area_a, area_b = ((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b))
    return inside / (area_a[:, None] + area_b[None, :] - inside)


a = torch.tensor([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
b = torch.tensor([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0]])
assert torch.allclose(iou(a, b), torch.tensor([[1 / 7, 1.0], [0.0, 0.0]]))
hits, scores = torch.tensor([1, 0, 1, 0]), torch.tensor([0.9, 0.8, 0.7, 0.1])
order = scores.argsort(descending=True)
found = hits[order].cumsum(0)
precision = found / torch.arange(1, 5)
ap = (precision * hits[order]).sum() / hits.sum()
assert abs(ap.item() - average_precision_score(hits, scores)) < 1e-6
