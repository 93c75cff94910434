"""A program of the cpu executor: a table of native calls, the memory they work on, and how it is run.

`run(arrays)` has the reference executor's interface. The addresses of inputs and results change with each run and stand in
`slots`; all else is fixed when the program is put together. Where a step of the reference executor comes between,
the table is run in stretches.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from ...graph.node import CONSTANT, Node
from ...graph.registry import PICK
from ...graph.walk import topological
from ..reference import Program as Reference
from . import (
    copying,
    extremes,
    indexing,
    operations,
    ordering,
    recurrence,
    runtime,
    scanning,
    target,
    timing,
    updating,
)
from .describing import Work, described
from .graphs import copied
from .kernel import Buffer, words
from .memory import arena, barriers, place, spares
from .planner import ERROR, Planner, Steps, left_to_numpy

assert copying and extremes and indexing and operations and ordering  # they register handlers
assert recurrence and scanning

_ERROR_SLOT, _ARENA_SLOT, _FIRST = 0, 1, 2

# Work of fewer nanoseconds than this is not worth waking another thread for.
_ALONE = 30_000


class Stretch(NamedTuple):
    """Calls [first, last) of the table, and the place in the graph's order that a profile shows for each."""

    first: int
    last: int


class Foreign(NamedTuple):
    """A node for the reference executor: its program, the slots of what it reads and of its results; its number in `work`."""

    program: Reference
    reads: tuple[int, ...]
    writes: int
    number: int


