"""Conditions on values (`within`) beside the work: the value passes through, and whether any element failed is a result of its own.

The program looks at those results when it has run; where one failed, the reference executor says which and how. So a
condition is one more reduction that joins the loops that make the value, or read it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...dtypes import FLOATING, NARROW
from ...graph.node import PRIMITIVES, Node
from ...graph.registry import PICK
from ...graph.rewrite import Rule
from ...graph.walk import topological
from .kinds import kind_of

# The largest float16, roughly.
_LARGE = 65000


def conditions(order: Sequence[Node]) -> list[Node]:
    """For each condition in a graph, a truth value: whether an element does not meet it."""
    found = []
    for node in order:
        if node.buffer is None and node.prim.name == "within" and _native(node):
            bad = _bad(node)
            if bad is not None:
                found.append(_any(bad))
    return found


def lost(roots: Sequence[Node], stands: Mapping[Node, Node | None]) -> list[Node]:
    """The nodes that can fail for which nothing stands that the roots are computed from."""
    if not stands:
        return []
    kept = set(topological(roots))
    found = [node for node, stand in stands.items() if stand not in kept and not _passes(node)]
    return [PICK(node, 0) if isinstance(node.dtype, tuple) else node for node in found]


def _passes(node: Node) -> bool:
    """Whether what the node checks is checked aside."""
    return node.prim.name == "within" and (_native(node) or not node.numel)


def _native(node: Node) -> bool:
    if node.dtype in NARROW and any(_LARGE < abs(bound) < math.inf for bound in node.params[:2]):
        return False  # the type does not hold the bound
    return kind_of(node.dtype) not in (None, "i1")


def _bad(node: Node) -> Node | None:
    """Where the condition is not met; None where it is everywhere."""
    x = node.inputs[0]
    low, high, nan = node.params[:3]
    if not x.numel:
        return None
    if x.dtype.category == FLOATING:
        if nan:
            return x.lt(low) | x.gt(high)
        return ~(x.ge(low) & x.le(high))
    least, most = _range(x.dtype)
    parts = []
    if low > least:
        parts.append(x.lt(min(math.ceil(low), most)) | x.eq(most) if low > most else x.lt(math.ceil(low)))
    if high < most:
        parts.append(
            x.gt(max(math.floor(high), least)) | x.eq(least) if high < least else x.gt(math.floor(high))
        )
    return parts[0] | parts[1] if len(parts) == 2 else parts[0] if parts else None


def _range(dtype: Any) -> tuple[int, int]:
    bits = 8 * dtype.itemsize
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if dtype.is_signed else (0, (1 << bits) - 1)


def _any(x: Node) -> Node:
    if x.numel == 1:
        return PRIMITIVES["reshape"](x, ())
    return PRIMITIVES["any"](x, tuple(range(len(x.shape))), False)


def _passed(node: Node) -> Node | None:
    return node.inputs[0] if _native(node) else None


LOWER = (Rule("condition aside", ("within",), _passed, "what is checked aside passes through"),)
