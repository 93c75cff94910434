import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x + 2
z = y * y * 3
out = z.mean()
assert out.item() == 37.5
for t in (y, z, out):
    assert t.grad_fn is not None and not t.is_leaf and t.requires_grad
assert x.grad_fn is None
