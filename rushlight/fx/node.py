"""`torch.fx.node`: not supported."""

from ..absent import absent_class, absent_function

_INSTEAD = "programs are not traced into torch.fx graphs; call the module itself, or use its forward hooks to look inside"

Node = absent_class("fx.node.Node", _INSTEAD)
map_arg = absent_function("fx.node.map_arg", _INSTEAD)
map_aggregate = absent_function("fx.node.map_aggregate", _INSTEAD)
