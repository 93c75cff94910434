"""The reference executor: a graph on NumPy, node by node. It is what every primitive means.

A program is a list of steps over numbered slots, made once a key. Half-width floats (float16, bfloat16) are computed in
float32 and rounded once, as PyTorch does on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from ..dtypes import NARROW, DType
from ..graph.node import CONSTANT, Node


class Step(NamedTuple):
    """One primitive on numbered slots: what it reads, where it writes, what nobody needs afterwards."""

    rule: Callable
    params: tuple
    sources: tuple[int, ...]
    target: int
    dtype: Any
    dead: tuple[int, ...]
    widen: frozenset | None
    place: int  # in the order of the graph: where the node that knows the user's line is found


class Program:
    """One graph, ready to run on other inputs of the same shapes.

    Equal nodes share a slot, so what a gradient rule computes again costs nothing. `run(inputs)` takes the input
    arrays in the key's order and gives an array for every root.
    """

    __slots__ = ("size", "constants", "input_slots", "steps", "roots")

    def __init__(self, order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> None:
        slot = _shared_slots(order)
        self.size = len(order)
        self.constants = [(slot[n], n.buffer) for n in order if n.prim is CONSTANT]
        self.input_slots = [slot[n] for n in inputs]
        self.roots = [slot[n] for n in roots]
        self.steps = _steps(order, slot, set(self.roots))

    def run(self, arrays: Sequence[np.ndarray], note: Callable | None = None) -> list[np.ndarray]:
        """The values of the roots; an error notes in `place` the node that failed.

        note: called after each step with (its node's place in the graph, start, end in nanoseconds, result).
        """
        slots: list[Any] = [None] * self.size
        for i, array in self.constants:
            slots[i] = array
        for i, array in zip(self.input_slots, arrays):
            slots[i] = array
        with np.errstate(all="ignore"):
            for step in self.steps:
                if note is None:
                    _run_step(step, slots)
                    continue
                start = perf_counter_ns()
                _run_step(step, slots)
                note(step.place, start, perf_counter_ns(), slots[step.target])
        return [_owned(slots[i]) for i in self.roots]


def _run_step(step: Step, slots: list) -> None:
    rule, params, sources, target, dtype, dead, widen, place = step
    values = [slots[i] for i in sources]
    if widen is not None:
        values = [v.astype(np.float32) if v.dtype in widen else v for v in values]
    try:
        slots[target] = _finished(rule(values, params), dtype)
    except Exception as error:
        error.place = place  # type: ignore[attr-defined]
        raise
    for i in dead:
        slots[i] = None


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


def _steps(order: Sequence[Node], slot: dict[Node, int], kept: set[int]) -> list[Step]:
    working = [(i, node) for i, node in enumerate(order) if node.buffer is None and slot[node] == i]
    last: dict[int, int] = {}
    for i, node in working:
        for source in node.inputs:
            last[slot[source]] = i
    steps = []
    for i, node in working:
        sources = tuple([slot[s] for s in node.inputs])
        dead = tuple({s for s in sources if last[s] == i and s not in kept})
        steps.append(
            Step(_caller(node), node.params, sources, i, _numpy_dtype(node), dead, _widening(node), i)
        )
    return steps


def _numpy_dtype(node: Node) -> Any:
    if isinstance(node.dtype, tuple):
        return tuple(d.numpy for d in node.dtype)
    return node.dtype.numpy


def _caller(node: Node) -> Callable:
    """(list of arrays, params) -> result of the node's NumPy rule."""
    rule = node.prim.numpy
    if node.prim.arity is None:
        call = lambda values, params: rule(np, tuple(values), *params)
    else:
        call = lambda values, params: rule(np, *values, *params)
    return call


def _widening(node: Node) -> frozenset | None:
    """The half-width NumPy types that have to be widened before this node's rule."""
    if node.prim.moves:
        return None
    narrow = {n.dtype.numpy for n in node.inputs if isinstance(n.dtype, DType) and n.dtype in NARROW}
    return frozenset(narrow) or None


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
