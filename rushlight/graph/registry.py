"""What a primitive is: a name and its rules, in one record.

A record is the one place where a primitive is described. Calling it builds a node: the shape and dtype rules run
there and then, so a misfit is an error at the user's own line. Rules receive what they need as arguments (NumPy, an
emitter, `lax`), so the records import no executor. Parameters are positional, hashable, and follow the inputs in
every rule.

    shape(*input shapes or nodes, *params) -> shape     what comes out
    numpy(np, *arrays, *params) -> array                the meaning
    llvm(emit, *values, *params) -> value               the same as machine code, for elementwise primitives
    vjp = one function an input, each (g, out, *inputs, *params) -> node; None where not differentiable
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..dtypes import DType
from ..dtypes import bool as bool_dtype
from ..errors import DTypeError
from ..shapes import broadcast
from .node import PRIMITIVES, Node, constant

# Kinds. ELEMENTWISE: out[i] depends on inputs[i] alone. MOVEMENT: elements change place, not value.
ELEMENTWISE, MOVEMENT, REDUCTION, CONTRACTION, INDEXING, SCAN, OPAQUE = (
    "elementwise", "movement", "reduction", "contraction", "indexing", "scan", "opaque",
)  # fmt: skip


_new = object.__new__
_KEPT = 1 << 12

# The primitives that are operators of `Node`.
_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow", "matmul": "matmul", "neg": "neg",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_not": "invert",
}  # fmt: skip
_REFLECTED = ("add", "sub", "mul", "div")


def _make_method(name: str, build: Callable[..., Node]) -> None:
    setattr(Node, name, build)
    if name in _OPERATORS:
        setattr(Node, f"__{_OPERATORS[name]}__", build)
    if name in _REFLECTED:
        setattr(Node, f"__r{_OPERATORS[name]}__", lambda self, other: build(other, self))


def _remember(known: dict, kind: tuple, found: tuple) -> tuple:
    if len(known) >= _KEPT:
        known.clear()
    known[kind] = found
    return found


class Primitive:
    """One operation of the graph. Call it with its inputs and parameters to get a node.

    Args:
        name: unique; also the method of `Node`.
        doc: one line on what it computes.
        numpy: its meaning, on arrays.
        shape: (*input nodes, *params) -> shape.
        dtype: (*input nodes, *params) -> DType; None for the first input's.
        arity: how many inputs; None when the first argument is a sequence of them.
        vjp: a function for each input, or one function for an only input, or for a variadic primitive
            one function (g, out, inputs, index, *params).
        moves: elements are moved, not computed: half-width types are then left as they are.
        fallible: it can fail on the values it meets, so its nodes keep the user's line.
        layout: for a view, (sizes, strides, offset, *params) -> (sizes, strides, offset).
        write: for a view, (base node, value node, *params) -> the base with the viewed part replaced.
        llvm: (emit, *inputs, *params) -> value: the same as machine code, on any number of lanes; a rule that gives
            None has no native form for these types.
        samples: calls to test it on, from samples.py.
        rejects: calls that have to fail, with what the message says.
    """

    __slots__ = (
        "name", "doc", "kind", "numpy", "shape", "dtype", "arity", "vjp", "moves", "fallible", "layout", "write",
        "samples", "rejects", "kept", "entry_class",
        "grad_name", "llvm", "build",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        doc: str,
        *,
        kind: str,
        numpy: Callable,
        shape: Callable,
        dtype: Callable | None = None,
        arity: int | None = 1,
        vjp: Any = None,
        moves: bool = False,
        fallible: bool = False,
        layout: Callable | None = None,
        write: Callable | None = None,
        samples: Sequence = (),
        rejects: Sequence = (),
        grad_name: str | None = None,
        llvm: Callable | None = None,
    ) -> None:
        assert name not in PRIMITIVES, f"primitive {name} is declared twice"
        self.name, self.doc, self.kind = name, doc, kind
        self.numpy, self.shape, self.dtype, self.arity = numpy, shape, dtype, arity
        self.vjp = (vjp,) if callable(vjp) and arity == 1 else vjp
        self.moves, self.fallible, self.layout, self.write = moves, fallible, layout, write
        self.samples, self.rejects, self.llvm = samples, rejects, llvm
        # autograd/noting.py keeps here the class of entries, and what they save for the gradient rules.
        self.entry_class: Any = None
        self.kept: dict = {}
        self.grad_name = grad_name or "".join(part.capitalize() for part in name.split("_")) + "Backward0"
        # Calling the primitive, without the way through the class; also its method of Node.
        self.build = self.builder()
        PRIMITIVES[name] = self
        _make_method(name, self.build)

    def builder(self) -> Callable[..., Node]:
        """The function that makes this primitive's nodes.

        Shape and dtype follow from the parameters and from the inputs' shapes and dtypes, so they are worked out once.
        """
        arity, fallible = self.arity, self.fallible
        known: dict[tuple, tuple[Any, Any]] = {}

        def build(*args: Any) -> Node:
            if arity is None:
                inputs, params = tuple(args[0]), args[1:]
            else:
                inputs, params = args[:arity], args[arity:]
            kind = (params, *[(x.shape, x.dtype) for x in inputs])
            found = known.get(kind) or _remember(known, kind, self.derived(inputs, params))
            node = Node(self, inputs, params, *found)
            if fallible:
                node.line = user_line()
            return node

        def build_lone(x: Node, *params: Any) -> Node:
            kind = (params, x.shape, x.dtype)
            found = known.get(kind) or _remember(known, kind, self.derived((x,), params))
            return Node(self, (x,), params, *found)

        return build_lone if arity == 1 and not fallible else build

    def derived(self, inputs: tuple, params: tuple) -> tuple[Any, Any]:
        """(shape, dtype) that the rules give."""
        args = (inputs, *params) if self.arity is None else (*inputs, *params)
        return self.shape(*args), inputs[0].dtype if self.dtype is None else self.dtype(*args)

    def __call__(self, *args: Any) -> Node:
        return self.build(*args)

    def derive(self, node: Node) -> tuple[Any, Any]:
        """(shape, dtype) that the rules give for a node that stands: what check.py compares with."""
        return self.derived(node.inputs, node.params)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple:
        return PRIMITIVES.__getitem__, (self.name,)


class Unary(Primitive):
    """Elementwise on one input."""

    __slots__ = ()

    def builder(self) -> Callable[..., Node]:
        dtype_of = self.dtype

        def build(x: Node, *params: Any) -> Node:
            return Node(self, (x,), params, x.shape, x.dtype if dtype_of is None else dtype_of(x, *params))

        return build

    def derive(self, node: Node) -> tuple[Any, Any]:
        x = node.inputs[0]
        return x.shape, x.dtype if self.dtype is None else self.dtype(x, *node.params)


class Binary(Primitive):
    """Elementwise on two inputs of one dtype, which broadcast; a Python number takes the other's dtype."""

    __slots__ = ("to_bool",)

    def __init__(self, name: str, doc: str, to_bool: bool, **rules: Any) -> None:
        self.to_bool = to_bool
        super().__init__(name, doc, **rules)

    def builder(self) -> Callable[..., Node]:
        to_bool = self.to_bool

        def build(a: Any, b: Any) -> Node:
            if type(b) is not Node:
                b = constant(b, a.dtype)
            elif type(a) is not Node:
                a = constant(a, b.dtype)
            dtype = a.dtype
            if b.dtype is not dtype:
                raise DTypeError(f"{self.name}: both inputs need one dtype, got {dtype} and {b.dtype}")
            shape = a.shape
            if b.shape != shape and b.shape:
                shape = broadcast(shape, b.shape) if shape else b.shape
            node: Node = _new(Node)  # what Node(...) does, without the call: most nodes are made here
            node.prim = self
            node.inputs = (a, b)
            node.params = ()
            node.shape = shape
            node.dtype = bool_dtype if to_bool else dtype
            node.buffer = None
            return node

        return build

    def derive(self, node: Node) -> tuple[Any, Any]:
        a, b = node.inputs
        return broadcast(a.shape, b.shape), bool_dtype if self.to_bool else a.dtype


