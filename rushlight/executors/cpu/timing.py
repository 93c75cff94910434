"""A native program, run so that each of its steps is told of: when it began and ended on every thread.

A step lasts, on the thread that runs the program, until the next one begins there, so that waiting for the other threads
counts and the steps add up to the run.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np

from ..ran import Ran
from . import runtime
from .describing import Work


def run_timed(program: Any, first: int, last: int, note: Callable[[Ran], Any]) -> None:
    """Calls [first, last) of the program's table, as runtime.run would run them."""
    count = last - first
    times = np.zeros((program.workers, count, 2), np.int64)
    table, slots = program.table.address, program.slots_address
    workers = runtime.run_timed(table, first, last, slots, program.workers, times.ctypes.data)
    end = perf_counter_ns()
    ticks = runtime.seconds_per_tick() * 1e9
    spans = (times[:workers] * ticks).astype(np.int64) if ticks != 1 else times[:workers]
    steps = [work for work in program.work if first <= work.first < work.last <= last]
    for i, work in enumerate(steps):
        begun, ended = work.first - first, work.last - first - 1
        threads = tuple([(int(s[begun, 0]), int(s[ended, 1])) for s in spans])
        after = int(spans[0, ended + 1, 0]) if i + 1 < len(steps) else max(end, threads[0][1])
        note(_ran(program, work, threads[0][0], after, threads))


def note_numpy(program: Any, number: int, start: int, note: Callable[[Ran], Any]) -> None:
    """Tell of a step of the reference executor that has just ended; `number`: in `program.work`."""
    work = program.work[number]
    if not work.picks:
        note(_ran(program, work, start, perf_counter_ns(), ()))


def _ran(program: Any, work: Work, start: int, end: int, threads: tuple) -> Ran:
    return Ran(
        f"{work.name} (NumPy)" if work.numpy else work.name,
        start,
        end,
        work.places,
        tuple([n.shape for n in work.inputs if not isinstance(n.dtype, tuple)]),
        work.flops,
        work.bytes,
        work.made,
        not work.numpy,
        threads,
        tuple(dict.fromkeys(call.kernel.name for call in program.calls[work.first : work.last])),
    )


__all__ = ["note_numpy", "run_timed"]
