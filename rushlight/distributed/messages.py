"""Messages between two ranks: send, recv and their forms that do not wait; and the barrier that says who is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np

from ..tensor import Tensor
from .collective import checked, empty_like, flat, kind, put
from .errors import DistBackendError
from .group import ProcessGroup, member
from .progress import Work, call_of


def _peer(group: ProcessGroup, rank: int | None, group_rank: int | None, what: str) -> int | None:
    """The other rank's place in the group, None for any."""
    if rank is not None and group_rank is not None:
        raise ValueError("Can't specify both group_rank and global_rank")
    if rank is None and group_rank is None:
        return None
    place = group.place_of(rank) if rank is not None else group_rank
    assert place is not None
    if not 0 <= place < group.size():
        raise ValueError(f"Group rank {place} is not part of group {group!r}")
    if place == group.rank():
        raise ValueError(
            f"Invalid {what} rank: {what} rank should not be the same as the rank of the current process."
        )
    return place


def isend(
    tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> Work | None:
    """Begin to send the tensor's numbers, as they are now, to rank `dst`. Source: torch.distributed.isend."""
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    place = _peer(found, dst, group_dst, "destination")
    if place is None:
        raise ValueError("Must specify global_rank or group_rank: to which rank to send")
    array = flat(tensor)
    call = call_of("send", kind(tensor), f"dst={found.ranks[place]}")
    request = _Kept(found.lane.send(array, place, tag), array)
    return found.progress.follow(Work(found.progress, call, lambda: None, [tensor]), request)


class _Kept:
    """A request, and the memory that has to stay until it is done."""

    def __init__(self, request: Any, array: np.ndarray) -> None:
        self.request = request
        self.array = array

    def Test(self) -> bool:
        return self.request.Test()


def irecv(
    tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
) -> Work | None:
    """Begin to receive a message from rank `src` (None: any) into the tensor. Source: torch.distributed.irecv."""
    found = member(group)
    if found is None:
        return None
    checked(tensor, "tensor")
    place = _peer(found, src, group_src, "source")
    if found.size() == 1:
        raise ValueError("recv: there is no other rank in this group")
    array = empty_like(tensor)
    call = call_of("recv", kind(tensor), "src=any" if place is None else f"src={found.ranks[place]}")
    request = found.lane.receive(array, place, tag)

    def finish() -> None:
        work._source = found.ranks[request.source]
        if request.count != array.nbytes:
            raise DistBackendError(
                f"{call.text}: the message from rank {work._source} has {request.count} bytes, the tensor "
                f"{array.nbytes}. Shape and dtype have to be the sender's."
            )
        put(tensor, array)

    work = Work(found.progress, call, finish, [tensor])
    return found.progress.follow(work, request)


def send(
    tensor: Tensor, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> None:
    """Send the tensor to rank `dst`, which receives it with recv or irecv. Source: torch.distributed.send."""
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
) -> int:
    """Receive a tensor from rank `src` (None: any rank); gives the rank it came from, -1 outside the group.

    Raises: DistBackendError when the message's size is not the tensor's, or the sender is gone.
    Source: torch.distributed.recv.
    """
    work = irecv(tensor, src, group, tag, group_src)
    if work is None:
        return -1
    work.wait()
    return work.source_rank()


class P2POp:
    """One isend or irecv for batch_isend_irecv. Source: torch.distributed.P2POp."""

    def __init__(
        self,
        op: Callable,
        tensor: Tensor,
        peer: int | None = None,
        group: Any = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                f"``torch.distributed.irecv``, got {op!r}."
            )
        self.op = op
        self.tensor = checked(tensor, "tensor")
        self.peer = peer
        self.group = group
        self.tag = tag
        self.group_peer = group_peer

    def __repr__(self) -> str:
        return f"P2POp({self.op.__name__}, {kind(self.tensor)}, peer={self.peer}, tag={self.tag})"


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Begin several messages at once; gives a Work for each. Source: torch.distributed.batch_isend_irecv."""
    if not isinstance(p2p_op_list, list) or not all(isinstance(op, P2POp) for op in p2p_op_list):
        raise ValueError(
            "Invalid ``p2p_op_list``. Each op is expected to be of type ``torch.distributed.P2POp``."
        )
    works = [op.op(op.tensor, op.peer, op.group, op.tag, op.group_peer) for op in p2p_op_list]
    return [work for work in works if work is not None]


_BARRIER_TAG = 2


def monitored_barrier(
    group: Any = None, timeout: timedelta | None = None, wait_all_ranks: bool = False
) -> None:
    """A barrier that names the ranks that do not come: rank 0 waits for each of them.

    Args:
        timeout: how long rank 0 waits, the group's by default.
        wait_all_ranks: name all missing ranks, not only the first.
    Raises: DistBackendError.
    Source: torch.distributed.monitored_barrier.
    """
    found = member(group)
    if found is None or found.size() == 1:
        return
    limit = (timeout or found.timeout).total_seconds()
    control = found.progress.control
    call = call_of("monitored_barrier")
    token = np.zeros(1, np.uint8)
    if found.rank() == 0:
        _await_all(found, call, limit, wait_all_ranks)
        answers = [control.Isend(token, place, _BARRIER_TAG) for place in range(1, found.size())]
        while not all(answer.Test() for answer in answers):
            time.sleep(0.0001)
        return
    note = control.Isend(token, 0, _BARRIER_TAG)
    answer = control.Irecv(token.copy(), 0, _BARRIER_TAG)
    end = time.monotonic() + limit + 1.0
    while not (answer.Test() and note.Test()):
        if time.monotonic() > end or found.ranks[0] in found.link.lost:
            raise DistBackendError(
                f"{call.text}: rank {found.ranks[0]} did not pass monitoredBarrier in {limit:g} s"
            )
        time.sleep(0.0001)


def _await_all(group: ProcessGroup, call: Any, limit: float, every: bool) -> None:
    control = group.progress.control
    token = np.zeros(group.size(), np.uint8)
    waiting = {place: control.Irecv(token[place:], place, _BARRIER_TAG) for place in range(1, group.size())}
    end = time.monotonic() + limit
    while waiting:
        for place in [place for place, request in waiting.items() if request.Test()]:
            del waiting[place]
        gone = [group.ranks[place] for place in waiting if group.ranks[place] in group.link.lost]
        if not waiting or (time.monotonic() < end and not gone):
            time.sleep(0.0001)
            continue
        missing = [group.ranks[place] for place in waiting]
        named = missing if every else (gone or missing)[:1]
        for request in waiting.values():
            request.Cancel()
        raise DistBackendError(
            f"{call.text}: rank{'s' * (len(named) > 1)} {', '.join(map(str, named))} failed to pass monitoredBarrier in "
            f"{round(limit * 1000)} ms"
        )
