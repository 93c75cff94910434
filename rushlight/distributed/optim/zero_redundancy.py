"""ZeroRedundancyOptimizer: every rank keeps the optimizer's state of its own share of the parameters alone.

Gradients have been averaged before (by DistributedDataParallel). Each rank steps its share and hands the new values to the
others. Shares are dealt by size, the largest parameters first, alike on all ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...autograd.modes import enable_grad, no_grad
from ...optim.optimizer import Optimizer
from ..collective import broadcast_coalesced
from ..group import default_group, get_world_size
from ..objects import gather_object

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """Another optimizer, its state spread over the ranks of a group.

    Args:
        params: all parameters, or groups of them, alike on all ranks.
        optimizer_class: the optimizer that makes the steps.
        process_group: the ranks; None: the default group.
        parameters_as_bucket_view, overlap_with_ddp: accepted; overlapping has to be False.
        defaults: options for optimizer_class.
    Source: torch.distributed.optim.ZeroRedundancyOptimizer.
    """

    def __init__(
        self,
        params: Iterable,
        optimizer_class: type[Optimizer],
        process_group: Any = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        if overlap_with_ddp:
            raise ValueError("ZeroRedundancyOptimizer: overlap_with_ddp=True is not supported; leave it away")
        super().__init__(params, dict(defaults))
        self.process_group = default_group() if process_group is None else process_group
        self._class = optimizer_class
        self._options = defaults
        self._everyone: list[dict] = []
        self._deal()

    def _deal(self) -> None:
        """Give each parameter an owner, and make the optimizer of this rank's share."""
        size = self.process_group.size()
        load = [0] * size
        self._owner: dict[int, int] = {}
        parameters = [p for group in self.param_groups for p in group["params"]]
        for parameter in sorted(parameters, key=lambda p: -p.numel()):
            place = load.index(min(load))
            load[place] += parameter.numel()
            self._owner[id(parameter)] = place
        mine = self.process_group.rank()
        groups = []
        for group in self.param_groups:
            share = [p for p in group["params"] if self._owner[id(p)] == mine]
            groups.append({**{k: v for k, v in group.items() if k != "params"}, "params": share})
        self.optim = self._class(groups, **self._options)
        for ours, theirs in zip(self.param_groups, self.optim.param_groups):
            for name, value in theirs.items():
                if name != "params":
                    ours.setdefault(name, value)

    def add_param_group(self, param_group: dict) -> None:
        """Add a group; its parameters are dealt anew with all others, whose state begins anew."""
        super().add_param_group(param_group)
        if hasattr(self, "optim"):
            self._deal()

    def step(self, closure: Callable | None = None, **kwargs: Any) -> Any:
        """One step of this rank's share, and the new values of all parameters."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._pass_on_options()
        self.optim.step(**kwargs)
        with no_grad():
            for place in range(self.process_group.size()):
                owned = [
                    p for group in self.param_groups for p in group["params"] if self._owner[id(p)] == place
                ]
                broadcast_coalesced(self.process_group, owned, place)
        return loss

    def _pass_on_options(self) -> None:
        """Learning rates and the like, which schedulers change here."""
        for ours, theirs in zip(self.param_groups, self.optim.param_groups):
            theirs.update({name: value for name, value in ours.items() if name != "params"})

    # ------------------------------------------------------------ state

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Bring all ranks' state to rank `to`, whose state_dict() then has all of it; every rank calls this."""
        here = self.process_group.ranks[self.process_group.rank()] == to
        gathered: list = [None] * get_world_size(self.process_group) if here else []
        gather_object(self._own_state(), gathered if here else None, to, self.process_group)
        self._everyone = gathered

    def _numbers(self) -> dict[int, int]:
        parameters = [p for group in self.param_groups for p in group["params"]]
        return {id(p): i for i, p in enumerate(parameters)}

    def _own_state(self) -> dict[int, Any]:
        numbers = self._numbers()
        return {numbers[id(p)]: value for p, value in self.optim.state.items()}

    def state_dict(self) -> dict[str, Any]:
        """The whole state, as optimizer_class would have it.

        Raises: RuntimeError on ranks that consolidate_state_dict was not called for.
        """
        if self.process_group.size() > 1 and not self._everyone:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call `consolidate_state_dict(to=rank)` on "
                "all ranks beforehand if you meant to save the global state."
            )
        state: dict[int, Any] = {}
        for part in self._everyone or [self._own_state()]:
            state.update(part)
        packed = super().state_dict()
        return {"state": dict(sorted(state.items())), "param_groups": packed["param_groups"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this rank's share of a whole state."""
        super().load_state_dict(state_dict)
        own = {
            p: value for p, value in self.state.items() if self._owner.get(id(p)) == self.process_group.rank()
        }
        self.state.clear()
        self.optim.state.clear()
        self.optim.state.update(own)
        self._pass_on_options()
