"""The tape: one entry a differentiable call, as PyTorch's `grad_fn`.

An entry keeps edges to the entries of its inputs, and of the call's values those that its gradient rule reads: found by
running the rule once on placeholders, not by hand. Values never change, so what was saved is right however the tensors
have been written to since. The class of an entry carries PyTorch's name (`AddBackward0`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

from ..errors import GradientError
from ..graph.gradient import pullback
from ..graph.node import STAND_IN, Node
from ..tensor import Tensor, dtype_of, shape_of

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


class Part:
    """One output of an entry that has several."""

    __slots__ = ("entry", "index")

    def __init__(self, entry: Entry, index: int) -> None:
        self.entry, self.index = entry, index


class Entry:
    """One call on the tape.

    `edges`: for each input an Entry, a Part, or None where no gradient is wanted. `values`: what the rule reads,
    inputs then outputs, stand-ins for what it does not read; None once freed. `shape`, `dtype`: of the output (tuples of
    them for several outputs), which gradients that arrive are fitted to.
    """

    __slots__ = ("edges", "values", "holds", "params", "shape", "dtype", "hooks", "notes", "__weakref__")

    several = False

    edges: tuple
    values: tuple | None
    holds: bool
    params: tuple
    shape: Any
    dtype: Any
    hooks: dict | None
    notes: dict | None

    def apply(self, g: Any) -> Sequence[Node | None]:
        """Gradients of the inputs from the gradient (a tuple of them, for several outputs) of the output."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def rule(self, g: Any, values: tuple) -> Sequence[Node | None]:
        """As apply, on the values given: what a second derivative differentiates."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def free(self) -> None:
        """Let go of what was saved."""
        if self.holds:
            self.values = None

    # ------------------------------------------------------------ as users see it

    def name(self) -> str:
        """PyTorch's name of this function."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple:
        """(entry, output number) for every input; (None, 0) where no gradient flows."""
        return tuple((e.entry, e.index) if type(e) is Part else (e, 0) for e in self.edges)

    @property
    def metadata(self) -> dict:
        return self._notes().setdefault("metadata", {})

    @property
    def saved_tensors(self) -> tuple:
        from ..tensor import wrap

        if self.values is None:
            raise GradientError(FREED)
        return tuple(wrap(v) for v in self.values if v is not None and v.prim is not STAND_IN)

    def register_hook(self, hook: Callable) -> Any:
        """Call hook(grad_inputs, grad_outputs) after this entry ran in backward."""
        from .hooks import add

        return add(self._hooks(), "post", hook)

    def register_prehook(self, hook: Callable) -> Any:
        """Call hook(grad_outputs) before this entry runs in backward."""
        from .hooks import add

        return add(self._hooks(), "pre", hook)

    def _hooks(self) -> dict:
        if self.hooks is None:
            self.hooks = {}
        return self.hooks

    def _notes(self) -> dict:
        if self.notes is None:
            self.notes = {}
        return self.notes

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {hex(id(self))}>"


class AccumulateGrad(Entry):
    """The end of the tape: adds what arrives to the `.grad` of a leaf."""

    __slots__ = ("_variable",)

    def __init__(self, variable: Tensor) -> None:
        self._variable = ref(variable)
        self.shape, self.dtype = shape_of(variable), dtype_of(variable)
        self.edges, self.values, self.holds, self.params = (), (), False, ()
        self.hooks = self.notes = None

    @property
    def variable(self) -> Tensor | None:
        return self._variable()


class PrimitiveEntry(Entry):
    """A call of one primitive; subclasses, one a primitive, carry it as `prim`."""

    __slots__ = ()
    prim: Any = None

    def apply(self, g: Node) -> Sequence[Node | None]:
        if self.values is None:
            raise GradientError(FREED)
        return self.rule(g, self.values)

    def rule(self, g: Node, values: tuple) -> Sequence[Node | None]:
        prim, params = self.prim, self.params
        edges = self.edges
        *inputs, out = values
        if prim.arity is None:
            return [None if e is None else prim.vjp(g, out, inputs, i, *params) for i, e in enumerate(edges)]
        found: list[Node | None] = []
        for e, r in zip(edges, prim.vjp):
            found.append(None if e is None or r is None else r(g, out, *inputs, *params))
        return found


