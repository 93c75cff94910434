"""Running a native program: what it is made of once everything is planned (`Image`), and its runs.

The addresses of inputs and results change with each run and stand in `slots`; all else is fixed. Where a step of the
reference executor comes between, the table is run in stretches. An image holds no address, so that archive.py can keep it;
nothing here knows how programs are planned (program.py).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Mapping, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from ..reference import Program as Reference
from . import runtime
from .memory import arena, spares

# Slots: where errors are noted, the memory that all programs share, then inputs, results and constants.
ERROR_SLOT, ARENA_SLOT, FIRST = 0, 1, 2


class Stretch(NamedTuple):
    """Calls [first, last) of the table."""

    first: int
    last: int


class Foreign(NamedTuple):
    """A node for the reference executor: its program, the slots of what it reads and of its results, its number in `work`."""

    program: Reference
    reads: tuple[int, ...]
    writes: int
    number: int


class Image(NamedTuple):
    """A program without the addresses of anything. Values are known by their slots."""

    workers: int
    size: int  # how many slots there are
    arena: int  # bytes
    outputs: list[tuple[int, tuple, np.dtype]]
    held: dict[int, np.ndarray]  # constants
    kernels: list[str]  # of each call, by name
    flags: list[int]  # of each call, as runtime.py reads them
    arguments: list[np.ndarray]  # of each call
    steps: list[Stretch | Foreign]
    last: Stretch | None  # what overwrites inputs: run by itself, after a look at whether anything has failed
    updates: dict[int, int]  # results that may be put into the array of an input, and its number
    results: list[int]
    shapes: list[tuple]  # of the results
    conditions: list[int]  # truth values that say whether something failed
    counts: list[int | None]  # how many results a root has that is a tuple of them; None for any other


class Running:
    """A program that can run, once it is loaded. Only one whose `work` is known can tell of its steps.

    Raises (from run): what the reference executor would for `graph`; its `place` is the failing node's in the graph's order.
    """

    work: Any = None  # what each step does, in words, where that is known: describing.py's

    def __init__(self, image: Image, graph: tuple) -> None:
        self.image, self._graph = image, graph

    def load(self, kernels: Mapping[str, int]) -> None:
        """Make it ready to run, given where its kernels are."""
        image = self.image
        calls = zip(image.kernels, image.arguments, image.flags)
        self.table = runtime.Table(
            [(kernels[name], given.ctypes.data, flags) for name, given, flags in calls]
        )
        self.workers = image.workers
        self._prepare_runs()

    def _prepare_runs(self) -> None:
        """What every run needs and none changes. Programs run one at a time (executors/queue.py), so this is reused."""
        image = self.image
        self._slots = (ctypes.c_int64 * image.size)()
        self._errors = (ctypes.c_int64 * 8)()
        self._slots[ERROR_SLOT] = ctypes.addressof(self._errors)
        self.slots_address = ctypes.addressof(self._slots)
        self._fixed: list[Any] = [None] * image.size
        for at, array in image.held.items():
            self._fixed[at] = array
            self._slots[at] = array.ctypes.data
        # Where a result stands, and the shape it is to be given if it has another.
        stored = {at: shape for at, shape, _ in image.outputs}
        self._found = [
            (at, None if stored.get(at) == shape else shape) for at, shape in zip(image.results, image.shapes)
        ]
        self._several = any(n is not None for n in image.counts)

    def run(
        self, arrays: Sequence[np.ndarray], note: Callable | None = None, sole: Collection[int] = ()
    ) -> list[Any]:
        """The values of the roots for these inputs; an error notes in `place` the node that failed.

        sole: numbers of inputs whose arrays are this call's to overwrite. note: told of every step, see ran.py.
        """
        image, values, slots = self.image, self._fixed.copy(), self._slots
        slots[ARENA_SLOT] = arena.reserve(image.arena)
        at = FIRST
        known = spares.addresses
        for array in arrays:
            address = known.get(id(array))
            if address is None:
                if type(array) is not np.ndarray or not array.flags.c_contiguous:
                    array = np.ascontiguousarray(array).reshape(array.shape)
                address = array.ctypes.data
            values[at] = array
            slots[at] = address
            at += 1
        take = spares.take
        updates: Mapping[int, int] = image.updates if sole else {}
        for at, shape, dtype in image.outputs:
            if updates.get(at) in sole:
                source = updates[at] + FIRST
                values[at], slots[at] = values[source], slots[source]
            else:
                values[at], slots[at] = take(shape, dtype)
        for step in image.steps:
            if isinstance(step, Stretch):
                self._launch(step, note)
                if self._errors[0]:
                    self._errors[0] = 0
                    raise self._error(arrays)
            else:
                start = perf_counter_ns()
                self._run_foreign(step, values, slots, arrays)
                if note is not None:
                    from . import timing

                    timing.note_numpy(self, step.number, start, note)
        if image.conditions and any(values[at].item() for at in image.conditions):
            raise self._error(arrays)
        if image.last is not None:
            self._launch(image.last, note)
        results = [
            values[at] if shape is None or values[at].shape == shape else values[at].reshape(shape)
            for at, shape in self._found
        ]
        if not self._several:
            return results
        left = iter(results)
        return [next(left) if n is None else tuple([next(left) for _ in range(n)]) for n in image.counts]

    def _launch(self, stretch: Stretch, note: Callable | None) -> None:
        if note is None:
            runtime.run(self.table.address, *stretch, self.slots_address, self.workers)
        else:
            from . import timing

            timing.run_timed(self, *stretch, note)

    def _run_foreign(self, step: Any, values: list, slots: Any, arrays: Sequence[np.ndarray]) -> None:
        try:
            (result,) = step.program.run([values[i] for i in step.reads])
        except Exception:
            raise self._error(arrays) from None
        if type(result) is np.ndarray and not result.flags.c_contiguous:
            result = np.ascontiguousarray(result).reshape(result.shape)
        values[step.writes] = result
        if type(result) is np.ndarray:
            slots[step.writes] = result.ctypes.data

    def _error(self, arrays: Sequence[np.ndarray]) -> Exception:
        """Something failed: the reference executor finds it again, and says it in its own words."""
        try:
            Reference(*self._graph).run(arrays)
        except Exception as error:
            return error
        return RuntimeError("a native program failed where the reference executor did not")
