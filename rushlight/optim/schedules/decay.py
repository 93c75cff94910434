"""Schedules that follow a plain formula of the epoch: steps, constants, lines, powers.

Each rate is made from the one before it, not from the start, so that several schedules can act on one
optimizer; the closed form beside it gives the same numbers from the start, and serves `step(epoch)`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from ...tensor import Tensor
from ..optimizer import Optimizer
from .base import LRScheduler, _warn_get_lr_called_within_step


class StepLR(LRScheduler):
    """rate = initial rate · gamma ^ floor(epoch / step_size).

    Args:
        optimizer: the Optimizer whose rates are set.
        step_size: epochs between two changes.
        gamma: the factor of a change.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Source: torch.optim.lr_scheduler.StepLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, times gamma where a step is due."""
        _warn_get_lr_called_within_step(self)
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._present_rates()
        return self._scaled_rates(self.gamma)

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        steps = self.last_epoch // self.step_size
        return [base * self.gamma**steps for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """rate = initial rate · gamma ^ (number of milestones reached).

    Args:
        optimizer: the Optimizer whose rates are set.
        milestones: epochs at which the rate changes; one named twice counts twice.
        gamma: the factor of a change.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Source: torch.optim.lr_scheduler.MultiStepLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, times gamma at a milestone."""
        _warn_get_lr_called_within_step(self)
        if self.last_epoch not in self.milestones:
            return self._present_rates()
        return self._scaled_rates(self.gamma ** self.milestones[self.last_epoch])

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        reached = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**reached for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """rate = initial rate · factor for the first `total_iters` epochs, the initial rate afterwards.

    Args:
        optimizer: the Optimizer whose rates are set.
        factor: in [0, 1].
        total_iters: epochs before the rate goes back.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        ValueError: `factor` outside [0, 1].
    Source: torch.optim.lr_scheduler.ConstantLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=4)
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ValueError(
                f"Constant multiplicative factor expected to be between 0 and 1, but got {factor}."
            )
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, lowered at epoch 0 and raised again at `total_iters`."""
        _warn_get_lr_called_within_step(self)
        if self.last_epoch == 0:
            return self._scaled_rates(self.factor)
        if self.last_epoch != self.total_iters:
            return self._present_rates()
        return self._scaled_rates(1.0 / self.factor)

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        over = self.last_epoch >= self.total_iters
        return [base * (self.factor + over * (1 - self.factor)) for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate goes in a straight line from `start_factor` to `end_factor` of the initial rate, then stays.

    Args:
        optimizer: the Optimizer whose rates are set.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: epochs from start to end.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        ValueError: a factor outside its range.
    Source: torch.optim.lr_scheduler.LinearLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1, "
                f"but got {start_factor}."
            )
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError(
                f"Ending multiplicative factor expected to be between 0 and 1, but got {end_factor}."
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, one step further along the line."""
        _warn_get_lr_called_within_step(self)
        if self.last_epoch == 0:
            return self._scaled_rates(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._present_rates()
        # On the line the factor at epoch e is f(e) = (total · start + e · rise) / total, hence f(e) /
        # f(e - 1):
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return self._scaled_rates(1.0 + rise / before)

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        rise = self.end_factor - self.start_factor
        epoch = min(self.total_iters, self.last_epoch)
        return [base * (self.start_factor + rise * epoch / self.total_iters) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """rate = initial rate · gamma ^ epoch.

    Args:
        optimizer: the Optimizer whose rates are set.
        gamma: the factor of an epoch.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Source: torch.optim.lr_scheduler.ExponentialLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.125]
    """

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, verbose: bool = False
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates times gamma."""
        _warn_get_lr_called_within_step(self)
        if self._is_initial:
            return self._present_rates()
        return self._scaled_rates(self.gamma)

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """rate = initial rate · (1 - epoch / total_iters) ^ power, and 0 afterwards.

    Args:
        optimizer: the Optimizer whose rates are set.
        total_iters: epochs until the rate is 0.
        power: the exponent; 1 is a straight line.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Source: torch.optim.lr_scheduler.PolynomialLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2.0)
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()[0]
        0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, one step further along the curve."""
        _warn_get_lr_called_within_step(self)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._present_rates()
        left = 1.0 - self.last_epoch / self.total_iters
        left_before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return self._scaled_rates((left / left_before) ** self.power)

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
