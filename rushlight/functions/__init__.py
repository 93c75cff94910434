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
    adaptive,
    arithmetic,
    attention,
    building,
    calculus,
    comparing,
    contracting,
    convolution,
    copies,
    counting,
    creation,
    distance,
    dropout,
    embedding,
    foreach,
    fourier,
    grid,
    indexing,
    info,
    joining,
    legacy,
    linalg,
    losses,
    losses_classes,
    losses_numbered,
    losses_ranking,
    losses_sequence,
    magnitude,
    masking,
    methods,
    norms,
    numeric,
    ordering,
    padding,
    pointwise,
    pooling,
    products,
    rearranging,
    recurrence,
    reduction,
    replacing,
    resampling,
    sampling,
    scattering,
    shaping,
    softmax,
    special,
    spectrogram,
    storages,
    transcendental,
    typed_storages,
    unpooling,
    windows,
)
from .register import FUNCTIONS

# Public names that are no functions of tensors: classes, switches, questions.
PUBLIC: dict[str, Any] = {
    **foreach.PUBLIC,
    **info.PUBLIC,
    **legacy.PUBLIC,
    **storages.PUBLIC,
    **typed_storages.PUBLIC,
}

globals().update(FUNCTIONS)
globals().update(PUBLIC)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
