"""`torch.autograd.profiler`: named ranges, and taking down when they and the kernels in them ran.

What is recorded runs later than it is called. While a profile is taken the work that waits is done at both ends of
every range, so its time counts in the range that asked for it; and every graph is prepared before it runs, which is an event
of its own. An event knows the lines of the program that recorded what it computed. `torch.profiler` is made of this.
"""

from __future__ import annotations

import functools
import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from ..executors import queue
from ..executors.ran import Ran
from ..graph import lines
from .profiler_util import EventList, FunctionEvent, FunctionEventAvg

kineto_available = lambda: False


class Recorder:
    """Takes events down between `start` and `stop`. A stack holds the line that recorded the work, then those that had it done."""

    def __init__(
        self, shapes: bool = False, memory: bool = False, stack: bool = False, flops: bool = False
    ) -> None:
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops
        self.events: list[FunctionEvent] = []
        self._open = threading.local()

    def start(self) -> None:
        queue.realize()
        lines.begin()
        _active.append(self)
        queue.observers.append(self._ran)

    def stop(self) -> None:
        queue.realize()
        queue.observers.remove(self._ran)
        _active.remove(self)
        lines.end()

    def result(self) -> EventList:
        ordered = sorted(self.events, key=lambda e: (e.start_ns, -e.end_ns))
        return EventList(ordered, profile_memory=self.memory, with_flops=self.flops)

    def _ranges(self) -> list[FunctionEvent]:
        if not hasattr(self._open, "ranges"):
            self._open.ranges = []
        return self._open.ranges

    def begin(self, name: str) -> FunctionEvent:
        event = FunctionEvent(name, perf_counter_ns(), threading.get_ident(), True)
        self._nest(event)
        self._ranges().append(event)
        return event

    def end(self, event: FunctionEvent) -> None:
        event.end_ns = perf_counter_ns()
        ranges = self._ranges()
        if event in ranges:
            ranges.remove(event)
        self.events.append(event)

    def _nest(self, event: FunctionEvent) -> None:
        ranges = self._ranges()
        if ranges:
            ranges[-1].append_cpu_child(event)

    def _ran(self, ran: Ran, at: tuple[lines.Line, ...]) -> None:
        event = FunctionEvent(ran.name, ran.start, threading.get_ident(), False)
        event.end_ns = ran.end
        event.lines, event.native, event.kernels, event.threads = at, ran.native, ran.kernels, ran.threads
        event.bytes = ran.bytes
        if self.shapes:
            event.input_shapes = [list(shape) for shape in ran.shapes]
        if self.stack:
            event.stack = [f"{file}({number}): {ran.name}" for file, number in at]
            event.stack += [
                f"{f.filename}({f.lineno}): {f.name}"
                for f in reversed(traceback.extract_stack())
                if not _ours(f)
            ]
        if self.memory:
            event.cpu_memory_usage = ran.made
            for range_ in self._ranges():
                range_.cpu_memory_usage += ran.made
        if self.flops:
            event.flops = ran.flops
        self._nest(event)
        self.events.append(event)


_active: list[Recorder] = []
_HERE = str(Path(__file__).resolve().parent.parent) + os.sep


def _ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_HERE)


class record_function:
    """A named range of a profile: a context, or a decorator. Without a profile it does nothing.

    Source: torch.profiler.record_function.
    Example:
        >>> import rushlight as torch
        >>> with torch.profiler.profile() as profile:
        ...     with torch.profiler.record_function("step"):
        ...         _ = torch.ones(2) + 1
        >>> [event.key for event in profile.key_averages() if event.is_user_annotation]
        ['step']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._events: list[tuple[Recorder, FunctionEvent]] = []

    def __enter__(self) -> record_function:
        if _active:
            queue.realize()
            self._events = [(recorder, recorder.begin(self.name)) for recorder in _active]
        return self

    def __exit__(self, *exc: object) -> None:
        if self._events and exc[0] is None:
            queue.realize()
        for recorder, event in self._events:
            recorder.end(event)
        self._events = []

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return inside


class profile:
    """Takes down what runs inside the block. Source: torch.autograd.profiler.profile.

    After the block: `function_events`, `key_averages()`, `table()`, `total_average()`, `export_chrome_trace(path)`.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        **_: Any,
    ) -> None:
        self.enabled = enabled
        self._recorder = Recorder(record_shapes, profile_memory, with_stack, with_flops)
        self._running = False
        self.function_events: EventList | None = None

    def __enter__(self) -> profile | None:
        if not self.enabled:
            return None
        if self._running:
            raise RuntimeError("Profiler context manager is not reentrant")
        self._running = True
        self._recorder.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            self._recorder.stop()
            self.function_events = self._recorder.result()

    def _finished(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def __repr__(self) -> str:
        return (
            "<unfinished torch.autograd.profile>"
            if self.function_events is None
            else str(self.function_events)
        )

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        return self._finished().key_averages(group_by_input_shape, group_by_stack_n)

    def table(self, *args: Any, **kwargs: Any) -> str:
        return self._finished().table(*args, **kwargs)

    def total_average(self) -> FunctionEventAvg:
        return self._finished().total_average()

    def export_chrome_trace(self, path: Any) -> None:
        self._finished().export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        self._finished().export_stacks(path, metric)

    @property
    def self_cpu_time_total(self) -> float:
        return self._finished().self_cpu_time_total


class _Marks:
    """A context that sends nothing anywhere: there is no other profiler to send marks to."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes

    def __enter__(self) -> _Marks:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class emit_nvtx(_Marks):
    """Marks for NVIDIA's profiler in PyTorch; nothing here."""


class emit_itt(_Marks):
    """Marks for Intel's profiler in PyTorch; nothing here."""


__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Recorder", "emit_itt", "emit_nvtx", "profile", "record_function"]  # fmt: skip
