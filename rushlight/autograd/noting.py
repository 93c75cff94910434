"""How entries are made: `note` and its kin put a call on the tape, with what its gradient rule will read.

What a kind of call saves (its parameters, the shapes and dtypes of its values, and which of its inputs need a gradient)
is found by running the rule once on placeholders, and kept.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import ref

from ..executors import queue
from ..graph.node import STAND_IN, Node, stand_in
from ..graph.registry import Binary
from ..graph.walk import topological
from .entry import Entry, LoneEntry, Op, OpEntry, PairEntry, PrimitiveEntry
from .modes import state

_NOTHING = (None, None, None)


def class_of(prim: Any) -> type:
    """The entry class of a primitive, by its PyTorch name."""
    if prim.entry_class is None:
        base = PairEntry if isinstance(prim, Binary) else LoneEntry if prim.arity == 1 else PrimitiveEntry
        members = {"__slots__": (), "prim": prim, "rules": prim.vjp, "__module__": "rushlight.autograd"}
        prim.entry_class = type(prim.grad_name, (base,), members)
    return prim.entry_class


class Kept(NamedTuple):
    """What a kind of call saves: the `places` among its values that its rule reads, and stand-ins for the others."""

    places: tuple[int, ...]
    stand_ins: tuple[Node | None, ...]

    def of(self, entry: Entry, values: tuple) -> None:
        """Save for an entry what its rule reads of these values."""
        if not self.places:
            entry.values, entry.holds = self.stand_ins, False
            return
        kept = list(self.stand_ins)
        waits = False
        for i in self.places:
            kept[i] = node = values[i]
            waits = waits or node.buffer is None
        entry.values, entry.holds = tuple(kept), True
        if waits:
            queue.saves.append(ref(entry))


def _kept(reads: Sequence[bool], values: tuple) -> Kept:
    return Kept(
        tuple([i for i, read in enumerate(reads) if read and values[i] is not None]),
        tuple([None if v is None or read else stand_in(v.shape, v.dtype) for v, read in zip(values, reads)]),
    )


def note(prim: Any, nodes: tuple, params: tuple, out: Node, edges: tuple) -> PrimitiveEntry:
    """A new entry for a primitive's call; saves only what the rule reads."""
    entry: Any = object.__new__(prim.entry_class or class_of(prim))
    entry.edges = edges
    entry.params = params
    entry.shape, entry.dtype = out.shape, out.dtype
    entry.hooks = entry.notes = None
    mask = tuple([e is not None for e in edges])
    kind = (params, mask, tuple([(node.shape, node.dtype) for node in nodes]))
    kept = prim.kept.get(kind)
    if kept is None:
        kept = _remember(prim.kept, kind, _kept(_reads_of(prim, nodes, params, out, mask), (*nodes, out)))
    kept.of(entry, (*nodes, out))
    if state.anomaly:
        remember_line(entry)
    return entry


def note_lone(prim: Any, x: Node, params: tuple, out: Node, edge: Any) -> PrimitiveEntry:
    """As `note`, for a primitive of one input."""
    entry: Any = object.__new__(prim.entry_class or class_of(prim))
    entry.edges = (edge,)
    entry.params = params
    entry.shape = out.shape
    entry.dtype = out.dtype
    entry.hooks = entry.notes = None
    kind = (params, x.shape, x.dtype)
    kept = prim.kept.get(kind)
    if kept is None:
        kept = _remember(prim.kept, kind, _kept(_reads_of(prim, (x,), params, out, (True,)), (x, out)))
    kept.of(entry, (x, out))
    if state.anomaly:
        remember_line(entry)
    return entry


