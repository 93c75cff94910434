"""Channels-last for the whole graph, where convolutions rule it.

Convolutions are replaced by forms that take and give (N, H, W, C), between permutations; a gradient of a convolution, which
the graph holds as a convolution of turned or exchanged operands, is recognized and becomes a form of its own. Then
permutations sink through elementwise nodes and reductions until they meet another convolution's, where both vanish. All
this is rewriting; that every buffer is row-major stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from ...graph.node import CONSTANT, PRIMITIVES, Node
from ...graph.rewrite import Rule
from ...ops.contraction import dilated
from .geometry import Shape
from .kinds import kind_of

LAST, FIRST = (0, 2, 3, 1), (0, 3, 1, 2)  # to channels-last, and back


class Lowered:
    """A primitive that exists only inside the cpu executor; `numpy` is its meaning."""

    __slots__ = ("name", "numpy", "arity")
    kind = "contraction"
    moves = False
    fallible = False
    llvm = None

    def __init__(self, name: str, numpy_rule: Callable, arity: int = 2) -> None:
        self.name, self.numpy, self.arity = name, numpy_rule, arity

    def __repr__(self) -> str:
        return self.name


def _plain(shape: Shape) -> tuple:
    return shape.stride, shape.padding, shape.dilation, (1, 1), shape.groups


def _forward(np: Any, x: Any, w: Any, shape: Shape) -> Any:
    y = PRIMITIVES["convolution"].numpy(np, x.transpose(FIRST), w, *_plain(shape))
    return y.transpose(LAST)


def _input_gradient(np: Any, dy: Any, w: Any, shape: Shape) -> Any:
    g = dy.transpose(FIRST)
    return numpy.ascontiguousarray(_by_rule(0, g, w, shape).transpose(LAST))


def _weight_gradient(np: Any, x: Any, dy: Any, shape: Shape) -> Any:
    return _by_rule(1, dy.transpose(FIRST), x.transpose(FIRST), shape)


def _by_rule(operand: int, g: Any, other: Any, shape: Shape) -> Any:
    """A gradient through the primitive's own rule, run by the reference executor."""
    from ...graph.node import of_array
    from ...graph.walk import trace
    from .. import reference

    dtype = next(d for d in _dtypes() if d.numpy == g.dtype)
    w_shape = (shape.out_channels, shape.group_channels, *shape.kernel)
    x_shape = (shape.batch, shape.channels, shape.height, shape.width)
    zeros = of_array(numpy.zeros(x_shape if operand == 0 else w_shape, g.dtype), dtype)
    given = of_array(other, dtype)
    x, w = (zeros, given) if operand == 0 else (given, zeros)
    convolution = PRIMITIVES["convolution"]
    root = convolution.vjp[operand](of_array(g, dtype), None, x, w, *_plain(shape))
    _, inputs, order = trace([root])
    return reference.compile(order, inputs, [root]).run([n.buffer for n in inputs])[0]


def _dtypes() -> tuple:
    from ...dtypes import float32, float64

    return float32, float64


CONV_FORWARD = Lowered("conv_forward", _forward)
CONV_INPUT = Lowered("conv_input_gradient", _input_gradient)
CONV_WEIGHT = Lowered("conv_weight_gradient", _weight_gradient)


def has_convolutions(order: Sequence[Node]) -> bool:
    """Whether the graph is one to be laid out."""
    return any(node.prim.name == "convolution" for node in order)


# ---------------------------------------------------------------- recognizing


def permuted(node: Node, dims: tuple[int, ...]) -> Node:
    return PRIMITIVES["permute"](node, dims)


def _lower(node: Node) -> Node | None:
    """A convolution of two dimensions as one of the three forms."""
    if len(node.shape) != 4 or kind_of(node.dtype) not in ("f32", "f64") or not node.numel:
        return None
    return _lower_weight(node) or _lower_input(node) or _lower_forward(node)


def _lower_forward(node: Node) -> Node | None:
    x, w = node.inputs
    stride, padding, dilation, stretch, groups = node.params
    if any(t != 1 for t in stretch) or any(p < 0 for pair in padding for p in pair):
        return None
    N, C, H, W = x.shape
    shape = Shape(
        N, H, W, C, w.shape[0], w.shape[2:], stride, padding, dilation, groups, kind_of(node.dtype) or ""
    )
    return _formed(CONV_FORWARD, permuted(x, LAST), w, shape, node)


