"""`torch.testing`: comparing tensors in tests."""

from .comparing import assert_allclose, assert_close, make_tensor
