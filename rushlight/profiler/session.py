"""`profile`: a profile taken over a block, or over chosen steps of a loop, and handed to a function that keeps it."""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from ..autograd.profiler import Recorder, record_function
from ..autograd.profiler_util import EventList, write_trace
from ..errors import UnsupportedError


class ProfilerAction(Enum):
    """What to do at a step. Source: torch.profiler.ProfilerAction."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


class ProfilerActivity(Enum):
    """What to take down: all of rushlight's work is CPU work. Source: torch.profiler.ProfilerActivity."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class DeviceType(Enum):
    """Kinds of devices, numbered as PyTorch numbers them."""

    CPU = 0
    CUDA = 1


def supported_activities() -> set[ProfilerActivity]:
    """What can be taken down here: CPU."""
    return {ProfilerActivity.CPU}


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """What to do at each step: skip `skip_first`, then cycles of `wait` idle, `warmup` and `active` recorded steps.

    Args:
        repeat: how many cycles; 0 for no end.
        skip_first_wait: not 0: the first cycle does not wait.
    Source: torch.profiler.schedule.
    Example:
        >>> import rushlight as torch
        >>> plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
        >>> [plan(step).name for step in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError(
            "Invalid profiler schedule arguments: "
            f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}"
        )
    if warmup == 0:
        warnings.warn("Profiler won't be using warmup, this can skew profiler results", stacklevel=2)

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"step must be non-negative, got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes each profile into the directory as a trace that TensorBoard and Perfetto show."""

    def keep(session: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".pt.trace.json" + (".gz" if use_gzip else "")
        session.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}{ending}"))

    return keep


class profile:
    """Takes down named ranges, and when each kernel ran, for how long, and for which lines of the program.

    Graphs are prepared before they run while a profile is taken ("prepare program"), so it shows native programs as later
    runs have them; what is left to NumPy is marked so. With RUSHLIGHT_EXECUTOR=reference it shows primitives on NumPy.

    Args:
        activities: accepted; all work here is on the CPU.
        schedule: from step number to ProfilerAction; without it everything in the block is recorded.
        on_trace_ready: called with this object at the end of every recorded cycle.
        record_shapes: keep the inputs' shapes. profile_memory: keep the bytes made. with_stack: keep the program's stack.
        with_flops: show floating-point operations, and how many of them and how many bytes a second.
        acc_events: keep the events of all cycles, not of the last one.
    Source: torch.profiler.profile.
    Example:
        >>> import rushlight as torch
        >>> with torch.profiler.profile(record_shapes=True) as p:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> "matmul" in p.key_averages().table(sort_by="cpu_time_total")
        True
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = set(activities) if activities else supported_activities()
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.with_modules = with_stack, with_flops, with_modules
        self.acc_events = acc_events
        self.record_steps = schedule is not None
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.preset_metadata: dict[str, str] = {}
        self._recorder: Recorder | None = None
        self._done: Recorder | None = None
        self._step: record_function | None = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin at step 0."""
        if self.current_action in _RECORDING:
            self.start_trace()
        self._open_step()

    def stop(self) -> None:
        """End; what is recorded and not handed on goes to `on_trace_ready`."""
        self._close_step()
        if self._recorder is not None:
            self.stop_trace()
            self._hand_on()

    def step(self) -> None:
        """Say that one step of the loop has ended and the next begins."""
        self._close_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE:
            self.stop_trace()
            self._hand_on()
        elif before is ProfilerAction.RECORD and self.current_action not in _RECORDING:
            warnings.warn("Incorrect schedule: RECORD followed by " + self.current_action.name, stacklevel=2)
            self.stop_trace()
        if self.current_action in _RECORDING and self._recorder is None:
            self.start_trace()
        self._open_step()

    def start_trace(self) -> None:
        """Begin to record."""
        self._recorder = Recorder(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops)
        if self.acc_events and self._done is not None:
            self._recorder.events = list(self._done.events)
        self._recorder.start()

    def stop_trace(self) -> None:
        """End recording."""
        if self._recorder is None:
            raise AssertionError("Profiler must be initialized before stopping trace")
        self._recorder.stop()
        self._done, self._recorder = self._recorder, None

    def _hand_on(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _open_step(self) -> None:
        if self.record_steps and self._recorder is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _close_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    # ------------------------------------------------------------ what was found

    def events(self) -> EventList:
        """Every event of the last recorded cycle, in time's order."""
        if self._done is None:
            raise AssertionError(
                "Profiler must be initialized before accessing events: nothing has been recorded yet"
            )
        return self._done.result()

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """The events added up by name."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events for chrome://tracing or Perfetto; compressed where the path ends in .gz."""
        write_trace(path, self.events(), self.preset_metadata)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write the program's lines and their times, as flame graph tools read them (with_stack=True)."""
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Text that goes into the trace file."""
        self.preset_metadata[key] = value

    add_metadata_json = add_metadata
    preset_metadata_json = add_metadata

    def toggle_collection_dynamic(self, enable: bool, activities: Iterable[Any]) -> None:
        """Stop recording for a while, and go on."""
        if enable and self._recorder is None and self._done is not None:
            self._recorder, self._done = self._done, None
            self._recorder.start()
        elif not enable and self._recorder is not None:
            self.stop_trace()

    def export_memory_timeline(self, path: str, device: str | None = None) -> None:
        """Not supported. Raises: UnsupportedError."""
        raise UnsupportedError("export_memory_timeline: use profile_memory=True and key_averages().table()")


class ExecutionTraceObserver:
    """Execution traces of PyTorch's runtime are not supported. Raises: UnsupportedError."""

    def __init__(self) -> None:
        raise UnsupportedError("ExecutionTraceObserver: use torch.profiler.profile and export_chrome_trace")
