"""Averaging gradients over ranks while backward still runs.

Parameters lie in buckets in the reverse of their order, which is about the order in which their gradients are ready. When a
bucket is full its gradients are sent on their way as one array; buckets go in the same order on all ranks. The gradient
that completes the last one waits for all of them and writes the averages into `.grad`, so that backward returns with
everything in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..autograd.entry import AccumulateGrad, Part
from ..autograd.record import edge_of
from ..dtypes import FLOATING
from ..executors import queue
from ..tensor import Tensor, array_of, dtype_of, from_array, node_of
from .collective import flat, put, run
from .gradient_bucket import GradBucket
from .group import ProcessGroup
from .reduce_op import RedOpType, Reduction

FIRST_BUCKET_BYTES = 1 << 20


class Bucket:
    """Parameters whose gradients travel together, and how many of these are still to come."""

    def __init__(self, parameters: list) -> None:
        self.parameters = parameters
        self.waiting = len(parameters)
        self.finish: Callable[[], np.ndarray] | None = None


def in_buckets(parameters: Sequence[Any], first: int, cap: int) -> list[Bucket]:
    """Parameters, the last one first, in buckets of one dtype and at most `cap` bytes; the first has `first`."""
    full: list[Bucket] = []
    open_: dict[Any, tuple[list, int]] = {}
    limit = first
    for parameter in reversed(parameters):
        dtype = dtype_of(parameter)
        members, size = open_.pop(dtype, ([], 0))
        members.append(parameter)
        size += parameter.numel() * dtype.itemsize
        if size >= limit:
            full.append(Bucket(members))
            limit = cap
        else:
            open_[dtype] = (members, size)
    return full + [Bucket(members) for members, _ in open_.values()]


class Reducer:
    """The gradients of one module's parameters, averaged over a group.

    Args:
        named: (name, parameter) of all that require grad, in the module's order on every rank.
        cap: bytes of a bucket.
        find_unused: gradients may be missing, differently on each rank.

    Attributes: `divisor`, by which sums are divided: the group's size, unless some ranks have run out of batches.
    """

    def __init__(
        self, group: ProcessGroup, named: Sequence[tuple[str, Any]], cap: int, find_unused: bool
    ) -> None:
        self.group = group
        self.names = {id(parameter): name for name, parameter in named}
        self.parameters = [parameter for _, parameter in named]
        self.buckets = in_buckets(self.parameters, min(FIRST_BUCKET_BYTES, cap), cap)
        self.bucket_of = {id(p): bucket for bucket in self.buckets for p in bucket.parameters}
        self.find_unused = find_unused
        self.hook: tuple[Any, Callable] | None = None
        self.expecting = False
        self.divisor = group.size()
        self.unused: dict[int, Any] = {}
        self.ready: set[int] = set()
        self.sent = 0
        self.handles = [p.register_post_accumulate_grad_hook(self._on_gradient) for p in self.parameters]

    def expect(self, outputs: Any, sync: bool) -> None:
        """A forward pass has given these outputs; backward of them will fill the buckets, if `sync`."""
        self.expecting = sync
        if not sync:
            return
        if self.ready:
            raise RuntimeError(self._unfinished())
        self.unused = self._not_used(outputs) if self.find_unused else {}

    def _unfinished(self) -> str:
        missing = [self.names[id(p)] for p in self.parameters if id(p) not in self.ready]
        self._restart()
        return (
            "Expected to have finished reduction in the prior iteration before starting a new one. This error indicates "
            "that your module has parameters that were not used in producing loss: "
            f"{', '.join(missing)}. Pass find_unused_parameters=True to DistributedDataParallel if that is meant, and make "
            "sure that all outputs of `forward` take part in the loss."
        )

    def _not_used(self, outputs: Any) -> dict[int, Any]:
        used = {id(leaf) for leaf in leaves_of(outputs)}
        return {id(p): p for p in self.parameters if id(p) not in used}

    # ------------------------------------------------------------ while backward runs

    def _on_gradient(self, parameter: Any) -> None:
        if not self.expecting or self.group.size() == 1 and self.hook is None:
            return
        self._note(parameter)
        if self.unused:
            self.unused.pop(id(parameter), None)  # a checkpointed part: the outputs' tape does not show it
            if len(self.ready) + len(self.unused) == len(self.parameters):
                for other in self.unused.values():
                    self._note(other)
        while self.sent < len(self.buckets) and not self.buckets[self.sent].waiting:
            self._send(self.sent)
            self.sent += 1
        if self.sent == len(self.buckets):
            self._complete()

    def _note(self, parameter: Any) -> None:
        bucket = self.bucket_of[id(parameter)]
        if id(parameter) not in self.ready:
            self.ready.add(id(parameter))
            bucket.waiting -= 1
        elif bucket.finish is not None:
            raise RuntimeError(
                f"Expected to mark a variable ready only once: {self.names[id(parameter)]} received another gradient after "
                "its bucket was sent: it is shared between checkpointed parts of the module."
            )

    def _send(self, index: int) -> None:
        """Begin to average a bucket's gradients."""
        bucket = self.buckets[index]
        gradients = [p._grad for p in bucket.parameters]
        queue.realize([node_of(g) for g in gradients if g is not None])
        parts = [_numbers(p, g) for p, g in zip(bucket.parameters, gradients)]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if self.hook is None:
            bucket.finish = self._averaging(index, bucket, joined)
            return
        state, hook = self.hook
        given = GradBucket(
            index, index == len(self.buckets) - 1, from_array(joined.copy()), bucket.parameters
        )
        future = hook(state, given)
        bucket.finish = lambda: _array_of_result(future.wait())

    def _averaging(self, index: int, bucket: Bucket, joined: np.ndarray) -> Callable[[], np.ndarray]:
        reduction = Reduction(RedOpType.AVG, dtype_of(bucket.parameters[0]), "DistributedDataParallel")
        send = reduction.encode(joined)
        receive = np.empty_like(send)
        work = run(
            self.group,
            "gradients of DistributedDataParallel",
            (f"bucket {index}", f"{joined.dtype.name}[{joined.size}]"),
            lambda lane: lane.all_reduce(send, receive, reduction.name),
            lambda: None,
            (),
            True,
        )

        def finish() -> np.ndarray:
            assert work is not None
            work.wait()
            return reduction.decode(receive, self.divisor)

        return finish

    def _complete(self) -> None:
        """All gradients are on their way: wait for them, and put the averages into `.grad`."""
        buckets = self.buckets
        results = [bucket.finish() for bucket in buckets if bucket.finish is not None]
        used = self._used_anywhere() if self.find_unused else None
        self._restart()
        for bucket, averaged in zip(buckets, results):
            self._write(bucket, averaged, used)

    def _write(self, bucket: Bucket, averaged: np.ndarray, used: set[int] | None) -> None:
        pieces = np.split(averaged, np.cumsum([p.numel() for p in bucket.parameters])[:-1])
        for parameter, piece in zip(bucket.parameters, pieces):
            if used is not None and id(parameter) not in used:
                continue
            if parameter._grad is None:
                parameter._grad = from_array(piece.reshape(parameter.shape), dtype_of(parameter))
            else:
                put(parameter._grad, piece.astype(dtype_of(parameter._grad).numpy, copy=False))

    def _used_anywhere(self) -> set[int]:
        """The parameters that received a gradient on some rank."""
        mine = np.array([id(p) not in self.unused for p in self.parameters], np.uint8)
        anywhere = np.empty_like(mine)
        run(
            self.group,
            "used parameters of DistributedDataParallel",
            (len(mine),),
            lambda lane: lane.all_reduce(mine, anywhere, "MAX"),
            lambda: None,
            (),
            False,
        )
        return {id(p) for p, flag in zip(self.parameters, anywhere) if flag}

    def _restart(self) -> None:
        """Ready for the next backward pass."""
        self.ready = set()
        self.sent = 0
        for bucket in self.buckets:
            bucket.waiting = len(bucket.parameters)
            bucket.finish = None

    # ------------------------------------------------------------ for a rank that has no more batches

    def shadow(self) -> None:
        """Take part in one pass's averaging with zeros."""
        for index in range(len(self.buckets)):
            bucket = self.buckets[index]
            joined = np.concatenate([np.zeros(p.numel(), dtype_of(p).numpy) for p in bucket.parameters])
            bucket.finish = self._averaging(index, bucket, joined)
        for bucket in self.buckets:
            assert bucket.finish is not None
            bucket.finish()
        self._restart()

    def remove_hooks(self) -> None:
        """Leave the parameters alone from now on."""
        for handle in self.handles:
            handle.remove()


