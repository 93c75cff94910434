"""`torch._dynamo.eval_frame`: the class of compiled modules."""

from ..nn.compiled import OptimizedModule as OptimizedModule
