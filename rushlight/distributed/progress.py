"""Collectives under way: that all ranks mean the same one, that it moves on, and that nobody waits for ever.

Before any data moves, ranks compare a hash of the call (name, shape, dtype, reduction, root) on a communicator of its own;
where they differ they exchange the calls' texts, and the error names both lines. The check of a call may be under way
while the data of an earlier one still is; data starts in the order of the calls, which MPI asks for. There is no thread:
calls and waits drive everything that is pending.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph.registry import user_line
from .errors import DistBackendError
from .future import Future
from .mpi import note_failure

# Seconds: how long a waiting rank spins before it sleeps, how long it sleeps, and how long data that is on its way from
# a rank that is gone may still take.
_SPIN = 0.002
_NAP = 0.0001
_GRACE = 0.5

_TEXT_BYTES = 600
_TEXT_TAG = 1
_give_way = getattr(os, "sched_yield", None) or (lambda: time.sleep(0))


class Call(NamedTuple):
    """One call as ranks compare it, and the user's line that made it."""

    name: str
    details: tuple
    file: str
    line: int

    @property
    def text(self) -> str:
        inside = ", ".join(str(d) for d in self.details)
        return f"{self.name}({inside}) at {self.file}:{self.line}"

    @property
    def hash(self) -> int:
        known = _hashes.get(self[:2])
        if known is None:
            if len(_hashes) > 4096:
                _hashes.clear()
            digest = hashlib.blake2b(repr((self.name, self.details)).encode(), digest_size=8).digest()
            known = _hashes[self[:2]] = int.from_bytes(digest, "little", signed=True)
        return known


_hashes: dict[tuple, int] = {}


def call_of(name: str, *details: Any) -> Call:
    """The call that the user's code is making now."""
    return Call(name, details, *user_line())


class Work:
    """A transfer under way: `wait()` returns when it is done and its results are in the tensors.

    Source: torch.distributed.Work.
    """

    def __init__(self, progress: Progress, call: Call, finish: Callable, tensors: Sequence = ()) -> None:
        self._progress = progress
        self._call = call
        self._start: Callable | None = None
        self._finish: Callable | None = finish
        self._tensors = list(tensors)
        self._check: Any = None
        self._requests: list | None = None
        self._error: BaseException | None = None
        self._done = False
        self._source = -1
        self._future: Future | None = None

    def is_completed(self) -> bool:
        """Whether it is done, or has failed."""
        if not self._done:
            self._progress.advance()
        return self._done

    def is_success(self) -> bool:
        """Whether it is done and has not failed."""
        return self._done and self._error is None

    def exception(self) -> BaseException | None:
        """What went wrong, or None."""
        return self._error

    def wait(self, timeout: Any = None) -> bool:
        """Wait until it is done; True.

        Raises: DistBackendError when ranks do different things, one is gone, or time is over.
        """
        if not self._done:
            self._progress.drive(self, timeout)
        if self._error is not None:
            raise self._error
        return True

    def synchronize(self) -> None:
        """The same as wait()."""
        self.wait()

    def result(self) -> list:
        """The tensors with the results."""
        return self._tensors

    def source_rank(self) -> int:
        """The rank that a received message came from."""
        return self._source

    def get_future(self) -> Future:
        """The Future of `result()`."""
        if self._future is None:
            self._future = Future()
            self._future._drive = self.wait
            if self._done:
                self._settle()
        return self._future

    def _settle(self) -> None:
        """Tell the Future."""
        if self._future is None or self._future.done():
            return
        if self._error is None:
            self._future.set_result(self._tensors)
        else:
            self._future.set_exception(self._error)

    def _end(self, error: BaseException | None = None) -> None:
        self._done = True
        self._error = error
        self._start = self._finish = self._check = self._requests = None
        self._settle()


