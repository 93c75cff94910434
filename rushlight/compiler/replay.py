"""`Replay`: a captured call, ready to be done again without its Python.

It compares what the call depended on, gathers the arrays of its program's inputs, runs the program, and puts the results
where the call would have put them. Everything that can be settled was settled when it was made (capturing.py); what is left
is loops over short lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd.entry import FREED, Entry
from ..devices import Device
from ..dtypes import DType
from ..errors import GradientError
from ..executors import queue
from ..executors.observing import Feed
from ..graph.node import BUFFER, Node
from ..memory import Storage
from ..tensor import Tensor, View, dtype_of, shape_of
from ..tensor import _seen as seen_of
from .arguments import Given, Recipe
from .places import MISSING, Cell, Names, Place, content_of, same

_new = object.__new__

# What `Replay.run` gives when something that the call depended on is different now.
MISS: Any = type("Miss", (), {"__repr__": lambda self: "MISS"})()

# A tensor of the call: its place among the arguments, or itself, if it is there for longer.
Owner = Any


class Held(NamedTuple):
    """A tensor that lives longer than calls, with the memory and the view that it has to have."""

    tensor: Tensor
    storage: Storage
    view: View | None


class Source(NamedTuple):
    """An input of the program: the storage of a tensor, or of its gradient."""

    place: int
    owner: Owner
    shape: tuple[int, ...]
    dtype: DType


class Target(NamedTuple):
    """A result of the program: where in `values` it stands, and what it is."""

    place: int
    owner: Owner
    shape: tuple[int, ...]
    dtype: DType
    versions: int


class Fresh(NamedTuple):
    """A storage that the call makes. `place` counts results; below zero, inputs: ~place."""

    place: int
    shape: tuple[int, ...]
    dtype: DType
    version: int
    device: Device


class Made(NamedTuple):
    """A tensor that the call makes, on one of its fresh storages or (`owner`) on that of a tensor which was there.

    `tape`: None, AccumulateGrad for a leaf that requires grad, the class of an entry whose graph was freed, or the place of
    the tensor among the outputs of the call's backward.
    """

    fresh: int
    owner: Owner
    view: View | None
    further: bool  # the view's steps come after those of the owner, which is an argument and a view
    tape: Any


class Parts:
    """What a Replay is made of; capturing.py fills it in."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.held: list[Held] = []
        self.edges: list[tuple[Tensor, Any]] = []  # tensors whose place on the tape decides what code does
        # Arguments, with the tensor that each has to be or the storage that it shares with what is held.
        self.aliases: list[tuple[int, Tensor | None, Storage | None]] = []
        self.no_gradient: list[Owner] = []  # whose .grad is None before the call
        self.gradients: list[tuple[Owner, tuple, DType]] = []  # and whose is not
        self.feeds: list[Feed] = []
        self.fed: list[tuple[int, int, int]] = []  # (place, feed, which of its arrays)
        self.template: list[Any] = []  # the inputs' arrays, with those that never change filled in
        self.whole: list[Source] = []
        self.seen: list[tuple[int, int]] = []  # (place, argument): the value of a view
        self.grads: list[Source] = []
        self.program: Any = None
        self.count = 0  # how many of the arrays are the program's; others are given back as they are
        self.lines: dict[int, tuple[str, int]] = {}
        self.written: list[Target] = []
        self.updated: list[tuple[int, Owner]] = []  # inputs whose storages get another value
        self.written_grads: list[Target] = []
        self.fresh: list[Fresh] = []
        self.made: list[Made] = []
        self.rebound: list[tuple[Owner, int]] = []  # `tensor.data = ...`
        self.new_grads: list[tuple[Owner, int]] = []
        self.dropped_grads: list[Owner] = []
        self.cleared_grads: list[Owner] = []  # dropped by the call before anything was computed: zero_grad()
        self.results: list[
            tuple[str, Any]
        ] = []  # ("argument", i), ("held", tensor), ("grad", owner), ("made", i)
        self.build: Recipe = lambda tensors, containers: None
        self.backward: Any = None
        self.objects: list[Any] = []  # kept alive: the key names them by identity


