"""Making a `Replay` of a call that was watched: where the inputs of its graph come from, and where its results go.

In: an `Attempt` after the call, whose graph is recorded and not computed. The values that somebody can see after it are
the roots of one program: tensors that were there and have been written to, gradients, tensors given back. Each input has
to be a tensor that was there, a number of the host's, or one of the program's own; another one means that the call saw
something unknown. Then the program runs, for the first time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd.entry import AccumulateGrad, Part
from ..autograd.record import edge_of
from ..devices import Device
from ..executors import queue
from ..graph.node import Node
from ..graph.walk import trace
from ..memory import Storage
from ..shapes import contiguous_strides
from ..tensor import Tensor, View, dtype_of, layout_of, node_of, shape_of
from .arguments import GivenBack
from .backward import Backward, Tape
from .outcomes import Before, Refused
from .replay import Fresh, Held, Made, Owner, Parts, Replay, Source, Target, freed, has_hooks, only


class ProgramFailed(Exception):
    """The recorded program failed, as the call would have; its cause is the error."""


class Write(NamedTuple):
    """A tensor that was there, and the value that it has after the call."""

    node: Node
    owner: Owner
    versions: int


class New(NamedTuple):
    """A storage that the call made, by its value."""

    node: Node
    version: int
    device: Device


class Settling:
    """One watched call on its way to a Replay."""

    def __init__(self, attempt: Any, result: Any, given_back: GivenBack) -> None:
        self.attempt, self.given_back = attempt, given_back
        self.before: list[Before] = attempt.before
        self.recording = attempt.recording
        self.storages_before: dict[int, Storage] = attempt.storages_before
        parts = self.parts = Parts()
        alone = len(given_back.tensors) == 1 and result is given_back.tensors[0]
        parts.build = only if alone else given_back.build
        parts.feeds = self.recording.feeds
        parts.places = attempt.reach.places
        parts.objects = [*attempt.given.objects, attempt.reach.modules]
        self.writes: list[Write] = []
        self.grad_writes: list[Write] = []
        self.new: list[New] = []
        self.new_places: dict[int, int] = {}  # by identity of the storage
        self.made: dict[int, int] = {}  # by identity of the tensor
        self.outputs: list[Tensor] = []  # on the tape, with a graph that is alive ...
        self.freed: list[tuple[Tensor, Callable]] = []  # ... and with one that is not, and what is left of it
        self.grads_read: set[int] = set()
        self.owners: dict[int, Owner] = {id(b.tensor): b.owner for b in self.before}
        self.storage_owners: dict[int, tuple[str, Owner]] = dict(attempt.storage_owners)

    def replay(self) -> Replay:
        """The call as something to be done again; its program has run when this returns."""
        self._take_state()
        grads = [b.tensor._grad for b in self.before if b.tensor._grad is not b.grad]
        self.visible = [*self.given_back.tensors, *(g for g in grads if g is not None)]
        self._take_gradients()
        self._take_writes()
        for tensor in self.given_back.tensors:
            self.parts.results.append(self._result(tensor))
        self._check_leaks()
        return self._settled(self._backward())

    # ------------------------------------------------------------ tensors that were there

    def _take_state(self) -> None:
        """What they have become, apart from their values and gradients."""
        for owner, tensor, storage, view, edge, grad in self.before:
            argument = type(owner) is int
            if argument and self.storage_owners.get(id(storage), ("whole",))[0] == "grad":
                raise Refused("it is given a gradient that it can reach in another way")
            self.storage_owners.setdefault(
                id(storage), ("base" if argument and view is not None else "whole", owner)
            )
            if grad is not None:
                self.storage_owners.setdefault(id(grad._storage), ("grad", owner))
            if tensor._edge is not edge:
                raise Refused(
                    "it changes the history of a tensor that was there, or whether it requires grad"
                )
            if tensor._view is not view:
                raise Refused("it gives a tensor another shape")
        for owner, tensor, storage, *_ in self.before:
            if tensor._storage is not storage:
                if id(tensor._storage) in self.storages_before or tensor._storage.node is None:
                    raise Refused("it gives a tensor the memory of another")
                self.parts.rebound.append((owner, self._new(tensor._storage, tensor._storage.node)))

    def _take_gradients(self) -> None:
        parts, met = self.parts, self.recording.met
        for owner, tensor, _, _, edge, before in self.before:
            touched = met.get(id(tensor))
            if touched is not None and touched.tensor() is not tensor:
                touched = None
            if touched is not None and isinstance(edge, AccumulateGrad) and has_hooks(edge):
                raise Refused("a tensor has hooks")
            if touched is not None and not touched.cleared:
                if before is None:
                    parts.no_gradient.append(owner)
                else:
                    self._need_gradient(owner, before)
            if touched is not None and touched.cleared:
                parts.cleared_grads.append(owner)
            after = tensor._grad
            if after is None:
                if before is not None or touched is not None and touched.cleared:
                    parts.dropped_grads.append(owner)
            elif after is not before:
                if id(after) in self.owners or id(after._storage) in self.storages_before:
                    raise Refused("it gives a tensor a gradient that was there before")
                parts.new_grads.append((owner, self._make(after)))

    def _need_gradient(self, owner: Owner, grad: Tensor) -> None:
        """The call depends on a gradient that was there."""
        if grad._view is not None or grad._edge is not None:
            raise Refused("a gradient is a view, or has a history")
        if id(grad) not in self.grads_read:
            self.grads_read.add(id(grad))
            self.parts.gradients.append((owner, shape_of(grad), dtype_of(grad)))

    def _gradient_of(self, owner: Owner) -> Tensor:
        """The gradient that a tensor had before the call."""
        return next(b.grad for b in self.before if b.owner is owner and b.grad is not None)

    def _take_writes(self) -> None:
        for i, written in self.recording.written.items():
            storage = self.storages_before.get(i)
            if storage is None or written.storage() is not storage:
                continue
            kind, owner = self.storage_owners[i]
            write = Write(storage.node, owner, storage.version - written.version)
            if kind == "whole":
                self.writes.append(write)
            elif kind == "grad":
                self._need_gradient(owner, self._gradient_of(owner))
                self.grad_writes.append(write)
            else:
                raise Refused("it writes to the memory that an argument is a view of")

    # ------------------------------------------------------------ tensors that the call made

    def _result(self, tensor: Tensor) -> tuple[str, Any]:
        owner = self.owners.get(id(tensor))
        if owner is not None:
            return ("argument", owner) if type(owner) is int else ("held", owner)
        for b in self.before:
            if b.grad is tensor and b.tensor._grad is tensor:
                self._need_gradient(b.owner, tensor)
                return "grad", b.owner
        return "made", self._make(tensor)

    def _make(self, tensor: Tensor) -> int:
        """The number of a tensor among `parts.made`."""
        if id(tensor) in self.made:
            return self.made[id(tensor)]
        if type(tensor) is not Tensor:
            raise Refused(f"it makes a {type(tensor).__name__}")
        storage, view = tensor._storage, tensor._view
        tape = self._tape(tensor)
        if self.storages_before.get(id(storage)) is storage:
            made = self._alias(tensor, tape)
        elif storage.node is None:
            raise Refused("it gives back memory that others can see")
        elif view is not None and self._stands_alone(tensor):
            made = Made(self._new(storage, node_of(tensor), version=0), None, None, False, tape)
        else:
            made = Made(self._new(storage, storage.node), None, view, False, tape)
        self.made[id(tensor)] = len(self.parts.made)
        self.parts.made.append(made)
        return self.made[id(tensor)]

    def _stands_alone(self, tensor: Tensor) -> bool:
        """Whether a view can be given back as a tensor of its own: nobody could tell."""
        if any(t is not tensor and t._storage is tensor._storage for t in self.visible):
            return False
        return layout_of(tensor)[0] == contiguous_strides(shape_of(tensor))

    def _alias(self, tensor: Tensor, tape: Any) -> Made:
        """A tensor on memory that was there before."""
        kind, owner = self.storage_owners[id(tensor._storage)]
        if kind == "grad" or tape is not None:
            raise Refused("it gives back a view of a tensor, with a history")
        view: Any = tensor._view
        if kind == "whole":
            return Made(0, owner, view, False, None)
        if id(tensor) in self.attempt.further:
            seen = self.attempt.further[id(tensor)]
            steps = () if seen is None else seen.steps
        else:
            first = self.attempt.given.tensors[owner]._view.steps
            if view.steps[: len(first)] != first:
                raise Refused("it gives back another view of an argument's memory")
            steps = view.steps[len(first) :]
        return Made(0, owner, View(None, steps, view.shape, view.dtype), True, None)

    def _tape(self, tensor: Tensor) -> Any:
        """Where a tensor that the call made stands on the tape: see `Made`."""
        edge = edge_of(tensor)
        if edge is None:
            return None
        if type(edge) is AccumulateGrad:
            return AccumulateGrad
        if Tape([edge], self.attempt.known_edges).freed:
            place = freed(type(edge.entry if type(edge) is Part else edge).__name__)
            self.freed.append((tensor, place))
            return place
        self.outputs.append(tensor)
        return len(self.outputs) - 1

    def _new(self, storage: Storage, node: Node, version: int | None = None) -> int:
        """The number of a storage among `new`."""
        i = self.new_places.get(id(storage))
        if i is None:
            i = self.new_places[id(storage)] = len(self.new)
            self.new.append(New(node, storage.version if version is None else version, storage.device))
        return i

    def _check_leaks(self) -> None:
        """Nothing that the call made may live on where a replay would not put it."""
        for last in (False, True):
            if not any(self._leaks(reference()) for reference in queue.values):
                return
            if not last:
                # A graph that backward has freed may hold tensors of the pass, which nobody can reach.
                for tensor, place in self.freed:
                    tensor._edge = place(tensor)
                gc.collect()
        raise Refused("a tensor that it makes is kept in a place that a replay could not write to")

    def _leaks(self, owner: Any) -> bool:
        if owner is None or owner.node is None or owner.node.buffer is not None:
            return False
        return id(owner) not in self.new_places and id(owner) not in self.storages_before

    # ------------------------------------------------------------ the programs

    def _backward(self) -> Backward | None:
        """The program of the backward pass that the caller may run through what the call gave back."""
        if not self.outputs:
            return None
        tape = Tape([edge_of(t) for t in self.outputs], self.attempt.known_edges)
        if tape.stray:
            raise Refused("it gives back what depends on a leaf that it made")
        if tape.hooked:
            raise Refused("there are hooks on what it computes")
        feeds = len(self.recording.feeds)
        gates = self.attempt.gates.values()
        for gate in gates:
            gate.close()
        try:
            with self.recording:
                backward = Backward(self.outputs, tape, self.attempt.known_edges)
        finally:
            for gate in gates:
                gate.open()
        self.attempt.check()
        if len(self.recording.feeds) > feeds:
            raise Refused("its backward pass draws random numbers")
        return backward

    def _settled(self, backward: Backward | None) -> Replay:
        """Find where inputs come from, run the program, and put the Replay together."""
        parts = self.parts
        wanted = [w.node for w in [*self.writes, *self.grad_writes]] + [n.node for n in self.new]
        read = backward.read if backward is not None else []
        roots = list(dict.fromkeys(n for n in [*wanted, *read] if n.buffer is None))
        key, inputs, order = trace(roots)
        parts.count = len(inputs)
        inputs += [n for n in dict.fromkeys([*wanted, *read]) if n.buffer is not None and n not in inputs]
        self._take_inputs(inputs)
        results = {node: k for k, node in enumerate(roots)}
        places = {node: ~j for j, node in enumerate(inputs)}

        def place(node: Node) -> int:
            return results[node] if node in results else places[node]

        def target(write: Write) -> Target:
            node = write.node
            return Target(place(node), write.owner, node.shape, node.dtype, write.versions)

        parts.written = list(map(target, self.writes))
        parts.written_grads = list(map(target, self.grad_writes))
        parts.fresh = [
            Fresh(place(n.node), n.node.shape, n.node.dtype, n.version, n.device) for n in self.new
        ]
        self._take_guards()
        if roots:
            self._run(key, inputs[: parts.count], order, roots)
        if backward is not None:
            backward.settle(place)
            parts.backward = backward
        return Replay(parts)

    def _take_inputs(self, inputs: list[Node]) -> None:
        parts, feeds = self.parts, self.recording.feeds
        fed = {node: (i, k) for i, feed in enumerate(feeds) for k, node in enumerate(feed.nodes)}
        parts.template = [None] * len(inputs)
        for j, node in enumerate(inputs):
            kind, owner = self.attempt.origin.get(node, (None, None))
            if kind == "whole":
                parts.whole.append(Source(j, owner, node.shape, node.dtype))
            elif kind == "seen":
                parts.seen.append((j, owner))
            elif kind == "grad":
                self._need_gradient(owner, self._gradient_of(owner))
                parts.grads.append(Source(j, owner, node.shape, node.dtype))
            elif kind == "base":
                raise Refused("it reads the memory that an argument is a view of")
            elif node in fed:
                parts.fed.append((j, *fed[node]))
            elif self.recording.knows(node):
                parts.template[j] = node.buffer
            else:
                what = f"{node.dtype.name} tensor of sizes {list(node.shape)}"
                raise Refused(f"it reads a {what} whose origin cannot be found")

    def _take_guards(self) -> None:
        """Which tensors have to be what they were, besides what is checked elsewhere."""
        parts = self.parts
        needed = {id(owner) for owner, *_ in parts.gradients}
        parts.cleared_grads = [o for o in parts.cleared_grads if id(o) not in needed]
        named = (
            [s.owner for s in parts.whole] + [t.owner for t in parts.written] + [o for o, _ in parts.rebound]
        )
        named += [m.owner for m in parts.made if m.owner is not None]
        used = {id(o._storage) for o in named if type(o) is not int}
        for owner, tensor, _, _, edge, _ in self.before:
            if type(owner) is int:
                continue
            if id(tensor._storage) in used:
                parts.held.append(Held(tensor, tensor._storage, tensor._view))
            if id(tensor) not in self.attempt.reach.states:
                parts.edges.append((tensor, edge))
        writes = parts.written or parts.written_grads or parts.rebound
        for i, tensor in enumerate(self.attempt.given.tensors):
            storage = tensor._storage
            if type(self.owners[id(tensor)]) is not int:
                parts.aliases.append((i, tensor, storage))
            elif writes or id(storage) in used:
                parts.aliases.append((i, None, storage if id(storage) in used else None))

    def _run(self, key: tuple, inputs: list[Node], order: list[Node], roots: list[Node]) -> None:
        parts = self.parts
        parts.program = queue.prepared(queue.program_of(key, inputs, roots, order), self._updates())
        parts.lines = queue.lines_of(order)
        try:
            results = queue.replay(parts.program, [node.buffer for node in inputs], parts.lines)
        except Exception as error:
            self._take_back()
            raise ProgramFailed from error
        for node, result in zip(roots, results):
            node.buffer = result
            node.inputs = ()

    def _updates(self) -> tuple[tuple[int, int], ...]:
        """Pairs (root, input) by number: the new value of a storage, and the value that it had."""
        parts, pairs = self.parts, []
        sources = {id(source.owner): source.place for source in parts.whole}
        for target in parts.written:
            place = sources.get(id(target.owner), parts.count)
            if target.place >= 0 and place < parts.count:
                pairs.append((target.place, place))
                parts.updated.append((place, target.owner))
        return tuple(pairs)

    def _take_back(self) -> None:
        """The program failed: what was there before is as it was."""
        for i, written in self.recording.written.items():
            storage = self.storages_before.get(i)
            if storage is not None and written.storage() is storage:
                storage.node, storage.version = written.node, written.version
        for b in self.before:
            b.tensor._storage, b.tensor._grad = b.storage, b.grad
