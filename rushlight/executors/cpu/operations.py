"""How the operations that are no fused loops become calls: matrix products, convolutions, attention."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...graph.node import Node
from . import attention, convolution, products
from .handling import handler
from .index import row_major
from .kernel import Call, Pointer
from .kinds import kind_of
from .planner import Planner


@handler("matmul", strided=True)
def _matmul(planner: Planner, node: Node) -> list[Call] | None:
    a, b = node.inputs
    kind = kind_of(node.dtype)
    batch = node.shape[:-2]
    m, k = a.shape[-2:]
    n = b.shape[-1]
    if kind is None or not node.numel or not k:
        return None
    left, right = _operand(planner, a, batch), _operand(planner, b, batch)
    strides = [1] * len(node.shape)
    for d in range(len(node.shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * node.shape[d + 1]
    out = products.Operand(planner.buffer(node), 0, tuple(strides[:-2]), strides[-2], 1)
    # A batch of left operands against one right operand is one product with more rows.
    if batch and math.prod(b.shape[:-2]) == 1:
        flat = products._merged(
            (*batch, m), ((*left.batch, left.rows), (*out.batch, out.rows), (0,) * len(batch) + (0,))
        )
        if len(flat[0]) == 1:
            left = left._replace(batch=(), rows=flat[1][0][0])
            out = out._replace(batch=(), rows=flat[1][1][0])
            right = right._replace(batch=())
            m, batch = flat[0][0], ()
    return products.product(kind, batch, m, n, k, left, right, out, planner.workers)


def _convolution(form: Callable) -> Callable:
    def calls(planner: Planner, node: Node) -> list[Call] | None:
        a, b = map(planner.memory, node.inputs)
        return form(node.params[0], a, b, Pointer(planner.buffer(node)), planner.workers)

    return calls


handler("conv_forward")(_convolution(convolution.forward))
handler("conv_input_gradient")(_convolution(convolution.input_gradient))
handler("conv_weight_gradient")(_convolution(convolution.weight_gradient))


def _operand(planner: Planner, node: Node, batch: tuple[int, ...]) -> products.Operand:
    view = planner.read(node)
    lead = len(batch) - (len(node.shape) - 2)
    steps = (0,) * lead + tuple(
        [
            0 if n == 1 and batch[lead + d] != 1 else s
            for d, (n, s) in enumerate(zip(node.shape[:-2], view.strides))
        ]
    )
    return products.Operand(planner.buffer(view.base), view.offset, steps, view.strides[-2], view.strides[-1])


# ---------------------------------------------------------------- attention


def _heads(planner: Planner, node: Node) -> tuple[Pointer, attention.Layout] | None:
    """An operand (batch, heads, rows, width) in memory; None when its rows are not whole."""
    view = planner.read(node)
    batch, head, row, one = view.strides
    if one != 1 and node.shape[-1] != 1:
        return None
    return Pointer(planner.buffer(view.base), view.offset * node.dtype.itemsize), attention.Layout(
        batch, head, row
    )


def _rows_first(shape: tuple) -> attention.Layout:
    """(batch, rows, heads, width) in row-major memory, seen as (batch, heads, rows, width)."""
    _, rows, heads, width = shape
    return attention.Layout(rows * heads * width, width, heads * width)


def _attention_shape(q: Node, k: Node, v: Node, params: tuple) -> attention.Shape | None:
    kind = kind_of(q.dtype)
    if kind not in ("f32", "f64"):
        return None
    batch, heads, queries, width = q.shape
    causal, scale = params
    return attention.Shape(batch, heads, queries, k.shape[2], width, v.shape[3], causal, scale, kind)


@handler("attention_rows_first", strided=True)
def _attention(planner: Planner, node: Node) -> list[Call] | None:
    shape = _attention_shape(node.inputs[0], node.inputs[1], node.inputs[2], node.params)
    q, k, v = (_heads(planner, source) for source in node.inputs)
    if shape is None or q is None or k is None or v is None:
        return None
    out, logsumexp = planner.several(node)
    layouts = [q[1], k[1], v[1], _rows_first(node.shape[0])]
    calls = attention.forward(
        shape, q[0], k[0], v[0], Pointer(out), Pointer(logsumexp), layouts, planner.workers
    )
    if calls is None:
        del planner.outputs[node]
    return calls


@handler("attention_gradient_rows_first", strided=True)
def _attention_gradient(planner: Planner, node: Node) -> list[Call] | None:
    logsumexp = node.inputs[2]
    shape = _attention_shape(node.inputs[3], node.inputs[4], node.inputs[5], node.params)
    g, out, q, k, v = (_heads(planner, node.inputs[i]) for i in (0, 1, 3, 4, 5))
    log = planner.read(logsumexp)
    if shape is None or g is None or out is None or q is None or k is None or v is None:
        return None
    if log.strides != tuple(row_major(logsumexp.shape)):
        return None
    dq, dk, dv = map(Pointer, planner.several(node))
    layouts = [g[1], out[1], q[1], k[1], v[1], *map(_rows_first, node.shape)]
    known = Pointer(planner.buffer(log.base), log.offset * logsumexp.dtype.itemsize)
    calls = attention.gradient(
        shape, g[0], out[0], known, q[0], k[0], v[0], dq, dk, dv, layouts, planner.workers
    )
    if calls is None:
        del planner.outputs[node]
    return calls
