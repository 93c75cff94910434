"""`torch.utils.benchmark.utils.timer`: handed on."""

from ..timing import *
