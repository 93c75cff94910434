import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)))
model(torch.randn(8, 3))
model.eval()
assert not any(m.training for m in model.modules())
mean = model[1][0].running_mean.clone()
x = torch.randn(4, 3)
assert torch.equal(model(x), model(x)) and torch.equal(mean, model[1][0].running_mean)
norm = model[1][0]
expected = (model[0](x) - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps)
assert torch.allclose(model(x), expected, atol=1e-6)
model.train()
assert all(m.training for m in model.modules())
