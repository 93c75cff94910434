"""Arrays that are put together from parts: joined, padded, rolled, or written to in places.

All of that is one operation here, `assembly`: each value stands at an offset and under strides, in elements of the row-major
result, and is computed right into its place by loops of its own (fusion.py makes them, copying.py runs them). So what
is joined need not exist in memory first. assembling.py turns primitives into assemblies, carrying.py moves work through
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...dtypes import NARROW
from ...graph.node import CONSTANT, PRIMITIVES, Node, constant
from .index import row_major
from .kinds import kind_of

# Up to this many parts one kernel fills several at once; with more, one kernel serves many calls.
TOGETHER = 4

Place = tuple[int, tuple[int, ...]]  # offset and strides


class Assembly:
    """The primitive; it exists only inside the cpu executor.

    Params: the shape, whether the first value is a base that fills the whole, and the place of each other value.
    Apart from the base no two values share a place.
    """

    name = "assembly"
    kind = "assembly"
    arity = None
    moves = True
    fallible = False
    llvm = None

    @staticmethod
    def numpy(np: Any, values: tuple, shape: tuple, based: bool, places: tuple[Place, ...]) -> Any:
        out = np.array(values[0], order="C") if based else np.empty(shape, values[0].dtype)
        flat = out.reshape(-1)
        for value, (offset, strides) in zip(values[based:], places):
            steps = tuple([s * out.itemsize for s in strides])
            np.lib.stride_tricks.as_strided(flat[offset:], value.shape, steps)[...] = value
        return out

    def __repr__(self) -> str:
        return self.name


ASSEMBLY = Assembly()


class Part(NamedTuple):
    """A value and where it stands in the result."""

    value: Node
    offset: int
    strides: tuple[int, ...]


def assembled(shape: tuple, base: Node | None, parts: Sequence[Part], dtype: Any) -> Node:
    """The array of `shape` with the parts in their places, and elsewhere the base."""
    parts = [p for p in parts if p.value.numel]
    values = tuple([p.value for p in parts])
    places = tuple([(p.offset, p.strides) for p in parts])
    if base is not None:
        values = (base, *values)
    return Node(ASSEMBLY, values, (shape, base is not None, places), shape, dtype)


def filled(node: Node) -> int:
    """How many of the node's first inputs loops write into its memory; the others are operands of its operation."""
    if node.prim is ASSEMBLY:
        return len(node.inputs)
    return int(node.prim.name in ("put", "scatter") and _writable(node))


def _writable(node: Node) -> bool:
    kinds = [kind_of(s.dtype) for s in node.inputs]
    combined = node.params[-1] not in (False, "set")
    return node.numel > 0 and None not in kinds and not (combined and node.dtype in NARROW)


def operands(node: Node) -> list[Node]:
    """The inputs that the node's operation reads; where a write's is one number everywhere, only that number."""
    count = filled(node)
    return [number_behind(source) or source for source in node.inputs[count:]] if count else list(node.inputs)


def grouped(node: Node) -> list[list[Part]]:
    """The node's parts: the base alone, then runs of values of one shape that one kernel computes together."""
    found = parts(node)
    if not found:
        return []
    based = node.prim is not ASSEMBLY or node.params[1]
    groups, rest = ([[found[0]]], found[1:]) if based else ([], found)
    for i, part in enumerate(rest):
        last = groups[-1] if i else []
        if last and len(rest) <= TOGETHER and last[0].value.shape == part.value.shape:
            last.append(part)
        else:
            groups.append([part])
    return groups


def number_behind(node: Node) -> Node | None:
    """The constant that every element of the node is."""
    while node.buffer is None and node.prim.name in ("expand", "reshape", "permute"):
        node = node.inputs[0]
    return node if node.prim is CONSTANT else None


def parts(node: Node) -> list[Part]:
    """What loops have to write into the node's memory, before its own operation, if it has one, begins."""
    count = filled(node)
    if not count:
        return []
    if node.prim is not ASSEMBLY:
        return [Part(node.inputs[0], 0, tuple(row_major(node.shape)))]
    shape, based, places = node.params
    found = [Part(node.inputs[0], 0, tuple(row_major(shape)))] if based else []
    return found + [Part(v, *place) for v, place in zip(node.inputs[based:], places)]


def fits(node: Node) -> bool:
    return kind_of(node.dtype) is not None and node.numel > 0


def zeros(shape: tuple, dtype: Any) -> Node:
    return PRIMITIVES["expand"](constant(0, dtype), shape)
