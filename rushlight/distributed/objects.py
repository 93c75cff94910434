"""Collectives on Python objects, which travel as pickles.

Only processes of one program exchange them: whoever can send a pickle here runs the program already.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from ..tensor import array_of, from_array
from .collective import root_of, run
from .group import ProcessGroup, member
from .messages import recv, send


def _pickled(obj: Any) -> np.ndarray:
    return np.frombuffer(pickle.dumps(obj), np.uint8).copy()


def _unpickled(array: np.ndarray) -> Any:
    return pickle.loads(array.tobytes())


def _all_sizes(group: ProcessGroup, name: str, sizes: np.ndarray) -> np.ndarray:
    """Every rank's numbers, one row for each."""
    rows = np.empty((group.size(), len(sizes)), np.int64)
    run(group, name, ("sizes", len(sizes)), lambda lane: lane.all_gather(sizes, rows), _nothing, (), False)
    return rows


def _nothing() -> None:
    pass


def gathered(group: ProcessGroup, obj: Any, name: str) -> list:
    """Every rank's object."""
    mine = _pickled(obj)
    sizes = _all_sizes(group, name, np.array([len(mine)], np.int64))[:, 0]
    widest = int(sizes.max())
    send = np.zeros(widest, np.uint8)
    send[: len(mine)] = mine
    rows = np.empty((group.size(), widest), np.uint8)
    run(group, name, (), lambda lane: lane.all_gather(send, rows), _nothing, (), False)
    return [_unpickled(row[:size]) for row, size in zip(rows, sizes)]


def all_gather_object(object_list: list, obj: Any, group: Any = None) -> None:
    """Collect every rank's object in every rank's list, which has one place for each rank.

    Source: torch.distributed.all_gather_object.
    """
    found = member(group)
    if found is None:
        return
    if len(object_list) != found.size():
        raise ValueError(
            f"all_gather_object: object_list has {len(object_list)} places, the group {found.size()} ranks"
        )
    object_list[:] = gathered(found, obj, "all_gather_object")


def gather_object(
    obj: Any,
    object_gather_list: list | None = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """Collect every rank's object in rank `dst`'s list (0 by default); other ranks give no list.

    Source: torch.distributed.gather_object.
    """
    found = member(group)
    if found is None:
        return
    root = 0 if dst is None and group_dst is None else root_of(found, dst, group_dst, "gather_object")
    mine = found.rank() == root
    if mine and (object_gather_list is None or len(object_gather_list) != found.size()):
        raise ValueError(
            "Argument ``gather_list`` must be specified on destination rank, one place for each rank."
        )
    if not mine and object_gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    objects = gathered(found, obj, "gather_object")
    if mine:
        assert object_gather_list is not None
        object_gather_list[:] = objects


def broadcast_object_list(
    object_list: list,
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Make every rank's list that of rank `src` (0 by default); all lists have one length.

    Source: torch.distributed.broadcast_object_list.
    """
    found = member(group)
    if found is None:
        return
    root = 0 if src is None and group_src is None else root_of(found, src, group_src, "broadcast_object_list")
    mine = found.rank() == root
    pickles = [_pickled(obj) for obj in object_list] if mine else []
    sizes = np.array([len(p) for p in pickles] if mine else [0] * len(object_list), np.int64)
    details = (f"{len(object_list)} objects", f"src={found.ranks[root]}")
    name = "broadcast_object_list"
    run(found, name, details, lambda lane: lane.broadcast(sizes, root), _nothing, (), False)
    data = np.concatenate(pickles) if mine and pickles else np.empty(int(sizes.sum()), np.uint8)
    run(found, name, details, lambda lane: lane.broadcast(data, root), _nothing, (), False)
    if not mine and len(sizes):
        object_list[:] = [_unpickled(part) for part in np.split(data, np.cumsum(sizes)[:-1])]


def scatter_object_list(
    scatter_object_output_list: list,
    scatter_object_input_list: list | None = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """Put entry r of rank `src`'s input list into the first place of rank r's output list.

    Source: torch.distributed.scatter_object_list.
    """
    found = member(group)
    if found is None:
        return
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    root = 0 if src is None and group_src is None else root_of(found, src, group_src, "scatter_object_list")
    mine = found.rank() == root
    if mine and (scatter_object_input_list is None or len(scatter_object_input_list) != found.size()):
        raise ValueError("scatter_object_list: the source rank needs a list with one object for each rank")
    parts = [_pickled(obj) for obj in scatter_object_input_list or ()] if mine else []
    sizes = np.array([len(p) for p in parts] if mine else [0] * found.size(), np.int64)
    details = (f"src={found.ranks[root]}",)
    run(found, "scatter_object_list", details, lambda lane: lane.broadcast(sizes, root), _nothing, (), False)
    widest = int(sizes.max())
    send = np.zeros((found.size() if mine else 0, widest), np.uint8)
    for row, part in zip(send, parts):
        row[: len(part)] = part
    receive = np.empty(widest, np.uint8)
    run(
        found,
        "scatter_object_list",
        details,
        lambda lane: lane.scatter(send, receive, root),
        _nothing,
        (),
        False,
    )
    scatter_object_output_list[0] = _unpickled(receive[: sizes[found.rank()]])


# ---------------------------------------------------------------- from one rank to another


def send_object_list(
    object_list: list,
    dst: int | None = None,
    group: Any = None,
    device: Any = None,
    group_dst: int | None = None,
    use_batch: bool = False,
) -> None:
    """Send objects to rank `dst`, which receives them with recv_object_list.

    Source: torch.distributed.send_object_list.
    """
    pickles = [_pickled(obj) for obj in object_list]
    send(from_array(np.array([len(p) for p in pickles], np.int64)), dst, group, group_dst=group_dst)
    send(from_array(np.concatenate(pickles)), dst, group, group_dst=group_dst)


def recv_object_list(
    object_list: list,
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
    use_batch: bool = False,
) -> int:
    """Receive as many objects as the list has places; gives the rank they came from.

    Source: torch.distributed.recv_object_list.
    """
    sizes = from_array(np.zeros(len(object_list), np.int64))
    source = recv(sizes, src, group, group_src=group_src)
    if source < 0:
        return source
    lengths = array_of(sizes)
    data = from_array(np.zeros(int(lengths.sum()), np.uint8))
    recv(data, source, group)
    object_list[:] = [_unpickled(part) for part in np.split(array_of(data), np.cumsum(lengths)[:-1])]
    return source
