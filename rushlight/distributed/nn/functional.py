"""Collectives that gradients flow through: each one's backward is a collective too, so all ranks have to run backward.

The loss is taken to be the sum of the ranks' losses: a rank's input receives the gradients of every rank's outputs that it
went into. Inputs are not written to; results are new tensors.
"""

from __future__ import annotations

from typing import Any

from ... import functions as fn
from ...autograd.function import Function
from ...tensor import Tensor
from .. import collective
from ..group import default_group
from ..reduce_op import RedOpType

SUM = RedOpType.SUM


def _group(group: Any) -> Any:
    return default_group() if group is None else group


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, op: Any, group: Any, tensor: Tensor) -> Tensor:
        ctx.op, ctx.group = op, group
        result = tensor.clone()
        collective.all_reduce(result, op, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        return None, None, _AllReduce.apply(ctx.op, ctx.group, grad)


def all_reduce(tensor: Tensor, op: Any = SUM, group: Any = None) -> Tensor:
    """The reduction (SUM or AVG, where gradients are wanted) of all ranks' tensors.

    Source: torch.distributed.nn.functional.all_reduce.
    """
    return _AllReduce.apply(op, _group(group), tensor)


class _Broadcast(Function):
    @staticmethod
    def forward(ctx: Any, src: int, group: Any, tensor: Tensor) -> Tensor:
        ctx.src, ctx.group = src, group
        result = tensor.clone()
        collective.broadcast(result, src, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        return None, None, _at_root(grad, ctx.src, ctx.group)


def _at_root(grad: Tensor, root: int, group: Any) -> Tensor:
    """The sum of all ranks' gradients at the root, zeros elsewhere."""
    total = grad.clone()
    collective.reduce(total, root, SUM, group)
    return total if group.ranks[group.rank()] == root else fn.zeros_like(grad)


def broadcast(tensor: Tensor, src: int, group: Any = None) -> Tensor:
    """Rank `src`'s tensor on every rank. Source: torch.distributed.nn.functional.broadcast."""
    return _Broadcast.apply(src, _group(group), tensor)


class _Reduce(Function):
    @staticmethod
    def forward(ctx: Any, dst: int, op: Any, group: Any, tensor: Tensor) -> Tensor:
        ctx.dst, ctx.group = dst, group
        result = tensor.clone()
        collective.reduce(result, dst, op, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        grad = grad.clone()
        collective.broadcast(grad, ctx.dst, ctx.group)
        return None, None, None, grad


def reduce(tensor: Tensor, dst: int, op: Any = SUM, group: Any = None) -> Tensor:
    """The sum of all ranks' tensors on rank `dst`; elsewhere the input. Source: torch.distributed.nn.functional.reduce."""
    return _Reduce.apply(dst, op, _group(group), tensor)


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, tensor: Tensor) -> tuple:
        ctx.group = group
        parts = [fn.empty_like(tensor) for _ in range(group.size())]
        collective.all_gather(parts, tensor.contiguous(), group)
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        mine = fn.empty_like(grads[0])
        collective.reduce_scatter(mine, [g.contiguous() for g in grads], SUM, ctx.group)
        return None, mine


def all_gather(tensor: Tensor, group: Any = None) -> tuple[Tensor, ...]:
    """Every rank's tensor, in the order of ranks. Source: torch.distributed.nn.functional.all_gather."""
    return _AllGather.apply(_group(group), tensor)


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, dst: int, group: Any, tensor: Tensor) -> tuple:
        ctx.dst, ctx.group = dst, group
        parts = [fn.zeros_like(tensor) for _ in range(group.size())]
        mine = group.ranks[group.rank()] == dst
        collective.gather(tensor.contiguous(), parts if mine else None, dst, group)
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        return None, None, _scattered(list(grads), ctx.dst, ctx.group)


def _scattered(tensors: list[Tensor], src: int, group: Any) -> Tensor:
    mine = fn.empty_like(tensors[0])
    parts = [t.contiguous() for t in tensors] if group.ranks[group.rank()] == src else None
    collective.scatter(mine, parts, src, group)
    return mine


def gather(tensor: Tensor, dst: int = 0, group: Any = None) -> tuple[Tensor, ...]:
    """Every rank's tensor on rank `dst`; zeros elsewhere. Source: torch.distributed.nn.functional.gather."""
    return _Gather.apply(dst, _group(group), tensor)


class _Scatter(Function):
    @staticmethod
    def forward(ctx: Any, src: int, group: Any, *tensors: Tensor) -> Tensor:
        ctx.src, ctx.group = src, group
        return _scattered(list(tensors), src, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        parts = [fn.zeros_like(grad) for _ in range(ctx.group.size())]
        mine = ctx.group.ranks[ctx.group.rank()] == ctx.src
        collective.gather(grad.contiguous(), parts if mine else None, ctx.src, ctx.group)
        return None, None, *parts


def scatter(tensors: list[Tensor], src: int = 0, group: Any = None) -> Tensor:
    """This rank's one of rank `src`'s tensors. Source: torch.distributed.nn.functional.scatter."""
    return _Scatter.apply(src, _group(group), *tensors)


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx: Any, op: Any, group: Any, like: Tensor, *tensors: Tensor) -> Tensor:
        ctx.group = group
        result = fn.empty_like(like)
        collective.reduce_scatter(result, [t.contiguous() for t in tensors], op, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        parts = [fn.empty_like(grad) for _ in range(ctx.group.size())]
        collective.all_gather(parts, grad.contiguous(), ctx.group)
        return None, None, None, *parts


def reduce_scatter(output: Tensor, input_list: list[Tensor], op: Any = SUM, group: Any = None) -> Tensor:
    """Entry r of the ranks' lists, summed, on rank r. Source: torch.distributed.nn.functional.reduce_scatter."""
    return _ReduceScatter.apply(op, _group(group), output.detach(), *input_list)


class _AllToAll(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, outputs: list[Tensor], *inputs: Tensor) -> tuple:
        ctx.group = group
        ctx.likes = [t.detach() for t in inputs]
        results = [fn.empty_like(t) for t in outputs]
        collective.all_to_all(results, [t.contiguous() for t in inputs], group)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        back = [fn.empty_like(t) for t in ctx.likes]
        collective.all_to_all(back, [g.contiguous() for g in grads], ctx.group)
        return None, None, *back


def all_to_all(output_tensor_list: list[Tensor], input_tensor_list: list[Tensor], group: Any = None) -> tuple:
    """Entry r of this rank's inputs goes to rank r; what comes. Source: torch.distributed.nn.functional.all_to_all."""
    return _AllToAll.apply(_group(group), [t.detach() for t in output_tensor_list], *input_tensor_list)


class _AllToAllSingle(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, output: Tensor, received: Any, sent: Any, input: Tensor) -> Tensor:
        ctx.group, ctx.received, ctx.sent, ctx.like = group, received, sent, input.detach()
        result = fn.empty_like(output)
        collective.all_to_all_single(result, input.contiguous(), received, sent, group)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        back = fn.empty_like(ctx.like)
        collective.all_to_all_single(back, grad.contiguous(), ctx.sent, ctx.received, ctx.group)
        return None, None, None, None, back


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: Any = None,
) -> Tensor:
    """The parts of the ranks' inputs that are for this rank. Source: torch.distributed.nn.functional.all_to_all_single."""
    return _AllToAllSingle.apply(_group(group), output.detach(), output_split_sizes, input_split_sizes, input)
