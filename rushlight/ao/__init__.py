"""`torch.ao`: quantization, which is not supported."""

from . import quantization
