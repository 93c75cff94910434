import torch
import torch.nn as nn
import torch.nn.functional as F

x = torch.tensor([[1.0, 3.0, 2.0], [1000.0, 0.0, -1000.0]])
for p in (nn.Softmax(dim=1)(x), F.softmax(x, dim=1), torch.softmax(x, 1), x.softmax(1)):
    assert torch.allclose(p.sum(1), torch.ones(2)) and torch.equal(p.argmax(1), x.argmax(1))
    assert not p.isnan().any()
best = torch.softmax(x, 1).topk(2, dim=1)
assert best.indices.tolist() == [[1, 2], [0, 1]]
