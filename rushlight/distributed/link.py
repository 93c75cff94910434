"""Knowing that another process is gone: each rank holds a connection to rank 0, and the system closes those of the dead.

MPI waits for ever for a process that has died or gone home. Whoever waits looks at `lost` meanwhile. Rank 0 hears of
every loss and tells the others; a rank that leaves says why. Nothing else goes over these connections.
"""

from __future__ import annotations

import secrets
import selectors
import socket
import threading
import time
from typing import Any

from .errors import DistBackendError, DistNetworkError
from .store import Store
from .tcp_store import connect, keep_from_children, listen, receive_exactly

_DIED = "has died, or ended without destroy_process_group"


class NoLink:
    """The link of a group of one."""

    lost: dict[int, str] = {}

    def leave(self, reason: str) -> None:
        pass


class Link:
    """One rank's view of who is there.

    `lost` maps the ranks that are gone to what is known about it; other threads read it at any time.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size
        self.lost: dict[int, str] = {}
        self.sockets: dict[int, socket.socket] = {}
        self.left = False
        self.lock = threading.Lock()

    def watch(self) -> None:
        """Begin to listen for losses."""
        threading.Thread(target=self._watch, name="rushlight-link", daemon=True).start()

    def _watch(self) -> None:
        pending = dict.fromkeys(self.sockets, b"")
        with selectors.DefaultSelector() as selector:
            for rank, connection in self.sockets.items():
                selector.register(connection, selectors.EVENT_READ, rank)
            while selector.get_map() and not self.left:
                for key, _ in selector.select(1.0):
                    rank = key.data
                    data = _read(key.fileobj)
                    if not data:
                        selector.unregister(key.fileobj)
                        self._lose(rank, _DIED)
                        continue
                    *lines, pending[rank] = (pending[rank] + data).split(b"\n")
                    for line in lines:
                        about, _, why = line.decode(errors="replace").partition(" ")
                        self._lose(int(about), why)

    def _lose(self, rank: int, why: str) -> None:
        """Note a loss, once; rank 0 passes it on."""
        with self.lock:
            if rank in self.lost or self.left:
                return
            self.lost[rank] = why
        if self.rank == 0:
            for other, connection in self.sockets.items():
                if other != rank:
                    _say(connection, rank, why)

    def leave(self, reason: str) -> None:
        """Tell the others that this rank goes, and why; a second call does nothing."""
        with self.lock:
            if self.left:
                return
            self.left = True
        for connection in self.sockets.values():
            _say(connection, self.rank, reason)
            connection.close()


def _read(connection: Any) -> bytes:
    try:
        return connection.recv(4096)
    except OSError:
        return b""


def _say(connection: socket.socket, rank: int, why: str) -> None:
    line = f"{rank} {' '.join(why.split())}\n".encode()
    try:
        connection.sendall(line)
    except OSError:
        pass  # that one is gone as well, and its own reader says so


# ---------------------------------------------------------------- opening


def open_by_store(store: Store, rank: int, size: int, limit: float) -> Link:
    """Connect the ranks that share a store.

    Raises: DistBackendError or DistNetworkError naming the ranks that have not come after `limit` seconds.
    """
    end = time.monotonic() + limit
    store.set(f"host/{rank}", socket.gethostname())
    if rank:
        kind, _, rest = store.get("link").decode().partition(" ")
        if kind == "failed":
            raise DistBackendError(f"rank 0 gave up: {rest}")
        return connected(rank, size, rest, limit)
    try:
        hosts = {_host_of(store, other, size, end, limit) for other in range(size)}
    except DistBackendError as error:
        store.set("link", f"failed {error}")
        raise
    server, address = offer(len(hosts) == 1, getattr(store, "host", None))
    store.set("link", f"at {address}")
    return gathered(server, address, size, end, limit)


def _host_of(store: Store, rank: int, size: int, end: float, limit: float) -> bytes:
    while not store.check([f"host/{rank}"]):
        if time.monotonic() > end:
            missing = [str(other) for other in range(size) if not store.check([f"host/{other}"])]
            raise DistBackendError(
                f"of {size} processes, rank{'s' * (len(missing) > 1)} {', '.join(missing)} did not come within "
                f"{limit:g} s. Every rank from 0 to {size - 1} has to be started, with the same meeting place."
            )
        time.sleep(0.01)
    return store.get(f"host/{rank}")


def open_by_mpi(comm: Any, limit: float) -> Link:
    """Connect the ranks of an MPI communicator."""
    rank, size = comm.Get_rank(), comm.Get_size()
    hosts = set(comm.allgather(socket.gethostname()))
    server, address = offer(len(hosts) == 1, None) if rank == 0 else (None, None)
    address = comm.bcast(address)
    if server is None:
        return connected(rank, size, address, limit)
    return gathered(server, address, size, time.monotonic() + limit, limit)


def offer(one_host: bool, host: str | None) -> tuple[socket.socket, str]:
    """A listening socket, and where it is: 'host port token'."""
    host = "127.0.0.1" if one_host else host or socket.gethostname()
    server = listen(host, 0)
    keep_from_children(server)
    return server, f"{host} {server.getsockname()[1]} {secrets.token_hex(16)}"


def gathered(server: socket.socket, address: str, size: int, end: float, limit: float) -> Link:
    """Rank 0's link, once all others have connected."""
    token = address.split()[2].encode()
    link = Link(0, size)
    with server:
        while len(link.sockets) < size - 1:
            server.settimeout(max(end - time.monotonic(), 0.01))
            try:
                connection, _ = server.accept()
                connection.settimeout(5.0)
                greeting = receive_exactly(connection, len(token) + 8)
            except TimeoutError:
                missing = sorted(set(range(1, size)) - set(link.sockets))
                raise DistNetworkError(f"ranks {missing} did not connect within {limit:g} s") from None
            except (EOFError, OSError):
                continue  # somebody else's connection
            if not secrets.compare_digest(greeting[:-8], token):
                connection.close()
                continue
            connection.settimeout(None)
            keep_from_children(connection)
            link.sockets[int(greeting[-8:])] = connection
    link.watch()
    return link


def connected(rank: int, size: int, address: str, limit: float) -> Link:
    """Another rank's link to rank 0."""
    host, port, token = address.split()
    connection = connect(host, int(port), limit)
    connection.settimeout(None)
    keep_from_children(connection)
    connection.sendall(token.encode() + b"%8d" % rank)
    link = Link(rank, size)
    link.sockets[0] = connection
    link.watch()
    return link
