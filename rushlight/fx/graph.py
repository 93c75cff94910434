"""`torch.fx.graph`: not supported."""

from ..absent import absent_class

_INSTEAD = "programs are not traced into torch.fx graphs; call the module itself, or use its forward hooks to look inside"

Graph = absent_class("fx.graph.Graph", _INSTEAD)
CodeGen = absent_class("fx.graph.CodeGen", _INSTEAD)
