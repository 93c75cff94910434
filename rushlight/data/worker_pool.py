"""The loader's side of its workers: starting them, talking to them, noticing their deaths, ending them.

Each worker has a socket of its own and nothing is shared between workers, no queue and no lock: one that is
killed at any moment leaves the others whole, and its own end is seen at once because the system closes its
socket. Which batch goes to which worker is the iterator's business (iterators.py).
"""

import os
import socket
import time
import warnings
import weakref
from multiprocessing.connection import Connection, wait
from pickle import PicklingError

from . import transport, worker
from .failure import death_of

# Seconds a worker has to finish the batch at hand when the pool is closed, and to go after being terminated.
GRACE = worker.GRACE
GRACE_AFTER_TERMINATE = 1.0

_pools: "weakref.WeakSet[WorkerPool]" = weakref.WeakSet()


class WorkerPool:
    """The worker processes of one iterator.

    Args:
        context: a multiprocessing context.
        plans: one WorkerPlan a worker.
    """

    def __init__(self, context, plans) -> None:
        self.processes: list = []
        self.broken: str | None = None
        self._owner = os.getpid()
        self._connections: list[Connection] = []
        self._serving: set[int] = set()
        self._closed = False
        _pools.add(self)
        try:
            for plan in plans:
                self._start(context, plan)
        except BaseException:
            self.close()
            raise

    def _start(self, context, plan) -> None:
        ours, theirs = context.Pipe(duplex=True)
        self._connections.append(ours)
        process = context.Process(target=worker.run, args=(plan, theirs), daemon=True)
        try:
            process.start()
        except (TypeError, AttributeError, PicklingError):
            warnings.warn(
                "A DataLoader worker could not be started because its arguments cannot be pickled: the "
                f"'{context.get_start_method()}' start method needs a dataset, collate_fn and worker_init_fn "
                "that can be imported, not lambdas or local ones. 'fork' does without.",
                stacklevel=6,
            )
            raise
        finally:
            theirs.close()
        self._serving.add(len(self.processes))
        self.processes.append(process)

    def send(self, worker_id: int, task) -> None:
        """Hand a task to a worker; RuntimeError when it is gone."""
        self._check_usable()
        try:
            transport.send(self._connections[worker_id], task)
        except ConnectionError:
            self._fail(worker_id, "about to be given a batch")

    def receive(self, timeout: float | None = None):
        """The next message of any worker, as (worker id, message); None when `timeout` seconds have passed.

        Raises:
            RuntimeError: a worker died.
        """
        self._check_usable()
        connections = {self._connections[i]: i for i in self._serving}
        sentinels = {self.processes[i].sentinel: i for i in self._serving}
        ready = wait([*connections, *sentinels], timeout)
        if not ready:
            return None
        # What a worker sent before it died still counts, so connections come first.
        for connection in ready:
            if connection in connections:
                return self._read(connections[connection])
        self._fail(sentinels[ready[0]], "waiting or loading a batch")

    def _read(self, worker_id: int):
        try:
            return worker_id, transport.receive(self._connections[worker_id])
        except (EOFError, ConnectionError):
            self._fail(worker_id, "loading a batch")
        except BaseException:
            # Half a message may have been read (Ctrl-C, say): what follows on this connection makes no sense.
            self.broken = "it was interrupted, or failed, while it received a batch"
            self.close()
            raise

    def _fail(self, worker_id: int, task: str):
        process = self.processes[worker_id]
        process.join(GRACE)
        self.broken = death_of(process.pid, process.exitcode, worker_id, task)
        self.close()
        raise RuntimeError(self.broken)

    def _check_usable(self) -> None:
        if self.broken:
            raise RuntimeError(f"DataLoader iterator cannot go on: {self.broken}")
        if self._closed:
            raise RuntimeError("DataLoader iterator cannot go on: its workers have been shut down")

    def retire(self, worker_id: int) -> None:
        """Let one worker end; nothing more is expected from it."""
        self._serving.discard(worker_id)
        _hang_up(self._connections[worker_id])

    def close(self) -> None:
        """End all workers and wait for them: `GRACE` seconds at most in peace, then by force."""
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        for connection in self._connections:
            _hang_up(connection)
        deadline = time.monotonic() + GRACE
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for end in ("terminate", "kill"):
            remaining = [process for process in self.processes if process.exitcode is None]
            for process in remaining:
                getattr(process, end)()
            for process in remaining:
                process.join(GRACE_AFTER_TERMINATE)

    def _forget(self) -> None:
        """In a forked child: close the inherited ends, or workers would not notice the loader's death."""
        for connection in self._connections:
            connection.close()


def _hang_up(connection: Connection) -> None:
    """End the conversation for the other side too, whoever else holds a copy of this end."""
    if connection.closed:
        return
    if hasattr(socket, "AF_UNIX"):
        with socket.socket(fileno=os.dup(connection.fileno())) as end:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the worker is gone already
    connection.close()


def _forget_in_child() -> None:
    for pool in list(_pools):
        pool._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
