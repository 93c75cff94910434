"""Everything in PyTorch's function and method namespace, made of primitives. Importing it attaches Tensor's methods.

`FUNCTIONS` (register.py) holds every public function by name; they are attributes of this package too.
"""

from ..autograd.modes import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from . import activation, arithmetic, creation, indexing, methods, numeric, ordering, pointwise, products, reduction, sampling, shaping, softmax
from .register import FUNCTIONS
from ..random.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

globals().update(FUNCTIONS)