def _numbers(parameter: Any, gradient: Tensor | None) -> np.ndarray:
    if gradient is None:
        return np.zeros(parameter.numel(), dtype_of(parameter).numpy)
    return flat(gradient)


def _array_of_result(result: Any) -> np.ndarray:
    """What a communication hook's Future gives: a flat tensor, or a list with one."""
    if isinstance(result, (list, tuple)):
        result = result[0]
    if not isinstance(result, Tensor):
        raise RuntimeError(
            f"a DDP communication hook's Future must give a tensor, got {type(result).__name__}"
        )
    return array_of(result).reshape(-1)


def tensors_in(value: Any) -> Iterable[Tensor]:
    """The tensors in nested tuples, lists, dicts and objects with attributes (dataclasses)."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from tensors_in(entry)
    elif isinstance(value, (list, tuple, set)):
        for entry in value:
            yield from tensors_in(entry)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name))


def leaves_of(outputs: Any) -> list[Tensor]:
    """The leaves that the gradients of all tensors in `outputs` reach."""
    found = []
    stack = [edge_of(t) for t in tensors_in(outputs) if dtype_of(t).category >= FLOATING]
    seen: set[int] = set()
    while stack:
        edge = stack.pop()
        entry = edge.entry if isinstance(edge, Part) else edge
        if entry is None or id(entry) in seen:
            continue
        seen.add(id(entry))
        if isinstance(entry, AccumulateGrad):
            if entry.variable is not None:
                found.append(entry.variable)
            continue
        stack.extend(entry.edges)
    return found
