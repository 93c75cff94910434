"""What a capture has to know of optimizers and schedules: their tensors, and which of their options the code reads itself.

What an algorithm's own step depends on, it says when it steps (optimizer.py, clock.py); schedules step anew at each
replay.
"""

from __future__ import annotations

from typing import Any

from ..compiler.places import Contents
from ..compiler.reach import Reach, kind_of_class, kinds
from ..compiler.running import USER
from ..tensor import Tensor
from .optimizer import Optimizer
from .schedules.base import LRScheduler


def _look_at_optimizer(reach: Reach, optimizer: Optimizer) -> None:
    for group in optimizer.param_groups:
        for p in group["params"]:
            reach.visit(p)
    for held in optimizer.state.values():
        for value in held.values() if isinstance(held, dict) else ():
            if isinstance(value, Tensor):
                reach.visit(value)
                reach.states.add(id(value))
    if "param_groups" in reach.names:
        reach.visit(optimizer.param_groups)
    if "state" in reach.names:
        reach.places.append(Contents(optimizer.state))
    _look_at_class(reach, optimizer)


def _look_at_schedule(reach: Reach, schedule: LRScheduler) -> None:
    reach.visit(schedule.optimizer)
    read = [name for name in schedule.__dict__ if name in reach.names and name != "optimizer"]
    if "get_last_lr" in reach.names and "_last_lr" in schedule.__dict__:
        read.append("_last_lr")
    reach.named(f"{type(schedule).__name__}.", schedule.__dict__, read)
    _look_at_class(reach, schedule)


def _look_at_class(reach: Reach, value: Any) -> None:
    """A subclass of the user's own runs code that is looked at like any other."""
    if kind_of_class(type(value)) is USER:
        followed = [name for name in value.__dict__ if name in reach.names]
        reach.named(f"{type(value).__name__}.", value.__dict__, followed)
        reach.visit(type(value))


kinds[Optimizer] = _look_at_optimizer
kinds[LRScheduler] = _look_at_schedule
