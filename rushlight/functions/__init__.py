"""Everything in PyTorch's function and method namespace, made of primitives. Importing it attaches Tensor's methods.

`FUNCTIONS` (register.py) holds every public function by name; they are attributes of this package too.
"""

from typing import TYPE_CHECKING, Any

from ..autograd.modes import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from ..random.generator import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from . import (
    activation,
    arithmetic,
    building,
    calculus,
    contracting,
    copies,
    counting,
    creation,
    distance,
    dropout,
    embedding,
    indexing,
    joining,
    losses,
    losses_classes,
    losses_ranking,
    losses_sequence,
    magnitude,
    methods,
    norms,
    numeric,
    ordering,
    pointwise,
    products,
    reduction,
    sampling,
    scattering,
    shaping,
    softmax,
    transcendental,
)
from .register import FUNCTIONS

globals().update(FUNCTIONS)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
