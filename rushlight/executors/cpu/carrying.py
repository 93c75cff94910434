"""What moves through assemblies (assembly.py): elementwise work into their parts, permutations out of them.

Work on an assembly is work on each of its parts, so what it gives is stored once, not the assembly and it. And an assembly of
permuted values is a permuted assembly, a slice of a permuted value a permuted slice: so a layout that convolutions
choose (layout.py) holds through pooling and joining.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...graph.node import CONSTANT, PRIMITIVES, Node
from ...graph.rewrite import Rule, with_inputs
from ...graph.walk import topological
from .assembly import ASSEMBLY, TOGETHER, Part, assembled, fits, parts
from .index import row_major

# ---------------------------------------------------------------- elementwise work


def inward(roots: Sequence[Node]) -> dict[Node, Node]:
    """What stands for each node when elementwise work on an assembly that nobody else reads is done in its parts."""
    order = topological(roots)
    users: Counter[Node] = Counter(roots)
    for node in order:
        users.update(set(node.inputs))
    new: dict[Node, Node] = {}
    for node in order:
        inputs = tuple([new[source] for source in node.inputs])
        moved = None
        if node.buffer is None and node.prim.kind == "elementwise" and fits(node):
            alone = [s for old, s in zip(node.inputs, inputs) if users[old] == 1 and _apart(s)]
            source = next((s for s in alone if s.shape == node.shape), None)
            moved = None if source is None else _inside(node, inputs, source)
        new[node] = moved or (node if inputs == node.inputs else with_inputs(node, inputs))
    return new


def _apart(node: Node) -> bool:
    return node.prim is ASSEMBLY and not node.params[1] and len(node.inputs) <= TOGETHER


def _inside(node: Node, operands: tuple, source: Node) -> Node | None:
    found = []
    for part in parts(source):
        index = _index_of(part, source.shape)
        if index is None:
            return None
        spans = [
            (start, start + step * (n - 1) + 1, step) for (start, step), n in zip(index, part.value.shape)
        ]
        inputs = [part.value if s is source else _cut(s, spans) for s in operands]
        value = Node(node.prim, tuple(inputs), node.params, part.value.shape, node.dtype)
        found.append(part._replace(value=value))
    return assembled(node.shape, None, found, node.dtype)


def _cut(node: Node, spans: list) -> Node:
    """The slice of an operand that broadcasts."""
    own = spans[len(spans) - len(node.shape) :]
    index = tuple([(0, 1, 1) if n == 1 else span for n, span in zip(node.shape, own)])
    return PRIMITIVES["slice"](node, index) if any(n != 1 for n in node.shape) else node


# ---------------------------------------------------------------- permutations sink below


def _index_of(part: Part, shape: Sequence[int]) -> list[tuple[int, int]] | None:
    """(start, step) along each dimension of a part that has as many dimensions as the whole; None for another."""
    strides = row_major(shape)
    if len(part.strides) != len(shape):
        return None
    found = []
    rest = part.offset
    for stride, mine in zip(strides, part.strides):
        if mine % stride:
            return None
        found.append((rest // stride, mine // stride))
        rest %= stride
    return found


def _sunk(node: Node) -> Node | None:
    """An assembly of permuted values as a permuted assembly."""
    first = max(node.inputs, key=lambda s: s.numel)
    if not _is_permute(first) or first.prim is CONSTANT:
        return None
    dims = first.params[0]
    back = inverse(dims)
    shape = tuple([node.shape[d] for d in back])
    strides = row_major(shape)
    moved = []
    for part in parts(node):
        index = _index_of(part, node.shape)
        if index is None:
            return None
        offset = sum(index[d][0] * s for d, s in zip(back, strides))
        steps = tuple([index[d][1] * s for d, s in zip(back, strides)])
        moved.append(Part(_unpermuted(part.value, dims, back), offset, steps))
    base = moved.pop(0).value if node.params[1] else None
    return PRIMITIVES["permute"](assembled(shape, base, moved, node.dtype), dims)


def _is_permute(node: Node) -> bool:
    return node.buffer is None and node.prim.name == "permute"


def _unpermuted(node: Node, dims: tuple, back: tuple) -> Node:
    if _is_permute(node) and node.params[0] == dims:
        return node.inputs[0]
    inner = node.inputs[0] if node.prim.name == "expand" and node.buffer is None else node
    if inner.prim is CONSTANT:
        return PRIMITIVES["expand"](inner, tuple([node.shape[d] for d in back]))
    return PRIMITIVES["permute"](node, back)


def inverse(dims: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `dims`."""
    out = [0] * len(dims)
    for i, d in enumerate(dims):
        out[d] = i
    return tuple(out)


def _sunk_slice(node: Node) -> Node | None:
    """A slice of a permutation, or a slice put back, as a permutation of one."""
    source = node.inputs[0]
    index = node.params[-1]
    if not _is_permute(source) or any(type(p) is int for p in index):
        return None
    dims = source.params[0]
    back = inverse(dims)
    full = [*index, *[(0, n, 1) for n in source.shape[len(index) :]]]
    moved = tuple([full[d] for d in back])
    if node.prim.name == "slice":
        found = node.prim(source.inputs[0], moved)
    else:
        found = node.prim(source.inputs[0], tuple([node.shape[d] for d in back]), moved)
    return PRIMITIVES["permute"](found, dims)


SINK = (
    Rule("sink below assembly", ("assembly",), _sunk, "places move as the values do"),
    Rule(
        "sink below slice", ("slice", "unslice"), _sunk_slice, "a slice of each dimension wherever it stands"
    ),
)
