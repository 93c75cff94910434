"""`Chi2`."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import constraints
from .gamma import Gamma
from .utils import broadcast_all


class Chi2(Gamma):
    """The sum of squares of `df` normal numbers. Source: torch.distributions.Chi2."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return Gamma.expand(self, batch_shape, self.__new__(type(self)) if _instance is None else _instance)

    @property
    def df(self) -> Tensor:
        return self.concentration * 2
