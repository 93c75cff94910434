"""rushlight: PyTorch's programming model as a framework of its own.

`import rushlight as torch` runs a PyTorch program; `rushlight run train.py` runs it unchanged. docs/tour.md follows one
expression through every room.
"""

from . import functions as _functions
from .autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .devices import Device as device
from .dtypes import *
from .dtypes import DType as dtype
from .functions import *
from .functions.register import FUNCTIONS as _FUNCTIONS
from .shapes import Size
from .tensor import Tensor

globals().update(_FUNCTIONS)
__version__ = "2.13.0"

import os as _os
if not _os.environ.get("RL_CORE"):
    from . import nn, optim  # noqa: E402
