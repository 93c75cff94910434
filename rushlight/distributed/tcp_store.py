"""TCPStore: a store that one process serves and others reach over TCP.

A message is a count and that many length-prefixed fields; the first field of a request names the operation. Values are
bytes that nothing here interprets. The server waits on behalf of a client, so that nobody polls.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from .errors import DistNetworkError, DistStoreError
from .store import DEFAULT_TIMEOUT, Store, Table, seconds

GREETING = b"rushlight store 1\n"
# No value that processes exchange here comes near this; a larger number is not one of our messages.
LARGEST = 1 << 28
_LENGTH = struct.Struct("<I")
_FLOAT = struct.Struct("<d")


def send_fields(connection: socket.socket, fields: Sequence[bytes]) -> None:
    """Send one message."""
    parts = [_LENGTH.pack(len(fields))]
    for field in fields:
        parts.append(_LENGTH.pack(len(field)))
        parts.append(field)
    connection.sendall(b"".join(parts))


def receive_exactly(connection: socket.socket, count: int) -> bytes:
    """The next `count` bytes. Raises: EOFError when the other side has closed."""
    parts = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        if not part:
            raise EOFError("the connection was closed")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive_fields(connection: socket.socket) -> list[bytes]:
    """The next message."""
    return [receive_exactly(connection, _length(connection)) for _ in range(_length(connection))]


def _length(connection: socket.socket) -> int:
    (length,) = _LENGTH.unpack(receive_exactly(connection, 4))
    if length > LARGEST:
        raise EOFError(f"a length of {length} is not one of a store's messages")
    return length


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at the host's address, or at all addresses where the name is not one of this machine.

    Raises: DistNetworkError when the port is taken.
    """
    refused: OSError | None = None
    for address in (host, ""):
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return socket.create_server((address, port), family=family, backlog=512)
        except OSError as error:
            refused = error
            if error.errno == errno.EADDRINUSE:
                break
    raise DistNetworkError(
        f"could not listen at {host}:{port}: {refused}. Another program may have this port: give MASTER_PORT "
        "(or the port of init_method) another number, the same in all processes."
    )


def connect(host: str, port: int, limit: float) -> socket.socket:
    """A connection, tried again until `limit` seconds have passed. Raises: DistNetworkError."""
    end = time.monotonic() + limit
    pause = 0.01
    while True:
        left = end - time.monotonic()
        try:
            connection = socket.create_connection((host, port), timeout=max(left, 0.01))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            if time.monotonic() + pause >= end:
                raise DistNetworkError(
                    f"nobody answered at {host}:{port} within {limit:g} s ({error}). Is the process with rank 0 "
                    "running, and do all processes have the same MASTER_ADDR and MASTER_PORT?"
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, 0.25)


