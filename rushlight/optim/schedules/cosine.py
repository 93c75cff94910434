"""Schedules along a cosine.

CosineAnnealingLR goes down and, if it is stepped on, up again the same way. CosineAnnealingWarmRestarts goes
down and starts anew at the top.
"""

from __future__ import annotations

import math

from ...executors.observing import conclude, watched
from ...tensor import Tensor
from ..optimizer import Optimizer
from .base import LRScheduler, _enable_get_lr_call, _warn_get_lr_called_within_step


class CosineAnnealingLR(LRScheduler):
    """rate = eta_min + (initial rate - eta_min) · (1 + cos(π · epoch / T_max)) / 2.

    After `T_max` epochs the rate goes back up along the same curve.

    Args:
        optimizer: the Optimizer whose rates are set.
        T_max: epochs from the initial rate down to `eta_min`.
        eta_min: the lowest rate.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Source: torch.optim.lr_scheduler.CosineAnnealingLR; the curve after Loshchilov and Hutter 2017
        (SGDR), without restarts.
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step()
        >>> schedule.step()
        >>> round(schedule.get_last_lr()[0], 12)
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The present rates, one step further along the curve."""
        _warn_get_lr_called_within_step(self)
        if self._is_initial:
            return self._present_rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return [
                _on_cosine(base, self.eta_min, self.last_epoch * math.pi / self.T_max)
                for base in self.base_lrs
            ]
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            return self._rates_after_the_bottom()
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [
            now / before * (group["lr"] - self.eta_min) + self.eta_min
            for group in self.optimizer.param_groups
        ]

    def _rates_after_the_bottom(self) -> list[float | Tensor]:
        # At the bottom the height above eta_min is 0, and a ratio of heights would divide by it: add instead.
        share = 1 - math.cos(math.pi / self.T_max)
        pairs = zip(self.base_lrs, self.optimizer.param_groups, strict=True)
        return [group["lr"] + (base - self.eta_min) * share / 2 for base, group in pairs]

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        angle = math.pi * self.last_epoch / self.T_max
        return [_on_cosine(base, self.eta_min, angle) for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """A cosine from the initial rate down to `eta_min`, which starts again at the top after each cycle.

    rate = eta_min + (initial rate - eta_min) · (1 + cos(π · T_cur / T_i)) / 2, where T_cur counts the
    epochs of the present cycle and T_i is its length: `T_0` at first, `T_mult` times the last one afterwards.

    Args:
        optimizer: the Optimizer whose rates are set.
        T_0: epochs of the first cycle, an int above 0.
        T_mult: an int, at least 1.
        eta_min: the lowest rate.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        ValueError: `T_0`, `T_mult` or `eta_min` of another kind; a negative epoch in `step`.
    Source: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov and Hutter 2017 (SGDR).
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(round(schedule.get_last_lr()[0], 12))
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The rates at `T_cur` epochs into a cycle of `T_i`."""
        _warn_get_lr_called_within_step(self)
        angle = math.pi * self.T_cur / self.T_i
        return [_on_cosine(base, self.eta_min, angle) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to `epoch`, which may be a fraction: epoch + batch / batches.

        Raises:
            ValueError: a negative epoch.
        """
        if watched.capture is not None and not watched.capture.paused:
            conclude(lambda: CosineAnnealingWarmRestarts.step(self, epoch))
            return
        given = epoch
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self._advance()
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with _enable_get_lr_call(self):
            rates = self.get_lr()
        self._write(rates, given)

    def _advance(self) -> None:
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i = self.T_0
            self.T_cur = epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            # The first n cycles last T_0 · (T_mult^n - 1) / (T_mult - 1) epochs together; n from there.
            cycles = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**cycles - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**cycles


def _on_cosine(top: float | Tensor, bottom: float, angle: float) -> float | Tensor:
    return bottom + (top - bottom) * (1 + math.cos(angle)) / 2