class LoneEntry(PrimitiveEntry):
    """A call of a primitive of one input: most views, reductions and functions of one number."""

    __slots__ = ()
    rules: tuple

    def apply(self, g: Node) -> Sequence[Node | None]:
        if self.values is None:
            raise GradientError(FREED)
        x, out = self.values
        return (self.rules[0](g, out, x, *self.params),)


class PairEntry(PrimitiveEntry):
    """A call of an elementwise primitive of two inputs: the hottest kind."""

    __slots__ = ()
    rules: tuple

    def apply(self, g: Node) -> Sequence[Node | None]:
        values = self.values
        if values is None:
            raise GradientError(FREED)
        a, b, out = values
        ea, eb = self.edges
        first, second = self.rules
        return (
            None if ea is None else first(g, out, a, b),
            None if eb is None else second(g, out, a, b),
        )


class Op:
    """A differentiable function on nodes that is one entry on the tape.

    Args:
        name: the entry's PyTorch name, "GeluBackward0".
        forward: (*nodes, *params) -> a node or a tuple of them; None stands for an absent input.
        vjp: (g, outs, ins, needs, *params) -> a gradient or None an input; `g` and `outs` are tuples when forward
            gives a tuple. Left out, it is derived from forward by the primitives' own rules.
        visible: how many of forward's results the caller gets; the others are there for vjp alone.
        zeros: whether vjp gets zeros, or None, for those of several results that no gradient reached.
    """

    __slots__ = ("name", "forward", "vjp", "visible", "zeros", "entry_class", "kept")

    def __init__(
        self,
        name: str,
        forward: Callable,
        vjp: Callable | None = None,
        visible: int | None = None,
        zeros: bool = True,
    ) -> None:
        self.name, self.forward, self.vjp, self.visible, self.zeros = name, forward, vjp, visible, zeros
        self.entry_class: type[OpEntry] | None = None
        self.kept: dict = {}  # noting.py


class OpEntry(Entry):
    """A call of an Op, which subclasses carry as `op`. `places`: how many of `values` are inputs."""

    __slots__ = ("places",)
    op: Op
    places: int

    def apply(self, g: Any) -> Sequence[Node | None]:
        if self.values is None:
            raise GradientError(FREED)
        return self.rule(g, self.values)

    def rule(self, g: Any, values: tuple) -> Sequence[Node | None]:
        ins, outs = values[: self.places], values[self.places :]
        needs = tuple([e is not None for e in self.edges])
        vjp = self.op.vjp
        if vjp is None:
            return _derived(self.op, g, ins, needs, self.params, isinstance(self.shape, list))
        if isinstance(self.shape, list):
            return vjp(g, outs, ins, needs, *self.params)
        return vjp(g, outs[0] if len(outs) == 1 else outs, ins, needs, *self.params)


def _derived(op: Op, g: Any, ins: tuple, needs: tuple, params: tuple, several: bool) -> Sequence[Node | None]:
    """Gradients by tracing the forward function again and walking back through its primitives."""
    ins = _apart(ins)
    found = op.forward(*ins, *params)
    outs = list(found) if isinstance(found, tuple) else [found]
    gs = list(g) if several else [g]
    gs += [None] * (len(outs) - len(gs))
    wanted = [i for i, need in enumerate(needs) if need]
    grads: list[Node | None] = [None] * len(ins)
    for i, grad in zip(wanted, pullback(outs, [ins[i] for i in wanted], gs)):
        grads[i] = grad
    return grads


def _apart(ins: tuple) -> tuple:
    """The inputs with no node standing twice: each has a gradient of its own."""
    met: set[Node] = set()
    out = []
    for node in ins:
        if node in met:
            node = Node(STAND_IN, (), (), node.shape, node.dtype) if node.prim is STAND_IN else node.copy()
        if node is not None:
            met.add(node)
        out.append(node)
    return tuple(out)
