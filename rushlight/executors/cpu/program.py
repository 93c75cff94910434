"""A program of the cpu executor, put together: a table of native calls and the memory they work on.

`run(arrays)`, which is in running.py, has the reference executor's interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

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
    updating,
)
from .describing import Work, described
from .graphs import copied
from .kernel import Buffer, words
from .memory import barriers, place
from .planner import ERROR, Planner, Steps, left_to_numpy
from .running import ARENA_SLOT, ERROR_SLOT, FIRST, Foreign, Image, Running, Stretch

assert copying and extremes and indexing and operations and ordering  # they register handlers
assert recurrence and scanning

# Work of fewer nanoseconds than this is not worth waking another thread for.
_ALONE = 30_000


class Program(Running):
    """One graph, ready to run on other inputs of the same shapes.

    updates: pairs (root, input), by number, such that the root is the input's new value: where that can be, `run` puts
    it into the input's own array, if it is told that nobody else holds that.
    load: whether it is to be made ready to run now, or planned only, for `load` to do the rest.
    """

    def __init__(
        self,
        order: Sequence[Node],
        inputs: Sequence[Node],
        roots: Sequence[Node],
        workers: int,
        updates: Sequence[tuple[int, int]] = (),
        load: bool = True,
    ) -> None:
        counts = [len(root.shape) if isinstance(root.dtype, tuple) else None for root in roots]
        singles = [single for root, n in zip(roots, counts) for single in _singles(root, n)]
        planned = Planner(order, singles, workers).plan()
        if workers > 1 and _total(planned) <= _ALONE:
            # Kernels may rely on being run by as many workers as they were planned for.
            workers = 1
            planned = Planner(order, singles, 1).plan()
        self._values: dict[Any, int] = {}  # node or buffer: its slot
        self._assign(planned, inputs)
        conditions = planned.roots[len(singles) :][: planned.conditions]
        wanted = [(roots[i], inputs[j]) for i, j in updates]
        pairs = _pairs(planned, dict(zip(singles, planned.roots)), wanted)
        planned = planned._replace(steps=updating.put_last(planned.steps, planned.buffers, set(pairs)))
        self._planned = planned
        self.workers, self._counts, self._shapes = workers, counts, [root.shape for root in singles]
        super().__init__(self._image(planned, pairs, conditions), (order, inputs, roots))
        if load:
            self.load()

    def load(self, kernels: Mapping[str, int] | None = None) -> None:
        """Make it ready to run: compile what no process has compiled before."""
        if kernels is None:
            kernels = target.addresses(self.texts | dict([runtime.code()]))
        super().load(kernels)

    # ------------------------------------------------------------ putting together

    def _assign(self, planned: Steps, inputs: Sequence[Node]) -> None:
        """Slots: inputs, results, and what the reference executor reads or writes."""
        names: list[Any] = [None] * FIRST
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

    def _image(self, planned: Steps, pairs: Mapping[Buffer, Buffer], conditions: Sequence[Node]) -> Image:
        calls = self.calls = [call for step in planned.steps for call in step.calls]
        self.texts = {call.kernel.name: call.kernel.text for call in calls}
        waits = self.waits = barriers(calls)
        fixed = [b for b in self._values if isinstance(b, Buffer)]
        self.offsets, arena = place(calls, waits, [*fixed, ERROR])
        where: dict[Buffer, tuple[int, int]] = {b: (self._values[b], 0) for b in fixed}
        where |= {b: (ARENA_SLOT, offset) for b, offset in self.offsets.items()}
        where[ERROR] = (ERROR_SLOT, 0)
        first, updates = self._updates(planned, pairs, waits, conditions)
        steps, last = self._stretches(planned), None
        if first < len(calls):
            whole = steps.pop()
            assert isinstance(whole, Stretch)
            if whole.first < first:
                steps.append(Stretch(whole.first, first))
            last = Stretch(first, whole.last)
        results, failures = map(self._value, planned.roots), map(self._value, conditions)
        return Image(
            results=list(results), conditions=list(failures), size=self.size, held=self.held,  # those give slots
            workers=self.workers, shapes=self._shapes, counts=self._counts, arena=arena, outputs=self.outputs, steps=steps, last=last, updates=updates,
            kernels=[call.kernel.name for call in calls],
            flags=[int(wait) | 2 * call.alone for call, wait in zip(calls, waits)],
            arguments=[np.array([*words(call, where), 0], np.int64) for call in calls],
        )  # fmt: skip

    def _updates(
        self,
        planned: Steps,
        pairs: Mapping[Buffer, Buffer],
        waits: Sequence[bool],
        conditions: Sequence[Node],
    ) -> tuple[int, dict[int, int]]:
        """Which results may be put into the array of an input, by slot, after the first call that does so."""
        calls = self.calls
        found = updating.allowed(pairs, calls, waits, _surely(planned, conditions))
        if not found or sum(buffer.size for buffer in found) < updating.LEAST_BYTES:
            return len(calls), {}
        updates = {self._values[b]: self._values[source] - FIRST for b, (source, _) in found.items()}
        return min(at for _, at in found.values()), updates

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