def unary(name: str, doc: str, *, numpy: Callable, vjp: Any = None, **more: Any) -> Unary:
    """Declare an elementwise primitive of one input."""
    return Unary(name, doc, kind=ELEMENTWISE, numpy=numpy, shape=lambda x, *_: x.shape, vjp=vjp, **more)


def binary(
    name: str, doc: str, *, numpy: Callable, vjp: Any = None, to_bool: bool = False, **more: Any
) -> Binary:
    """Declare an elementwise primitive of two inputs of one dtype; `to_bool` for comparisons."""
    return Binary(
        name, doc, to_bool, kind=ELEMENTWISE, numpy=numpy, vjp=vjp, arity=2,
        shape=lambda a, b: broadcast(a.shape, b.shape), **more,
    )  # fmt: skip


def movement(
    name: str, doc: str, *, numpy: Callable, shape: Callable, vjp: Any = None, **more: Any
) -> Primitive:
    """Declare a primitive that moves elements without computing any."""
    return Primitive(name, doc, kind=MOVEMENT, numpy=numpy, shape=shape, vjp=vjp, moves=True, **more)


def _pick_shape(x: Node, index: int) -> tuple:
    return x.shape[index]


# One result of a node that has several. Its gradient is special: graph/gradient.py collects the parts.
PICK = Primitive(
    "pick",
    "One of the results of a primitive that has several.",
    kind=MOVEMENT,
    numpy=lambda np, x, index: x[index],
    shape=_pick_shape,
    dtype=lambda x, index: x.dtype[index],
    moves=True,
)


def user_line() -> tuple[str, int]:
    """(file, line) of the nearest frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("rushlight."):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def widest(dtypes: Sequence[DType]) -> DType:
    """The dtype all of `dtypes` are; DTypeError when they differ (promotion comes before a node is built)."""
    first = dtypes[0]
    for dtype in dtypes:
        if dtype is not first:
            raise DTypeError(f"inputs need one dtype, got {', '.join(map(str, dtypes))}")
    return first
