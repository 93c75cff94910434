"""`torch.utils.benchmark.utils.common`: handed on."""

from ..measurement import *
