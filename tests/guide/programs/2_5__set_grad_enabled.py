import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
with torch.autograd.set_grad_enabled(False):
    y = x + 2
    assert not y.requires_grad
    with torch.autograd.set_grad_enabled(True):
        assert (x + 2).requires_grad
    assert not (x + 2).requires_grad
assert (x + 2).requires_grad
torch.set_grad_enabled(False)
assert not (x + 2).requires_grad
torch.set_grad_enabled(True)
assert (x + 2).requires_grad
