import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
assert x.requires_grad and x.is_leaf and x.grad is None
try:
    torch.tensor([1, 2], requires_grad=True)
except RuntimeError as error:
    assert "floating point" in str(error)
else:
    raise AssertionError("integers cannot require grad")
