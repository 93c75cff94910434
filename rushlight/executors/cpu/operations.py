"""How the operations that are no fused loops become calls: matrix products, convolutions, attention."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...graph.node import Node
from . import attention, convolution, products
from .handling import handler
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


def _rows_first(planner: Planner, buffer: object, shape: tuple) -> attention.Layout:
    """(batch, rows, heads, width) in row-major memory, seen as (batch, heads, rows, width)."""
    _, rows, heads, width = shape
    return attention.Layout(rows * heads * width, width, heads * width)


@handler("attention_rows_first", strided=True)
def _attention(planner: Planner, node: Node) -> list[Call] | None:
    operands = [_heads(planner, source) for source in node.inputs]
    kind = kind_of(node.inputs[0].dtype)
    if None in operands or kind not in ("f32", "f64"):
        return None
    q, k, v = node.inputs
    causal, scale = node.params
    shape = attention.Shape(*q.shape[:3], k.shape[2], q.shape[3], v.shape[3], causal, scale, kind)
    out, logsumexp = planner.several(node)
    layouts = [o[1] for o in operands if o] + [_rows_first(planner, out, node.shape[0])]
    calls = attention.forward(
        shape, *[o[0] for o in operands if o], Pointer(out), Pointer(logsumexp), layouts, planner.workers
    )
    if calls is None:
        del planner.outputs[node]
    return calls


@handler("attention_gradient_rows_first", strided=True)
def _attention_gradient(planner: Planner, node: Node) -> list[Call] | None:
    g, out, logsumexp, q, k, v = node.inputs
    operands = [_heads(planner, source) for source in (g, out, q, k, v)]
    log = planner.read(logsumexp)
    kind = kind_of(q.dtype)
    whole = [1]
    for n in reversed(logsumexp.shape[1:]):
        whole.insert(0, whole[0] * n)
    if None in operands or kind not in ("f32", "f64") or log.strides != tuple(whole):
        return None
    causal, scale = node.params
    shape = attention.Shape(*q.shape[:3], k.shape[2], q.shape[3], v.shape[3], causal, scale, kind)
    at = [o for o in operands if o]
    results = planner.several(node)
    layouts = [o[1] for o in at] + [_rows_first(planner, r, s) for r, s in zip(results, node.shape)]
    calls = attention.gradient(
        shape, at[0][0], at[1][0], Pointer(planner.buffer(log.base), log.offset * logsumexp.dtype.itemsize),
        at[2][0], at[3][0], at[4][0], *map(Pointer, results), layouts, planner.workers,
    )  # fmt: skip
    if calls is None:
        del planner.outputs[node]
    return calls
