"""What carries arrays between ranks: MPI, or nothing at all in a group of one.

Both lanes have the same methods. Each starts a transfer and gives what is to be tested until it is done; arrays are
contiguous and stay untouched until then. Everything moves as bytes, except what is reduced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import mpi


def as_bytes(array: np.ndarray) -> np.ndarray:
    """The same memory as flat bytes."""
    return array.reshape(-1).view(np.uint8)


class Alone:
    """The lane of a group of one: what is sent is what arrives."""

    rank = 0
    size = 1

    def all_reduce(self, send: np.ndarray, receive: np.ndarray, op: str) -> list:
        np.copyto(receive, send)
        return []

    def reduce(self, send: np.ndarray, receive: np.ndarray, op: str, root: int) -> list:
        np.copyto(receive, send)
        return []

    def reduce_scatter(self, send: np.ndarray, receive: np.ndarray, op: str) -> list:
        np.copyto(receive, send)
        return []

    def broadcast(self, buffer: np.ndarray, root: int) -> list:
        return []

    def all_gather(self, send: np.ndarray, receive: np.ndarray) -> list:
        np.copyto(as_bytes(receive), as_bytes(send))
        return []

    def gather(self, send: np.ndarray, receive: np.ndarray, root: int) -> list:
        return self.all_gather(send, receive)

    def scatter(self, send: np.ndarray, receive: np.ndarray, root: int) -> list:
        return self.all_gather(send, receive)

    def all_to_all(
        self, send: np.ndarray, receive: np.ndarray, sent: Sequence[int], received: Sequence[int]
    ) -> list:
        return self.all_gather(send, receive)


class Peers:
    """The lane of several ranks: an MPI communicator, used without blocking."""

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self.rank = comm.Get_rank()
        self.size = comm.Get_size()
        self.mpi = mpi.load()

    def _bytes(self, array: np.ndarray) -> list:
        return [as_bytes(array), self.mpi.BYTE]

    def all_reduce(self, send: np.ndarray, receive: np.ndarray, op: str) -> list:
        return [self.comm.Iallreduce(send, receive, getattr(self.mpi, op))]

    def reduce(self, send: np.ndarray, receive: np.ndarray, op: str, root: int) -> list:
        target = receive if self.rank == root else None
        return [self.comm.Ireduce(send, target, getattr(self.mpi, op), root)]

    def reduce_scatter(self, send: np.ndarray, receive: np.ndarray, op: str) -> list:
        return [self.comm.Ireduce_scatter_block(send, receive, getattr(self.mpi, op))]

    def broadcast(self, buffer: np.ndarray, root: int) -> list:
        return [self.comm.Ibcast(self._bytes(buffer), root)]

    def all_gather(self, send: np.ndarray, receive: np.ndarray) -> list:
        return [self.comm.Iallgather(self._bytes(send), self._bytes(receive))]

    def gather(self, send: np.ndarray, receive: np.ndarray, root: int) -> list:
        target = self._bytes(receive) if self.rank == root else None
        return [self.comm.Igather(self._bytes(send), target, root)]

    def scatter(self, send: np.ndarray, receive: np.ndarray, root: int) -> list:
        source = self._bytes(send) if self.rank == root else None
        return [self.comm.Iscatter(source, self._bytes(receive), root)]

    def all_to_all(
        self, send: np.ndarray, receive: np.ndarray, sent: Sequence[int], received: Sequence[int]
    ) -> list:
        """`sent[r]` and `received[r]`: how many bytes go to and come from rank r."""
        source = [as_bytes(send), (tuple(sent), _starts(sent)), self.mpi.BYTE]
        target = [as_bytes(receive), (tuple(received), _starts(received)), self.mpi.BYTE]
        return [self.comm.Ialltoallv(source, target)]

    def send(self, array: np.ndarray, to: int, tag: int) -> Any:
        return self.comm.Isend(self._bytes(array), to, tag)

    def receive(self, array: np.ndarray, source: int | None, tag: int) -> Arrival:
        return Arrival(self, array, source, tag)


def _starts(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(n) for n in np.cumsum([0, *counts[:-1]]))


class Arrival:
    """A message that is awaited; `source` and `count` (bytes) once it is there."""

    def __init__(self, lane: Peers, array: np.ndarray, source: int | None, tag: int) -> None:
        place = lane.mpi.ANY_SOURCE if source is None else source
        self.status = lane.mpi.Status()
        self.request = lane.comm.Irecv(lane._bytes(array), place, tag)
        self.kind = lane.mpi.BYTE

    def Test(self) -> bool:
        return self.request.Test(self.status)

    @property
    def source(self) -> int:
        return self.status.Get_source()

    @property
    def count(self) -> int:
        return self.status.Get_count(self.kind)
