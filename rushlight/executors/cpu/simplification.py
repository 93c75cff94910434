"""The passes of rewriting that a graph goes through before it is planned, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.node import Node
from ...graph.rewrite import simplify
from . import assembling, carrying, checks, layout, pooling, rules
from .origins import Origins
from .rules import RULES


def simplified(
    order: Sequence[Node], roots: Sequence[Node]
) -> tuple[list[Node], dict[Node, Node | None], Origins]:
    """Equivalent simpler roots; what stands there for each node of `order` that can fail, None for one that went; and
    what all nodes stand for."""
    origins = Origins(order)
    stands: dict[Node, Node | None] = {n: n for n in order if n.buffer is None and n.prim.fallible}
    passes = [(*checks.LOWER, *assembling.LOWER, *pooling.LOWER), RULES]
    if layout.has_convolutions(order):
        # Gradients are recognized before any permutation has moved.
        lower = (*checks.LOWER, *layout.LOWER, *assembling.LOWER, *pooling.LOWER)
        sink = (*layout.SINK, *carrying.SINK)
        passes = [rules.FIRST, lower, (*rules.FIRST, *sink), RULES]
    if any(node.prim.name == "attention" for node in order):
        passes = [rules.FIRST, layout.HEADS, *passes]
    for rules_ in passes:
        found: dict[Node, Node] = {}
        roots = simplify(roots, rules_, found.__setitem__)
        stands = {node: found.get(stand) if stand is not None else None for node, stand in stands.items()}
        origins.follow(found)
    found = carrying.inward(roots)
    origins.follow(found)
    stands = {node: found.get(stand) if stand is not None else None for node, stand in stands.items()}
    return [found[root] for root in roots], stands, origins


__all__ = ["simplified"]