class StoreServer:
    """Serves a Table; one thread for each connection."""

    def __init__(self, host: str, port: int) -> None:
        self.table = Table()
        self.socket = listen(host, port)
        self.port = self.socket.getsockname()[1]
        self.open: set[socket.socket] = {self.socket}
        _sockets.update(self.open)
        threading.Thread(target=self._accept, name="rushlight-store", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return  # closed
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.add(connection)
            _sockets.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(GREETING)
            if receive_exactly(connection, len(GREETING)) != GREETING:
                return
            while True:
                send_fields(connection, self._answer(receive_fields(connection)))
        except (EOFError, OSError):
            return  # the client is gone
        finally:
            self.open.discard(connection)
            connection.close()

    def _answer(self, fields: list[bytes]) -> list[bytes]:
        operation = _OPERATIONS.get(fields[0].decode()) if fields else None
        if operation is None:
            raise EOFError("no such operation")
        return operation(self.table, fields[1:])

    def close(self) -> None:
        """Stop serving."""
        for connection in list(self.open):
            _shut(connection)
        self.open.clear()


def _shut(connection: socket.socket) -> None:
    """Close, also for a thread that is reading from it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was not connected any more
    connection.close()


def _set(table: Table, fields: list[bytes]) -> list[bytes]:
    table.set(fields[0].decode(), fields[1])
    return []


def _append(table: Table, fields: list[bytes]) -> list[bytes]:
    table.append(fields[0].decode(), fields[1])
    return []


def _push(table: Table, fields: list[bytes]) -> list[bytes]:
    table.push(fields[0].decode(), fields[1])
    return []


def _yes(value: bool) -> list[bytes]:
    return [b"1"] if value else []


def _some(value: bytes | None) -> list[bytes]:
    return [] if value is None else [value]


def _names(fields: Sequence[bytes]) -> list[str]:
    return [field.decode() for field in fields]


_OPERATIONS: dict[str, Callable[[Table, list[bytes]], list[bytes]]] = {
    "set": _set,
    "get": lambda t, f: _some(t.get(f[0].decode())),
    "wait": lambda t, f: _yes(t.wait(_names(f[1:]), _FLOAT.unpack(f[0])[0])),
    "add": lambda t, f: [str(t.add(f[0].decode(), int(f[1]))).encode()],
    "append": _append,
    "compare_set": lambda t, f: [t.compare_set(f[0].decode(), f[1], f[2])],
    "delete": lambda t, f: _yes(t.delete(f[0].decode())),
    "keys": lambda t, f: [key.encode() for key in list(t.values)],
    "push": _push,
    "pop": lambda t, f: _some(t.pop(f[0].decode(), _FLOAT.unpack(f[1])[0])),
    "length": lambda t, f: [str(t.length(f[0].decode())).encode()],
}


class _RemoteTable:
    """A Table behind a connection."""

    def __init__(self, host: str, port: int, limit: float) -> None:
        self.limit = limit
        self.lock = threading.Lock()
        self.connection = connect(host, port, limit)
        _sockets.add(self.connection)
        try:
            self.connection.settimeout(max(limit, 1.0))
            if receive_exactly(self.connection, len(GREETING)) != GREETING:
                raise EOFError("it answers in another protocol")
            self.connection.sendall(GREETING)
        except (EOFError, OSError) as error:
            self.connection.close()
            raise DistNetworkError(f"what listens at {host}:{port} is no rushlight store: {error}") from error

    def ask(self, operation: str, *fields: bytes, limit: float = 0.0) -> list[bytes]:
        """Send a request and wait for the answer; `limit`: how long the server itself may wait."""
        with self.lock:
            try:
                self.connection.settimeout(limit + 30.0)
                send_fields(self.connection, [operation.encode(), *fields])
                return receive_fields(self.connection)
            except (EOFError, OSError) as error:
                self.connection.close()
                raise DistNetworkError(f"the store's server is gone ({error or 'timed out'})") from error

    @property
    def values(self) -> list[str]:
        return _names(self.ask("keys"))

    def set(self, key: str, value: bytes) -> None:
        self.ask("set", key.encode(), value)

    def get(self, key: str) -> bytes | None:
        return next(iter(self.ask("get", key.encode())), None)

    def wait(self, keys: Sequence[str], limit: float) -> bool:
        return bool(self.ask("wait", _FLOAT.pack(limit), *(key.encode() for key in keys), limit=limit))

    def add(self, key: str, amount: int) -> int:
        return int(self.ask("add", key.encode(), str(amount).encode())[0])

    def append(self, key: str, value: bytes) -> None:
        self.ask("append", key.encode(), value)

    def compare_set(self, key: str, expected: bytes, desired: bytes) -> bytes:
        return self.ask("compare_set", key.encode(), expected, desired)[0]

    def delete(self, key: str) -> bool:
        return bool(self.ask("delete", key.encode()))

    def push(self, key: str, value: bytes) -> None:
        self.ask("push", key.encode(), value)

    def pop(self, key: str, limit: float) -> bytes | None:
        return next(iter(self.ask("pop", key.encode(), _FLOAT.pack(limit), limit=limit)), None)

    def length(self, key: str) -> int:
        return int(self.ask("length", key.encode())[0])


class TCPStore(Store):
    """A store that the process with is_master=True serves, and all reach at host_name:port.

    Args:
        host_name, port: where the server is; port 0 at the master: a free one, `.port` afterwards.
        world_size: how many processes there are, for wait_for_workers.
        is_master: serve.
        timeout: how long connecting, `get` and `wait` wait, a timedelta.
        wait_for_workers: return when world_size processes have come (needs world_size).
    Raises:
        DistNetworkError: nobody listens there within the timeout, or the port is taken.
        DistStoreError: not all processes came within the timeout.
    Source: torch.distributed.TCPStore, with a protocol of its own.
    Example:
        >>> import rushlight.distributed as dist
        >>> store = dist.TCPStore("127.0.0.1", 0, is_master=True)
        >>> store.set("color", "blue")
        >>> store.get("color")
        b'blue'
    """

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = DEFAULT_TIMEOUT,
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ) -> None:
        self._limit = timeout
        self.host = host_name
        self._server = StoreServer(host_name, port) if is_master else None
        self.port = port if self._server is None else self._server.port
        if self._server is not None:
            weakref.finalize(self, self._server.close)
            self._own: Any = self._server.table
        else:
            self._own = _RemoteTable(host_name, self.port, seconds(timeout))
            weakref.finalize(self, self._own.connection.close)
        if wait_for_workers and world_size is not None and world_size > 1:
            self._wait_for_workers(world_size)

    def _table(self) -> Any:
        return self._own

    def _wait_for_workers(self, world_size: int) -> None:
        came = self.add("init/count", 1)
        if came >= world_size:
            self.set("init/all", b"")
        if not self._own.wait(["init/all"], seconds(self._limit)):
            came = self.add("init/count", 0)
            raise DistStoreError(
                f"{came} of {world_size} processes came to {self.host}:{self.port} within {seconds(self._limit):g} s"
            )

    def clone(self) -> TCPStore:
        """Another connection to the same server."""
        return TCPStore(self.host, self.port, None, False, self._limit)

    def __repr__(self) -> str:
        role = "server" if self._server is not None else "client"
        return f"TCPStore({role} at {self.host}:{self.port})"


# All sockets of this process. A forked child closes its copies: a peer has to see that the parent is gone.
_sockets: weakref.WeakSet = weakref.WeakSet()


def keep_from_children(connection: socket.socket) -> None:
    """Have a forked child close its copy of this socket."""
    _sockets.add(connection)


def _close_in_child() -> None:
    for connection in list(_sockets):
        connection.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