class Program:
    """One graph, ready to run on other inputs of the same shapes.

    updates: pairs (root, input), by number, such that the root is the input's new value: where that can be, `run` puts
    it into the input's own array, if it is told that nobody else holds that.

    Raises (from run): what the reference executor would; its `place` is the failing node's in the graph's order.
    """

    def __init__(
        self,
        order: Sequence[Node],
        inputs: Sequence[Node],
        roots: Sequence[Node],
        workers: int,
        updates: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._graph = order, inputs, roots
        # How many results a root has that is a tuple of them; None for any other.
        self.counts = [len(root.shape) if isinstance(root.dtype, tuple) else None for root in roots]
        wanted = [(roots[i], inputs[j]) for i, j in updates]
        roots = [single for root, n in zip(roots, self.counts) for single in _singles(root, n)]
        planned = Planner(order, roots, workers).plan()
        if workers > 1 and _total(planned) <= _ALONE:
            # Kernels may rely on being run by as many workers as they were planned for.
            workers = 1
            planned = Planner(order, roots, 1).plan()
        self.shapes = [root.shape for root in roots]
        self.workers = workers
        self._values: dict[Any, int] = {}  # node or buffer: its slot
        self._assign(planned, inputs)
        conditions = planned.roots[len(roots) :][: planned.conditions]
        pairs = _pairs(planned, dict(zip(roots, planned.roots)), wanted)
        planned = planned._replace(steps=updating.put_last(planned.steps, planned.buffers, set(pairs)))
        self._planned = planned
        self._assemble(planned, pairs, conditions)
        self.results = [(self._value(n), n) for n in planned.roots]
        self.conditions = [self._value(n) for n in conditions]
        self._prepare_runs()

    # ------------------------------------------------------------ putting together

    def _assign(self, planned: Steps, inputs: Sequence[Node]) -> None:
        """Slots: inputs, results, and what the reference executor reads or writes."""
        self.inputs = len(inputs)
        names: list[Any] = [None] * _FIRST
        for node in inputs:
            self._values[node] = len(names)
            names.append(node)
        self.outputs: list[tuple[int, tuple, np.dtype]] = []
        for node in dict.fromkeys(planned.roots):
            if node not in self._values and node.prim is not CONSTANT:
                self._values[node] = len(names)
                self.outputs.append((len(names), node.shape, node.dtype.numpy))
                names.append(node)
        self.held: dict[int, np.ndarray] = {}
        for step in planned.steps:
            if step.node is None:
                continue
            for node in (step.node, *step.reads):
                if node in self._values:
                    continue
                self._values[node] = len(names)
                names.append(node)
                if node.prim is CONSTANT:
                    self.held[self._values[node]] = node.buffer
                elif node in planned.buffers:
                    self.held[self._values[node]] = np.empty(node.shape, node.dtype.numpy)
        for node, buffer in planned.buffers.items():
            if node not in self._values and node.prim is CONSTANT:
                self._values[node] = len(names)
                names.append(node)
                self.held[self._values[node]] = node.buffer
            if node in self._values:
                self._values[buffer] = self._values[node]
        self.size = len(names)

    def _value(self, node: Node) -> int:
        if node.prim is CONSTANT and node not in self._values:
            self._values[node] = self.size
            self.held[self.size] = node.buffer
            self.size += 1
        return self._values[node]

    def _assemble(self, planned: Steps, pairs: Mapping[Buffer, Buffer], conditions: Sequence[Node]) -> None:
        calls = [call for step in planned.steps for call in step.calls]
        waits = self.waits = barriers(calls)
        fixed = [b for b in self._values if isinstance(b, Buffer)]
        self.offsets, self.arena_size = place(calls, waits, [*fixed, ERROR])
        where: dict[Buffer, tuple[int, int]] = {b: (self._values[b], 0) for b in fixed}
        where |= {b: (_ARENA_SLOT, offset) for b, offset in self.offsets.items()}
        where[ERROR] = (_ERROR_SLOT, 0)
        arguments = [np.array([*words(call, where), 0], np.int64) for call in calls]
        self._arguments = arguments
        known = target.addresses({call.kernel.name: call.kernel.text for call in calls})
        entries = [
            (known[call.kernel.name], given.ctypes.data, int(wait) | 2 * call.alone)
            for call, wait, given in zip(calls, waits, arguments)
        ]
        self.table = runtime.Table(entries)
        self.calls = calls
        first = self._take_updates(planned, pairs, waits, conditions)
        self.steps = self._stretches(planned)
        # What overwrites inputs is run by itself, after a look at whether anything has failed.
        self.last: Stretch | None = None
        if first < len(calls):
            whole = self.steps.pop()
            assert isinstance(whole, Stretch)
            if whole.first < first:
                self.steps.append(Stretch(whole.first, first))
            self.last = Stretch(first, whole.last)

    def _take_updates(
        self,
        planned: Steps,
        pairs: Mapping[Buffer, Buffer],
        waits: Sequence[bool],
        conditions: Sequence[Node],
    ) -> int:
        """Settle which results may be put into the array of an input, by slot; gives the first call that does so."""
        calls = self.calls
        found = updating.allowed(pairs, calls, waits, _surely(planned, conditions))
        self.updates: dict[int, int] = {}
        if not found or sum(buffer.size for buffer in found) < updating.LEAST_BYTES:
            return len(calls)
        self.updates = {self._values[b]: self._values[source] - _FIRST for b, (source, _) in found.items()}
        return min(at for _, at in found.values())

    def _stretches(self, planned: Steps) -> list[Stretch | Foreign]:
        steps: list[Stretch | Foreign] = []
        at = 0
        for number, step in enumerate(s for s in planned.steps if s.calls or s.node is not None):
            if step.node is not None:
                steps.append(self._foreign(step.node, step.reads, number))
                continue
            after = at + len(step.calls)
            if steps and isinstance(steps[-1], Stretch):
                steps[-1] = Stretch(steps[-1].first, after)
            else:
                steps.append(Stretch(at, after))
            at = after
        return steps

    @cached_property
    def work(self) -> list[Work]:
        """What each step does, in words: those of `steps`, with a stretch's one by one."""
        return described(self._planned, self._graph[0])

    @property
    def order(self) -> Sequence[Node]:
        """The graph as it was recorded."""
        return self._graph[0]

    def _foreign(self, node: Node, reads: Sequence[Node], number: int) -> Foreign:
        program = Reference(*copied(topological([node], reads), reads, [node]))
        return Foreign(program, tuple([self._values[n] for n in reads]), self._values[node], number)

    # ------------------------------------------------------------ running

    def _prepare_runs(self) -> None:
        """What every run needs and none changes. Programs run one at a time (executors/queue.py), so this is reused."""
        self._slots = (ctypes.c_int64 * self.size)()
        self._errors = (ctypes.c_int64 * 8)()
        self._slots[_ERROR_SLOT] = ctypes.addressof(self._errors)
        self.slots_address = ctypes.addressof(self._slots)
        self._fixed: list[Any] = [None] * self.size
        for at, array in self.held.items():
            self._fixed[at] = array
            self._slots[at] = array.ctypes.data
        # Where a result stands, and the shape it is to be given if it has another.
        stored = {at: shape for at, shape, _ in self.outputs}
        self._found = [
            (at, None if stored.get(at) == shape else shape)
            for (at, _), shape in zip(self.results, self.shapes)
        ]
        self._several = any(n is not None for n in self.counts)

    def run(
        self, arrays: Sequence[np.ndarray], note: Callable | None = None, sole: Collection[int] = ()
    ) -> list[Any]:
        """The values of the roots for these inputs; an error notes in `place` the node that failed.

        sole: numbers of inputs whose arrays are this call's to overwrite. note: told of every step, see ran.py.
        """
        values, slots = self._fixed.copy(), self._slots
        slots[_ARENA_SLOT] = arena.reserve(self.arena_size)
        at = _FIRST
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
        updates = self.updates if sole else ()
        for at, shape, dtype in self.outputs:
            if at in updates and self.updates[at] in sole:
                source = self.updates[at] + _FIRST
                values[at], slots[at] = values[source], slots[source]
            else:
                values[at], slots[at] = take(shape, dtype)
        for step in self.steps:
            if isinstance(step, Stretch):
                self._launch(step, note)
                if self._errors[0]:
                    self._errors[0] = 0
                    raise self._error(arrays)
            else:
                start = perf_counter_ns()
                self._run_foreign(step, values, slots, arrays)
                if note is not None:
                    timing.note_numpy(self, step.number, start, note)
        if self.conditions and any(values[at].item() for at in self.conditions):
            raise self._error(arrays)
        if self.last is not None:
            self._launch(self.last, note)
        results = [
            values[at] if shape is None or values[at].shape == shape else values[at].reshape(shape)
            for at, shape in self._found
        ]
        if not self._several:
            return results
        left = iter(results)
        return [next(left) if n is None else tuple([next(left) for _ in range(n)]) for n in self.counts]

    def _launch(self, stretch: Stretch, note: Callable | None) -> None:
        if note is None:
            runtime.run(self.table.address, stretch.first, stretch.last, self.slots_address, self.workers)
        else:
            timing.run_timed(self, stretch.first, stretch.last, note)

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


def _singles(root: Node, count: int | None) -> list[Node]:
    return [root] if count is None else [PICK(root, i) for i in range(count)]


def _pairs(
    planned: Steps, behind: dict[Node, Node], wanted: Sequence[tuple[Node, Node]]
) -> dict[Buffer, Buffer]:
    """The results that may, for all that their kernels know, be put into the array of an input."""
    found = {}
    for root, source in wanted:
        stored = behind.get(root, root)
        if source in planned.candidates.get(stored, ()) and source not in planned.roots:
            found[planned.buffers[stored]] = planned.buffers[source]
    return found


def _surely(planned: Steps, conditions: Sequence[Node]) -> int:
    """The number of the first call after which nothing can fail."""
    told = {planned.buffers[n] for n in conditions if n in planned.buffers}
    at = first = 0
    for step in planned.steps:
        if step.node is not None:
            first = at
        for call in step.calls:
            at += 1
            if any(p.buffer is ERROR for p in call.pointers) or told.intersection(call.writes):
                first = at
    return first


def _total(planned: Steps) -> float:
    return sum(call.work for step in planned.steps for call in step.calls)


__all__ = ["Program", "left_to_numpy"]
