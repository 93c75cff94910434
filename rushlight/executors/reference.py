"""The reference executor: a graph on NumPy, node by node. It is what every primitive means.

A program is a list of steps over numbered slots, made once a key. Half-width floats (float16, bfloat16) are computed in
float32 and rounded once, as PyTorch does on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from ..dtypes import NARROW, DType, from_numpy
from ..graph.cost import flops
from ..graph.node import CONSTANT, Node, stand_in
from .ran import Ran


class Step(NamedTuple):
    """One primitive: from the values in the slots to the value of one, and what nobody needs afterwards."""

    call: Callable[[list], Any]
    target: int
    dtype: Any
    dead: tuple[int, ...]
    place: int  # in the order of the graph: where the node that knows the user's line is found


class About(NamedTuple):
    """What a step computes, for who is told of it: its primitive and parameters, and the slots that it reads."""

    prim: Any
    params: tuple
    sources: tuple[int, ...]


class Program:
    """One graph, ready to run on other inputs of the same shapes.

    Equal nodes share a slot, so what a gradient rule computes again costs nothing. `run(inputs)` takes the input
    arrays in the key's order and gives an array for every root.
    """

    __slots__ = ("size", "constants", "input_slots", "steps", "about", "roots")

    def __init__(self, order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> None:
        slot = _shared_slots(order)
        self.size = len(order)
        self.constants = [(slot[n], n.buffer) for n in order if n.prim is CONSTANT]
        self.input_slots = [slot[n] for n in inputs]
        self.roots = [slot[n] for n in roots]
        self.steps, self.about = _steps(order, slot, set(self.roots))

    def run(self, arrays: Sequence[np.ndarray], note: Callable | None = None) -> list[np.ndarray]:
        """The values of the roots; an error notes in `place` the node that failed.

        note: called after each step with what it did, a Ran.
        """
        slots: list[Any] = [None] * self.size
        for i, array in self.constants:
            slots[i] = array
        for i, array in zip(self.input_slots, arrays):
            slots[i] = array
        with np.errstate(all="ignore"):
            if note is None:
                self._walk(slots)
            else:
                self._walk_noting(slots, note)
        return [_owned(slots[i]) for i in self.roots]

    def _walk(self, slots: list) -> None:
        place = 0
        try:
            for call, target, dtype, dead, place in self.steps:  # noqa: B007, what an error is told
                value = call(slots)
                if type(value) is not np.ndarray or value.dtype is not dtype:
                    value = _finished(value, dtype)
                slots[target] = value
                for i in dead:
                    slots[i] = None
        except Exception as error:
            error.place = place  # type: ignore[attr-defined]
            raise

    def _walk_noting(self, slots: list, note: Callable[[Ran], Any]) -> None:
        for step, about in zip(self.steps, self.about):
            values = [slots[i] for i in about.sources]
            start = perf_counter_ns()
            try:
                slots[step.target] = value = _finished(step.call(slots), step.dtype)
            except Exception as error:
                error.place = step.place  # type: ignore[attr-defined]
                raise
            note(_ran(about, step.place, start, perf_counter_ns(), values, value))
            for i in step.dead:
                slots[i] = None


def _ran(about: About, place: int, start: int, end: int, values: Sequence[Any], result: Any) -> Ran:
    """What a profile is told of a step."""
    made = _size(result)
    several = isinstance(result, tuple)
    shape = tuple(a.shape for a in result) if several else result.shape
    # An operand of several results is one that `pick` takes one of.
    inputs = tuple([stand_in(v.shape, from_numpy(v.dtype)) for v in values if not isinstance(v, tuple)])
    count = 0 if len(inputs) < len(values) else flops(Node(about.prim, inputs, about.params, shape, None))
    return Ran(
        about.prim.name, start, end, (place,), tuple([n.shape for n in inputs]), count,
        made + sum(map(_size, values)), made, native=False,
    )  # fmt: skip


def _size(value: Any) -> int:
    return sum(map(_size, value)) if isinstance(value, tuple) else value.nbytes


def _shared_slots(order: Sequence[Node]) -> dict[Node, int]:
    """A slot for every node; nodes that compute the same thing from the same slots have one."""
    slot: dict[Node, int] = {}
    known: dict[tuple, int] = {}
    for i, node in enumerate(order):
        if node.buffer is not None:
            slot[node] = i
            continue
        slot[node] = known.setdefault((node.prim, node.params, tuple([slot[s] for s in node.inputs])), i)
    return slot


def _steps(order: Sequence[Node], slot: dict[Node, int], kept: set[int]) -> tuple[list[Step], list[About]]:
    working = [(i, node) for i, node in enumerate(order) if node.buffer is None and slot[node] == i]
    last: dict[int, int] = {}
    for i, node in working:
        for source in node.inputs:
            last[slot[source]] = i
    steps: list[Step] = []
    about: list[About] = []
    for i, node in working:
        sources = tuple([slot[s] for s in node.inputs])
        dead = tuple({s for s in sources if last[s] == i and s not in kept})
        steps.append(Step(_caller(node, sources), i, _numpy_dtype(node), dead, i))
        about.append(About(node.prim, node.params, sources))
    return steps, about


def _numpy_dtype(node: Node) -> Any:
    if isinstance(node.dtype, tuple):
        return tuple(d.numpy for d in node.dtype)
    return node.dtype.numpy


def _caller(node: Node, sources: tuple[int, ...]) -> Callable[[list], Any]:
    """The node's NumPy rule on the slots that it reads."""
    rule, params = _widening(node), node.params
    if node.prim.arity is None:
        return lambda slots: rule(np, tuple([slots[i] for i in sources]), *params)
    if len(sources) == 1:
        (a,) = sources
        return lambda slots: rule(np, slots[a], *params)
    if len(sources) == 2:
        a, b = sources
        return lambda slots: rule(np, slots[a], slots[b], *params)
    return lambda slots: rule(np, *[slots[i] for i in sources], *params)


def _widening(node: Node) -> Callable:
    """The node's rule; where inputs are half as wide as float32, on the same numbers as float32."""
    rule = node.prim.numpy
    narrow = {n.dtype.numpy for n in node.inputs if isinstance(n.dtype, DType) and n.dtype in NARROW}
    if node.prim.moves or not narrow:
        return rule

    def wide(value: Any) -> Any:
        return value.astype(np.float32) if value.dtype in narrow else value

    if node.prim.arity is None:
        return lambda np, values, *params: rule(np, tuple(map(wide, values)), *params)
    count = len(node.inputs)
    return lambda np, *args: rule(np, *map(wide, args[:count]), *args[count:])


def _finished(value: Any, dtype: Any) -> Any:
    """The rule's result as an array of the node's dtype."""
    if isinstance(dtype, tuple):
        return tuple(_finished(v, d) for v, d in zip(value, dtype))
    if type(value) is not np.ndarray:
        value = np.asarray(value)
    return value if value.dtype == dtype else value.astype(dtype)


def _owned(array: Any) -> Any:
    """The array itself, or a copy when it would keep much more memory alive than it shows."""
    if isinstance(array, tuple) or array.base is None:
        return array
    base = array.base
    held = base.nbytes if isinstance(base, np.ndarray) else array.nbytes
    return array.copy() if held > 2 * array.nbytes + 1024 else array


def compile(order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> Program:
    """The program that computes `roots` from `inputs`; `order` as from graph.walk.trace."""
    return Program(order, inputs, roots)
