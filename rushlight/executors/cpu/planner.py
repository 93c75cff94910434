"""From a graph to the steps of a program: fusion, then for each unit the calls of kernels that compute it.

An operation that is no fused loop has a handler here, named by its primitive, which gives calls of a library kernel; what
has none, or is refused by it, becomes a step of the reference executor in the middle of the program. `doctor` lists
those.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...graph.node import BUFFER, CONSTANT, PRIMITIVES, Node
from . import assembling, assembly, checks, layout, pooling
from .expression import COLUMNS, MAP, MOVEMENTS, ROWS, Expr, Loops, Sink
from .fusion import FEW_ROWS, VIEWS, Fusion, Unit, domain
from .handling import HANDLERS, STRIDED, handler
from .index import Affine, Inexpressible, Refine
from .kernel import Buffer, Call, Pointer
from .kinds import HALVES, kind_of
from .loops import BLOCK, Plan, plan
from .placement import inside
from .reductions import REDUCTIONS
from .simplification import simplified
from .updating import candidates

# What ran on the reference executor in the middle of native programs, by primitive: for `rushlight doctor`.
fallbacks: Counter[str] = Counter()

ERROR = Buffer(64, "errors")

# Elements below which a reduction is not worth cutting into parts.
_PART = 1 << 14


class Step(NamedTuple):
    """Either native calls, or one node for the reference executor, with the stored nodes it is to be computed from.

    computes: the nodes whose values are there afterwards. uses: the stored nodes that native calls compute them from.
    """

    calls: tuple[Call, ...]
    node: Node | None = None
    reads: tuple[Node, ...] = ()
    computes: tuple[Node, ...] = ()
    uses: tuple[Node, ...] = ()


class View(NamedTuple):
    """How a node is read from the memory of a stored one: strides and offset in elements."""

    base: Node
    offset: int
    strides: tuple[int, ...]


class Steps(NamedTuple):
    """A planned graph.

    `roots` are the stored nodes behind the graph's roots, which may be reshaped; then so many `conditions`, truth values
    that say whether one of the graph's failed; then what is computed only because it can fail. `candidates` as in
    updating.py. `origins`: for each node here, the places in the graph of what it stands for.
    """

    steps: list[Step]
    buffers: dict[Node, Buffer]
    roots: list[Node]
    conditions: int
    candidates: dict[Node, set[Node]]
    origins: dict[Node, tuple[int, ...]]


class Planner:
    """Plans one graph for a number of workers.

    Args:
        order: the graph as traced; its computed nodes are the inputs.
        roots: what has to come out.
        workers: how many threads will run it.
    """

    def __init__(self, order: Sequence[Node], roots: Sequence[Node], workers: int) -> None:
        self.workers = workers
        found = checks.conditions(order)
        self.conditions = len(found)
        asked = [*roots, *found]
        simple, stands, self.origins = simplified(order, asked)
        lost = checks.lost(simple, stands)
        if lost:
            # A rewrite has dropped what nobody reads, but has to be seen to fail.
            simple, stands, self.origins = simplified(order, [*asked, *lost])
        self.roots = [_behind(root) for root in simple]
        self.places = {node: i for i, node in enumerate(stands.values()) if node is not None}
        self.views: dict[Node, View | None] = {}
        wanted = list(dict.fromkeys(n for n in self.roots if n.buffer is None))
        self.fusion = Fusion(wanted, self.operands)
        self.wanted = set(wanted)
        self.buffers: dict[Node, Buffer] = {}
        self.inside = inside(self.fusion, self.wanted)
        self.outputs: dict[Node, list[Buffer]] = {}  # of native operations with several results
        self.foreign: set[Node] = set()  # what the reference executor reads or makes, as far as planned
        self._readers: dict[Node, list[Unit]] = {}
        for unit in self.fusion.units:
            for node in unit.reads:
                self._readers.setdefault(node, []).append(unit)

    def plan(self) -> Steps:
        """The steps, in running order."""
        steps: list[Step] = []
        for unit in sorted(self.fusion.units, key=lambda u: (u.level, u.order)):
            steps += self._steps(unit)
        found = candidates(self.fusion.units)
        return Steps(steps, self.buffers, self.roots, self.conditions, found, self.origins.places)

    def buffer(self, node: Node) -> Buffer:
        """The memory of a stored node."""
        found = self.buffers.get(node)
        if found is None and node.prim.name == "pick" and node.inputs[0] in self.outputs:
            found = self.buffers[node] = self.outputs[node.inputs[0]][node.params[0]]
        if found is None:
            size = node.numel * node.dtype.itemsize
            found = Buffer(size, node.prim.name)
            if node in self.inside:
                whole, found.start = self.inside[node]
                found.whole = self.buffer(whole)
            self.buffers[node] = found
        return found

    # ------------------------------------------------------------ operands of operations

    def operands(self, node: Node) -> list[Node]:
        """The values an operation reads from memory."""
        sources = assembly.operands(node)
        if node.prim.name in STRIDED:
            found = []
            for source in sources:
                view = self.view(source)
                found.append(source if view is None else view.base)
            return found
        if node.prim.name in HANDLERS:
            return [_behind(source) for source in sources if source.prim is not CONSTANT]
        return [source for source in node.inputs if source.prim is not CONSTANT]

    def several(self, node: Node) -> list[Buffer]:
        """Memory for each result of an operation that has several."""
        made = [
            Buffer(math.prod(shape) * dtype.itemsize, f"{node.prim.name}.{i}")
            for i, (shape, dtype) in enumerate(zip(node.shape, node.dtype))
        ]
        self.outputs[node] = made
        return made

    def memory(self, node: Node) -> Pointer:
        """Where an operand stands, row-major."""
        return Pointer(self.buffer(_behind(node)))

    def view(self, node: Node) -> View | None:
        """`node` as strides over a stored node that it is a view of; None when it has to be stored itself."""
        if node not in self.views:
            self.views[node] = self._view(node)
        return self.views[node]

    def _view(self, node: Node) -> View | None:
        base = node
        while base.buffer is None and base.prim.name in VIEWS:
            base = base.inputs[0]
        if base is node or base.prim is CONSTANT or not node.numel:
            return None
        found = _strides(node, base)
        return None if found is None else View(base, found.offset, found.coefficients)

    def read(self, node: Node) -> View:
        """How to read an operand: a view of its base, or itself, row-major."""
        view = self.view(node)
        if view is not None and (view.base.buffer is not None or view.base in self.fusion.unit_of):
            return view
        strides = [1] * len(node.shape)
        for d in range(len(node.shape) - 2, -1, -1):
            strides[d] = strides[d + 1] * node.shape[d + 1]
        return View(node, 0, tuple(strides))

    # ------------------------------------------------------------ steps

    def _steps(self, unit: Unit) -> list[Step]:
        if unit.loops is not None:
            return [Step(tuple(self._loops(unit)), computes=tuple(unit.nodes), uses=tuple(unit.reads))]
        node = unit.nodes[0]
        if node.prim.name == "pick" and node.inputs[0] in self.outputs:
            self.buffer(node)  # one of the results of the node it picks from
            return []
        if _empty(node):
            self.buffer(node)
            return []
        handler = HANDLERS.get(node.prim.name)
        calls = handler(self, node) if handler is not None else None
        if calls is not None:
            return [Step(tuple(calls), computes=(node,), uses=tuple(unit.reads))]
        fallbacks[node.prim.name] += 1
        # The reference executor makes arrays of its own, not pieces of others.
        self.inside.pop(node, None)
        self.buffers.pop(node, None)
        reads = _read_below(node, unit)
        self.foreign.update((node, *reads))
        return [
            *[Step((self._apart(source),), uses=(source,)) for source in reads if source in self.inside],
            Step((), node, reads, (node,)),
        ]

    def _apart(self, node: Node) -> Call:
        """The call that copies a value that lives inside another to memory of its own, where the reference finds it."""
        source = Node(BUFFER, (), (), node.shape, node.dtype)
        source.buffer = True
        self.buffers[source] = self.buffer(node)
        del self.inside[node], self.buffers[node]
        loops = Loops(MAP, ((node.numel,), (), ()), lambda n: n is source)
        place = loops.frame.counter(0)
        flat = PRIMITIVES["reshape"](source, (node.numel,))
        loops.sinks[node] = Sink(node, loops.at(flat, (place,)), None, place, False)
        return self.part(node, loops, False)

    def part(self, node: Node, loops: Loops, shared: bool) -> Call:
        """The call that fills a part of the memory of `node`; `shared` if other calls fill others at the same time."""
        stores = set(loops.sinks)
        for stand_in in stores:
            self.buffers[stand_in] = self.buffer(node)
        made = plan(loops, stores, lambda n: self.places.get(n, 0))
        call = self._call(made, stores, {}, _work(loops))
        return call._replace(writes=(), shares=call.writes, group=node) if shared else call

    def spare(self, base: Node, node: Node) -> bool:
        """Whether nothing needs the memory of the stored node `base` any more when `node` has been computed."""
        if base not in self.fusion.unit_of or base in self.wanted or base in self.foreign:
            return False
        if base in self.inside or any(base is whole for whole, _ in self.inside.values()):
            return False
        mine = self.fusion.unit_of[node]
        readers = [unit for unit in self._readers.get(base, ()) if unit is not mine]
        return all((unit.level, unit.order) < (mine.level, mine.order) for unit in readers)

    def _loops(self, unit: Unit) -> list[Call]:
        loops = unit.loops
        assert loops is not None
        stores = {n for n in unit.nodes if n in self.wanted or self._read_elsewhere(n, unit)}
        if not stores:
            return []
        parts = self._parts(unit, loops)
        made = plan(loops, stores, lambda n: self.places.get(n, 0), parts)
        partial: dict[Node, Buffer] = {}
        if parts > 1:
            for node in unit.nodes:
                if node.prim.kind == "reduction" and node in stores:
                    partial[node] = Buffer(node.numel * parts * node.dtype.itemsize, "partial")
        calls = [self._call(made, stores, partial, _work(loops))]
        calls += [self._combined(unit, node, buffer, parts) for node, buffer in partial.items()]
        return calls

    def _read_elsewhere(self, node: Node, unit: Unit) -> bool:
        return any(other is not unit for other in self._readers.get(node, ()))

    def _call(self, made: Plan, stores: set[Node], partial: dict[Node, Buffer], work: float) -> Call:
        pointers: list[Pointer] = []
        reads: list[Buffer] = []
        writes: list[Buffer] = []
        for node in made.operands:
            if node is None:
                buffer = ERROR
            else:
                buffer = partial.get(node) or self.buffer(node)
                (writes if node in stores else reads).append(buffer)
            pointers.append(Pointer(buffer))
        return Call(made.kernel, tuple(pointers), made.numbers, tuple(reads), tuple(writes), work=work)

    def _parts(self, unit: Unit, loops: Loops) -> int:
        """Into how many runs the reduced dimensions are cut, so that no worker idles and sums stay short."""
        if unit.form == MAP or any(s.expr.phase for s in loops.sinks.values()):
            return 1
        if any(s.row and s.reduction is None for s in loops.sinks.values()):
            return 1
        if any(n.prim.kind == "reduction" and kind_of(n.dtype) in HALVES for n in unit.nodes):
            return 1
        length = math.prod([unit.shape[d] for d in unit.dims])
        rows = math.prod(unit.shape) // length
        if unit.form == ROWS:
            if length < _PART or rows > FEW_ROWS:
                return 1
            return min(64, length // (_PART // 2))
        first = unit.shape[unit.dims[0]]
        width = math.prod([n for d, n in enumerate(unit.shape) if d > unit.dims[-1]])
        lines = rows // width * -(-width // BLOCK)
        if length * rows < _PART or lines >= 2 * self.workers or first < 8:
            return 1
        return max(1, min(2 * self.workers, first // 4))

    def _combined(self, unit: Unit, node: Node, buffer: Buffer, parts: int) -> Call:
        """The call that reduces the partial results of `node`."""
        kept = [n for d, n in enumerate(unit.shape) if d not in unit.dims]
        if unit.form == COLUMNS:
            trailing = [n for d, n in enumerate(unit.shape) if d > unit.dims[-1]]
            lead = kept[: len(kept) - len(trailing)]
            shape, dim = (*lead, parts, *trailing), len(lead)
        else:
            shape, dim = (*kept, parts), len(kept)
        source = Node(BUFFER, (), (), shape, node.dtype)
        source.buffer = True
        total = Node(node.prim, (source,), ((dim,), False), tuple(kept), node.dtype)
        form, over, dims = domain(total)
        loops = self.fusion._loops(form, over, dims, [total])
        made = plan(loops, {total}, lambda n: -1)
        self.buffers[source] = buffer
        self.buffers[total] = self.buffer(node)
        pointers = tuple(Pointer(self.buffer(n)) for n in made.operands)
        return Call(made.kernel, pointers, made.numbers, (buffer,), (self.buffer(node),), work=_work(loops))


def left_to_numpy() -> list[str]:
    """Primitives that run on the reference executor in the middle of a native program, whatever their types."""
    lowered = (*checks.LOWER, *layout.LOWER, *assembling.LOWER, *pooling.LOWER)
    rewritten = {name for rule in lowered for name in rule.prims} | {
        "pick",
        "attention",
        "attention_gradient",
    }
    native = {*MOVEMENTS, *HANDLERS, *REDUCTIONS, *rewritten}
    return sorted(name for name, prim in PRIMITIVES.items() if name not in native and prim.llvm is None)


def _strides(node: Node, base: Node) -> Affine | None:
    """Where the elements of `node` stand in the memory of `base`, which it is a view of; None when no strides say."""
    loops = Loops(MAP, (node.shape, (), ()), lambda n: n is base)
    try:
        expr = loops.at(node, tuple([loops.frame.counter(d) for d in range(len(node.shape))]))
    except (Inexpressible, Refine):
        return None
    return expr.data[1] if expr.op == "load" and not expr.data[2] else None


def _behind(root: Node) -> Node:
    """The node whose memory a root shows: reshaping copies nothing."""
    while root.buffer is None and root.prim.name == "reshape" and root.inputs[0].prim is not CONSTANT:
        root = root.inputs[0]
    return root


def _read_below(node: Node, unit: Unit) -> tuple[Node, ...]:
    """What the unit reads from memory for `node`: its operands, or what those are views of."""
    found: dict[Node, None] = {}
    stack = list(node.inputs)
    while stack:
        source = stack.pop()
        if source in unit.reads or source.buffer is not None:
            found[source] = None
        else:
            stack.extend(source.inputs)
    return tuple(found)


def _empty(node: Node) -> bool:
    """Whether there is nothing to compute and nothing to check."""
    if isinstance(node.dtype, tuple) or node.prim.fallible or node.prim.kind == "opaque":
        return False
    return not node.numel


def _work(loops: Loops) -> float:
    """Nanoseconds of one core, roughly."""
    elements = math.prod(loops.frame.sizes)
    return 50 + elements * 0.1 * max(1, sum(_weight(s.expr) for s in loops.sinks.values()))


def _weight(expr: Expr) -> int:
    """How many operations an element takes."""
    seen = {expr}
    stack = [expr]
    while stack:
        new = [a for a in stack.pop().args if a not in seen]
        seen.update(new)
        stack += new
    return len(seen)


__all__ = ["ERROR", "Planner", "Step", "Steps", "fallbacks", "handler"]
