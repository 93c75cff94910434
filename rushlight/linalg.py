"""`torch.linalg`: factorizations, systems, eigenvalues, norms. They are computed in functions/linalg_*.py."""

from .functions.linalg import *
from .functions.linalg import __all__
