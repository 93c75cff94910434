"""What every learning-rate schedule shares: where rates are read and written, and what is warned about.

A schedule writes `group["lr"]` of its optimizer's parameter groups, and remembers the rates it started
from in `group["initial_lr"]`. The formulas live in the files beside this one; schedules made of other
schedules in joined.py. A rate may be a Python number or a tensor: a tensor in a group keeps its identity
and is filled with the new value, so that whoever holds it sees the change.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...executors.observing import conclude, refuse, watched
from ...tensor import Tensor
from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Call `scheduler.step()` once an epoch instead: an epoch given by hand sets the rate by its closed form, "
    "where the schedule has one, and forgets what other schedules did to it."
)

_STEP_REPLACED_WARNING = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization, so "
    "nobody can tell whether it was called. Replace `step` before the scheduler is made, and call "
    "`optimizer.step()` before `lr_scheduler.step()`."
)

_STEP_ORDER_WARNING = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them the other way round, the "
    "optimizer first: in this order the first rate of the schedule is never used."
)


def require_optimizer(optimizer: object) -> None:
    """Raise TypeError unless `optimizer` is an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def group_values(optimizer: Optimizer, key: str) -> list[Any]:
    """`group[key]` of every parameter group; tensors are copied, so the caller may keep or change them."""
    return [_copied(group[key]) for group in optimizer.param_groups]


def set_group_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Make `group[key]` equal to `value`; a tensor that stands there is filled, not replaced."""
    refuse("a schedule sets an optimizer's options")
    present = group[key]
    if not isinstance(present, Tensor):
        group[key] = value
        return
    if isinstance(value, Tensor) and value.dim() != 0:
        value = value.squeeze()
    present.fill_(value)


def one_per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """`value` once for each parameter group; a list or tuple must already have one entry a group."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [_copied(value) for _ in range(count)]
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups: "
            f"it has {len(value)} values, the optimizer has {count} groups"
        )
    return [_copied(item) for item in value]


def is_verbose(flag: object) -> bool:
    """True where `verbose` asks for output; PyTorch's own former default, 'deprecated', does not."""
    return bool(flag) and flag != "deprecated"


def epoch_text(epoch: int | float) -> str:
    """An epoch as schedules print it: five digits, or two decimals where it is a fraction."""
    return f"{epoch:.2f}" if isinstance(epoch, float) else f"{epoch:05d}"


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


