"""Key-value stores through which processes find each other: in memory, in a file, under a prefix.

Keys are text, values bytes. `get` and `wait` wait for keys that others set. TCPStore is in tcp_store.py. All of them are a
`Table` of values somewhere, and differ in where it is.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from .errors import DistStoreError, QueueEmptyError

DEFAULT_TIMEOUT = timedelta(seconds=300)


def as_bytes(value: Any) -> bytes:
    """A value as it is kept: text as UTF-8."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"a store's values are str or bytes, got {type(value).__name__}")


def seconds(timeout: Any) -> float:
    """A timedelta or a number of seconds, as seconds."""
    return timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)


class Table:
    """Values and queues by key, for the threads of one process."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.queues: dict[str, deque] = {}
        self.changed = threading.Condition()

    def set(self, key: str, value: bytes) -> None:
        with self.changed:
            self.values[key] = value
            self.changed.notify_all()

    def wait(self, keys: Sequence[str], limit: float) -> bool:
        """Wait for all keys; False when they are not there after `limit` seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: all(key in self.values for key in keys), limit)

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def add(self, key: str, amount: int) -> int:
        with self.changed:
            total = int(self.values.get(key, b"0")) + amount
            self.set(key, str(total).encode())
            return total

    def append(self, key: str, value: bytes) -> None:
        with self.changed:
            self.set(key, self.values.get(key, b"") + value)

    def compare_set(self, key: str, expected: bytes, desired: bytes) -> bytes:
        with self.changed:
            current = self.values.get(key)
            if current == expected or (current is None and not expected):
                self.set(key, desired)
                return desired
            return expected if current is None else current

    def delete(self, key: str) -> bool:
        with self.changed:
            return self.values.pop(key, None) is not None

    def push(self, key: str, value: bytes) -> None:
        with self.changed:
            self.queues.setdefault(key, deque()).append(value)
            self.changed.notify_all()

    def pop(self, key: str, limit: float) -> bytes | None:
        """The oldest entry of a queue, waiting up to `limit` seconds for one."""
        with self.changed:
            self.changed.wait_for(lambda: bool(self.queues.get(key)), limit)
            waiting = self.queues.get(key)
            return waiting.popleft() if waiting else None

    def length(self, key: str) -> int:
        return len(self.queues.get(key, ()))


