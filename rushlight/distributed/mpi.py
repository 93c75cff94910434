"""MPI: loading it, joining processes that no launcher joined, and ending with it.

mpi4py is imported here and nowhere else, at first use. Processes that mpiexec started share COMM_WORLD. Others begin as
singletons, each with an MPI world of its own: rank 0 opens a port, hands its name over in the store, and accepts them one
by one. MPI's end is collective over everything connected, so singletons leave without it; under mpiexec a process that
fails aborts the others, since they would wait for it for ever.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .errors import DistBackendError
from .store import Store

# Seconds before an abort, which cuts off what mpiexec has not yet passed on: this rank's error, and the others'.
_LAST_WORDS = 0.7
INSTALL = "pip install 'rushlight[mpi]' (mpi4py and mpich)"


class _Process:
    """What this process has done with MPI."""

    mpi: Any = None
    launched = False
    failed = False
    owner = 0
    # Called when the process ends: links say goodbye.
    farewells: list[Callable[[str], None]] = []


def is_installed() -> bool:
    """Whether mpi4py can be found; the MPI library itself is looked for at first use."""
    return importlib.util.find_spec("mpi4py") is not None


def load() -> Any:
    """mpi4py.MPI, initialized. Raises: RuntimeError that says what to install."""
    if _Process.mpi is not None:
        return _Process.mpi
    try:
        import mpi4py

        mpi4py.rc.finalize = False  # _at_exit decides
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            f"a group of several processes needs MPI, which is not usable here ({error}): {INSTALL}"
        ) from error
    if not MPI.Is_initialized():
        MPI.Init_thread()
    _Process.mpi = MPI
    _Process.owner = os.getpid()
    atexit.register(_at_exit)
    sys.excepthook = _noticing(sys.excepthook)
    return MPI


def world(rank: int, size: int) -> Any:
    """The communicator of all processes that the launcher started, this one having number `rank` in it."""
    mpi = load()
    if mpi.COMM_WORLD.Get_size() != size:
        raise RuntimeError(
            f"the launcher started {size} processes but MPI joined {mpi.COMM_WORLD.Get_size()}: mpiexec and the "
            f"MPI library ({mpi.Get_library_version().splitlines()[0].strip()}) belong to different MPIs"
        )
    _Process.launched = True
    return mpi.COMM_WORLD.Split(0, rank)


def join(store: Store, rank: int, size: int, limit: float, gone: Callable[[], str | None]) -> Any:
    """A communicator of `size` singletons that share a store.

    Args:
        limit: seconds in which all have to be joined.
        gone: says which rank was lost meanwhile, None while all are there.
    Raises: DistBackendError when MPI refuses, a rank is lost, or time is over.
    """
    mpi = load()
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(_joined(mpi, store, rank, size))
        except Exception as error:  # handed to the caller's thread
            outcome.append(error)

    # MPI's Accept and Connect cannot be given up, so they wait in a thread that can be left behind.
    thread = threading.Thread(target=work, name="rushlight-join", daemon=True)
    thread.start()
    end = time.monotonic() + limit
    while thread.is_alive():
        thread.join(0.02)
        if thread.is_alive() and (gone() or time.monotonic() > end):
            reason = gone() or f"not all of them were joined within {limit:g} s"
            raise DistBackendError(f"rank {rank}: joining {size} processes failed: {reason}")
    if isinstance(outcome[0], Exception):
        version = mpi.Get_library_version().splitlines()[0].strip()
        raise DistBackendError(
            f"rank {rank}: MPI could not join {size} processes: {outcome[0]}. This is {version}; mpich 4.3.2 can "
            "(pip install mpich==4.3.2), and under `mpiexec` or `rushlight launch` no joining is needed."
        ) from outcome[0]
    return outcome[0]


def _joined(mpi: Any, store: Store, rank: int, size: int) -> Any:
    comm = mpi.COMM_SELF
    port = None
    if rank == 0:
        port = mpi.Open_port()
        store.set("port", port)
    else:
        port = store.get("port").decode()
    for newcomer in range(max(rank, 1), size):
        if rank == newcomer:
            store.get(f"turn/{rank}")
            between = mpi.COMM_SELF.Connect(port)
        else:
            if rank == 0:
                store.set(f"turn/{newcomer}", b"")
            between = comm.Accept(port if rank == 0 else None)
        comm = between.Merge(rank == newcomer)
    if rank == 0:
        mpi.Close_port(port)
    if comm.Get_rank() != rank:
        raise RuntimeError(f"rank {rank} was joined as rank {comm.Get_rank()}")
    return comm


# ---------------------------------------------------------------- the end


def at_farewell(say: Callable[[str], None]) -> None:
    """Have `say(reason)` called when this process ends."""
    _Process.farewells.append(say)


def note_failure() -> None:
    """Something is left half done: MPI's own end would wait for it for ever."""
    _Process.failed = True


def _noticing(before: Any) -> Any:
    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        _Process.failed = True
        for say in _Process.farewells:
            say(f"failed with {kind.__name__}: {str(error)[:300]}")
        before(kind, error, trace)

    return hook


def _at_exit() -> None:
    if os.getpid() != _Process.owner:
        return  # a forked child: MPI is the parent's
    for say in _Process.farewells:
        say("has ended")
    if not _Process.launched or _Process.mpi.Is_finalized():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if _Process.failed:
        time.sleep(_LAST_WORDS)
        _Process.mpi.COMM_WORLD.Abort(1)
    _Process.mpi.Finalize()
