"""`torch.func`: functions of functions: derivatives, and one example's function called on a batch.

`levels` (where a transform begins and what leaves it), `derivatives` (grad, vjp, jacrev, ...), `batching` (vmap),
`modules` (calling a module with other parameters). Transforms nest in any order.
"""

from .batching import vmap
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .modules import (
    debug_unwrap,
    functional_call,
    functionalize,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from .rearranging import rearrange

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "linearize", "rearrange", "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
