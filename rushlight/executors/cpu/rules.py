"""Rewrites for the cpu executor, beside those of graph/rewrite.py: what would otherwise cost a copy or a kernel."""

from __future__ import annotations

import math

from ...graph.node import CONSTANT, PRIMITIVES, Node, constant
from ...graph.rewrite import RULES as GENERAL
from ...graph.rewrite import Rule


def _same(node: Node) -> Node | None:
    return node.inputs[0]


def _kept_then_dropped(node: Node) -> Node | None:
    """reshape of a reduction that kept its dimensions to the shape without them."""
    inner = node.inputs[0]
    if inner.buffer is not None or inner.prim.kind != "reduction" or len(inner.params) != 2:
        return None
    dims, keepdim = inner.params
    if not keepdim or not isinstance(dims, tuple):
        return None
    source = inner.inputs[0]
    if node.shape != tuple([n for d, n in enumerate(source.shape) if d not in dims]):
        return None
    return Node(inner.prim, inner.inputs, (dims, False), node.shape, node.dtype)


def _reduced_over_ones(node: Node) -> Node | None:
    """A reduction over dimensions of size 1 alone moves nothing and adds nothing."""
    if len(node.params) != 2 or not isinstance(node.params[0], tuple):
        return None
    source = node.inputs[0]
    if any(source.shape[d] != 1 for d in node.params[0]):
        return None
    same = source if source.dtype is node.dtype else PRIMITIVES["cast"](source, node.dtype)
    return PRIMITIVES["reshape"](same, node.shape)


def _moves_ones_only(node: Node) -> Node | None:
    """A permutation that moves dimensions of size 1 alone is a reshape."""
    source = node.inputs[0]
    real = [d for d in node.params[0] if source.shape[d] != 1]
    return PRIMITIVES["reshape"](source, node.shape) if real == sorted(real) else None


def _times_a_power_of_two(node: Node) -> Node | None:
    """Division by a power of two."""
    a, b = node.inputs
    if b.prim is not CONSTANT or node.dtype.name not in ("float32", "float64") or b.dtype is not node.dtype:
        return None
    digits, power = math.frexp(b.params[1])
    if abs(digits) != 0.5 or abs(power) > 100:
        return None
    return PRIMITIVES["mul"](a, constant(1 / b.params[1], node.dtype))


# Applied before layout.py looks for convolutions and their gradients in the form that the rules of autograd write.
FIRST = GENERAL

RULES = (
    *GENERAL,
    Rule("copy", ("copy",), _same, "values never change, so a copy is the value"),
    Rule(
        "kept then dropped", ("reshape",), _kept_then_dropped, "the reduction can drop its dimensions itself"
    ),
    Rule(
        "reduced over ones",
        ("sum", "prod", "amax", "amin", "any", "all"),
        _reduced_over_ones,
        "one element is its own sum",
    ),
    Rule(
        "times a power of two",
        ("div",),
        _times_a_power_of_two,
        "the reciprocal is exact, so the products are",
    ),
    Rule("moves ones only", ("permute",), _moves_ones_only, "no element moves"),
)
