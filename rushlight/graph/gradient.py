"""Reverse-mode differentiation of a graph: rules take nodes and give nodes.

`pullback` walks from outputs back to inputs and applies each primitive's own rule. Un-broadcasting is done here, where
gradients meet, and in no rule. What is on the tape stands in autograd/; this file knows only nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtypes import COMPLEX, FLOATING
from .node import Node
from .registry import PICK
from .walk import topological


def differentiable(node: Node) -> bool:
    """Whether gradients can flow through a node of this dtype."""
    return node.dtype.category in (FLOATING, COMPLEX)


def fit(g: Node, shape: tuple[int, ...], dtype: Any) -> Node:
    """`g` summed over what was broadcast, in the dtype of what it is the gradient of."""
    if g.shape != shape:
        g = unbroadcast(g, shape)
    if g.dtype is not dtype:
        if g.dtype.is_complex and not dtype.is_complex:
            g = g.real()
        g = g.cast(dtype) if g.dtype is not dtype else g
    return g


def unbroadcast(g: Node, shape: tuple[int, ...]) -> Node:
    """The gradient of a value of `shape` that had been broadcast to g's shape."""
    extra = len(g.shape) - len(shape)
    if extra < 0:
        return g.expand(shape)
    dims = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1
    )
    if dims:
        g = g.sum(dims, True)
    if g.shape != shape:
        if g.numel != _count(shape):
            return g.expand(shape)
        g = g.reshape(shape)
    return g


def _count(shape: tuple[int, ...]) -> int:
    n = 1
    for size in shape:
        n *= size
    return n


def pullback(
    outputs: Sequence[Node], inputs: Sequence[Node], grads: Sequence[Node | None]
) -> list[Node | None]:
    """Gradients of `inputs` from gradients of `outputs`; None where an input does not matter.

    Integer and boolean values stop the flow. `inputs` are taken as independent of one another.
    """
    wanted = set(inputs)
    order = topological(outputs, wanted)
    reaches: set[Node] = set()
    for node in order:
        if node in wanted or any(source in reaches for source in node.inputs):
            reaches.add(node)
    flowing: dict[Node, Any] = {}
    for out, g in zip(outputs, grads):
        if g is not None and out in reaches:
            _accumulate(flowing, out, g)
    for node in reversed(order):
        if node not in reaches or node in wanted or node not in flowing:
            continue
        g = flowing.pop(node)
        if node.prim is PICK:
            _collect_part(flowing, node, g)
            continue
        _apply_rules(flowing, reaches, node, g)
    return [flowing.get(node) for node in inputs]


def _apply_rules(flowing: dict, reaches: set, node: Node, g: Any) -> None:
    rules = node.prim.vjp
    if rules is None:
        return
    variadic = node.prim.arity is None
    for i, source in enumerate(node.inputs):
        if source not in reaches or not _floats(source):
            continue
        if variadic:
            part = rules(g, node, node.inputs, i, *node.params)
        else:
            rule = rules[i]
            part = None if rule is None else rule(g, node, *node.inputs, *node.params)
        if part is not None:
            _accumulate(flowing, source, part)


def _floats(node: Node) -> bool:
    return isinstance(node.dtype, tuple) or differentiable(node)


def _accumulate(flowing: dict, node: Node, g: Any) -> None:
    if not isinstance(node.dtype, tuple):
        g = fit(g, node.shape, node.dtype)
        before = flowing.get(node)
        flowing[node] = g if before is None else before + g
        return
    flowing[node] = tuple(g)


def _collect_part(flowing: dict, node: Node, g: Node) -> None:
    source, index = node.inputs[0], node.params[0]
    parts = list(flowing.get(source) or [None] * len(source.shape))
    parts[index] = g if parts[index] is None else parts[index] + g
    flowing[source] = tuple(parts)
