"""How many floating-point operations a node takes: the one place that says so, for profiles, benchmarks and the flop counter.

Counted is what the definition asks for, not what a clever algorithm does: a multiplication and its addition are two, any
other function of an element is one, a reduction takes one for each element it reads. What only moves or compares whole
numbers takes none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..dtypes import DType
from .node import Node


def flops(node: Node) -> int:
    """Floating-point operations of a node; 0 where none are known."""
    rule = RULES.get(node.prim.name)
    if rule is not None:
        return rule(node)
    if node.prim.moves or not node.inputs or not _floating(node.inputs[0]):
        return 0
    if node.prim.kind == "elementwise":
        return math.prod(node.shape)
    return node.inputs[0].numel if node.prim.kind in ("reduction", "scan") else 0


def contracts(name: str) -> bool:
    """Whether a primitive's operations are multiplications and additions alone: what PyTorch's flop counter counts."""
    return name in RULES


def size_of(node: Node) -> int:
    """Bytes of a node's value."""
    if isinstance(node.dtype, tuple):
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in zip(node.shape, node.dtype))
    return node.numel * node.dtype.itemsize


def _floating(node: Node) -> bool:
    dtype: Any = node.dtype
    return isinstance(dtype, DType) and (dtype.is_floating_point or dtype.is_complex)


def _matmul(node: Node) -> int:
    return 2 * node.numel * node.inputs[0].shape[-1]


def _convolution(node: Node) -> int:
    weight = node.inputs[1]
    stretch = node.params[3]  # zeros between the input's elements, which nobody multiplies
    return 2 * node.numel * (weight.numel // max(weight.shape[0], 1)) // math.prod(stretch)


def _pairs(query: Node, key: Node, causal: bool) -> int:
    """Queries and keys that meet, in all heads."""
    *lead, L, _ = query.shape
    S = key.shape[-2]
    seen = sum(min(i + 1, S) for i in range(L)) if causal else L * S
    return math.prod(lead) * seen


def _attention(node: Node) -> int:
    q, k, v = node.inputs
    return 2 * _pairs(q, k, node.params[0]) * (q.shape[-1] + v.shape[-1])


def _attention_gradient(node: Node) -> int:
    q, k, v = node.inputs[3:]
    # Scores anew and the gradients of query and key; those of the weights and of the values.
    return 2 * _pairs(q, k, node.params[0]) * (3 * q.shape[-1] + 2 * v.shape[-1])


def _recurrence(node: Node) -> int:
    """Every row's product with the recurrent weight, or with the weight turned; the cells' own arithmetic is far less."""
    return 2 * node.inputs[0].shape[0] * node.inputs[-1].numel


RULES: dict[str, Callable[[Node], int]] = {
    "matmul": _matmul,
    "convolution": _convolution,
    "attention": _attention,
    "attention_gradient": _attention_gradient,
    **dict.fromkeys(("lstm", "gru", "rnn", "lstm_gradient", "gru_gradient", "rnn_gradient"), _recurrence),
}

__all__ = ["RULES", "contracts", "flops", "size_of"]
