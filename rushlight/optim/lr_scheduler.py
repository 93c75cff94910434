"""torch.optim.lr_scheduler: the public names of the learning-rate schedules, which live in schedules/.

Names imported "as" themselves are not public in PyTorch either, but schedules written by users import them.
"""

from .schedules import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from .schedules import _LRScheduler as _LRScheduler
from .schedules.base import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from .schedules.base import Optimizer as Optimizer
from .schedules.base import _enable_get_lr_call as _enable_get_lr_call
from .schedules.base import _initial_mode as _initial_mode
from .schedules.base import _warn_get_lr_called_within_step as _warn_get_lr_called_within_step

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
