"""Optimizers and learning-rate schedules: `torch.optim`."""

from . import lr_scheduler, swa_utils
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD
