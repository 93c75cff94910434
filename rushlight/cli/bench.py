"""`rushlight bench`: what this machine can do, and how much of it small workloads reach.

The machine's limits are measured first (executors/cpu/limits.py). Then each workload is warmed up until everything is prepared,
timed step by step, and profiled for a few steps more, which say what was computed and where the time went.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import functions as fn
from ..compiler import compile
from ..executors import queue
from ..executors.cpu import limits, target, tiers
from ..executors.ran import Ran
from ..executors.threads import Threads
from ..report import Table, print_tables
from .workloads import WORKLOADS, Step

# Steps before any is counted, steps that are profiled, kernels that are named, and seconds of steps where no number is asked for.
_WARM, _PROFILED, _NAMED, _SECONDS = 4, 3, 3, 2.0


class Kernel(NamedTuple):
    """All kernels of one name: seconds and numbers of a step."""

    name: str
    calls: float
    seconds: float
    flops: float
    bytes: float
    native: bool


class Result(NamedTuple):
    """One workload: seconds of the median and of the fastest step, and what a step does."""

    name: str
    steps: int
    median: float
    fastest: float
    flops: float
    bytes: float
    share: float
    kernels: list[Kernel]


def bench(names: Sequence[str], steps: int | None, compiled: bool, as_json: bool) -> int:
    """Measure and print. Raises: ValueError for a name that is none."""
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        raise ValueError(f"no workload {', '.join(map(repr, unknown))}; there are {', '.join(WORKLOADS)}")
    machine = [_limits(threads, as_json) for threads in dict.fromkeys((1, Threads.count))]
    if not as_json:
        print_tables([_machine_table(machine)])
    results = []
    for name in names or WORKLOADS:
        _say(f"{name} ...", as_json)
        results.append(_measured(name, steps, compiled, machine[-1]))
    if as_json:
        print(json.dumps(_data(machine, results, compiled), indent=1))
    else:
        print()
        print_tables([_results_table(results, compiled), *[_kernels_table(r, machine[-1]) for r in results]])
    return 0


def _limits(threads: int, quiet: bool) -> limits.Limits:
    _say(f"the limits of {threads} thread{'' if threads == 1 else 's'} ...", quiet)
    return limits.measure(threads)


def _say(text: str, quiet: bool) -> None:
    if not quiet and sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- measuring


def _measured(name: str, steps: int | None, compiled: bool, machine: limits.Limits) -> Result:
    fn.manual_seed(0)
    step: Step = WORKLOADS[name]()
    if compiled:
        step = compile(step)
    for _ in range(_WARM):
        _run(step)
        tiers.settle()
    times: list[float] = []
    while len(times) < steps if steps else len(times) < 5 or sum(times) < _SECONDS:
        start = time.perf_counter()
        _run(step)
        times.append(time.perf_counter() - start)
    kernels = _profiled(step)
    flops, bytes = sum(k.flops for k in kernels), sum(k.bytes for k in kernels)
    median = statistics.median(times)
    share = machine.share(flops, bytes, median)
    return Result(name, len(times), median, min(times), flops, bytes, share, kernels)


def _run(step: Step) -> None:
    result = step()
    queue.realize()
    del result


def _profiled(step: Step) -> list[Kernel]:
    """What a step runs, by name, longest first."""
    _observed(step)  # a graph that has not been prepared is so now
    seen = [ran for _ in range(_PROFILED) for ran in _observed(step)]
    found: dict[str, Kernel] = {}
    for ran in seen:
        before = found.get(ran.name, Kernel(ran.name, 0, 0, 0, 0, ran.native))
        found[ran.name] = before._replace(
            calls=before.calls + 1 / _PROFILED,
            seconds=before.seconds + (ran.end - ran.start) / 1e9 / _PROFILED,
            flops=before.flops + ran.flops / _PROFILED,
            bytes=before.bytes + ran.bytes / _PROFILED,
        )
    return sorted(found.values(), key=lambda k: -k.seconds)


def _observed(step: Step) -> list[Ran]:
    seen: list[Ran] = []
    note = lambda ran, lines: seen.append(ran)
    queue.observers.append(note)
    try:
        _run(step)
    finally:
        queue.observers.remove(note)
    return seen


# ---------------------------------------------------------------- showing


def _machine_table(machine: Sequence[limits.Limits]) -> Table:
    rows = [
        ("multiply-adds in registers, float32", "GFLOP/s", [f"{m.fma:.1f}" for m in machine]),
        ("large matrix product, float32", "GFLOP/s", [f"{m.product:.1f}" for m in machine]),
        ("memory: a + s b", "GB/s", [f"{m.triad:.1f}" for m in machine]),
        ("memory: copy", "GB/s", [f"{m.copy:.1f}" for m in machine]),
        ("starting a program, and waiting for it", "us", [f"{m.launch:.1f}" for m in machine]),
    ]
    heads = [f"{m.threads} thread{'' if m.threads == 1 else 's'}" for m in machine]
    return Table(
        f"Limits of this machine ({target.target().cpu})",
        ["", "unit", *heads],
        [[what, unit, *cells] for what, unit, cells in rows],
        numbers=range(2, 2 + len(heads)),
    )


def _results_table(results: Sequence[Result], compiled: bool) -> Table:
    return Table(
        f"Steps{', compiled' if compiled else ''}, {Threads.count} threads",
        ["workload", "steps", "median ms", "fastest ms", "GFLOP/s", "GB/s", "of the limit"],
        [
            [
                r.name,
                str(r.steps),
                f"{r.median * 1e3:.2f}",
                f"{r.fastest * 1e3:.2f}",
                f"{r.flops / r.median / 1e9:.1f}",
                f"{r.bytes / r.median / 1e9:.1f}",
                f"{100 * r.share:.0f} %",
            ]
            for r in results
        ],
        note="The limit of a step is the time that its operations or its bytes, whichever takes longer, need at the machine's limits.",
    )


def _kernels_table(result: Result, machine: limits.Limits) -> Table:
    total = sum(k.seconds for k in result.kernels)
    return Table(
        f"{result.name}: {WORKLOADS[result.name].__doc__}",
        ["kernel", "calls", "ms a step", "of all kernels", "GFLOP/s", "GB/s", "of the limit"],
        [
            [
                k.name if len(k.name) < 60 else k.name[:57] + "...",
                f"{k.calls:.0f}",
                f"{k.seconds * 1e3:.3f}",
                f"{100 * k.seconds / total:.0f} %",
                f"{k.flops / k.seconds / 1e9:.1f}" if k.flops else "",
                f"{k.bytes / k.seconds / 1e9:.1f}",
                f"{100 * machine.share(k.flops, k.bytes, k.seconds):.0f} %" if k.native else "NumPy",
            ]
            for k in result.kernels[:_NAMED]
            if k.seconds
        ],
    )


def _data(machine: Sequence[limits.Limits], results: Sequence[Result], compiled: bool) -> dict[str, Any]:
    return {
        "cpu": target.target().cpu,
        "threads": Threads.count,
        "compiled": compiled,
        "limits": [m._asdict() for m in machine],
        "workloads": [
            {**r._asdict(), "kernels": [k._asdict() for k in r.kernels]} for r in results
        ],
    }  # fmt: skip


__all__ = ["bench"]
