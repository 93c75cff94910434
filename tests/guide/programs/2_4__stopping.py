import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
with torch.no_grad():
    y = x + 2
assert not y.requires_grad
try:
    with torch.no_grad():
        raise KeyError
except KeyError:
    pass
y = x + 2
assert y.requires_grad
z = y.detach()
assert not z.requires_grad
z[0] = 50
assert y[0].item() == 50