def _formed(form: Lowered, a: Node, b: Node, shape: Shape, node: Node) -> Node | None:
    if not shape.sound:
        return None
    N, C, H, W = node.shape
    return permuted(Node(form, (a, b), (shape,), (N, H, W, C), node.dtype), FIRST)


def _lower_input(node: Node) -> Node | None:
    """g correlated with the turned kernel: the gradient of an input, or a transposed convolution."""
    g, turned = node.inputs
    stride, around, dilation, stretch, groups = node.params
    w = _unturned(turned, groups)
    if w is None or any(s != 1 for s in stride):
        return None
    padding = []
    for n, k, gn, s, (before, _), d in zip(
        node.shape[2:], w.shape[2:], g.shape[2:], stretch, around, dilation
    ):
        low = dilated(k, d) - 1 - before
        high = max(0, (gn - 1) * s + dilated(k, d) - n - low)
        if low < 0 or (n + low + high - dilated(k, d)) // s + 1 != gn:
            return None
        padding.append((low, high))
    N, C, H, W = node.shape
    shape = Shape(
        N, H, W, C, g.shape[1], w.shape[2:], stretch, (padding[0], padding[1]), dilation, groups,
        kind_of(node.dtype) or "",
    )  # fmt: skip
    return _formed(CONV_INPUT, permuted(g, LAST), w, shape, node)


def _unturned(node: Node, groups: int) -> Node | None:
    """w when `node` is ops.contraction.turned(w, groups)."""
    if groups != 1:
        if not _is(node, "reshape") or not _is(node.inputs[0], "permute", ((0, 2, 1, 3, 4),)):
            return None
        split = node.inputs[0].inputs[0]
        if not _is(split, "reshape") or split.shape[0] != groups:
            return None
        return _unflipped(split.inputs[0])
    return _unflipped(node.inputs[0]) if _is(node, "permute", ((1, 0, 2, 3),)) else None


def _unflipped(node: Node) -> Node | None:
    return node.inputs[0] if _is(node, "flip", ((2, 3),)) and len(node.shape) == 4 else None


def _is(node: Node, name: str, params: tuple | None = None) -> bool:
    return node.buffer is None and node.prim.name == name and (params is None or node.params == params)


