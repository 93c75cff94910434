"""rushlight: PyTorch's programming model as a framework of its own.

`import rushlight as torch` runs a PyTorch program; `rushlight run train.py` runs it unchanged. docs/tour.md follows one
expression through every room. This file hands names on; modules that programs reach for rarely are loaded when they are
first named.
"""

from __future__ import annotations

import importlib as _importlib
import math as _math
from typing import Any as _Any

from . import functions as _functions
from .autograd.anomaly import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
)
from .autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .devices import Device as device
from .dtypes import ALIASES as _ALIASES
from .dtypes import NAMES as _NAMES
from .dtypes import DType as dtype
from .dtypes import can_cast, get_default_dtype, set_default_dtype
from .dtypes import promote as promote_types
from .errors import OutOfMemoryError
from .functions.register import FUNCTIONS as _FUNCTIONS
from .layouts import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    jagged,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from .printing import set_printoptions
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .shapes import Size
from .tensor import Tensor
from .version import __version__

e, inf, nan, newaxis, pi = _math.e, _math.inf, _math.nan, None, _math.pi
globals().update(_NAMES)
globals().update(_ALIASES)
globals().update(_FUNCTIONS)
globals().update(getattr(_functions, "PUBLIC", {}))

from . import autograd, random  # noqa: E402

# Loaded when first named: `torch.linalg` costs nothing to those who never say it.
_LATER = frozenset(
    """
    _C _VF __config__ _dynamo _inductor _jit_internal _lowrank _subclasses _tensor _tensor_str _utils accelerator amp ao
    backends checkpoint compiler cpu cuda data distributed distributions export fft func functional futures fx hub jit
    library linalg masked monitor mps multiprocessing nested nn numa onnx ops optim overrides package profiler
    quantization quasirandom report return_types serialization signal sparse special storage testing torchvision types
    utils version vision xpu
    """.split()
)
# Names of this namespace that live in such a module.
_HOMES = {
    "load": "checkpoint", "save": "checkpoint", "compile": "compiler", "autocast": "amp", "GradScaler": "amp", "vmap": "func",
    "get_autocast_cpu_dtype": "amp.autocast_mode", "get_autocast_dtype": "amp.autocast_mode",
    "get_autocast_gpu_dtype": "amp.autocast_mode", "is_autocast_available": "amp.autocast_mode",
    "is_autocast_cpu_enabled": "amp.autocast_mode", "is_autocast_enabled": "amp.autocast_mode",
}  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _HOMES:
        found = getattr(_importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    if name in _LATER:
        try:
            return _importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module 'torch' has no attribute {name!r} (rushlight does not have it)")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_HOMES})
