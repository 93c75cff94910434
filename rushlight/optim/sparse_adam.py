"""SparseAdam: for sparse gradients, which rushlight does not have."""

from typing import Any

from ..errors import UnsupportedError
from .optimizer import Optimizer


class SparseAdam(Optimizer):
    """Raises: UnsupportedError. Gradients are dense here: use Adam. Source: torch.optim.SparseAdam."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ):
        raise UnsupportedError(
            "SparseAdam takes sparse gradients, which rushlight does not have: use torch.optim.Adam"
        )
