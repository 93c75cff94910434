"""Rewriting a graph: rules are data (a pattern, a replacement, a reason), applied from the inputs up.

A rule gets a node whose inputs are already rewritten and gives another node of the same shape and dtype, or None.
Equal nodes become one on the way (`share`), so what a gradient rule computes again costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .node import CONSTANT, Node
from .registry import PICK
from .walk import topological


class Rule(NamedTuple):
    """A rewrite: `apply(node)` gives the replacement or None; `reason` says why it is right."""

    name: str
    prims: tuple[str, ...]
    apply: Callable[[Node], Node | None]
    reason: str


def _is_number(node: Node, value: float) -> bool:
    return node.prim is CONSTANT and node.params[1] == value


def _drop_one(node: Node) -> Node | None:
    a, b = node.inputs
    if _is_number(b, 1) and a.shape == node.shape:
        return a
    if node.prim.name == "mul" and _is_number(a, 1) and b.shape == node.shape:
        return b
    return None


def _same_shape(node: Node) -> Node | None:
    return node.inputs[0] if node.inputs[0].shape == node.shape else None


def _same_dtype(node: Node) -> Node | None:
    return node.inputs[0] if node.inputs[0].dtype is node.dtype else None


def _reshape_twice(node: Node) -> Node | None:
    inner = node.inputs[0]
    if inner.buffer is None and inner.prim is node.prim:
        return node.prim(inner.inputs[0], node.params[0])
    return None


def _permute_twice(node: Node) -> Node | None:
    inner = node.inputs[0]
    if inner.buffer is None and inner.prim is node.prim:
        dims = tuple(inner.params[0][d] for d in node.params[0])
        return node.prim(inner.inputs[0], dims)
    return None


def _identity_permute(node: Node) -> Node | None:
    return node.inputs[0] if node.params[0] == tuple(range(len(node.shape))) else None


def _negate_twice(node: Node) -> Node | None:
    inner = node.inputs[0]
    return inner.inputs[0] if inner.buffer is None and inner.prim is node.prim else None


RULES = (
    Rule("drop one", ("mul", "div"), _drop_one, "x * 1 = x / 1 = x, signed zeros and NaN included"),
    Rule("reshape to itself", ("reshape", "expand"), _same_shape, "no element moves"),
    Rule("cast to itself", ("cast",), _same_dtype, "no number changes"),
    Rule("reshape twice", ("reshape",), _reshape_twice, "only the last shape counts"),
    Rule("permute twice", ("permute",), _permute_twice, "permutations compose"),
    Rule("identity permute", ("permute",), _identity_permute, "no dimension moves"),
    Rule("negate twice", ("neg",), _negate_twice, "-(-x) = x for every number, NaN included"),
)


def simplify(
    roots: Sequence[Node], rules: Sequence[Rule] = RULES, note: Callable[[Node, Node], None] | None = None
) -> list[Node]:
    """Equivalent roots of a graph to which every rule has been applied and in which equal nodes are one.

    note: called with every node and what stands for it.
    """
    table: dict[str, list[Rule]] = {}
    for rule in rules:
        for name in rule.prims:
            table.setdefault(name, []).append(rule)
    new: dict[Node, Node] = {}
    shared: dict[tuple, Node] = {}
    for node in topological(roots):
        new[node] = _rewritten(node, new, shared, table)
        if note is not None:
            note(node, new[node])
    return [new[root] for root in roots]


def _rewritten(node: Node, new: dict, shared: dict, table: dict) -> Node:
    if node.buffer is not None or not node.inputs:
        return node
    inputs = tuple(new[source] for source in node.inputs)
    if inputs != node.inputs:
        node = with_inputs(node, inputs)
    # Every rule leaves a smaller graph, so this ends.
    replacement: Node | None = node
    while replacement is not None:
        node = replacement
        tries = () if node.buffer is not None else table.get(node.prim.name, ())
        replacement = next((r for r in (rule.apply(node) for rule in tries) if r is not None), None)
    if node.buffer is not None or not node.inputs:
        return node
    return shared.setdefault((node.prim, node.params, node.inputs), node)


def with_inputs(node: Node, inputs: tuple) -> Node:
    """The node on other inputs of the same shapes and dtypes."""
    changed = Node(node.prim, inputs, node.params, node.shape, node.dtype)
    if node.prim.fallible:
        changed.line = node.line
    return changed


__all__ = ["PICK", "RULES", "Rule", "simplify", "with_inputs"]