class LRScheduler:
    """Base of all learning-rate schedules.

    A subclass defines `get_lr()`, which returns one rate for each parameter group, computed from
    `last_epoch`, `base_lrs` and the groups' present rates. It may define `_get_closed_form_lr()`, which
    does the same from `last_epoch` and `base_lrs` alone; `step(epoch)` uses it.

    Args:
        optimizer: the Optimizer whose rates are set.
        last_epoch: index of the last epoch seen. -1 starts afresh; any other value needs `initial_lr` in
            every group.
        verbose: print each rate as it is set. PyTorch had this until 2.6.
    Raises:
        TypeError: `optimizer` is not an Optimizer.
        KeyError: `last_epoch` is given, but a group has no `initial_lr`.
    Source: torch.optim.lr_scheduler.LRScheduler
    Example:
        >>> import rushlight as torch
        >>> class Halving(torch.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [rate * 0.5**self.last_epoch for rate in self.base_lrs]
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = Halving(optimizer)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False
    _verbose: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: bool = False) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        if is_verbose(verbose):
            self._verbose = True
        if last_epoch == -1:
            _note_initial_rates(optimizer)
        else:
            _require_initial_rates(optimizer, last_epoch)
        self.base_lrs: list[float | Tensor] = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_calls_of_step(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with _initial_mode(self):
            self.step()

    def state_dict(self) -> dict[str, Any]:
        """All of the schedule's state but its optimizer, as a dict of plain values.

        Source: torch.optim.lr_scheduler.LRScheduler.state_dict; the keys are the same.
        """
        return {key: value for key, value in self.__dict__.items() if key not in ("optimizer", "_verbose")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state that `state_dict()` returned; the optimizer's is loaded separately."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates set by the last step, one for each parameter group; tensors are copies."""
        return self._last_lr

    def get_lr(self) -> list[float | Tensor]:
        """The rates for `last_epoch`, one for each parameter group. To read the present ones use
        `get_last_lr()`.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not define get_lr(), which returns one rate a group"
        )

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch and set the rates. Call it after `optimizer.step()`.

        Args:
            epoch: go to this epoch instead (deprecated).
        """
        if watched.capture is not None and not watched.capture.paused:
            conclude(lambda: LRScheduler.step(self, epoch))
            return
        if self._step_count == 1:
            self._warn_of_wrong_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _warn_of_wrong_order(self) -> None:
        # The first call came from __init__; this is the user's own first, and the optimizer should have
        # moved.
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(_STEP_REPLACED_WARNING, UserWarning, stacklevel=3)
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(_STEP_ORDER_WARNING, UserWarning, stacklevel=3)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        with _enable_get_lr_call(self):
            if epoch is not None and hasattr(self, "_get_closed_form_lr"):
                rates = self._get_closed_form_lr()
            else:
                rates = self.get_lr()
        self._write(rates, epoch)

    def _write(self, rates: list[float | Tensor], epoch: int | float | None = None) -> None:
        for index, (group, rate) in enumerate(zip(self.optimizer.param_groups, rates, strict=True)):
            set_group_value(group, "lr", rate)
            if self._verbose:
                start = "Adjusting" if epoch is None else f"Epoch {epoch_text(epoch)}: adjusting"
                print(f"{start} learning rate of group {index} to {float(rate):.4e}.")
        self._last_lr: list[float | Tensor] = group_values(self.optimizer, "lr")

    def _present_rates(self) -> list[float | Tensor]:
        return group_values(self.optimizer, "lr")

    def _scaled_rates(self, factor: float) -> list[float | Tensor]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]


class _LRScheduler(LRScheduler):
    """The name `LRScheduler` had before PyTorch 2.0; still a class of its own, as there."""


@contextmanager
def _enable_get_lr_call(schedule: LRScheduler) -> Iterator[LRScheduler]:
    """Within it, `get_lr()` does not warn."""
    schedule._get_lr_called_within_step = True
    try:
        yield schedule
    finally:
        schedule._get_lr_called_within_step = False


@contextmanager
def _initial_mode(schedule: LRScheduler) -> Iterator[None]:
    """Within it, a step is the one that `__init__` makes."""
    schedule._is_initial = True
    try:
        yield
    finally:
        schedule._is_initial = False


def _warn_get_lr_called_within_step(schedule: LRScheduler) -> None:
    """Warn if `get_lr()` was called by the user, who gets the next rate by it, not the last."""
    if not schedule._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=3,
        )


def _note_initial_rates(optimizer: Optimizer) -> None:
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", _copied(group["lr"]))


def _require_initial_rates(optimizer: Optimizer, last_epoch: int) -> None:
    for index, group in enumerate(optimizer.param_groups):
        if "initial_lr" not in group:
            raise KeyError(
                f"param 'initial_lr' is not specified in param_groups[{index}], which a scheduler made with "
                f"last_epoch={last_epoch} needs. Load the optimizer's state first, or leave last_epoch at -1 "
                "for a fresh run."
            )


def _note_calls_of_step(optimizer: Optimizer) -> None:
    """Make `optimizer.step` set `optimizer._opt_called`, once however many schedules there are."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    # A weak reference: the wrapper is stored in the optimizer, and must not keep it alive through itself.
    owner = weakref.ref(optimizer)
    unbound: Callable[..., Any] | None = getattr(step, "__func__", None)

    @functools.wraps(unbound or step)
    def noted(*args: Any, **kwargs: Any) -> Any:
        optimizer = owner()
        if optimizer is None:
            raise ReferenceError("step: the optimizer this method belonged to no longer exists")
        optimizer._opt_called = True  # type: ignore[attr-defined]
        if unbound is None:
            return step(*args, **kwargs)
        return unbound(optimizer, *args, **kwargs)

    noted._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noted  # type: ignore[method-assign]
