"""torch.distributed._functional_collectives: collectives whose results are new tensors, through which gradients flow.

Results are there when the call returns, so waiting for one is doing nothing.
"""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from .group import default_group
from .nn import functional
from .reduce_op import RedOpType

_OPS = {"sum": "SUM", "avg": "AVG", "product": "PRODUCT", "min": "MIN", "max": "MAX"}


class AsyncCollectiveTensor(Tensor):
    """PyTorch's class of results that are still on their way; nothing here is one."""


def wait_tensor(tensor: Tensor) -> Tensor:
    """The tensor itself."""
    return tensor


def _op(name: Any) -> Any:
    return name if isinstance(name, RedOpType) else RedOpType[_OPS.get(name.lower(), name.upper())]


def all_reduce(self: Tensor, reduceOp: str, group: Any, tag: str = "") -> Tensor:
    """The reduction of all ranks' tensors."""
    return functional.all_reduce(self, _op(reduceOp), group)


def broadcast(self: Tensor, src: int, group: Any, tag: str = "") -> Tensor:
    """Rank `src`'s tensor."""
    return functional.broadcast(self, src, group)


def all_gather_tensor(self: Tensor, gather_dim: int, group: Any, tag: str = "") -> Tensor:
    """All ranks' tensors joined along `gather_dim`."""
    return fn.cat(functional.all_gather(self, group), gather_dim)


def reduce_scatter_tensor(self: Tensor, reduceOp: str, scatter_dim: int, group: Any, tag: str = "") -> Tensor:
    """This rank's part, along `scatter_dim`, of the reduction of all ranks' tensors."""
    size = (default_group() if group is None else group).size()
    if self.shape[scatter_dim] % size:
        raise AssertionError(
            f"input dimension {scatter_dim} ({self.shape[scatter_dim]}) must be a multiple of {size}"
        )
    parts = self.chunk(size, scatter_dim)
    return functional.reduce_scatter(fn.empty_like(parts[0]), list(parts), _op(reduceOp), group)


def all_to_all_single(
    self: Tensor, output_split_sizes: Any, input_split_sizes: Any, group: Any, tag: str = ""
) -> Tensor:
    """The parts of the ranks' tensors that are for this rank."""
    rows = sum(output_split_sizes) if output_split_sizes is not None else self.shape[0]
    output = fn.empty(rows, *self.shape[1:], dtype=self.dtype)
    return functional.all_to_all_single(output, self, output_split_sizes, input_split_sizes, group)


def permute_tensor(self: Tensor, src_dst: list[int], group: Any, tag: str = "") -> Tensor:
    """The tensor of the rank r with src_dst[r] == this rank."""
    found = default_group() if group is None else group
    size, rank = found.size(), found.rank()
    sent = [self.numel() if place == src_dst[rank] else 0 for place in range(size)]
    received = [self.numel() if src_dst[place] == rank else 0 for place in range(size)]
    flat = self.reshape(-1)
    result = functional.all_to_all_single(fn.empty_like(flat), flat, received, sent, found)
    return result.reshape(self.shape)


all_gather_tensor_autograd = all_gather_tensor
reduce_scatter_tensor_autograd = reduce_scatter_tensor
all_to_all_single_autograd = all_to_all_single
