"""Schedules made of schedules: SequentialLR (one after the other) and ChainedScheduler (all at once)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ...executors.observing import conclude, watched
from ..optimizer import Optimizer
from .base import LRScheduler, group_values, set_group_value
from .plateau import ReduceLROnPlateau


class _OfSchedules(LRScheduler):
    """What the two share: their parts' state inside their own."""

    _schedulers: Sequence[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """The schedule's state, with that of its parts under `_schedulers`."""
        state = super().state_dict()
        state["_schedulers"] = [part.state_dict() for part in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state that `state_dict()` returned, parts included; `state_dict` is left as it is."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for part, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            part.load_state_dict(state)


class SequentialLR(_OfSchedules):
    """Schedules one after the other, the next from each milestone on.

    Args:
        optimizer: the Optimizer whose rates are set, the same as in all the schedules.
        schedulers: the schedules, in order.
        milestones: the epochs at which the second, third, ... schedule takes over; one fewer than schedules.
        last_epoch: index of the last epoch; -1 starts afresh.
        verbose: accepted as PyTorch did, and without effect: give it to the schedules to see their rates.
    Raises:
        ValueError: no schedules; a wrong number of milestones; schedules of different optimizers;
            ReduceLROnPlateau.
        TypeError: a schedule without optimizer.
    Source: torch.optim.lr_scheduler.SequentialLR
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> warm = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> fall = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.25)
        >>> schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, fall], milestones=[2])
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(schedule.get_last_lr()[0])
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [0.5, 0.5, 1.0, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
        verbose: bool = False,
    ) -> None:
        _check_parts(type(self).__name__, optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number "
                f"of milestone points, but got {len(schedulers)} schedulers and {len(milestones)} milestones"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Every part has already made its first step on the one optimizer: undo them all, then let the
        # right one start.
        for group in optimizer.param_groups:
            set_group_value(group, "lr", group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: LRScheduler | None = None) -> None:
        """Take back one epoch in `sched`, or in all of the schedule's own parts."""
        schedule = self if sched is None else sched
        if hasattr(schedule, "_schedulers"):
            for part in schedule._schedulers:
                self.recursive_undo(part)
        elif hasattr(schedule, "last_epoch"):
            schedule.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch: step the schedule whose turn it is."""
        if watched.capture is not None and not watched.capture.paused:
            conclude(lambda: SequentialLR.step(self))
            return
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            schedule._update_lr(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


class ChainedScheduler(_OfSchedules):
    """Several schedules at once: each step steps them all, so that their factors multiply.

    Args:
        schedulers: the schedules, in the order in which they act.
        optimizer: the Optimizer whose rates are set; that of the first schedule if None.
    Raises:
        ValueError: no schedules; schedules of different optimizers; ReduceLROnPlateau.
        TypeError: a schedule without optimizer.
    Source: torch.optim.lr_scheduler.ChainedScheduler
    Example:
        >>> import rushlight as torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> constant = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> fall = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> schedule = torch.optim.lr_scheduler.ChainedScheduler([constant, fall])
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        _check_parts(type(self).__name__, optimizer, schedulers)
        self._schedulers = schedulers
        self.optimizer = schedulers[0].optimizer
        self._last_lr = group_values(self.optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Step all the schedules, in their order."""
        if watched.capture is not None and not watched.capture.paused:
            conclude(lambda: ChainedScheduler.step(self))
            return
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = group_values(self.optimizer, "lr")


def _check_parts(name: str, optimizer: Optimizer | None, parts: Sequence[LRScheduler]) -> None:
    """Raise unless all parts go together with `optimizer`, or with the first one's if that is None."""
    if len(parts) < 1:
        raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
    optimizer = getattr(parts[0], "optimizer", None) if optimizer is None else optimizer
    for index, part in enumerate(parts):
        if not hasattr(part, "optimizer"):
            raise TypeError(
                f"{name} at index {index} should have `optimizer` as its attribute; "
                f"{type(part).__name__} does not."
            )
        if isinstance(part, ReduceLROnPlateau):
            raise ValueError(
                f"{name} does not support `ReduceLROnPlateau`, whose step needs a value that others do not; "
                f"there is one at index {index}. Step it by itself."
            )
        if part.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but "
                f"{type(part).__name__} at index {index} has another {type(part.optimizer).__name__}."
            )
