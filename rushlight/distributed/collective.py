"""Collectives on tensors: all ranks of a group call them, in the same order, with tensors of one shape and dtype.

A tensor's numbers are taken as they are at the call and results are written when the work is done, past the tape, as in
PyTorch: a leaf that requires grad may be written to. A process outside the group does nothing and gets None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..graph.node import of_array
from ..tensor import Tensor, array_of, dtype_of, shape_of, write
from .group import ProcessGroup, member
from .lanes import as_bytes
from .progress import Work, call_of
from .reduce_op import RedOpType, Reduction

SUM = RedOpType.SUM


def checked(tensor: Any, name: str) -> Tensor:
    """The tensor that an argument has to be. Raises: TypeError."""
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor but got {type(tensor)} instead."
        )
    return tensor


def checked_list(tensors: Any, name: str) -> list[Tensor]:
    """The list of tensors that an argument has to be. Raises: TypeError."""
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(t, Tensor) for t in tensors):
        found = type(tensors) if not isinstance(tensors, (list, tuple)) else [type(t) for t in tensors]
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor] but got {found} instead."
        )
    return list(tensors)


def flat(tensor: Tensor) -> np.ndarray:
    """The tensor's numbers, contiguous and in one dimension; nobody writes to them."""
    return np.ascontiguousarray(array_of(tensor)).reshape(-1)


def put(tensor: Tensor, array: np.ndarray) -> None:
    """Make the array, which nobody writes to from now on, the tensor's value."""
    write(tensor, of_array(array.reshape(shape_of(tensor)), dtype_of(tensor)))


def empty_like(tensor: Tensor, *sizes: int) -> np.ndarray:
    """An array for the tensor's numbers, or for (sizes) times as many."""
    return np.empty((*sizes, tensor.numel()), dtype_of(tensor).numpy)


def kind(tensor: Tensor) -> str:
    """The tensor as ranks compare it: 'float32[2, 3]'."""
    return f"{dtype_of(tensor).name}{list(shape_of(tensor))}"


def run(
    group: ProcessGroup,
    name: str,
    details: tuple,
    start: Callable,
    finish: Callable,
    tensors: Sequence,
    async_op: bool,
) -> Work | None:
    """Make a collective call; its Work for async_op, else wait and give None."""
    work = group.progress.submit(call_of(name, *details), start, finish, tensors)
    if async_op:
        return work
    work.wait()
    return None


def root_of(group: ProcessGroup, rank: int | None, group_rank: int | None, name: str) -> int:
    """The place in the group that `src` or `group_src` (`dst`, `group_dst`) means; 0 when `name` is empty."""
    if rank is not None and group_rank is not None:
        raise ValueError(
            f"{name}: can't specify both the rank in the default group and the one in this group"
        )
    if group_rank is not None:
        if not 0 <= group_rank < group.size():
            raise ValueError(f"Group rank {group_rank} is not part of group {group!r}")
        return group_rank
    if rank is None:
        raise ValueError("Must specify global_rank or group_rank")
    return group.place_of(rank)


def _same(tensors: Sequence[Tensor], name: str) -> None:
    """All of one dtype. Raises: ValueError."""
    first = dtype_of(tensors[0])
    for tensor in tensors:
        if dtype_of(tensor) is not first:
            raise ValueError(
                f"{name}: Invalid usage of tensors with different dtypes. Found {first} and {dtype_of(tensor)}"
            )


def _expect(sizes: Any, wanted: Any, name: str, what: str) -> None:
    if sizes != wanted:
        raise RuntimeError(f"{name}: {what} should be {wanted}, got {sizes}")


