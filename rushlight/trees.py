"""Nested containers as flat lists of leaves and a description of the nesting: what torch.utils._pytree holds.

Any class can be made a container with register_pytree_node; everything else is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class NodeDef(NamedTuple):
    """How a container is taken apart and put together."""

    flatten_fn: Callable
    unflatten_fn: Callable


class TreeSpec:
    """The nesting of a tree without its leaves."""

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves: int = sum(c.num_leaves for c in children_specs) if type is not None else 1
        self.num_children = len(children_specs)

    def is_leaf(self) -> bool:
        return self.type is None

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        return tree_unflatten(leaves, self)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, TreeSpec)
            and (self.type, self.context) == (other.type, other.context)
            and self.children_specs == other.children_specs
        )

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


class LeafSpec(TreeSpec):
    """The spec of a leaf."""

    def __init__(self) -> None:
        super().__init__(None, None, [])


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


def _dict_flatten(d: dict) -> tuple[list, list]:
    return list(d.values()), list(d.keys())


def _dict_unflatten(values: Iterable, keys: list) -> dict:
    return dict(zip(keys, values))


SUPPORTED_NODES: dict[Any, NodeDef] = {
    list: NodeDef(lambda x: (x, None), lambda v, c: list(v)),
    tuple: NodeDef(lambda x: (list(x), None), lambda v, c: tuple(v)),
    dict: NodeDef(_dict_flatten, _dict_unflatten),
    OrderedDict: NodeDef(_dict_flatten, lambda v, c: OrderedDict(zip(c, v))),
    defaultdict: NodeDef(
        lambda d: (list(d.values()), (d.default_factory, list(d.keys()))),
        lambda v, c: defaultdict(c[0], zip(c[1], v)),
    ),
    deque: NodeDef(lambda d: (list(d), d.maxlen), lambda v, c: deque(v, maxlen=c)),
    namedtuple: NodeDef(lambda x: (list(x), type(x)), lambda v, c: c(*v)),
}


def register_pytree_node(cls: type, flatten_fn: Callable, unflatten_fn: Callable, **_: Any) -> None:
    """Make a class a container of trees."""
    SUPPORTED_NODES[cls] = NodeDef(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _get_node_type(tree: Any) -> Any:
    return namedtuple if _is_namedtuple(tree) else type(tree)


def tree_flatten(tree: Any, is_leaf: Callable | None = None) -> tuple[list, TreeSpec]:
    """(leaves, spec)."""
    kind = _get_node_type(tree)
    if kind not in SUPPORTED_NODES or (is_leaf is not None and is_leaf(tree)):
        return [tree], LeafSpec()
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    leaves: list = []
    specs = []
    for child in children:
        below, spec = tree_flatten(child, is_leaf)
        leaves += below
        specs.append(spec)
    return leaves, TreeSpec(kind, context, specs)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a spec with these leaves."""
    leaves = list(leaves)
    if treespec.is_leaf():
        return leaves[0]
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: {len(leaves)} leaves given, the spec has {treespec.num_leaves}")
    children, at = [], 0
    for spec in treespec.children_specs:
        children.append(tree_unflatten(leaves[at : at + spec.num_leaves], spec))
        at += spec.num_leaves
    return SUPPORTED_NODES[treespec.type].unflatten_fn(children, treespec.context)


def tree_leaves(tree: Any, is_leaf: Callable | None = None) -> list:
    """The leaves alone."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable | None = None) -> TreeSpec:
    """The spec alone."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable, tree: Any, *rests: Any, is_leaf: Callable | None = None) -> Any:
    """The tree with func applied to every leaf (and to the leaves of `rests` beside it)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_leaves(r, is_leaf) for r in rests]
    return tree_unflatten([func(*xs) for xs in zip(leaves, *others)], spec)


def tree_map_(func: Callable, tree: Any, *rests: Any, is_leaf: Callable | None = None) -> Any:
    """Call func on every leaf; gives the tree."""
    for leaf in tree_leaves(tree, is_leaf):
        func(leaf)
    return tree


def tree_map_only(type_or_types: Any, func: Callable, tree: Any, is_leaf: Callable | None = None) -> Any:
    """The tree with func applied to the leaves of these types."""
    return tree_map(lambda x: func(x) if isinstance(x, type_or_types) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable, tree: Any, is_leaf: Callable | None = None) -> bool:
    """Whether pred holds for every leaf."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable, tree: Any, is_leaf: Callable | None = None) -> bool:
    """Whether pred holds for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
