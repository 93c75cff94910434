"""The backward pass of a captured call whose result is still on the tape, as a program of its own.

`torch.compile(model)` leaves `loss.backward()` to the caller. Such a call is captured as two programs: forward, which gives
the results and what the gradient rules read, and backward, recorded by running the call's tape once on gradients that
stand for those to come. A replayed result has one entry on the tape, which runs the second program.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..autograd import engine
from ..autograd.entry import FREED, AccumulateGrad, Entry, Part
from ..autograd.modes import no_grad
from ..autograd.record import edge_of
from ..errors import GradientError
from ..executors import queue
from ..executors.observing import refuse
from ..graph.node import BUFFER, STAND_IN, Node
from ..graph.walk import trace
from ..tensor import Tensor, dtype_of, shape_of

_new = object.__new__


def key_of(edge: Any) -> Any:
    """An edge as something to look up: an entry, or an entry with the number of an output."""
    return (edge.entry, edge.index) if type(edge) is Part else edge


class Gate(Entry):
    """Stands on the tape between a call and the history of a tensor that it was given, while the call is watched."""

    __slots__ = ("behind",)

    def __init__(self, tensor: Tensor) -> None:
        self.behind = edge_of(tensor)
        self.edges, self.values, self.holds, self.params = (self.behind,), (), False, ()
        self.hooks = self.notes = None
        self.shape, self.dtype = shape_of(tensor), dtype_of(tensor)

    def close(self) -> None:
        """Let no gradient through."""
        self.edges = ()

    def open(self) -> None:
        """Let gradients through."""
        self.edges = (self.behind,)

    def apply(self, g: Any) -> Sequence[Any]:
        if not self.edges:
            return ()
        refuse("gradients flow into the history of a tensor that it was given")
        return (g,)

    apply_recorded = apply


class Tape:
    """What lies between tensors that a call gave back and the tensors that were there before it.

    `freed`: a backward pass has been through it. `entries`: all of them, unless freed. `ends`: keys of edges among
    `known` that were reached. `stray`: it ends in a leaf that is not known.
    """

    def __init__(self, edges: Sequence[Any], known: dict[Any, Any]) -> None:
        self.freed = self.hooked = self.stray = False
        self.entries: list[Any] = []
        self.ends: dict[Any, None] = {}
        met: set[Entry] = set()
        waiting = list(edges)
        while waiting:
            edge = waiting.pop()
            key = key_of(edge)
            if key in known:
                self.ends[key] = None
                continue
            entry = edge.entry if type(edge) is Part else edge
            if entry in met:
                continue
            met.add(entry)
            if type(entry) is AccumulateGrad:
                self.stray = self.stray or entry.variable is not None
                continue
            self.entries.append(entry)
            self.freed = (
                self.freed or entry.holds and (entry.values is None or getattr(entry, "saved", ()) is None)
            )
            self.hooked = self.hooked or bool(entry.hooks)
            waiting += [e for e in entry.edges if e is not None]

    def saved(self) -> dict[Node, None]:
        """The nodes that gradient rules will read and that have not been computed."""
        found: dict[Node, None] = {}
        for entry in self.entries:
            for node in [*(entry.values or ()), *map(_node_in, getattr(entry, "saved", None) or ())]:
                if node is not None and node.buffer is None and node.prim is not STAND_IN:
                    found[node] = None
        return found


def _node_in(pack: Any) -> Node | None:
    """The node of what a user's Function saved."""
    if pack is None:
        return None
    held = pack[0]
    return held._storage.node if isinstance(held, Tensor) else held


class Pass:
    """Backward for one choice of the outputs that gradients arrive at.

    `seeds` are the nodes that stand for these gradients, by output; `grads` the gradients of the tape's ends.
    """

    def __init__(
        self, outputs: Sequence[Tensor], chosen: Sequence[int], tape: Tape, seeds: list[Node]
    ) -> None:
        self.seeds = {seeds[k]: k for k in chosen}
        targets = {key: i for i, key in enumerate(tape.ends)}
        pairs = [(edge_of(outputs[k]), seeds[k]) for k in chosen]
        # What the rules compute is recorded like the call itself.
        with no_grad():
            self.grads: list[Node | None] = engine.run_backward(
                pairs, True, engine.Plain, targets, accumulate=False
            )
        saved = tape.saved()
        self.roots = list(dict.fromkeys(g for g in self.grads if g is not None and g.buffer is None))
        self.key, self.inputs, self.order = trace(self.roots, saved)
        self.count = len(self.inputs)  # others are gradients just as they stand
        direct = [g for g in self.grads if g is not None and g.buffer is not None and g not in self.inputs]
        self.inputs += dict.fromkeys(direct)

    def reads(self) -> list[Node]:
        """What the program reads of the call."""
        return [node for node in self.inputs if node not in self.seeds]

    def settle(self, kept: dict[Node, int]) -> None:
        """Prepare the program; `kept`: where each of `reads` stands in what a call keeps for backward."""
        self.program = None
        self.prepared = False
        if self.roots:
            self.program = queue.program_of(self.key, self.inputs[: self.count], self.roots, self.order)
        self.lines = queue.lines_of(self.order)
        self.from_grads = [(j, self.seeds[n]) for j, n in enumerate(self.inputs) if n in self.seeds]
        self.from_kept = [(j, kept[n]) for j, n in enumerate(self.inputs) if n not in self.seeds]
        self.size = len(self.inputs)
        places = {node: ~j for j, node in enumerate(self.inputs)}
        places.update({node: k for k, node in enumerate(self.roots)})
        self.to_ends = [None if g is None else (places[g], g.shape, g.dtype) for g in self.grads]
        del self.seeds, self.grads, self.roots, self.key, self.inputs, self.order

    def run(self, kept: Sequence[Any], grads: Sequence[Any]) -> list[Node | None]:
        """The gradients of the ends; None where none flows."""
        arrays: list[Any] = [None] * self.size
        for j, k in self.from_grads:
            arrays[j] = grads[k]
        for j, k in self.from_kept:
            arrays[j] = kept[k]
        results: Sequence[Any] = ()
        if self.program is not None:
            if not self.prepared:  # of all choices of outputs most are never asked for
                queue.prepared(self.program)
                self.prepared = True
            results = queue.replay(self.program, arrays[: self.count], self.lines)
        return [
            None if end is None else _computed(results[end[0]] if end[0] >= 0 else arrays[~end[0]], *end[1:])
            for end in self.to_ends
        ]


