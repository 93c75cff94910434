"""A graph as text, one node a line, in running order: `RUSHLIGHT_SHOW=graph` prints it before it runs.

%0 = buffer float32[8]
%1 = constant 1.001 float32[]
%2 = mul(%0, %1) float32[8]
-> %2
"""

from __future__ import annotations

from collections.abc import Sequence

from .node import CONSTANT, Node
from .walk import topological


def kind_of(node: Node) -> str:
    """'float32[2, 3]'; several results are joined by commas."""
    if isinstance(node.dtype, tuple):
        return "(" + ", ".join(f"{d.name}{list(s)}" for d, s in zip(node.dtype, node.shape)) + ")"
    return f"{node.dtype.name}{list(node.shape)}"


def show(roots: Sequence[Node]) -> str:
    """The text of the graph that computes `roots`."""
    names: dict[Node, str] = {}
    lines = []
    for node in _order(roots):
        names[node] = f"%{len(names)}"
        lines.append(f"{names[node]} = {_right_side(node, names)} {kind_of(node)}")
    lines.append("-> " + ", ".join(names[root] for root in roots))
    return "\n".join(lines)


def _order(roots: Sequence[Node]) -> list[Node]:
    return topological(roots)


def _right_side(node: Node, names: dict[Node, str]) -> str:
    if node.prim is CONSTANT:
        return f"constant {node.params[1]!r}"
    if node.buffer is not None:
        return "buffer"
    arguments = [names[source] for source in node.inputs] + [repr(p) for p in node.params]
    return f"{node.prim.name}({', '.join(arguments)})"