def _lower_weight(node: Node) -> Node | None:
    """x and g with batch and channels exchanged: the gradient of a kernel."""
    dilation, around, stride, stretch, groups = node.params
    x, g = _exchanged(node.inputs[0], groups), _exchanged(node.inputs[1], 1)
    if x is None or g is None or any(t != 1 for t in stretch):
        return None
    N, C, H, W = x.shape
    O = g.shape[1]
    if g.shape[0] != N or C % groups or O % groups:
        return None
    kernel = node.shape[2:]
    padding = []
    for n, k, gn, s, (low, _), d in zip(x.shape[2:], kernel, g.shape[2:], stride, around, dilation):
        high = max(0, (gn - 1) * s + dilated(k, d) - n - low)
        if low < 0 or (n + low + high - dilated(k, d)) // s + 1 != gn:
            return None
        padding.append((low, high))
    shape = Shape(
        N, H, W, C, O, kernel, stride, (padding[0], padding[1]), dilation, groups, kind_of(node.dtype) or ""
    )
    if not shape.sound:
        return None
    found = Node(
        CONV_WEIGHT, (permuted(x, LAST), permuted(g, LAST)), (shape,), (O, C // groups, *kernel), node.dtype
    )
    return permuted(found, (1, 0, 2, 3))


def _exchanged(node: Node, groups: int) -> Node | None:
    """x when `node` is x with batch and channels exchanged, inside every group."""
    if groups == 1:
        return node.inputs[0] if _is(node, "permute", ((1, 0, 2, 3),)) else None
    if not _is(node, "reshape") or not _is(node.inputs[0], "permute", ((2, 1, 0, 3, 4),)):
        return None
    split = node.inputs[0].inputs[0]
    x = split.inputs[0] if _is(split, "reshape") else None
    if x is None or len(x.shape) != 4 or split.shape[:2] != (x.shape[0], groups):
        return None
    return x


# ---------------------------------------------------------------- attention

ROWS_FIRST = (0, 2, 1, 3)  # (batch, heads, rows, width) to (batch, rows, heads, width), and back


def _attention(np: Any, q: Any, k: Any, v: Any, causal: bool, scale: float) -> Any:
    out, logsumexp = PRIMITIVES["attention"].numpy(np, q, k, v, causal, scale)
    return np.ascontiguousarray(out.transpose(ROWS_FIRST)), logsumexp


def _attention_gradient(np: Any, *given: Any) -> Any:
    found = PRIMITIVES["attention_gradient"].numpy(np, *given)
    return tuple(np.ascontiguousarray(g.transpose(ROWS_FIRST)) for g in found)


ATTENTION = Lowered("attention_rows_first", _attention, 3)
ATTENTION_GRADIENT = Lowered("attention_gradient_rows_first", _attention_gradient, 6)


def _rows_first(node: Node) -> Node | None:
    """A result of attention as a permutation of one whose heads lie side by side, as the next product reads them."""
    source = node.inputs[0]
    if source.buffer is not None or source.prim.name not in ("attention", "attention_gradient"):
        return None
    if any(len(n.shape) != 4 for n in source.inputs[-3:]):
        return None
    form = ATTENTION if source.prim.name == "attention" else ATTENTION_GRADIENT
    shapes = tuple([tuple([s[d] for d in ROWS_FIRST]) if len(s) == 4 else s for s in source.shape])
    lowered = Node(form, source.inputs, source.params, shapes, source.dtype)
    index = node.params[0]
    picked = Node(node.prim, (lowered,), (index,), shapes[index], node.dtype)
    return permuted(picked, ROWS_FIRST) if len(node.shape) == 4 else picked


HEADS = (Rule("rows first", ("pick",), _rows_first, "heads are joined again after attention"),)

# ---------------------------------------------------------------- sinking


def _sunk(node: Node) -> Node | None:
    """op(permute(x), ...) as permute(op(x, ...)), for what works element by element."""
    dims = next(
        (
            s.params[0]
            for s in node.inputs
            if _is(s, "permute") and s.shape == node.shape and len(s.shape) > 2
        ),
        None,
    )
    if dims is None or node.prim.kind != "elementwise":
        return None
    back = _inverse(dims)
    inputs = tuple([_carried(s, dims, back, len(node.shape)) for s in node.inputs])
    shape = tuple([node.shape[d] for d in back])
    return permuted(Node(node.prim, inputs, node.params, shape, node.dtype), dims)


def _carried(node: Node, dims: tuple, back: tuple, rank: int) -> Node:
    """An operand in the order that its partner had before the permutation."""
    if not node.shape or node.prim is CONSTANT:
        return node
    if _is(node, "permute", (dims,)):
        return node.inputs[0]
    if len(node.shape) < rank:
        node = PRIMITIVES["reshape"](node, (1,) * (rank - len(node.shape)) + node.shape)
    return permuted(node, back)


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    out = [0] * len(dims)
    for i, d in enumerate(dims):
        out[d] = i
    return tuple(out)


def _sunk_reduction(node: Node) -> Node | None:
    source = node.inputs[0]
    if not _is(source, "permute") or len(node.params) != 2 or not isinstance(node.params[0], tuple):
        return None
    dims, keepdim = node.params
    order = source.params[0]
    base = source.inputs[0]
    inner = tuple(sorted(order[d] for d in dims))
    shape = tuple([1 if d in inner else n for d, n in enumerate(base.shape)])
    kept = Node(node.prim, (base,), (inner, True), shape, node.dtype)
    moved = permuted(kept, order)
    return moved if keepdim else PRIMITIVES["reshape"](moved, node.shape)


def _sunk_concat(node: Node) -> Node | None:
    first = node.inputs[0]
    if not _is(first, "permute") or not all(_is(s, "permute", first.params) for s in node.inputs):
        return None
    dims = first.params[0]
    shape = tuple([node.shape[d] for d in _inverse(dims)])
    joined = Node(
        node.prim, tuple([s.inputs[0] for s in node.inputs]), (dims[node.params[0]],), shape, node.dtype
    )
    return permuted(joined, dims)


LOWER = (Rule("channels last", ("convolution",), _lower, "a convolution's channels are its vectors"),)

SINK = (
    Rule(
        "sink permutation",
        tuple(name for name, prim in PRIMITIVES.items() if prim.kind == "elementwise"),
        _sunk,
        "elementwise work does not mind the order",
    ),
    Rule(
        "sink below reduction",
        ("sum", "prod", "amax", "amin", "any", "all"),
        _sunk_reduction,
        "nor does a sum",
    ),
    Rule("sink below concat", ("concat",), _sunk_concat, "nor does joining"),
)
