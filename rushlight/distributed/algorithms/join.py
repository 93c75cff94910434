"""`Join`: ranks with different numbers of batches. One that has no more makes the collective calls of the others' steps
without having anything to contribute, until all are done."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from ... import functions as fn
from ...tensor import Tensor
from ..collective import all_reduce
from ..progress import Work

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a rank without batches does. Source: torch.distributed.algorithms.JoinHook."""

    def main_hook(self) -> None:
        """Make the collective calls of one step of the others."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called once all are done; is_last_joiner on those that were done last."""


class _JoinConfig(NamedTuple):
    """Whether a Join is under way, and whether this object is the one that tells the others of each step."""

    enable: bool = False
    throw_on_early_termination: bool = False
    is_first_joinable: bool = True


class Joinable(ABC):
    """Something that makes collective calls in each step and knows how to follow others.

    Source: torch.distributed.algorithms.Joinable.
    """

    @abstractmethod
    def __init__(self) -> None:
        super().__init__()
        self._join_config = _JoinConfig()

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """The hook for one Join."""

    @property
    @abstractmethod
    def join_device(self) -> Any:
        """Where the counts lie."""

    @property
    @abstractmethod
    def join_process_group(self) -> Any:
        """The ranks."""


class Join:
    """A context in which ranks may end after different numbers of steps.

    Args:
        joinables: what makes collective calls, for example DistributedDataParallel modules.
        enable: False: do nothing.
        throw_on_early_termination: raise RuntimeError on all ranks when the first has no more batches.
    Source: torch.distributed.algorithms.Join.
    """

    def __init__(
        self,
        joinables: Sequence[Joinable],
        enable: bool = True,
        throw_on_early_termination: bool = False,
        **kwargs: Any,
    ) -> None:
        if not joinables:
            raise ValueError("The join context manager requires at least one joinable")
        groups = {id(joinable.join_process_group): joinable.join_process_group for joinable in joinables}
        if len(groups) > 1:
            raise ValueError("Using join context manager with multiple process groups")
        self._joinables = list(joinables)
        self._hooks = [joinable.join_hook(**kwargs) for joinable in joinables]
        self._enable = enable
        self._throw = throw_on_early_termination
        (self._group,) = groups.values()

    def __enter__(self) -> Join:
        for i, joinable in enumerate(self._joinables):
            joinable._join_config = _JoinConfig(self._enable, self._throw, i == 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> None:
        for joinable in self._joinables:
            joinable._join_config = _JoinConfig()
        if not self._enable or kind is not None:
            return
        last = True
        steps = 0
        while self._still_active():
            if self._throw:
                _agree_to_stop(self._group, 1)
            last = False
            steps += 1
            if steps == 1000:
                warnings.warn(
                    "Detected uneven input skew of greater than 1000. This means that one rank has at least 1000 fewer "
                    "inputs than another.",
                    stacklevel=2,
                )
            for hook in self._hooks:
                hook.main_hook()
        for hook in self._hooks:
            hook.post_hook(last)

    def _still_active(self) -> int:
        """How many ranks begin another step."""
        count = fn.zeros(1)
        all_reduce(count, group=self._group)
        return int(count.item())

    @staticmethod
    def notify_join_context(joinable: Joinable) -> Work | None:
        """Tell ranks that have no more batches that another step begins; called by joinables before its first
        collective call."""
        if not hasattr(joinable, "_join_config"):
            raise AssertionError(
                f"Check that the {type(joinable)} constructor calls the ``Joinable`` constructor"
            )
        config = joinable._join_config
        if not config.is_first_joinable or not config.enable:
            return None
        work = all_reduce(fn.ones(1), group=joinable.join_process_group, async_op=True)
        if config.throw_on_early_termination:
            _agree_to_stop(joinable.join_process_group, 0)
        return work


def _agree_to_stop(group: Any, wish: int) -> None:
    stop: Tensor = fn.full((1,), float(wish))
    all_reduce(stop, group=group)
    if stop.item() > 0:
        raise RuntimeError("Detected at least one rank that exhausted inputs. Throwing across all ranks.")
