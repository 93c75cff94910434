"""`torch.quantization`: the older path of torch.ao.quantization."""

from ..ao.quantization import *
