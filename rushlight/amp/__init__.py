"""Mixed precision: `torch.amp`. Computation stays in the tensors' own precision here, which is never less exact.

`autocast` is accepted, nests and answers `is_autocast_enabled`, and changes no dtype (docs/differences.md). `GradScaler`
works as PyTorch's: on the CPU a scale guards float16 gradients; without a GPU, one made for "cuda" is disabled.
"""

from . import autocast_mode, grad_scaler
from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler
