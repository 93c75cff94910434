"""DistributedDataParallel: one process for each part of the batch, gradients averaged over all (torch.nn.parallel).

The averaging itself is in reducer.py. This module may import nn.modules, so the package's __init__ must not import it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autograd.modes import is_grad_enabled, no_grad
from ..devices import Device
from ..errors import UnsupportedError
from ..nn.modules.module import Module
from ..tensor import dtype_of, shape_of
from .algorithms.join import Join, Joinable, JoinHook
from .collective import broadcast_coalesced, run
from .future import Future
from .gradient_bucket import GradBucket
from .group import ProcessGroup, group_of_one, is_initialized, member
from .objects import gathered
from .reducer import Reducer

__all__ = ["DistributedDataParallel"]

_MIB = 1 << 20
_UNSUPPORTED = (
    "delay_all_reduce_named_params",
    "param_to_hook_all_reduce",
    "mixed_precision",
    "bucket_cap_mb_list",
)


class DistributedDataParallel(Module, Joinable):
    """Wraps a module so that several processes train it together, each on its own part of the data.

    At the start rank 0's parameters and buffers are spread to all. Each backward averages gradients over the ranks, so that
    they are those of a mean over the whole batch when the parts are of one size. Names are those of the module under
    `module.`. Without init_process_group, where nothing started several processes, it is a group of one.

    Args:
        module: what to train; `.module` afterwards.
        device_ids, output_device: None on the CPU.
        broadcast_buffers: spread rank 0's buffers (running statistics) at the beginning of each forward.
        init_sync: check and spread parameters at the start.
        process_group: the processes; None: the default group.
        bucket_cap_mb: MiB of gradients that travel together, 25 by default.
        find_unused_parameters: look at each forward which parameters take no part; needed when some do not.
        gradient_as_bucket_view, check_reduction: accepted, and without effect.
        static_graph: the same parameters take part in every pass; here as find_unused_parameters.
    Raises:
        RuntimeError: no parameter requires grad, or the ranks' modules differ.
        ValueError: device_ids with a module on the CPU; several processes that were not joined.
    Source: torch.nn.parallel.DistributedDataParallel.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.distributed.data_parallel import DistributedDataParallel
        >>> model = DistributedDataParallel(torch.nn.Linear(2, 1))
        >>> list(model.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool | None = None,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
        bucket_cap_mb_list: Any = None,
        batched_grad_copy: bool = False,
        forward_sync_buffers: bool | None = None,
    ) -> None:
        Module.__init__(self)
        Joinable.__init__(self)
        asked = (delay_all_reduce_named_params, param_to_hook_all_reduce, mixed_precision, bucket_cap_mb_list)
        for name, value in zip(_UNSUPPORTED, asked):
            if value is not None:
                raise UnsupportedError(f"DistributedDataParallel: {name} is not supported; leave it away")
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        self.process_group = _group(process_group, device_mesh)
        self.module = module
        self.dim = dim
        self.device = next(module.parameters()).device
        self.device_type = self.device.type
        self.device_ids, self.output_device = _devices(module, device_ids, output_device)
        self.broadcast_buffers = (
            broadcast_buffers if broadcast_buffers is not None else forward_sync_buffers is not False
        )
        self.find_unused_parameters = find_unused_parameters
        self.static_graph = static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.bucket_bytes_cap = int((25 if bucket_cap_mb is None else bucket_cap_mb) * _MIB)
        self.require_backward_grad_sync = True
        self.require_forward_param_sync = True
        if init_sync:
            self._verify_same_module()
            self._spread_from(0)
        self._make_reducer()

    def _make_reducer(self) -> None:
        named = [(name, p) for name, p in self._named("parameters") if p.requires_grad]
        unused = self.find_unused_parameters or self.static_graph
        self.reducer = Reducer(self.process_group, named, self.bucket_bytes_cap, unused)

    def _named(self, what: str) -> list[tuple[str, Any]]:
        """(name, tensor) of the module's parameters or buffers, without those to be ignored."""
        found = self.module.named_parameters() if what == "parameters" else self.module.named_buffers()
        return [(name, tensor) for name, tensor in found if name not in self.parameters_to_ignore]

    # ------------------------------------------------------------ the same on all ranks

    def _verify_same_module(self) -> None:
        """Raise RuntimeError naming the first parameter that differs between ranks in name, shape or dtype."""
        if self.process_group.size() == 1:
            return
        mine = [(name, tuple(shape_of(p)), dtype_of(p).name) for name, p in self._named("parameters")]
        everyone = gathered(self.process_group, mine, "parameters of DistributedDataParallel")
        for rank, theirs in zip(self.process_group.ranks, everyone):
            if len(theirs) != len(everyone[0]):
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank {self.process_group.ranks[0]} has "
                    f"{len(everyone[0])} params, while rank {rank} has inconsistent {len(theirs)} params."
                )
            for first, other in zip(everyone[0], theirs):
                if first[1:] != other[1:]:
                    raise RuntimeError(
                        f"DDP expects same model across all ranks, but parameter {first[0]} is {first[2]}{list(first[1])} "
                        f"on rank {self.process_group.ranks[0]} and {other[0]} is {other[2]}{list(other[1])} on rank {rank}."
                    )

    def _spread_from(self, root: int) -> None:
        """Make parameters and buffers those of the group's rank `root`."""
        tensors = [t for _, t in (*self._named("parameters"), *self._named("buffers"))]
        broadcast_coalesced(self.process_group, tensors, root)

    def _sync_buffers(self) -> None:
        tensors = [t for _, t in self._named("buffers")]
        root = self._common_rank(True) if self._join_config.enable else 0
        broadcast_coalesced(self.process_group, tensors, root)

    def _common_rank(self, candidate: bool) -> int:
        """A rank that all agree on, of those that say they can be it."""
        (chosen,) = self._agree(self.process_group.rank() if candidate else -1, "MAX")
        if chosen < 0:
            raise ValueError("BUG! Expected rank_cond to be true for at least one process.")
        return chosen

    def _agree(self, number: int, op: str) -> list[int]:
        mine = np.array([number], np.int64)
        result = np.empty_like(mine)
        start = lambda lane: lane.all_reduce(mine, result, op)
        run(self.process_group, "state of DistributedDataParallel", (op,), start, lambda: None, (), False)
        return result.tolist()

    # ------------------------------------------------------------ running

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives, backward of it averaging gradients."""
        self._before_forward()
        outputs = self.module(*inputs, **kwargs)
        if is_grad_enabled():
            sync = self.require_backward_grad_sync
            self.require_forward_param_sync = sync
            self.reducer.expect(outputs, sync)
        else:
            self.require_forward_param_sync = False
        return outputs

    def _before_forward(self) -> None:
        if self._join_config.enable:
            work = Join.notify_join_context(self)
            if work is not None:
                work.wait()
                if not self._divide_by_initial_world_size:
                    self.reducer.divisor = int(work.result()[0].item())
            self._agree(int(self.require_backward_grad_sync and is_grad_enabled()), "MAX")
        if self.will_sync_module_buffers():
            self._sync_buffers()

    def will_sync_module_buffers(self) -> bool:
        """Whether the next forward spreads rank 0's buffers."""
        return bool(self.require_forward_param_sync and self.broadcast_buffers and self._named("buffers"))

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients of forward passes in here are only added up; the next backward outside averages the sum.

        Example:
            >>> import rushlight as torch
            >>> from rushlight.distributed.data_parallel import DistributedDataParallel
            >>> model = DistributedDataParallel(torch.nn.Linear(2, 1))
            >>> with model.no_sync():
            ...     model(torch.ones(1, 2)).sum().backward()
        """
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: Any, hook: Callable) -> None:
        """Have hook(state, GradBucket) send gradients in place of the averaging.

        It gives a Future of the flat tensor that is to be the gradients. Ready-made ones are in
        torch.distributed.algorithms.ddp_comm_hooks.
        """
        if not callable(hook):
            raise TypeError(f"Communication hook must be callable, got {type(hook).__name__}")
        _check_signature(hook)
        if self.reducer.hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook = (state, hook)

    # ------------------------------------------------------------ uneven numbers of batches

    def join(
        self,
        divide_by_initial_world_size: bool = True,
        enable: bool = True,
        throw_on_early_termination: bool = False,
    ) -> Join:
        """A context in which ranks may have different numbers of batches: those that are done follow the others.

        Args:
            divide_by_initial_world_size: divide gradients by all ranks, not by those that still have batches.
            throw_on_early_termination: raise RuntimeError on all ranks when the first is done.
        """
        return Join(
            [self],
            enable,
            throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )

    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a rank without batches does for this module."""
        self._divide_by_initial_world_size = kwargs.get("divide_by_initial_world_size", True)
        return _Following(self)

    @property
    def join_device(self) -> Device:
        """Where the counts of a join lie."""
        return self.device

    @property
    def join_process_group(self) -> ProcessGroup:
        """The ranks that join."""
        return self.process_group

    # ------------------------------------------------------------ copies

    def __getstate__(self) -> dict:
        """Without the group and the reducer, which belong to this process."""
        kept = dict(self.__dict__)
        kept.pop("process_group", None)
        kept.pop("reducer", None)
        return kept

    def __setstate__(self, state: dict) -> None:
        Module.__setstate__(self, state)
        self.process_group = _group(None, None)
        self.require_forward_param_sync = True
        self.require_backward_grad_sync = True
        self._make_reducer()

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(
        module: Module, params_and_buffers_to_ignore: Any
    ) -> None:
        """Leave these names out of spreading and averaging; to be called before wrapping."""
        module._ddp_params_and_buffers_to_ignore = params_and_buffers_to_ignore

    def _get_ddp_logging_data(self) -> dict:
        """Some figures about this module's training."""
        return {
            "world_size": self.process_group.size(),
            "rank": self.process_group.rank(),
            "module_name": type(self.module).__name__,
            "num_parameter_tensors": len(self.reducer.parameters),
            "bucket_cap_bytes": self.bucket_bytes_cap,
            "find_unused_parameters": self.find_unused_parameters,
        }

    def _set_static_graph(self) -> None:
        """The same as static_graph=True."""
        self.static_graph = True
        self.reducer.find_unused = True