# ---------------------------------------------------------------- one tensor in, one out


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Make every rank's tensor that of rank `src`.

    Args:
        src: the rank, in the default group, that has the numbers; group_src: the same as a rank of `group`.
        async_op: give a Work at once in place of waiting.
    Raises: DistBackendError when ranks do different things, or one is gone.
    Source: torch.distributed.broadcast.
    """
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    root = root_of(found, src, group_src, "broadcast")
    mine = found.rank() == root
    buffer = flat(tensor) if mine else empty_like(tensor)
    if mine and not buffer.flags.writeable:
        buffer = buffer.copy()  # mpi4py asks for memory that could be written to

    def finish() -> None:
        if not mine:
            put(tensor, buffer)

    start = lambda lane: lane.broadcast(buffer, root)
    return run(
        found, "broadcast", (kind(tensor), f"src={found.ranks[root]}"), start, finish, [tensor], async_op
    )


def all_reduce(tensor: Tensor, op: Any = SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Make every rank's tensor the reduction of all ranks' tensors.

    Args:
        op: a ReduceOp: SUM, AVG, PRODUCT, MIN, MAX, or BAND, BOR, BXOR for integers.
        async_op: give a Work at once in place of waiting.
    Raises: ValueError, RuntimeError for a reduction the dtype does not have; DistBackendError as in broadcast.
    Source: torch.distributed.all_reduce.
    Example:
        >>> import rushlight as torch
        >>> import rushlight.distributed as dist
        >>> dist.init_process_group(rank=0, world_size=1)
        >>> x = torch.tensor([1.0, 2.0])
        >>> dist.all_reduce(x)
        >>> x
        tensor([1., 2.])
        >>> dist.destroy_process_group()
    """
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    reduction = Reduction(op, dtype_of(tensor), "all_reduce")
    send = reduction.encode(array_of(tensor))
    receive = np.empty_like(send)
    start = lambda lane: lane.all_reduce(send, receive, reduction.name)
    finish = lambda: put(tensor, reduction.decode(receive, found.size()))
    return run(found, "all_reduce", (kind(tensor), op.name), start, finish, [tensor], async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: Any = SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Make rank `dst`'s tensor the reduction of all ranks' tensors; the others' stay as they are.

    Source: torch.distributed.reduce.
    """
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    root = root_of(found, dst, group_dst, "reduce")
    reduction = Reduction(op, dtype_of(tensor), "reduce")
    send = reduction.encode(array_of(tensor))
    receive = np.empty_like(send)

    def finish() -> None:
        if found.rank() == root:
            put(tensor, reduction.decode(receive, found.size()))

    start = lambda lane: lane.reduce(send, receive, reduction.name, root)
    details = (kind(tensor), op.name, f"dst={found.ranks[root]}")
    return run(found, "reduce", details, start, finish, [tensor], async_op)


# ---------------------------------------------------------------- gathering and scattering


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Collect every rank's tensor in every rank's list, in the order of ranks.

    Args:
        tensor_list: as many tensors as there are ranks, of tensor's shape and dtype, written to.
    Source: torch.distributed.all_gather.
    """
    found = member(group)
    if found is None:
        return None
    tensors = checked_list(tensor_list, "tensor_list")
    checked(tensor, "tensor")
    _check_list(tensors, tensor, found.size(), "all_gather")
    send, receive = flat(tensor), empty_like(tensor, found.size())

    def finish() -> None:
        for target, row in zip(tensors, receive):
            put(target, row)

    start = lambda lane: lane.all_gather(send, receive)
    return run(found, "all_gather", (kind(tensor),), start, finish, tensors, async_op)


def _check_list(tensors: list[Tensor], tensor: Tensor, size: int, name: str) -> None:
    """One tensor for each rank, all like `tensor`."""
    _expect(len(tensors), size, name, "the number of tensors in the list (one for each rank)")
    _same([*tensors, tensor], name)
    for i, target in enumerate(tensors):
        _expect(list(shape_of(target)), list(shape_of(tensor)), name, f"the shape of tensor {i} of the list")


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Collect every rank's tensor in one: joined along dimension 0, or stacked, as output_tensor's shape has it.

    Source: torch.distributed.all_gather_into_tensor.
    """
    found = member(group)
    if found is None:
        return None
    checked(output_tensor, "output_tensor")
    checked(input_tensor, "input_tensor")
    _same([output_tensor, input_tensor], "all_gather_into_tensor")
    wanted = found.size() * input_tensor.numel()
    _expect(output_tensor.numel(), wanted, "all_gather_into_tensor", "elements of output_tensor")
    send, receive = flat(input_tensor), empty_like(input_tensor, found.size())
    start = lambda lane: lane.all_gather(send, receive)
    finish = lambda: put(output_tensor, receive)
    return run(
        found, "all_gather_into_tensor", (kind(input_tensor),), start, finish, [output_tensor], async_op
    )


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Collect every rank's tensor in rank `dst`'s list (0 by default); other ranks give no list.

    Source: torch.distributed.gather.
    """
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    root = 0 if dst is None and group_dst is None else root_of(found, dst, group_dst, "gather")
    mine = found.rank() == root
    if mine and not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if not mine and gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    tensors = checked_list(gather_list or [], "gather_list")
    if mine:
        _check_list(tensors, tensor, found.size(), "gather")
    send, receive = flat(tensor), empty_like(tensor, found.size() if mine else 0)

    def finish() -> None:
        for target, row in zip(tensors, receive):
            put(target, row)

    start = lambda lane: lane.gather(send, receive, root)
    return run(found, "gather", (kind(tensor), f"dst={found.ranks[root]}"), start, finish, tensors, async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Give every rank its tensor of rank `src`'s list (0 by default); other ranks give no list.

    Source: torch.distributed.scatter.
    """
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    root = 0 if src is None and group_src is None else root_of(found, src, group_src, "scatter")
    mine = found.rank() == root
    if mine and not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    if not mine and scatter_list:
        raise ValueError("Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    tensors = checked_list(scatter_list or [], "scatter_list")
    if mine:
        _check_list(tensors, tensor, found.size(), "scatter")
    send = np.concatenate([flat(t) for t in tensors]) if mine else empty_like(tensor, 0)
    receive = empty_like(tensor)
    start = lambda lane: lane.scatter(send, receive, root)
    finish = lambda: put(tensor, receive)
    return run(
        found, "scatter", (kind(tensor), f"src={found.ranks[root]}"), start, finish, [tensor], async_op
    )


def reduce_scatter(
    output: Tensor, input_list: list[Tensor], op: Any = SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Reduce the ranks' lists entry by entry; rank r gets entry r in `output`.

    Source: torch.distributed.reduce_scatter.
    """
    found = member(group)
    if found is None:
        return None
    checked(output, "output")
    tensors = checked_list(input_list, "input_list")
    _check_list(tensors, output, found.size(), "reduce_scatter")
    joined = np.concatenate([flat(t) for t in tensors])
    return _reduce_scatter(found, "reduce_scatter", output, joined, op, async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: Any = SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Reduce the ranks' inputs, cut along dimension 0 into one part for each rank; rank r gets part r in `output`.

    Source: torch.distributed.reduce_scatter_tensor.
    """
    found = member(group)
    if found is None:
        return None
    checked(output, "output")
    checked(input, "input")
    _same([output, input], "reduce_scatter_tensor")
    _expect(input.numel(), found.size() * output.numel(), "reduce_scatter_tensor", "elements of input")
    return _reduce_scatter(found, "reduce_scatter_tensor", output, flat(input), op, async_op)


def _reduce_scatter(
    group: ProcessGroup, name: str, output: Tensor, joined: np.ndarray, op: Any, async_op: bool
) -> Work | None:
    reduction = Reduction(op, dtype_of(output), name)
    send = reduction.encode(joined)
    receive = np.empty(output.numel(), reduction.wire)
    start = lambda lane: lane.reduce_scatter(send, receive, reduction.name)
    finish = lambda: put(output, reduction.decode(receive, group.size()))
    return run(group, name, (kind(output), op.name), start, finish, [output], async_op)


# ---------------------------------------------------------------- all to all


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Send entry r of the input list to rank r, and receive rank r's in entry r of the output list.

    Source: torch.distributed.all_to_all.
    """
    found = member(group)
    if found is None:
        return None
    outputs = checked_list(output_tensor_list, "output_tensor_list")
    inputs = checked_list(input_tensor_list, "input_tensor_list")
    for what, tensors in (("output_tensor_list", outputs), ("input_tensor_list", inputs)):
        _expect(len(tensors), found.size(), "all_to_all", f"the length of {what}")
    _same([*outputs, *inputs], "all_to_all")
    send = np.concatenate([flat(t) for t in inputs])
    counts = [t.numel() for t in outputs]
    receive = np.empty(sum(counts), send.dtype)

    def finish() -> None:
        for target, part in zip(outputs, np.split(receive, np.cumsum(counts)[:-1])):
            put(target, part)

    start = _exchange(send, receive, [t.numel() for t in inputs], counts)
    details = (dtype_of(inputs[0]).name,)
    return run(found, "all_to_all", details, start, finish, outputs, async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Cut `input` along dimension 0, send part r to rank r, and join what comes in `output`.

    Args:
        output_split_sizes, input_split_sizes: rows for each rank; None: equal parts.
    Source: torch.distributed.all_to_all_single.
    """
    found = member(group)
    if found is None:
        return None
    checked(output, "output")
    checked(input, "input")
    _same([output, input], "all_to_all_single")
    sent = _split(input, input_split_sizes, found.size(), "input")
    received = _split(output, output_split_sizes, found.size(), "output")
    send, receive = flat(input), empty_like(output)
    start = _exchange(send, receive, sent, received)
    finish = lambda: put(output, receive)
    row = f"{dtype_of(input).name}[..., {list(shape_of(input)[1:])}]"
    return run(found, "all_to_all_single", (row,), start, finish, [output], async_op)


def _split(tensor: Tensor, sizes: Sequence[int] | None, ranks: int, what: str) -> list[int]:
    """Elements for each rank."""
    rows = shape_of(tensor)[0] if tensor.dim() else 1
    if not sizes:
        if rows % ranks:
            raise RuntimeError(
                f"all_to_all_single: {what}'s dim 0 ({rows}) does not divide equally across {ranks} ranks"
            )
        sizes = [rows // ranks] * ranks
    _expect(len(sizes), ranks, "all_to_all_single", f"the number of {what} split sizes")
    _expect(sum(sizes), rows, "all_to_all_single", f"the sum of {what} split sizes {list(sizes)}")
    row = tensor.numel() // rows if rows else 0
    return [int(size) * row for size in sizes]


def _exchange(send: np.ndarray, receive: np.ndarray, sent: list[int], received: list[int]) -> Callable:
    width = send.dtype.itemsize
    out, back = [n * width for n in sent], [n * width for n in received]
    return lambda lane: lane.all_to_all(send, receive, out, back)


# ---------------------------------------------------------------- several at once, and none at all


def all_reduce_coalesced(
    tensors: list[Tensor], op: Any = SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """all_reduce of several tensors of one dtype, in one transfer. Source: torch.distributed.all_reduce_coalesced."""
    found = member(group)
    if found is None:
        return None
    tensors = checked_list([tensors] if isinstance(tensors, Tensor) else tensors, "tensors")
    _same(tensors, "all_reduce_coalesced")
    reduction = Reduction(op, dtype_of(tensors[0]), "all_reduce_coalesced")
    send = reduction.encode(np.concatenate([flat(t) for t in tensors]))
    receive = np.empty_like(send)

    def finish() -> None:
        spread(reduction.decode(receive, found.size()), tensors)

    start = lambda lane: lane.all_reduce(send, receive, reduction.name)
    details = (*(kind(t) for t in tensors), op.name)
    return run(found, "all_reduce_coalesced", details, start, finish, tensors, async_op)


def spread(array: np.ndarray, tensors: Sequence[Tensor]) -> None:
    """Write consecutive pieces of a flat array into tensors."""
    place = 0
    for tensor in tensors:
        put(tensor, array[place : place + tensor.numel()])
        place += tensor.numel()


def all_gather_coalesced(
    output_tensor_lists: list[list[Tensor]],
    input_tensor_list: list[Tensor],
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """all_gather of several tensors: output_tensor_lists[i] gets every rank's input_tensor_list[i].

    Source: torch.distributed.all_gather_coalesced.
    """
    works = [
        all_gather(outputs, input, group, True)
        for outputs, input in zip(output_tensor_lists, input_tensor_list, strict=True)
    ]
    if async_op and works:
        return works[-1]
    for work in works:
        if work is not None:
            work.wait()
    return None


def broadcast_coalesced(group: ProcessGroup, tensors: Sequence[Tensor], root: int) -> None:
    """Make every rank's tensors, of whatever dtypes, those of the group's rank `root`, in one transfer."""
    if group.size() == 1 or not tensors:
        return
    total = sum(t.numel() * dtype_of(t).itemsize for t in tensors)
    mine = group.rank() == root
    buffer = np.concatenate([as_bytes(flat(t)) for t in tensors]) if mine else np.empty(total, np.uint8)

    def finish() -> None:
        place = 0
        for tensor in () if mine else tensors:
            end = place + tensor.numel() * dtype_of(tensor).itemsize
            put(tensor, buffer[place:end].copy().view(dtype_of(tensor).numpy))
            place = end

    start = lambda lane: lane.broadcast(buffer, root)
    run(group, "broadcast of a module", (len(tensors), total), start, finish, tensors, False)


def barrier(
    group: Any = None, async_op: bool = False, device_ids: Any = None, timeout: timedelta | None = None
) -> Work | None:
    """Wait until all ranks have come here. Source: torch.distributed.barrier."""
    found = member(group)
    if found is None:
        return None
    # That all ranks make the call is what is found out before any call's data moves.
    work = found.progress.submit(call_of("barrier"), lambda lane: [], lambda: None)
    if async_op:
        return work
    work.wait(timeout)
    return None