def note_pair(prim: Any, a: Node, b: Node, out: Node, ea: Any, eb: Any) -> PrimitiveEntry:
    """As `note`, for an elementwise primitive of two inputs; what the rules do not read is None."""
    entry: Any = object.__new__(prim.entry_class or class_of(prim))
    entry.edges = (ea, eb)
    entry.params = ()
    entry.shape = out.shape
    entry.dtype = out.dtype
    entry.hooks = entry.notes = None
    reads = prim.kept.get((ea is None, eb is None))
    if reads is None:
        reads = _reads_of(prim, (a, b), (), out, (ea is not None, eb is not None))
        reads = prim.kept[ea is None, eb is None] = reads if any(reads) else ()
    if not reads:
        # Shapes are not read either: what was broadcast is summed where gradients meet.
        entry.values = _NOTHING
        entry.holds = False
    else:
        read_a, read_b, read_out = reads
        entry.values = (a if read_a else None, b if read_b else None, out if read_out else None)
        entry.holds = True
        if (
            (read_a and a.buffer is None)
            or (read_b and b.buffer is None)
            or (read_out and out.buffer is None)
        ):
            queue.saves.append(ref(entry))
    if state.anomaly:
        remember_line(entry)
    return entry


def _reads_of(prim: Any, nodes: tuple, params: tuple, out: Node, mask: tuple) -> tuple[bool, ...]:
    """Which of inputs and output the primitive's rules read for the gradients that `mask` asks for."""
    entry: Any = object.__new__(class_of(prim))
    entry.edges = tuple(True if m else None for m in mask)
    entry.params = params
    return reads_of_rule(entry.rule, (*nodes, out), stand_in(out.shape, out.dtype))


def _remember(known: dict, kind: tuple, kept: Kept) -> Kept:
    if len(known) > 4096:
        known.clear()
    known[kind] = kept
    return kept


def reads_of_rule(rule: Callable, values: tuple, g: Any) -> tuple[bool, ...]:
    """Which of `values` the rule's results depend on: it is run once on placeholders."""
    places = [None if v is None else Node(STAND_IN, (), (), v.shape, v.dtype) for v in values]
    results = [r for r in rule(g, tuple(places)) if r is not None]
    met = set(topological(results))
    return tuple([p in met for p in places])


def remember_line(entry: Entry) -> None:
    """Anomaly mode: keep where the call was made, to be shown when its gradient is NaN or fails."""
    entry._notes()["where"] = "".join(traceback.format_stack()[:-2])


def note_op(
    op: Op, nodes: tuple, params: tuple, outs: tuple, edges: tuple, visible: int, several: bool
) -> OpEntry:
    """A new entry for an Op's call; `outs` are all of forward's results."""
    cls = op.entry_class
    if cls is None:
        cls = op.entry_class = type(op.name, (OpEntry,), {"__slots__": (), "op": op})
        cls.__module__ = "rushlight.autograd"
    entry: Any = object.__new__(cls)
    entry.edges, entry.params, entry.places = edges, params, len(nodes)
    entry.hooks = entry.notes = None
    if several:
        # A list, so that the shape of one output is never mistaken for the shapes of several.
        entry.shape, entry.dtype = [o.shape for o in outs[:visible]], [o.dtype for o in outs[:visible]]
    else:
        entry.shape, entry.dtype = outs[0].shape, outs[0].dtype
    values = (*nodes, *outs)
    mask = tuple([e is not None for e in edges])
    kind = (params, mask, tuple([None if v is None else (v.shape, v.dtype) for v in values]))
    kept = op.kept.get(kind)
    if kept is None:
        kept = _remember(op.kept, kind, _kept(_reads_of_op(entry, values, outs, visible, several), values))
    kept.of(entry, values)
    if state.anomaly:
        remember_line(entry)
    return entry


def _reads_of_op(entry: OpEntry, values: tuple, outs: tuple, visible: int, several: bool) -> tuple:
    gs: Any = tuple(stand_in(o.shape, o.dtype) for o in outs[:visible])
    reads = reads_of_rule(entry.rule, values, gs if several else gs[0])
    if any(reads[entry.places + visible :]):
        # A second derivative computes hidden results again, for which it needs every input.
        reads = tuple([i < entry.places or r for i, r in enumerate(reads)])
    return reads
