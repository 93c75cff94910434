"""Automatic differentiation: `torch.autograd`.

`modes` (whether calls are recorded), `entry` (the tape), `record` (how a call gets on it), `engine` (backward),
`function` (user-defined functions), `anomaly`, `gradcheck`, `functional`, `graph`, `hooks`.
"""

from . import anomaly, engine, function, functional, graph, modes, profiler
from .anomaly import detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
from .engine import backward, grad
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .variable import Variable, variable