class Replay(Parts):
    """`run(given)` does the call again, or gives MISS."""

    def __init__(self, parts: Parts) -> None:
        self.__dict__.update(parts.__dict__)
        # The commonest places are looked at here, without a call.
        self.names = [(p.mapping, *pair) for p in parts.places if type(p) is Names for pair in p.pairs]
        self.cells = [(p.cell, p.value) for p in parts.places if type(p) is Cell]
        self.places = [p for p in parts.places if type(p) is not Names and type(p) is not Cell]
        self.held_storages = {id(h.storage) for h in parts.held}
        self.alone = parts.results[0][1] if parts.build is only and parts.results[0][0] == "made" else None

    def run(self, given: Given) -> Any:
        """The call's result; MISS, with nothing done, when something that it depended on is different."""
        if not self.holds(given):
            return MISS
        tensors = given.tensors
        arrays = self._gathered(tensors)
        for owner in self.cleared_grads:  # so that their memory serves this run
            (tensors[owner] if owner.__class__ is int else owner)._grad = None
        results: Sequence[Any] = ()
        if self.program is not None:
            inputs = arrays if len(arrays) == self.count else arrays[: self.count]
            updated = [
                (j, (tensors[owner] if owner.__class__ is int else owner)._storage)
                for j, owner in self.updated
            ]
            results = queue.replay(self.program, inputs, self.lines, updated)
        made = self._scattered(tensors, results, arrays)
        for feed in self.feeds:
            feed.commit()
        if self.alone is not None:
            return made[self.alone]
        found = [self._result(kind, what, tensors, made) for kind, what in self.results]
        return self.build(found, given.containers)

    def holds(self, given: Given) -> bool:
        """Whether everything that the call depended on is as it was."""
        for tensor, storage, view in self.held:
            if tensor._storage is not storage or tensor._view is not view:
                return False
        for tensor, edge in self.edges:
            if tensor._edge is not edge or edge is not None and edge.hooks and has_hooks(edge):
                return False
        for mapping, name, value in self.names:
            now = mapping.get(name, MISSING)
            if now is not value and not same(now, value):
                return False
        for cell, value in self.cells:
            now = content_of(cell)
            if now is not value and not same(now, value):
                return False
        for place in self.places:
            if not place.holds():
                return False
        tensors = given.tensors
        for i, itself, shared in self.aliases:
            if itself is not None and tensors[i] is not itself:
                return False
            storage = tensors[i]._storage
            if storage is not shared and (shared is not None or id(storage) in self.held_storages):
                return False
        for owner in self.no_gradient:
            if (tensors[owner] if owner.__class__ is int else owner)._grad is not None:
                return False
        if self.gradients and not self._gradients_hold(tensors):
            return False
        for feed in self.feeds:
            if not feed.holds():
                return False
        return True

    def _gradients_hold(self, tensors: list[Tensor]) -> bool:
        met = set()
        for owner, shape, dtype in self.gradients:
            grad = (tensors[owner] if owner.__class__ is int else owner)._grad
            if grad is None or grad._view is not None or grad._edge is not None:
                return False
            storage = grad._storage
            if storage.shape() != shape or storage.kind() is not dtype:
                return False
            met.add(id(storage))
        return len(met) == len(self.gradients) and met.isdisjoint(self.held_storages)

    # ------------------------------------------------------------ inputs

    def _gathered(self, tensors: list[Tensor]) -> list[Any]:
        arrays = self.template.copy()
        for place, owner, _, _ in self.whole:
            storage = (tensors[owner] if owner.__class__ is int else owner)._storage
            node = storage.node
            if node is None:
                node = storage.current()
            if node.buffer is None:
                queue.realize((node,))
            arrays[place] = node.buffer
        for place, i in self.seen:
            arrays[place] = value_of(tensors[i])
        for place, owner, _, _ in self.grads:
            node = (tensors[owner] if owner.__class__ is int else owner)._grad._storage.current()
            if node.buffer is None:
                queue.realize((node,))
            arrays[place] = node.buffer
        if self.feeds:
            fed = [feed.arrays() for feed in self.feeds]
            for place, feed, k in self.fed:
                arrays[place] = fed[feed][k]
        return arrays

    # ------------------------------------------------------------ results

    def _scattered(self, tensors: list[Tensor], results: Sequence[Any], arrays: list[Any]) -> list[Tensor]:
        """Give the tensors that were there their new values; the tensors that are made."""
        for place, owner, shape, dtype, versions in self.written:
            storage = (tensors[owner] if owner.__class__ is int else owner)._storage
            node = _new(Node)
            node.prim, node.inputs, node.params, node.shape, node.dtype = BUFFER, (), (), shape, dtype
            node.buffer = results[place] if place >= 0 else arrays[~place]
            if storage.node is None:
                storage.replace(node)
                storage.version += versions - 1
            else:
                storage.node = node
                storage.version += versions
        for place, owner, shape, dtype, versions in self.written_grads:
            storage = (tensors[owner] if owner.__class__ is int else owner)._grad._storage
            storage.replace(computed(results[place] if place >= 0 else arrays[~place], shape, dtype))
            storage.version += versions - 1
        for owner in self.dropped_grads:
            (tensors[owner] if owner.__class__ is int else owner)._grad = None
        if not self.made and not self.fresh:
            return []
        storages = []
        for place, shape, dtype, version, device in self.fresh:
            storage = _new(Storage)
            storage.node = node = _new(Node)
            node.prim, node.inputs, node.params, node.shape, node.dtype = BUFFER, (), (), shape, dtype
            node.buffer = results[place] if place >= 0 else arrays[~place]
            storage.version = version
            storage.device = device
            storages.append(storage)
        made = self._made(tensors, storages, arrays, results)
        for owner, i in self.new_grads:
            (tensors[owner] if owner.__class__ is int else owner)._grad = made[i]
        for k, (owner, i) in enumerate(self.rebound):
            self._rebind(k, tensors[owner] if owner.__class__ is int else owner, storages[i])
        return made

    def _made(
        self, tensors: list[Tensor], storages: list[Storage], arrays: list[Any], results: Sequence[Any]
    ) -> list[Tensor]:
        made = []
        entry = None
        for fresh, owner, view, further, tape in self.made:
            tensor: Any = _new(Tensor)
            if owner is None:
                tensor._storage = storages[fresh]
                tensor._view = view and View(None, view.steps, view.shape, view.dtype)
            else:
                base = tensors[owner] if owner.__class__ is int else owner
                tensor._storage = base._storage
                tensor._view = view and _seen_through(base._view if further else None, view)
            tensor._edge = tensor._grad = None
            if tape is not None:
                if tape.__class__ is int:
                    entry = entry or self.backward.entry(tensors, arrays, results)
                    tensor._edge = self.backward.part(entry, tape)
                else:
                    tensor._edge = tape(tensor)
            made.append(tensor)
        return made

    def _rebind(self, k: int, tensor: Tensor, storage: Storage) -> None:
        tensor._storage = storage
        for j, held in enumerate(self.held):
            if held.tensor is tensor:
                self.held_storages.discard(id(held.storage))
                self.held_storages.add(id(storage))
                self.held[j] = held._replace(storage=storage)

    def _result(self, kind: str, what: Any, tensors: list[Tensor], made: list[Tensor]) -> Tensor:
        if kind == "made":
            return made[what]
        if kind == "argument":
            return tensors[what]
        if kind == "grad":
            return (tensors[what] if what.__class__ is int else what)._grad
        return what


