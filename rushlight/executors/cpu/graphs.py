"""Copies of graphs that outlive them: what is prepared in the background must not hold the user's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.lines import are_noted, line_of
from ...graph.node import BUFFER, CONSTANT, Node

# Stands as the buffer of an input whose numbers come with each run.
GIVEN: Any = True


def placeholder(node: Node) -> Node:
    """An input of the same shape and dtype; a constant is itself."""
    if node.prim is CONSTANT:
        return node
    copy = Node(BUFFER, (), (), node.shape, node.dtype)
    copy.buffer = GIVEN
    return copy


def copied(
    order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]
) -> tuple[list[Node], list[Node], list[Node]]:
    """(order, inputs, roots) of a copy in which computed nodes, and all inputs, are placeholders."""
    given = set(inputs)
    new: dict[Node, Node] = {}
    lines = are_noted()
    for node in order:
        if node.buffer is not None or node in given:
            new[node] = placeholder(node)
            continue
        copy = Node(node.prim, tuple([new[s] for s in node.inputs]), node.params, node.shape, node.dtype)
        if node.prim.fallible:
            copy.line = node.line
        elif lines:
            line = line_of(node)
            if line is not None:
                copy.line = line
        new[node] = copy
    return [new[n] for n in order], [new[n] for n in inputs], [new[n] for n in roots]
