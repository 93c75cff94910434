"""`torch.profiler`: what a program spends its time in.

`session` (the profile context, its schedule and what it writes). Ranges and events are autograd/profiler.py's.
"""

from ..autograd.profiler import kineto_available, record_function
from .session import (
    DeviceType,
    ExecutionTraceObserver,
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "DeviceType", "ExecutionTraceObserver", "ProfilerAction", "ProfilerActivity", "kineto_available", "profile",
    "record_function", "schedule", "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip
