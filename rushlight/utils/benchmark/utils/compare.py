"""`torch.utils.benchmark.utils.compare`: handed on."""

from ..comparing import *
