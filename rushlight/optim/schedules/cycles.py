"""Schedules for every batch, up and down between two rates, with the momentum going the other way.

CyclicLR repeats its cycle for ever, OneCycleLR has a single one and an end. Both write the momentum too:
`momentum` in the groups of optimizers that have it, the first of `betas` in those of the Adam family.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from ...tensor import Tensor
from ..optimizer import Optimizer
from .base import (
    LRScheduler,
    _warn_get_lr_called_within_step,
    one_per_group,
    require_optimizer,
    set_group_value,
)


class CyclicLR(LRScheduler):
    """The rate goes in straight lines from `base_lr` up to `max_lr` and back, again and again.

    rate = base_lr + (max_lr - base_lr) · x · scale, with x from 0 at a cycle's foot to 1 at its top.
    Step it every batch.

    Args:
        optimizer: the Optimizer whose rates are set.
        base_lr: the lowest rate; a number, or a list with one for each parameter group.
        max_lr: the highest rate, likewise.
        step_size_up: batches of the way up.
        step_size_down: batches of the way down; as many as up if None.
        mode: the scale. 'triangular': 1; 'triangular2': half of the last cycle's; 'exp_range': gamma ^ batch.
        gamma: for 'exp_range'.
        scale_fn: a function that gives the scale; `mode` is then not looked at.
        scale_mode: what `scale_fn` is given: 'cycle' (from 1) or 'iterations' (batches, from 0).
        cycle_momentum: set the momentum too, from `max_momentum` at the foot to `base_momentum` at the top.
        base_momentum: lowest momentum; a number or a list.
        max_momentum: highest momentum; a number or a list.
        last_epoch: index of the last batch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        TypeError: `optimizer` is not an Optimizer.
        ValueError: a list of the wrong length; an unknown `mode` without `scale_fn`; an optimizer
            without momentum.
    Source: torch.optim.lr_scheduler.CyclicLR; after Smith 2017 (cyclical rates).
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
        >>> schedule = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=4)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = one_per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_group_value(group, "lr", rate)
        self.max_lrs = one_per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in _SCALE_MODES and scale_fn is None:
            raise ValueError(
                f"mode {mode!r} is invalid and scale_fn is None; modes are {', '.join(_SCALE_MODES)}"
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALE_MODES[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _has_beta1(optimizer)
            self.base_momentums = one_per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = one_per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                _start_momentums(optimizer, self.use_beta1, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch, verbose)
        # The base class took them from the groups' initial_lr, which an earlier schedule may have set.
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The scale of the cycle `x` (or batch, by `scale_mode`)."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        if self.mode == "triangular2":
            return 1 / 2.0 ** (x - 1)
        return self.gamma**x

    def get_lr(self) -> list[float | Tensor]:
        """The rates of the batch `last_epoch`; sets the momentum on the way."""
        _warn_get_lr_called_within_step(self)
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        height = self._height(1.0 + self.last_epoch / self.total_size - cycle)
        position = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.cycle_momentum:
            self._set_momentums(height, position)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [base + (top - base) * height * self.scale_fn(position) for base, top in pairs]

    def _height(self, x: float) -> float:
        if x <= self.step_ratio:
            return x / self.step_ratio
        return (x - 1) / (self.step_ratio - 1)

    def _set_momentums(self, height: float, position: float) -> None:
        rows = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
        for group, base, top in rows:
            _set_momentum(group, self.use_beta1, top - (top - base) * height * self.scale_fn(position))

    def state_dict(self) -> dict[str, Any]:
        """The schedule's state; of `scale_fn` only what a callable object holds in its attributes."""
        state = super().state_dict()
        function = state["_scale_fn_custom"]
        plain = function is None or isinstance(function, types.FunctionType)
        state["_scale_fn_custom"] = None if plain else function.__dict__.copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state that `state_dict()` returned; `state_dict` is left as it is."""
        rest = {key: value for key, value in state_dict.items() if key != "_scale_fn_custom"}
        super().load_state_dict(rest)
        attributes = state_dict["_scale_fn_custom"]
        if attributes is not None:
            self._scale_fn_custom.__dict__.update(attributes)


# Which position each built-in scale is a function of.
_SCALE_MODES = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}


class OneCycleLR(LRScheduler):
    """One way up to `max_lr` and one down to almost nothing. Step it every batch, `total_steps` times in all.

    The rate starts at max_lr / div_factor, is max_lr after `pct_start` of the steps, and ends at its
    start divided by `final_div_factor`. With `three_phase` it first comes back to its start, then goes down.

    Args:
        optimizer: the Optimizer whose rates are set.
        max_lr: the highest rate; a number, or a list with one for each parameter group.
        total_steps: batches of the whole training; or give `epochs` and `steps_per_epoch`.
        epochs: epochs of the training.
        steps_per_epoch: batches of an epoch.
        pct_start: share of the steps that go up, in [0, 1].
        anneal_strategy: 'cos' or 'linear'.
        cycle_momentum: set the momentum too, lowest where the rate is highest.
        base_momentum: lowest momentum; a number or a list.
        max_momentum: highest momentum; a number or a list.
        div_factor: max_lr / first rate.
        final_div_factor: first rate / last rate.
        three_phase: up, down to the start, and down from there.
        last_epoch: index of the last batch; -1 starts afresh.
        verbose: print each rate as it is set.
    Raises:
        TypeError: `optimizer` is not an Optimizer.
        ValueError: a number of steps that is missing or not a positive int; `pct_start` that is no float
            in [0, 1]; another `anneal_strategy`; an optimizer without momentum; a step past the last.
    Source: torch.optim.lr_scheduler.OneCycleLR; Smith and Topin 2019, Super-convergence.
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
        >>> schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=20)
        >>> for _ in range(5):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or pct_start < 0 or pct_start > 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        highest = one_per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, highest, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _has_beta1(optimizer)
            tops = one_per_group("max_momentum", optimizer, max_momentum)
            bases = one_per_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                _start_momentums(optimizer, self.use_beta1, bases, tops)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float | Tensor]:
        """The rates of the batch `last_epoch`; sets the momentum on the way.

        Raises:
            ValueError: past `total_steps`.
        """
        _warn_get_lr_called_within_step(self)
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        phase, share = self._position(self.last_epoch)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                _set_momentum(group, self.use_beta1, momentum)
        return rates

    def _position(self, step: int) -> tuple[dict[str, Any], float]:
        """The phase that `step` falls into, and the share of it that has passed."""
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        return phase, (step - start) / (phase["end_step"] - start)

    def _between(self, start: float | Tensor, end: float | Tensor, share: float) -> float | Tensor:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return _positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """What happens until which step; rates and momenta by their names in a parameter group."""
    top = float(pct_start * total_steps) - 1
    up = _phase(top, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three_phase:
        return [up, _phase(total_steps - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    foot = float(2 * pct_start * total_steps) - 2
    down = _phase(foot, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    return [up, down, _phase(total_steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum"))]


def _phase(end_step: float, rates: tuple[str, str], momentums: tuple[str, str]) -> dict[str, Any]:
    return {
        "end_step": end_step,
        "start_lr": rates[0],
        "end_lr": rates[1],
        "start_momentum": momentums[0],
        "end_momentum": momentums[1],
    }


def _has_beta1(optimizer: Optimizer) -> bool:
    """True for an optimizer with betas, False for one with momentum.

    Raises:
        ValueError: it has neither.
    """
    if "betas" in optimizer.defaults:
        return True
    if "momentum" in optimizer.defaults:
        return False
    raise ValueError(
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled, "
        f"but {type(optimizer).__name__} has neither; pass cycle_momentum=False"
    )


def _start_momentums(optimizer: Optimizer, use_beta1: bool, bases: list[float], tops: list[float]) -> None:
    for group, base, top in zip(optimizer.param_groups, bases, tops, strict=True):
        _set_momentum(group, use_beta1, top)
        group["max_momentum"] = top
        group["base_momentum"] = base


def _set_momentum(group: dict[str, Any], use_beta1: bool, momentum: float | Tensor) -> None:
    if use_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
