"""Values that live inside the array they are joined into: what is computed right there need not be copied there.

A recurrent layer joins what it computed at every step; each step's value is a piece of the whole from the start, for all who
read it. A piece has to lie in the whole without gaps, and nobody may need it as an array of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...graph.node import CONSTANT, Node
from .assembly import ASSEMBLY, Part, grouped
from .index import row_major


def pieces(node: Node) -> list[Node]:
    """The values of an assembly that are worth computing into their places, apart from what else is done with them."""
    return [
        value
        for group in _groups(node)
        for value in map(_piece, group)
        if value is not None and _computed(value)
    ]


def _computed(value: Node) -> bool:
    """Whether the value is elementwise work, or a view of some: a copy of what stands in memory is no gain."""
    while value.buffer is None and value.prim.name in ("reshape", "permute", "expand", "slice"):
        value = value.inputs[0]
    return value.buffer is None and value.prim.kind == "elementwise"


def inside(fusion: Any, wanted: Collection[Node]) -> dict[Node, tuple[Node, int]]:
    """For each stored value that is to live inside an assembly: that assembly, and where in it, in bytes."""
    found: dict[Node, tuple[Node, int]] = {}
    wholes: set[Node] = set()
    for unit in fusion.units:
        node = unit.nodes[0]
        for group in _groups(node) if unit.loops is None else ():
            values = [_piece(part) for part in group]
            if len(set(values)) == len(values) and all(
                value is not None
                and value.prim.name != "pick"
                and value in fusion.unit_of
                and not (value in wanted or value in found or value in wholes)
                for value in values
            ):
                for value, part in zip(values, group):
                    assert value is not None
                    found[value] = node, part.offset * node.dtype.itemsize
                wholes.add(node)
    return found


def lives_in(inside: dict[Node, tuple[Node, int]], group: list[Part], node: Node) -> bool:
    """Whether all values of a group of parts are where they belong already."""
    return all(
        value is not None and inside.get(value) == (node, part.offset * node.dtype.itemsize)
        for value, part in zip(map(_piece, group), group)
    )


def _groups(node: Node) -> list[list[Part]]:
    return grouped(node) if node.prim is ASSEMBLY and not node.params[1] else []


def _piece(part: Part) -> Node | None:
    """The value of a part without gaps, reshaping seen through."""
    value = part.value
    if any(s != r for s, r, n in zip(part.strides, row_major(value.shape), value.shape) if n != 1):
        return None
    while value.buffer is None and value.prim.name == "reshape" and value.inputs[0].prim is not CONSTANT:
        value = value.inputs[0]
    return value if value.buffer is None else None
