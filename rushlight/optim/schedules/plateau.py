"""ReduceLROnPlateau: the one schedule that looks at a measured value instead of the epoch alone."""

from __future__ import annotations

import math
import warnings
from typing import Any, SupportsFloat

from ...executors.observing import refuse
from ..optimizer import Optimizer
from .base import (
    EPOCH_DEPRECATION_WARNING,
    LRScheduler,
    epoch_text,
    group_values,
    is_verbose,
    require_optimizer,
    set_group_value,
)


class ReduceLROnPlateau(LRScheduler):
    """Lower the rates when a measured value has not become better for more than `patience` epochs.

    Two things PyTorch 2.13 does not have: `mode='auto'`, which works as 'min' (what is watched is a
        loss), and
    `verbose=True`, which prints a line for each group whose rate is lowered, and nothing else.

    Args:
        optimizer: the Optimizer whose rates are set.
        mode: 'min' if lower values are better, 'max' if higher ones are, 'auto' for 'min'.
        factor: new rate = rate · factor; below 1.
        patience: bad epochs that are put up with; the rate is lowered on the one after them.
        threshold: how much better a value must be to count.
        threshold_mode: 'rel': by that share of the best value; 'abs': by that much.
        cooldown: epochs after a reduction in which bad ones are not counted.
        min_lr: no rate goes below it; a number, or a list with one for each parameter group.
        eps: a change of a rate no larger than this is not made.
        verbose: print reductions.
    Raises:
        ValueError: `factor` of 1 or more; an unknown `mode` or `threshold_mode`; a `min_lr` list of the
            wrong length.
        TypeError: `optimizer` is not an Optimizer; `step()` without its value.
    Source: torch.optim.lr_scheduler.ReduceLROnPlateau
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
        >>> schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, verbose=True)
        >>> for loss in [1.0, 1.0, 1.0]:
        ...     optimizer.step()
        ...     schedule.step(loss)
        Epoch 00003: reducing learning rate of group 0 to 1.0000e-03.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
        verbose: bool = False,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0, but got {factor}.")
        require_optimizer(optimizer)
        self.factor = factor
        self.optimizer = optimizer
        self._set_lowest_rates(min_lr)
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = group_values(optimizer, "lr")
        if is_verbose(verbose):
            self._verbose = True
        self._set_comparison(mode, threshold, threshold_mode)
        self._reset()

    def _set_lowest_rates(self, min_lr: float | list[float]) -> None:
        count = len(self.optimizer.param_groups)
        if not isinstance(min_lr, (list, tuple)):
            self.default_min_lr: float | None = min_lr
            self.min_lrs = [min_lr] * count
            return
        if len(min_lr) != count:
            raise ValueError(f"expected {count} min_lrs, one for each parameter group, got {len(min_lr)}")
        self.default_min_lr = None
        self.min_lrs = list(min_lr)

    def _set_comparison(self, mode: str, threshold: float, threshold_mode: str) -> None:
        if mode not in ("min", "max", "auto"):
            raise ValueError(f"mode {mode} is unknown! It is 'min', 'max' or 'auto'.")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown! It is 'rel' or 'abs'.")
        # 'auto' is kept as the 'min' it means, so that PyTorch can load the state.
        self.mode = "max" if mode == "max" else "min"
        self.mode_worse = -math.inf if mode == "max" else math.inf
        self.threshold = threshold
        self.threshold_mode = threshold_mode

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note the value of an epoch, and lower the rates if it has been bad for too long.

        Args:
            metrics: the value that is watched: a number or a tensor of one element.
            epoch: the epoch's number, if it is not the next (deprecated).
        """
        refuse("ReduceLROnPlateau steps")
        value = float(metrics)
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self.last_epoch = epoch
        self._count(value)
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = group_values(self.optimizer, "lr")

    def _count(self, value: float) -> None:
        if self._is_better(value, self.best):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0

    def _reduce_lr(self, epoch: int) -> None:
        self._fit_lowest_rates()
        for index, (group, lowest) in enumerate(zip(self.optimizer.param_groups, self.min_lrs, strict=True)):
            old = float(group["lr"])
            new = max(old * self.factor, lowest)
            if old - new <= self.eps:
                continue
            set_group_value(group, "lr", new)
            if self._verbose:
                print(
                    f"Epoch {epoch_text(epoch)}: reducing learning rate of group {index} to {float(new):.4e}."
                )

    def _fit_lowest_rates(self) -> None:
        count = len(self.optimizer.param_groups)
        if len(self.min_lrs) == count:
            return
        if self.default_min_lr is None:
            raise RuntimeError(
                f"The number of param groups in the `optimizer` ({count}) differs from when "
                f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}): a group was added since. "
                "Give `min_lrs` one value for each."
            )
        self.min_lrs = [self.default_min_lr] * count

    @property
    def in_cooldown(self) -> bool:
        """True for `cooldown` epochs after a reduction."""
        return self.cooldown_counter > 0

    def _is_better(self, value: float, best: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        margin = (
            best * (1.0 + sign * self.threshold)
            if self.threshold_mode == "rel"
            else best + sign * self.threshold
        )
        return value > margin if self.mode == "max" else value < margin

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state that `state_dict()` returned."""
        super().load_state_dict(state_dict)
        self._set_comparison(self.mode, self.threshold, self.threshold_mode)
