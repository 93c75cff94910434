"""Optimizers and learning-rate schedules: `torch.optim`."""

from ..executors.observing import witnesses
from . import lr_scheduler, swa_utils
from .accumulating import Adadelta, Adagrad, RMSprop
from .adam import Adam, AdamW
from .adam_kin import Adamax, NAdam, RAdam
from .averaging import ASGD, Rprop
from .lbfgs import LBFGS
from .matrices import Adafactor, Muon
from .optimizer import Optimizer
from .sgd import SGD
from .sparse_adam import SparseAdam

witnesses.append("rushlight.optim.watching")