class Backward:
    """The backward pass of a call, while it is captured and when it is replayed.

    `outputs`: the call's results on the tape. `known`: edges of tensors that were there before, by key, and whose they
    are; gradients go to those that the tape reaches. After `settle`, `entry` makes the tape's entry of a replay.
    """

    def __init__(self, outputs: Sequence[Tensor], tape: Tape, known: dict[Any, Any]) -> None:
        self.owners = [known[key] for key in tape.ends]
        self.shapes = [shape_of(t) for t in outputs]
        self.dtypes = [dtype_of(t) for t in outputs]
        self.single = len(outputs) == 1
        first = edge_of(outputs[0])
        name = type(first.entry if type(first) is Part else first).__name__
        self.cls = type(name, (_CompiledEntry,), {"__slots__": ()})
        seeds = [_seed(shape, dtype) for shape, dtype in zip(self.shapes, self.dtypes)]
        self.passes = {chosen: Pass(outputs, chosen, tape, seeds) for chosen in _choices(len(outputs))}
        self.read = list(dict.fromkeys(node for p in self.passes.values() for node in p.reads()))
        self.saved = tape.saved()

    def settle(self, place: Callable[[Node], int]) -> None:
        """Prepare the programs; `place(node)`: of a result of forward, or below zero of an input, ~place."""
        self.kept = [place(node) for node in self.read]
        positions = {node: i for i, node in enumerate(self.read)}
        for each in self.passes.values():
            each.settle(positions)
        del self.read, self.saved

    # ------------------------------------------------------------ replayed

    def entry(self, tensors: list[Tensor], arrays: list[Any], results: Sequence[Any]) -> Entry:
        """The tape's entry of one replayed call."""
        entry: Any = _new(self.cls)
        owned = [tensors[o] if o.__class__ is int else o for o in self.owners]
        entry.edges = tuple([edge_of(t) for t in owned])
        entry.params, entry.values, entry.holds = (), (), True
        entry.hooks = entry.notes = None
        if self.single:
            entry.shape, entry.dtype = self.shapes[0], self.dtypes[0]
        else:
            entry.shape, entry.dtype = self.shapes, self.dtypes
        entry.kept = [results[place] if place >= 0 else arrays[~place] for place in self.kept]
        entry.backward = self
        return entry

    def part(self, entry: Entry, k: int) -> Any:
        """The place on the tape of output k."""
        return entry if self.single else Part(entry, k)

    def run(self, kept: Sequence[Any], grads: Sequence[Node | None]) -> list[Node | None]:
        """The gradients for the entry's edges, from those of the outputs; None where nothing has arrived."""
        pending = [g for g in grads if g is not None and g.buffer is None]
        if pending:
            queue.realize(pending)
        arrived = tuple(k for k, g in enumerate(grads) if g is not None)
        arrays = [None if g is None else g.buffer for g in grads]
        if arrived not in self.passes:
            # One of many outputs: what has not arrived is zero.
            arrived = tuple(range(len(grads)))
            for k in arrived:
                if arrays[k] is None:
                    arrays[k] = np.zeros(self.shapes[k], self.dtypes[k].numpy)
        return self.passes[arrived].run(kept, arrays)


def _choices(n: int) -> list[tuple[int, ...]]:
    """Which outputs gradients may arrive at: every choice of a few, all or a single one of many."""
    if n <= 3:
        return [c for k in range(1, n + 1) for c in itertools.combinations(range(n), k)]
    return [*((k,) for k in range(n)), tuple(range(n))]


def _computed(array: np.ndarray, shape: tuple[int, ...], dtype: Any) -> Node:
    node = Node(BUFFER, (), (), shape, dtype)
    node.buffer = array
    return node


class _CompiledEntry(Entry):
    """A replayed call on the tape; subclasses carry the name of the entry that the call itself had."""

    __slots__ = ("kept", "backward")
    ctx = SimpleNamespace(
        materialize_grads=False
    )  # gradients that did not arrive are None, as in a user's Function
    kept: list[Any] | None
    backward: Backward

    def apply(self, g: Any) -> Sequence[Node | None]:
        if self.kept is None:
            raise GradientError(FREED)
        return self.backward.run(self.kept, g if isinstance(g, tuple) else (g,))

    def apply_recorded(self, g: Any) -> Sequence[Any]:
        raise RuntimeError(
            "torch.compile does not support double backward: the gradient of a compiled function has no gradient. "
            "Call backward with create_graph=True on the function itself."
        )

    def free(self) -> None:
        self.kept = None
        self.values = None


def _seed(shape: tuple[int, ...], dtype: Any) -> Node:
    """A node for a gradient to come, whose numbers nobody reads."""
    node = Node(BUFFER, (), (), shape, dtype)
    node.buffer = np.broadcast_to(np.zeros((), dtype.numpy), shape)
    return node
