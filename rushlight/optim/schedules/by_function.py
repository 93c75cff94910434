"""Schedules whose factor is a function the user gives.

LambdaLR multiplies the initial rate by it, MultiplicativeLR the last one.

A function object's own attributes are part of the schedule's state; a plain function or lambda has none that
could be saved, and its place in the state is None.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from ...tensor import Tensor
from ..optimizer import Optimizer
from .base import LRScheduler, _warn_get_lr_called_within_step

Factor = Callable[[int], float]


class _ByFunction(LRScheduler):
    """What the two share: the functions, one for each parameter group, and their state."""

    lr_lambdas: list[Factor]

    def state_dict(self) -> dict[str, Any]:
        """The schedule's state; of the functions only what callable objects hold in their attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [_attributes(function) for function in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state that `state_dict()` returned; `state_dict` is left as it is."""
        rest = {key: value for key, value in state_dict.items() if key != "lr_lambdas"}
        super().load_state_dict(rest)
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_ByFunction):
    """rate = initial rate · lr_lambda(epoch).

    Args:
        optimizer: the Optimizer whose rates are set.
        lr_lambda: a function of the epoch (an int, from 0), or a list of them, one for each parameter group.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        ValueError: a list of another length than there are groups.
    Source: torch.optim.lr_scheduler.LambdaLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.optimizer = optimizer
        self.lr_lambdas = _functions(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The initial rates times the functions' values at `last_epoch`."""
        _warn_get_lr_called_within_step(self)
        pairs = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [base * function(self.last_epoch) for function, base in pairs]


class MultiplicativeLR(_ByFunction):
    """rate = last rate · lr_lambda(epoch), from epoch 1 on.

    Args:
        optimizer: the Optimizer whose rates are set.
        lr_lambda: a function of the epoch (an int, from 1), or a list of them, one for each parameter group.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        ValueError: a list of another length than there are groups.
        TypeError: something that cannot be called.
    Source: torch.optim.lr_scheduler.MultiplicativeLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.125]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.optimizer = optimizer
        self.lr_lambdas = _functions(optimizer, lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates times the functions' values at `last_epoch`."""
        _warn_get_lr_called_within_step(self)
        if self._is_initial:
            return self._present_rates()
        pairs = zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        return [group["lr"] * function(self.last_epoch) for function, group in pairs]


def _functions(optimizer: Optimizer, given: Factor | Sequence[Factor]) -> list[Factor]:
    count = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        return [given] * count  # type: ignore[list-item]
    if len(given) != count:
        raise ValueError(f"Expected {count} lr_lambdas, one for each parameter group, but got {len(given)}")
    return list(given)


def _attributes(function: Factor) -> dict[str, Any] | None:
    if isinstance(function, types.FunctionType):
        return None
    return dict(getattr(function, "__dict__", {}))
