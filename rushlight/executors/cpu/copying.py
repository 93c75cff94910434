"""Calls that fill the memory of an operation's result part by part: joined, padded and written-to arrays (assembly.py).

Where the base of a write is needed by nobody else any more, its memory becomes the result's and nothing is copied: a loop that
writes one row after the other touches each row once.
"""

from __future__ import annotations

from ...graph.node import Node
from .assembly import grouped
from .expression import Expr, Loops
from .handling import handler
from .index import Affine
from .kernel import Call
from .placement import lives_in
from .planner import Planner


@handler("assembly")
def _assembly(planner: Planner, node: Node) -> list[Call]:
    based = node.params[1]
    calls = base_calls(planner, node) if based else []
    loops = planner.fusion.unit_of[node].parts
    for group, part in list(zip(grouped(node), loops))[based:]:
        if not lives_in(planner.inside, group, node):
            calls.append(planner.part(node, part, True))
    return calls


def base_calls(planner: Planner, node: Node) -> list[Call]:
    """What puts the first input's values into the node's memory: nothing, when that memory is the input's."""
    if not node.numel or claimed(planner, node):
        return []
    return [planner.part(node, planner.fusion.unit_of[node].parts[0], False)]


def claimed(planner: Planner, node: Node) -> bool:
    """Whether `node` took over the memory of its first input, which nobody reads afterwards."""
    base = node.inputs[0]
    while base.buffer is None and base.prim.name == "reshape" and base not in planner.fusion.unit_of:
        base = base.inputs[0]
    if node in planner.inside:
        return False
    if base.buffer is not None or base.numel != node.numel or not planner.spare(base, node):
        return False
    values = planner.fusion.unit_of[node].parts[1:]
    if not all(_reads_in_place(part, base) for part in values):
        return False
    if base in planner.operands(node):
        return False
    planner.buffers[node] = planner.buffer(base)
    return True


def _reads_in_place(loops: Loops, base: Node) -> bool:
    """Whether the loops read of `base` only the element that they write over."""
    return all(_reads_at(sink.expr, base, sink.address) for sink in loops.sinks.values())


def _reads_at(expr: Expr, base: Node, address: Affine) -> bool:
    seen: set[Expr] = set()
    stack = [expr]
    while stack:
        expr = stack.pop()
        if expr in seen:
            continue
        seen.add(expr)
        if expr.op == "load" and expr.data[0] is base and (expr.data[1] != address or expr.data[2]):
            return False
        stack.extend(expr.args)
    return True


__all__ = ["base_calls", "claimed"]