class Store:
    """What all stores can do. A subclass has a `_table()`, or gives set, get, add, check and wait itself.

    Source: torch.distributed.Store.
    """

    _limit = DEFAULT_TIMEOUT

    def _table(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say where its values are")

    @property
    def timeout(self) -> timedelta:
        """How long `get` and `wait` wait."""
        return self._limit

    def set_timeout(self, timeout: timedelta) -> None:
        """How long `get` and `wait` wait from now on."""
        self._limit = timeout

    def set(self, key: str, value: Any) -> None:
        """Give a key a value."""
        self._table().set(key, as_bytes(value))

    def get(self, key: str) -> bytes:
        """The value of a key, once it is there. Raises: DistStoreError after the store's timeout."""
        self.wait([key])
        found = self._table().get(key)
        if found is None:
            raise DistStoreError(f"key {key!r} was deleted while it was read")
        return found

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Wait until all keys are there. Raises: DistStoreError after `timeout`, or the store's own."""
        limit = seconds(self._limit if timeout is None else timeout)
        if not self._table().wait(list(keys), limit):
            raise DistStoreError(f"wait timeout after {round(limit * 1000)}ms, keys: {', '.join(keys)}")

    def add(self, key: str, amount: int) -> int:
        """Add to a counter, 0 at first; gives what it is now."""
        return self._table().add(key, int(amount))

    def append(self, key: str, value: Any) -> None:
        """Add to the end of a value."""
        self._table().append(key, as_bytes(value))

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all keys are there."""
        return self._table().wait(list(keys), 0)

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        """Set the key if its value is the expected one ("" for none); gives the value that it has then."""
        return self._table().compare_set(key, as_bytes(expected_value), as_bytes(desired_value))

    def delete_key(self, key: str) -> bool:
        """Take a key away; whether it was there."""
        return self._table().delete(key)

    def num_keys(self) -> int:
        """How many keys there are."""
        return len(self._table().values)

    def list_keys(self) -> list[str]:
        """The keys."""
        return list(self._table().values)

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values of several keys."""
        return [self.get(key) for key in keys]

    def multi_set(self, keys: Sequence[str], values: Sequence[Any]) -> None:
        """Give several keys their values."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def queue_push(self, key: str, value: Any) -> None:
        """Add to the end of a queue."""
        self._table().push(key, as_bytes(value))

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        """Take the oldest entry of a queue. Raises: QueueEmptyError when there is none."""
        found = self._table().pop(key, seconds(self._limit) if block else 0)
        if found is None:
            raise QueueEmptyError(f"queue {key!r} is empty")
        return found

    def queue_len(self, key: str) -> int:
        """How many entries a queue has."""
        return self._table().length(key)

    def has_extended_api(self) -> bool:
        """Whether append and the multi and queue calls are there."""
        return True

    def clone(self) -> Store:
        """Another handle to the same values."""
        return self


class HashStore(Store):
    """A store in memory, for the threads of one process.

    Source: torch.distributed.HashStore.
    Example:
        >>> import rushlight.distributed as dist
        >>> store = dist.HashStore()
        >>> store.set("color", "blue")
        >>> store.get("color"), store.add("count", 2)
        (b'blue', 2)
    """

    def __init__(self) -> None:
        self._own = Table()

    def _table(self) -> Table:
        return self._own


class PrefixStore(Store):
    """Another store with a prefix before every key. Source: torch.distributed.PrefixStore."""

    def __init__(self, prefix: str, store: Store) -> None:
        self.prefix = prefix
        self.underlying_store = store

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    @property
    def timeout(self) -> timedelta:
        return self.underlying_store.timeout

    def set_timeout(self, timeout: timedelta) -> None:
        self.underlying_store.set_timeout(timeout)

    def set(self, key: str, value: Any) -> None:
        self.underlying_store.set(self._key(key), value)

    def get(self, key: str) -> bytes:
        return self.underlying_store.get(self._key(key))

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        names = [self._key(key) for key in keys]
        if timeout is None:
            self.underlying_store.wait(names)
        else:
            self.underlying_store.wait(names, timeout)

    def add(self, key: str, amount: int) -> int:
        return self.underlying_store.add(self._key(key), amount)

    def append(self, key: str, value: Any) -> None:
        self.underlying_store.append(self._key(key), value)

    def check(self, keys: Sequence[str]) -> bool:
        return self.underlying_store.check([self._key(key) for key in keys])

    def compare_set(self, key: str, expected_value: Any, desired_value: Any) -> bytes:
        return self.underlying_store.compare_set(self._key(key), expected_value, desired_value)

    def delete_key(self, key: str) -> bool:
        return self.underlying_store.delete_key(self._key(key))

    def num_keys(self) -> int:
        return self.underlying_store.num_keys()

    def list_keys(self) -> list[str]:
        start = self._key("")
        return [key.removeprefix(start) for key in self.underlying_store.list_keys() if key.startswith(start)]

    def queue_push(self, key: str, value: Any) -> None:
        self.underlying_store.queue_push(self._key(key), value)

    def queue_pop(self, key: str, block: bool = True) -> bytes:
        return self.underlying_store.queue_pop(self._key(key), block)

    def queue_len(self, key: str) -> int:
        return self.underlying_store.queue_len(self._key(key))


_HEADER = struct.Struct("<BII")
_SET, _DELETE, _PUSH, _POP = range(4)


class _FileTable(Table):
    """A table whose changes are records at the end of a file, locked while one is read and written."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.read_to = 0
        self.held = 0
        self.file: Any = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the file, its latest records read."""
        import fcntl  # POSIX only, like the lock itself

        with self.changed:
            if self.held:
                self.held += 1
                try:
                    yield
                finally:
                    self.held -= 1
                return
            with open(self.path, "a+b") as self.file:
                fcntl.flock(self.file, fcntl.LOCK_EX)
                self._catch_up()
                self.held = 1
                try:
                    yield
                finally:
                    self.held = 0
                    self.file.flush()

    def _catch_up(self) -> None:
        self.file.seek(self.read_to)
        data = self.file.read()
        place = 0
        while place + _HEADER.size <= len(data):
            kind, m, n = _HEADER.unpack_from(data, place)
            start = place + _HEADER.size
            if start + m + n > len(data):
                break
            self._apply(kind, data[start : start + m].decode(), data[start + m : start + m + n])
            place = start + m + n
        self.read_to += place

    def _apply(self, kind: int, key: str, value: bytes) -> None:
        if kind == _SET:
            self.values[key] = value
        elif kind == _DELETE:
            self.values.pop(key, None)
        elif kind == _PUSH:
            self.queues.setdefault(key, deque()).append(value)
        else:
            self.queues[key].popleft()

    def _note(self, kind: int, key: str, value: bytes = b"") -> None:
        name = key.encode()
        record = _HEADER.pack(kind, len(name), len(value)) + name + value
        self.file.seek(0, os.SEEK_END)
        self.file.write(record)
        self.read_to += len(record)
        self._apply(kind, key, value)

    def set(self, key: str, value: bytes) -> None:
        with self.locked():
            self._note(_SET, key, value)

    def delete(self, key: str) -> bool:
        with self.locked():
            found = key in self.values
            if found:
                self._note(_DELETE, key)
            return found

    def push(self, key: str, value: bytes) -> None:
        with self.locked():
            self._note(_PUSH, key, value)

    def pop(self, key: str, limit: float) -> bytes | None:
        end = time.monotonic() + limit
        while True:
            with self.locked():
                if self.queues.get(key):
                    value = self.queues[key][0]
                    self._note(_POP, key)
                    return value
            if time.monotonic() >= end:
                return None
            time.sleep(0.01)

    def add(self, key: str, amount: int) -> int:
        with self.locked():
            return super().add(key, amount)

    def append(self, key: str, value: bytes) -> None:
        with self.locked():
            super().append(key, value)

    def compare_set(self, key: str, expected: bytes, desired: bytes) -> bytes:
        with self.locked():
            return super().compare_set(key, expected, desired)

    def get(self, key: str) -> bytes | None:
        with self.locked():
            return self.values.get(key)

    def length(self, key: str) -> int:
        with self.locked():
            return super().length(key)

    def wait(self, keys: Sequence[str], limit: float) -> bool:
        end = time.monotonic() + limit
        while True:
            with self.locked():
                if all(key in self.values for key in keys):
                    return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)


class FileStore(Store):
    """A store in a file that all processes can open.

    The file is made if it is not there; take it away before another run uses its name.

    Args:
        file_name: the file's path.
        world_size: how many processes use it; not needed.
    Source: torch.distributed.FileStore.
    """

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        self.path = os.fspath(file_name)
        self._own = _FileTable(self.path)
        with self._own.locked():
            pass

    def _table(self) -> Table:
        return self._own

    def num_keys(self) -> int:
        with self._own.locked():
            return len(self._own.values)

    def list_keys(self) -> list[str]:
        with self._own.locked():
            return list(self._own.values)
