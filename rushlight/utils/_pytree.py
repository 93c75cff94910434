"""`torch.utils._pytree`: nested containers, handed on from trees.py."""

from ..trees import (
    SUPPORTED_NODES,
    LeafSpec,
    NodeDef,
    TreeSpec,
    _dict_flatten,
    _dict_unflatten,
    _get_node_type,
    _register_pytree_node,
    register_pytree_node,
    tree_all,
    tree_any,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_map_,
    tree_map_only,
    tree_structure,
    tree_unflatten,
)

PyTree = object
