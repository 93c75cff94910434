"""`torch.fx.proxy`: not supported."""

from ..absent import absent_class

_INSTEAD = "programs are not traced into torch.fx graphs; call the module itself, or use its forward hooks to look inside"

Proxy = absent_class("fx.proxy.Proxy", _INSTEAD)
GraphAppendingTracer = absent_class("fx.proxy.GraphAppendingTracer", _INSTEAD)
TracerBase = absent_class("fx.proxy.TracerBase", _INSTEAD)
TraceError = absent_class("fx.proxy.TraceError", _INSTEAD)