class Progress:
    """The pending work of one group.

    Args:
        lane: carries the data.
        control: the communicator of the checks; None in a group of one.
        ranks: the group's members, as ranks of the world.
        link: knows who is gone.
        limit: seconds that a wait may take.
    """

    def __init__(self, lane: Any, control: Any, ranks: Sequence[int], link: Any, limit: float) -> None:
        self.lane = lane
        self.control = control
        self.ranks = tuple(ranks)
        self.link = link
        self.limit = limit
        self.pending: list[Work] = []
        self.broken: str | None = None
        self.lock = threading.RLock()

    def submit(self, call: Call, start: Callable, finish: Callable, tensors: Sequence = ()) -> Work:
        """Begin a collective: once all ranks have made the same call, start(lane) begins the transfer and gives its
        requests, and finish() puts what came where it belongs."""
        work = Work(self, call, finish, tensors)
        work._start = start
        with self.lock:
            self._refuse_broken(call)
            if self.control is None:
                start(self.lane)
                finish()
                work._end()
                return work
            mine = np.array([call.hash], np.int64)
            all_of_them = np.empty(len(self.ranks), np.int64)
            work._check = (self.control.Iallgather(mine, all_of_them), mine, all_of_them)
            self.pending.append(work)
            self.advance()
        return work

    def follow(self, work: Work, request: Any) -> Work:
        """Drive a message between two ranks that is under way already: other ranks know nothing of it."""
        work._requests = [request]
        with self.lock:
            self.pending.append(work)
            self.advance()
        return work

    def _refuse_broken(self, call: Call) -> None:
        if self.broken is not None:
            raise DistBackendError(f"{call.text}: this process group failed earlier: {self.broken}")

    # ------------------------------------------------------------ moving on

    def advance(self) -> None:
        """Do what can be done now without waiting."""
        with self.lock:
            blocked = False
            for work in list(self.pending):
                try:
                    if work._requests is None and not blocked:
                        blocked = not self._begin(work)
                    if work._requests is not None and all(request.Test() for request in work._requests):
                        self.pending.remove(work)
                        _finish_of(work)()
                        work._end()
                except Exception as error:  # raised by whoever waits for this work
                    self._fail(work, error)

    def _begin(self, work: Work) -> bool:
        """Start a work's data if all ranks have come and mean the same; False while some have not."""
        request, mine, all_of_them = work._check
        if not request.Test():
            return False
        if not (all_of_them == mine[0]).all():
            raise DistBackendError(self._difference(work, all_of_them))
        assert work._start is not None
        work._requests = work._start(self.lane)
        return True

    def _fail(self, work: Work, error: Exception) -> None:
        if not isinstance(error, DistBackendError) and type(error).__module__.startswith("mpi4py"):
            error = DistBackendError(f"{work._call.text}: MPI failed: {error}")
        if work in self.pending:
            self.pending.remove(work)
        self.broken = self.broken or str(error)
        work._end(error)

    def drive(self, work: Work, timeout: Any = None) -> None:
        """Wait until a work is done or has failed."""
        begun = time.monotonic()
        limit = self.limit if timeout is None else getattr(timeout, "total_seconds", lambda: timeout)()
        lost_at: float | None = None
        while True:
            self.advance()
            if work._done:
                return
            now = time.monotonic()
            if lost_at is None and self._lost():
                lost_at = now
            if lost_at is not None and now - lost_at > _GRACE:
                self._give_up(work, self._lost())
            if now - begun > limit:
                self._give_up(work, self._late(work, limit))
            if now - begun < _SPIN or (work._check is not None and work._requests is not None):
                _give_way()  # all ranks are there and data moves, or will in a moment
            else:
                time.sleep(_NAP)

    def _give_up(self, work: Work, why: str) -> None:
        note_failure()
        self._fail(work, DistBackendError(f"{work._call.text}: {why}"))

    def _lost(self) -> str:
        """Which of the group's ranks are gone, in words; empty while all are there."""
        gone = [f"rank {rank} {self.link.lost[rank]}" for rank in self.ranks if rank in self.link.lost]
        return "; ".join(gone)

    def _late(self, work: Work, limit: float) -> str:
        if work._requests is None:
            return (
                f"not all of the ranks {list(self.ranks)} made this call within {limit:g} s. One of them is late, or "
                "does not make it at all (a different number of batches, a call under `if rank == 0`)"
            )
        return f"was not done within {limit:g} s"

    # ------------------------------------------------------------ differences

    def _difference(self, work: Work, hashes: np.ndarray) -> str:
        """The message that names each rank's line, which ranks send to one another."""
        texts = self._exchange(work._call.text)
        groups: dict[int, list[int]] = {}
        for place, number in enumerate(hashes.tolist()):
            groups.setdefault(number, []).append(place)
        lines = []
        for places in groups.values():
            names = ", ".join(str(self.ranks[place]) for place in places)
            lines.append(f"rank{'s' * (len(places) > 1)} {names}: {texts[places[0]]}")
        return (
            "ranks make different calls: "
            + "; ".join(lines)
            + ". All ranks of a group have to make the same collective calls, in the same order."
        )

    def _exchange(self, text: str) -> list[str]:
        size = len(self.ranks)
        mine = np.zeros(_TEXT_BYTES, np.uint8)
        encoded = text.encode()[-_TEXT_BYTES:]
        mine[: len(encoded)] = np.frombuffer(encoded, np.uint8)
        theirs = np.zeros((size, _TEXT_BYTES), np.uint8)
        requests = []
        for place in range(size):
            requests.append(self.control.Irecv(theirs[place], place, _TEXT_TAG))
            requests.append(self.control.Isend(mine, place, _TEXT_TAG))
        end = time.monotonic() + 10.0
        while not all(request.Test() for request in requests) and time.monotonic() < end:
            _give_way()
        return [bytes(row).rstrip(b"\0").decode(errors="replace") or "(did not say)" for row in theirs]


def _finish_of(work: Work) -> Callable:
    assert work._finish is not None
    return work._finish
