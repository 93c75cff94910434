"""`torch.fx.graph_module`: not supported."""

from ..absent import absent_class

_INSTEAD = "programs are not traced into torch.fx graphs; call the module itself, or use its forward hooks to look inside"

GraphModule = absent_class("fx.graph_module.GraphModule", _INSTEAD)