class _Following(JoinHook):
    """A rank without batches takes part in the others' passes with zeros."""

    def __init__(self, ddp: DistributedDataParallel) -> None:
        self.ddp = ddp

    def main_hook(self) -> None:
        ddp = self.ddp
        (sync,) = ddp._agree(0, "MAX")
        if ddp.will_sync_module_buffers():
            root = ddp._common_rank(False)
            broadcast_coalesced(ddp.process_group, [t for _, t in ddp._named("buffers")], root)
        ddp.require_forward_param_sync = bool(sync)
        if sync:
            with no_grad():
                ddp.reducer.shadow()

    def post_hook(self, is_last_joiner: bool) -> None:
        ddp = self.ddp
        ddp._spread_from(ddp._common_rank(is_last_joiner))
        ddp.reducer.divisor = ddp.process_group.size()


def _group(process_group: Any, device_mesh: Any) -> ProcessGroup:
    if process_group is not None and device_mesh is not None:
        raise RuntimeError("Cannot specify both process_group and device_mesh arguments.")
    if device_mesh is not None:
        process_group = device_mesh.get_group(0)
    if process_group is None and not is_initialized():
        return group_of_one()
    found = member(process_group)
    if found is None:
        raise ValueError("DistributedDataParallel: this process is not in process_group")
    return found


def _devices(module: Module, device_ids: Any, output_device: Any) -> tuple[Any, Any]:
    if device_ids is None and output_device is None:
        return None, None
    here = {p.device for p in module.parameters()}
    if any(device.type == "cpu" for device in here):
        raise ValueError(
            "DistributedDataParallel device_ids and output_device arguments only work with single-device/multiple-device "
            f"GPU modules or CPU modules, but got device_ids {device_ids}, output_device {output_device}, and module "
            f"parameters {here}. On the CPU leave both away."
        )
    return device_ids, output_device


def _check_signature(hook: Callable) -> None:
    """Annotations, where there are any, have to be PyTorch's. Raises: ValueError."""
    notes = dict(getattr(hook, "__annotations__", None) or {})
    bucket = notes.get("bucket")
    if bucket is not None and bucket is not GradBucket and str(bucket).rpartition(".")[2] != "GradBucket":
        raise ValueError(f"Communication hook: bucket annotation should be dist.GradBucket, got {bucket}")
    back = notes.get("return")
    if back is not None and back is not Future and "Future" not in str(back):
        raise ValueError(f"Communication hook: return annotation should be torch.futures.Future, got {back}")
