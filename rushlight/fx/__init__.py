"""`torch.fx`: names that can be imported; tracing is not supported, and says what to use."""

from ..absent import absent_class
from ._symbolic_trace import Tracer, is_fx_tracing, symbolic_trace, wrap
from .graph import CodeGen, Graph
from .graph_module import GraphModule
from .node import Node, map_arg
from .proxy import Proxy

Interpreter = absent_class("fx.Interpreter", "call the module itself")
Transformer = absent_class("fx.Transformer", "change the module itself")
