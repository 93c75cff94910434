"""What this machine can do at most, measured: multiplications with additions, memory, and starting a program.

`measure` runs native kernels, half a second each, and keeps what it found beside the compiled code; `known` reads that.
Other programs on the machine make it less, so every number is the best of many tries, and of all times it was measured.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...dtypes import float32
from ...graph.node import BUFFER, PRIMITIVES, Node
from ...graph.walk import trace
from . import runtime, target
from .emit import F32, Value
from .graphs import copied
from .kernel import Body, Kernel, kernel

# Chains of multiply-adds that do not wait for each other: more than any CPU's latency times units, and few enough for the
# 16 registers of AVX2.
_CHAINS = 12
_ROUNDS = 200_000  # about a millisecond, so that some tries are not interrupted
_MATRIX = 1024
_ELEMENTS = 1 << 24  # 64 MiB of float32: beyond the caches of most machines


class Limits(NamedTuple):
    """The limits of `threads` threads together.

    fma: GFLOP/s of float32 multiply-adds in registers. product: of a large matrix product. triad, copy: GB/s of a + s b and
    of a copy, what is read and what is written. launch: microseconds to start a program of one empty kernel and to
    wait for all threads.
    """

    threads: int
    fma: float
    product: float
    triad: float
    copy: float
    launch: float

    def share(self, flops: float, bytes: float, seconds: float) -> float:
        """Which part of the limits work reaches: the time it would take at them, to what it takes (the roofline's)."""
        if not seconds:
            return 0.0
        return max(flops / (self.fma * 1e9), bytes / (max(self.triad, self.copy) * 1e9)) / seconds


def measure(threads: int, seconds: float = 0.5) -> Limits:
    """The limits of so many threads; `seconds` for each number."""
    found = Limits(
        threads,
        fma=_fma(threads, seconds),
        product=_product(threads, seconds),
        triad=_memory(threads, seconds, triad=True),
        copy=_memory(threads, seconds, triad=False),
        launch=_launch(threads, seconds),
    )
    before = known(threads)
    if before is not None:
        found = Limits(
            threads,
            max(before.fma, found.fma),
            max(before.product, found.product),
            max(before.triad, found.triad),
            max(before.copy, found.copy),
            min(before.launch, found.launch),
        )
    _keep(found)
    return found


# ---------------------------------------------------------------- measuring


def _best(run: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest of as many runs as fit into `seconds`, and of at least three."""
    run()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def _fma(threads: int, seconds: float) -> float:
    made = _fma_kernel()
    args, out = np.array([0, 0, _ROUNDS], np.int64), np.zeros(threads * 64, np.float32)
    slots = np.array([out.ctypes.data], np.int64)
    table = runtime.Table([(target.address(made.name, made.text), args.ctypes.data, 0)])
    best = _best(lambda: runtime.run(table.address, 0, 1, slots.ctypes.data, threads), seconds)
    return 2 * threads * _ROUNDS * _CHAINS * target.lanes() / best / 1e9


@cache
def _fma_kernel() -> Kernel:
    """Every worker's chains of x = x * a + b, whose sum is stored so that none can be left out."""

    def write(body: Body, module: object) -> None:
        b, (out,), (rounds,) = body.b, body.pointers, body.numbers
        type = F32.of(target.lanes())
        sums = [b.variable(b.constant(0.5 + chain / 16, type)) for chain in range(_CHAINS)]
        with b.loop(0, rounds):
            for total in sums:
                total.set(b.fma(total.value, 0.5, 0.25))
        whole: Value = sums[0].value
        for total in sums[1:]:
            whole = whole + total.value
        b.store(whole, b.at(out, body.worker * 16, F32), align=4)

    return kernel("limit_fma", 1, 1, write)


def _program(root: Node, threads: int) -> Callable[[], object]:
    """A run of the graph's native program on its inputs' arrays."""
    from .program import Program

    _, inputs, order = trace([root])
    arrays = [node.buffer for node in inputs]
    program = Program(*copied(order, inputs, [root]), threads)
    return lambda: program.run(arrays)


def _given(*shape: int) -> Node:
    node = Node(BUFFER, (), (), shape, float32)
    node.buffer = np.full(shape, 0.5, np.float32)
    return node


def _product(threads: int, seconds: float) -> float:
    run = _program(PRIMITIVES["matmul"](_given(_MATRIX, _MATRIX), _given(_MATRIX, _MATRIX)), threads)
    return 2 * _MATRIX**3 / _best(run, seconds) / 1e9


def _memory(threads: int, seconds: float, triad: bool) -> float:
    a = _given(_ELEMENTS)
    root = a + _given(_ELEMENTS) * 3.0 if triad else PRIMITIVES["neg"](a)
    return 4 * _ELEMENTS * (3 if triad else 2) / _best(_program(root, threads), seconds) / 1e9


def _launch(threads: int, seconds: float) -> float:
    made = kernel("limit_launch", 0, 0, lambda body, module: None)
    args, slots = np.zeros(1, np.int64), np.zeros(1, np.int64)
    table = runtime.Table([(target.address(made.name, made.text), args.ctypes.data, 0)])
    run = lambda: runtime.run(table.address, 0, 1, slots.ctypes.data, threads)
    return min(_best(run, seconds / 10) for _ in range(3)) * 1e6


# ---------------------------------------------------------------- keeping


def _path() -> Path | None:
    folder = target.folder()
    return None if folder is None else folder / "limits.json"


def _machine() -> str:
    return f"{target.target().identity}|{os.cpu_count()}"


def _read() -> dict:
    path = _path()
    try:
        found = json.loads(path.read_text()) if path is not None else {}
    except (OSError, ValueError):  # none yet, or a damaged file: as if nothing had been measured
        return {}
    return found if isinstance(found, dict) else {}


def _keep(limits: Limits) -> None:
    path = _path()
    known.cache_clear()
    if path is None:
        return
    everything = _read()
    everything.setdefault(_machine(), {})[str(limits.threads)] = limits._asdict()
    aside = path.with_suffix(f".{os.getpid()}")
    try:
        aside.write_text(json.dumps(everything, indent=1))
        aside.replace(path)
    except OSError:  # a full disk: they are measured again when they are needed
        aside.unlink(missing_ok=True)


@cache
def known(threads: int) -> Limits | None:
    """What `measure` found on this machine for so many threads; None when it has not been run."""
    found = _read().get(_machine(), {}).get(str(threads))
    try:
        return None if found is None else Limits(**found)
    except TypeError:  # of another version
        return None


__all__ = ["Limits", "known", "measure"]
