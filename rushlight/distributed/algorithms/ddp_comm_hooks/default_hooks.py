"""Averaging, as it is or with 16-bit numbers on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....dtypes import DType, bfloat16, float16
from ....tensor import Tensor
from ...collective import all_reduce
from ...future import Future
from ...gradient_bucket import GradBucket
from ...group import ProcessGroup, default_group, is_initialized

__all__ = [
    "allreduce_hook",
    "bf16_compress_hook",
    "bf16_compress_wrapper",
    "fp16_compress_hook",
    "fp16_compress_wrapper",
]


def _averaged(group: ProcessGroup | None, tensor: Tensor) -> Future:
    """The Future of the tensor's mean over the group, the default one if there is any."""
    if group is None and not is_initialized():
        alone = Future()
        alone.set_result(tensor)
        return alone
    group = group if group is not None else default_group()
    shares = tensor / group.size()
    work = all_reduce(shares, group=group, async_op=True)
    assert work is not None
    return work.get_future().then(lambda done: done.value()[0])


def allreduce_hook(process_group: ProcessGroup | None, bucket: GradBucket) -> Future:
    """Averages, as without any hook. Source: ddp_comm_hooks.default_hooks.allreduce_hook."""
    return _averaged(process_group, bucket.buffer())


def _narrow(process_group: ProcessGroup | None, bucket: GradBucket, dtype: DType) -> Future:
    before = bucket.buffer().dtype
    return _averaged(process_group, bucket.buffer().to(dtype)).then(lambda done: done.value().to(before))


def fp16_compress_hook(process_group: ProcessGroup | None, bucket: GradBucket) -> Future:
    """Averages in float16. Source: ddp_comm_hooks.default_hooks.fp16_compress_hook."""
    return _narrow(process_group, bucket, float16)


def bf16_compress_hook(process_group: ProcessGroup | None, bucket: GradBucket) -> Future:
    """Averages in bfloat16. Source: ddp_comm_hooks.default_hooks.bf16_compress_hook."""
    return _narrow(process_group, bucket, bfloat16)


def _wrapped(hook: Callable, dtype: DType) -> Callable:
    def narrow(state: Any, bucket: GradBucket) -> Future:
        before = bucket.buffer().dtype
        bucket.set_buffer(bucket.buffer().to(dtype))
        return hook(state, bucket).then(lambda done: _first(done.value()).to(before))

    return narrow


def _first(value: Any) -> Tensor:
    return value[0] if isinstance(value, (list, tuple)) else value


def fp16_compress_wrapper(hook: Callable) -> Callable:
    """Another hook, given float16 gradients. Source: ddp_comm_hooks.default_hooks.fp16_compress_wrapper."""
    return _wrapped(hook, float16)


def bf16_compress_wrapper(hook: Callable) -> Callable:
    """Another hook, given bfloat16 gradients. Source: ddp_comm_hooks.default_hooks.bf16_compress_wrapper."""
    return _wrapped(hook, bfloat16)