def _seen_through(first: View | None, view: View) -> View:
    """The view of a view."""
    steps = view.steps if first is None else (*first.steps, *view.steps)
    return View(None, steps, view.shape, view.dtype)


def only(tensors: list, containers: list) -> Any:
    """The recipe of a call that gives one tensor."""
    return tensors[0]


def computed(array: np.ndarray, shape: tuple[int, ...], dtype: DType) -> Node:
    """A node that has been computed."""
    node = Node(BUFFER, (), (), shape, dtype)
    node.buffer = array
    return node


def value_of(tensor: Tensor) -> np.ndarray:
    """The numbers that a view shows, as an array of their own or one that shares memory nobody writes to."""
    view, storage = tensor._view, tensor._storage
    assert view is not None
    if storage.node is None and storage.exposed():
        return np.ascontiguousarray(seen_of(storage.memory, view).copy())
    node = storage.current()
    if node.buffer is None:
        queue.realize((node,))
    return np.ascontiguousarray(seen_of(node.buffer, view))


def has_hooks(edge: Entry) -> bool:
    """Whether anything waits for the gradient of a leaf."""
    return any(edge.hooks.values()) if edge.hooks else False


class _Freed(Entry):
    """An entry of a graph that a backward pass has freed; subclasses carry the name."""

    __slots__ = ()

    def apply(self, g: Any) -> Sequence[Node | None]:
        raise GradientError(FREED)

    def rule(self, g: Any, values: tuple) -> Sequence[Node | None]:
        raise GradientError(FREED)


def freed(name: str) -> Any:
    """What gives a tensor its place on the tape when backward has freed the graph that it came from."""
    cls = type(name, (_Freed,), {"__slots__": ()})

    def place(tensor: Tensor) -> Entry:
        entry: Any = _new(cls)
        entry.edges, entry.params, entry.values, entry.holds = (), (), None, True
        entry.hooks = entry.notes = None
        entry.shape, entry.dtype = shape_of(tensor), dtype_of(tensor)
        return entry

    return place


__all__ = ["MISS", "Parts", "Replay", "freed", "has_hooks", "only", "value_of"]
