"""What is computed together: from a simplified graph to units, each one kernel or one operation, in running order.

A node is *stored* when something needs it in memory: it is asked for, a library kernel reads it, or recomputing it would
cost more than reading it back. All other elementwise nodes and views exist only inside the kernels that use them. A
stored elementwise node or a reduction is a sink; sinks that go over the same elements share a kernel. A unit's level
is one more than that of what it reads, so units of one level are independent, and a sink may join a unit only
if all else it reads lies below that unit: then no loop can arise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...graph.node import CONSTANT, Node
from ...graph.walk import topological
from .assembly import Part, grouped, parts
from .expression import COLUMNS, MAP, MOVEMENTS, ROWS, Loops, Sink
from .index import Affine, Inexpressible, Refine
from .kinds import kind_of
from .placement import pieces
from .reductions import REDUCTIONS
from .support import supported

VIEWS = MOVEMENTS - {"gather", "take", "unslice", "iota"}

# A value used more than once is recomputed where that reads one operand and takes at most this many operations.
_CHEAP = 48
# A value that needs so many others one after another is stored: what writes kernels goes down a level for each.
_DEEPEST = 100
_MOST_SINKS = 12
_MOST_TRIES = 4
# A row this long, when there are few of them, is cut into parts for the workers (planner.py).
LONG_ROW = 1 << 14
FEW_ROWS = 16


class _Again(Exception):
    """Something that was taken for a part of loops is none: the units have to be built anew."""


class Unit:
    """Something that runs: a kernel of fused loops (`loops` is set) or an operation of its own."""

    __slots__ = ("level", "order", "loops", "nodes", "form", "shape", "dims", "reads", "parts")

    def __init__(self, level: int, order: int) -> None:
        self.level, self.order = level, order
        self.loops: Loops | None = None
        self.nodes: list[Node] = []
        self.form = MAP
        self.shape: tuple[int, ...] = ()  # what is iterated over
        self.dims: tuple[int, ...] = ()  # those of them that are reduced
        self.reads: set[Node] = set()
        self.parts: list[Loops] = []  # loops that fill an operation's result first, each its own place


class Fusion:
    """The units of a graph.

    Args:
        roots: what has to be stored.
        operands: for a node that is no loop, the inputs it reads from memory, views followed where it can
            read them in place; see planner.py.
    """

    def __init__(self, roots: Sequence[Node], operands: Callable[[Node], Iterable[Node]]) -> None:
        self.roots = set(roots)
        self.operands = operands
        self.forced: set[Node] = set()  # what loops can only read from memory
        self.refused: set[Node] = set()  # what loops cannot compute
        while True:
            try:
                self._build(topological(roots))
                return
            except _Again:
                continue

    def stored(self, node: Node) -> bool:
        """Whether the value stands in memory for all who read it."""
        return node.buffer is not None or node in self.unit_of

    # ------------------------------------------------------------ building

    def _build(self, order: list[Node]) -> None:
        self.unit_of: dict[Node, Unit] = {}
        self.units: list[Unit] = []
        self.readers: dict[Node, list[Unit]] = {}
        self._leaves: dict[Node, frozenset[Node]] = {}
        self._full: dict[Node, frozenset[Node]] = {}
        self._cost: dict[Node, int] = {}
        self._depth: dict[Node, int] = {}
        self._fused = {n for n in order if n.buffer is None and is_loop(n) and n not in self.refused}
        users = self._users(order)
        needed = self._needed(order)
        for node in order:
            if node.buffer is not None:
                continue
            if node not in self._fused:
                self._alone(node)
                continue
            self._describe(node)
            if node.prim.kind == "reduction":
                self._place(node)
            elif node in needed or node in self.forced or self._depth[node] > _DEEPEST:
                self._place(node)
            elif users.get(node, 0) > 1 and self._dear(node):
                self._place(node)

    def _users(self, order: list[Node]) -> dict[Node, int]:
        """How many nodes that compute use each value, views seen through."""
        users: dict[Node, int] = {}
        for node in reversed(order):
            if node.buffer is not None:
                continue
            weight = users.get(node, 0) if node.prim.name in VIEWS else 1
            for source in set(node.inputs):
                users[source] = users.get(source, 0) + weight
        return users

    def _needed(self, order: list[Node]) -> set[Node]:
        needed = set(self.roots)
        for node in order:
            if node.buffer is None and node not in self._fused:
                needed.update(self.operands(node))
                needed.update(value for value in pieces(node) if value in self._fused)
        return needed | self._partly_read(order, needed)

    def _partly_read(self, order: list[Node], needed: set[Node]) -> set[Node]:
        """Nodes that can fail in elements that nobody reads, which would go unnoticed where those read them compute them."""
        partly: set[Node] = set()
        for node in reversed(order):
            if node not in self._fused or node.prim.kind == "reduction":
                continue
            if _skips(node):
                partly.add(node.inputs[0])
            elif node in partly and node not in needed:
                partly.update(node.inputs)
        return {node for node in partly if node.prim.fallible}

    def _describe(self, node: Node) -> None:
        """The stored values below a node, those of them that are read in full, and the cost of an element."""
        leaves: set[Node] = set()
        full: set[Node] = set()
        cost = 1 if node.prim.kind == "elementwise" else 0
        depth = 1
        for source in node.inputs:
            if source.prim is CONSTANT:
                continue
            if self.stored(source):
                leaves.add(source)
                if 2 * source.numel >= node.numel or node.prim.name in ("gather", "take"):
                    full.add(source)
            else:
                leaves |= self._leaves[source]
                depth = max(depth, 1 + self._depth[source])
                if 2 * source.numel >= node.numel:
                    full |= self._full[source]
                    cost += self._cost[source]
        self._leaves[node], self._full[node] = frozenset(leaves), frozenset(full)
        self._cost[node], self._depth[node] = cost, depth

    def _dear(self, node: Node) -> bool:
        if node.prim.name in VIEWS or node.prim.name == "iota":
            return False
        return len(self._full[node]) > 1 or self._cost[node] > _CHEAP

    def _alone(self, node: Node) -> None:
        unit = Unit(1 + self._level(self.operands(node)), len(self.units))
        unit.nodes.append(node)
        unit.reads.update(self.operands(node))
        for part in parts(node):
            if part.value.prim is not CONSTANT:
                unit.reads |= {part.value} if self.stored(part.value) else self._leaves[part.value]
        unit.parts += [self._filling(node, group) for group in grouped(node)]
        unit.level = 1 + self._level(unit.reads)
        self.units.append(unit)
        self.unit_of[node] = unit

    def _filling(self, node: Node, group: Sequence[Part]) -> Loops:
        """Loops that compute values of one shape into their places in `node`; each but the first has a stand-in."""
        shape = tuple([n for n in group[0].value.shape if n != 1])
        runs = _runs(MAP, shape, ())
        while True:
            loops = Loops(MAP, ([n for _, n in runs[0]], (), ()), self.stored)
            try:
                for part in group:
                    sink = node if part is group[0] else Node(node.prim, (), (), node.shape, node.dtype)
                    loops.sinks[sink] = self._placed(loops, _base(loops, runs, shape), part, sink)
                return loops
            except Refine as finer:
                _refine(runs, finer)

    def _placed(self, loops: Loops, base: Sequence[Affine], part: Part, sink: Node) -> Sink:
        left = iter(base)
        places = tuple([loops.frame.zero if n == 1 else next(left) for n in part.value.shape])
        address = loops.frame.zero + part.offset
        for place, stride in zip(places, part.strides):
            address = address + place * stride
        try:
            return Sink(sink, loops.at(part.value, places), None, address, False)
        except Inexpressible as problem:
            known = problem.node is None or problem.node in self.forced
            self.forced.add(part.value if known else problem.node)
            raise _Again from None

    def _level(self, leaves: Iterable[Node], but: Unit | None = None) -> int:
        return max(
            [u.level for u in (self.unit_of.get(leaf) for leaf in leaves) if u is not None and u is not but],
            default=0,
        )

    # ------------------------------------------------------------ sinks

    def _place(self, node: Node) -> None:
        """Make `node` a sink, of a unit that stands if one fits."""
        leaves = self._leaves[node]
        for unit in self._candidates(node):
            if self._level(leaves, unit) < unit.level and self._joins(unit, node):
                return
        unit = Unit(1 + self._level(leaves), len(self.units))
        form, shape, dims = domain(node)
        unit.form, unit.shape, unit.dims = form, shape, dims
        try:
            unit.loops = self._loops(form, shape, dims, [node])
        except Inexpressible as problem:
            if problem.node is None or problem.node is node or problem.node in self.forced:
                self.refused.add(node)
            else:
                self.forced.add(problem.node)
            raise _Again from None
        self._enter(unit, node)
        self.units.append(unit)

    def _candidates(self, node: Node) -> list[Unit]:
        found: dict[Unit, None] = {}
        for leaf in self._leaves[node]:
            unit = self.unit_of.get(leaf)
            if unit is not None and unit.loops is not None:
                found[unit] = None
        for leaf in self._full[node]:
            for unit in self.readers.get(leaf, ())[-2:]:
                found[unit] = None
        fitting = [u for u in found if len(u.nodes) < _MOST_SINKS]
        return sorted(fitting, key=lambda u: -u.level)[:_MOST_TRIES]

    def _joins(self, unit: Unit, node: Node) -> bool:
        form, shape, dims = domain(node)
        total = math.prod(unit.shape)
        if node.prim.kind == "reduction":
            if unit.form == MAP:
                if math.prod(shape) != total:
                    return False
            elif (form, shape, dims) != (unit.form, unit.shape, unit.dims):
                return False
        else:
            form, shape, dims = unit.form, unit.shape, unit.dims
            if node.numel != total and not (
                form == ROWS and node.numel == total // _reduced_size(shape, dims)
            ):
                return False
        if form == ROWS and self._long(shape, dims) and self._follows_reduction(unit, node):
            return False
        if self._depth_in(unit, node) > _DEEPEST:
            return False
        same = (form, shape, dims) == (unit.form, unit.shape, unit.dims)
        try:
            if not (same and unit.loops is not None and self._added(unit.loops, node)):
                unit.loops = self._loops(form, shape, dims, [*unit.nodes, node])
        except Inexpressible:
            return False
        unit.form, unit.shape, unit.dims = form, shape, dims
        self._enter(unit, node)
        return True

    def _added(self, loops: Loops, node: Node) -> bool:
        """Whether the node has become a sink of these loops, whose frame has to be fine enough for that."""
        loops.mine.add(node)
        try:
            loops.add(node, loops.base, loops.shape)
        except Refine:
            pass
        finally:
            if node not in loops.sinks:
                loops.mine.discard(node)
        return node in loops.sinks

    def _long(self, shape: tuple, dims: tuple) -> bool:
        length = _reduced_size(shape, dims)
        return length >= LONG_ROW and math.prod(shape) // length <= FEW_ROWS

    def _follows_reduction(self, unit: Unit, node: Node) -> bool:
        return any(
            self.unit_of.get(leaf) is unit and leaf.prim.kind == "reduction" for leaf in self._leaves[node]
        )

    def _depth_in(self, unit: Unit, node: Node) -> int:
        """How many values one after another the unit computes for `node`."""
        below = [self._depth[leaf] for leaf in self._leaves[node] if self.unit_of.get(leaf) is unit]
        return self._depth[node] + max(below, default=0)

    def _enter(self, unit: Unit, node: Node) -> None:
        unit.nodes.append(node)
        self._depth[node] = self._depth_in(unit, node)
        self.unit_of[node] = unit
        unit.reads |= self._leaves[node]
        for leaf in self._leaves[node]:
            self.readers.setdefault(leaf, []).append(unit)

    def _loops(self, form: str, shape: tuple, dims: tuple, nodes: list[Node]) -> Loops:
        """The nodes as sinks over `shape`, on a frame as fine as their places need."""
        mine = set(nodes)

        def stored(node: Node) -> bool:
            return node.buffer is not None or (node in self.unit_of and node not in mine)

        runs = _runs(form, shape, dims)
        while True:
            sizes = [[n for _, n in run] for run in runs]
            loops = Loops(form, (sizes[0], sizes[1], sizes[2]), stored)
            loops.mine, loops.shape, loops.base = mine, shape, _base(loops, runs, shape)
            try:
                for node in nodes:
                    loops.add(node, loops.base, shape)
                return loops
            except Refine as finer:
                _refine(runs, finer)


def domain(node: Node) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """(form, what is iterated over, the reduced dimensions of it); dimensions of size 1 are left out."""
    if node.prim.kind != "reduction":
        return MAP, tuple([n for n in node.shape if n != 1]), ()
    kept = [(d, n) for d, n in enumerate(node.inputs[0].shape) if n != 1]
    shape = tuple([n for _, n in kept])
    dims = tuple([i for i, (d, _) in enumerate(kept) if d in node.params[0]])
    form = ROWS if dims and dims[-1] == len(shape) - 1 else COLUMNS
    return form, shape, dims


def _reduced_size(shape: tuple, dims: tuple) -> int:
    return math.prod([shape[d] for d in dims])


def _runs(form: str, shape: tuple, dims: tuple) -> list[list[tuple[int, int]]]:
    """(dimension of shape, size) of the outer, reduced and inner frame dimensions."""
    every = list(enumerate(shape))
    if form == MAP:
        return [every, [], []]
    reduced = [p for p in every if p[0] in dims]
    kept = [p for p in every if p[0] not in dims]
    if form == ROWS:
        return [kept, reduced, []]
    trailing = [p for p in kept if p[0] > dims[-1]]
    return [[p for p in kept if p[0] < dims[-1]], reduced, trailing]


def _base(loops: Loops, runs: list, shape: tuple) -> list[Affine]:
    """The place in a tensor of `shape` that an iteration stands for."""
    places = [loops.frame.zero] * len(shape)
    step = [1] * len(shape)
    flat = [(d, n) for run in runs for d, n in run]
    for dim in range(len(flat) - 1, -1, -1):
        d, n = flat[dim]
        places[d] = places[d] + loops.frame.counter(dim) * step[d]
        step[d] *= n
    return places


def _refine(runs: list[list[tuple[int, int]]], finer: Refine) -> None:
    dim = finer.dim
    for run in runs:
        if dim < len(run):
            d, n = run[dim]
            run[dim : dim + 1] = [(d, n // finer.inner), (d, finer.inner)]
            return
        dim -= len(run)


def is_loop(node: Node) -> bool:
    """Whether fused loops can compute the node."""
    if not isinstance(node.shape, tuple) or (node.shape and isinstance(node.shape[0], tuple)):
        return False
    if kind_of(node.dtype) is None or any(not _plain(s) for s in node.inputs) or not node.numel:
        return False
    prim = node.prim
    if prim.kind == "elementwise":
        return supported(
            prim, tuple([kind_of(s.dtype) for s in node.inputs]), kind_of(node.dtype), node.params
        )
    if prim.kind == "reduction":
        return prim.name in REDUCTIONS and node.inputs[0].numel > 0 and _reducible(node)
    return prim.name in MOVEMENTS and _movable(node)


def _plain(node: Node) -> bool:
    return not isinstance(node.dtype, tuple) and kind_of(node.dtype) is not None


def _reducible(node: Node) -> bool:
    """Whether anything is reduced: over dimensions of size 1 alone a reduction is a view."""
    source = node.inputs[0]
    return any(source.shape[d] != 1 for d in node.params[0])


def _skips(node: Node) -> bool:
    """Whether a view, gather or take may leave out elements of its first input."""
    if node.prim.name in ("slice", "diagonal"):
        return node.numel != node.inputs[0].numel
    return node.prim.name in ("windows", "as_strided", "gather", "take")


def _movable(node: Node) -> bool:
    name, params = node.prim.name, node.params
    if name == "iota":
        return True
    if not node.inputs[0].numel:
        return False
    if name == "unslice":
        return all(type(p) is int or p[2] == 1 for p in params[1])
    if name == "gather":
        return bool(node.inputs[0].shape)
    return True


__all__ = ["Fusion", "Unit", "Any", "domain", "is_loop"]
