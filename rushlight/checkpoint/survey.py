"""Reading a pickle without building what it describes: for its storages, or for the names it would need.

A `Survey` judges names and keys as loading does, but makes placeholders only.
"""

from __future__ import annotations

import os
import pickle
from typing import IO, Any

from .building import SafeBuilder
from .errors import CorruptFileError, RefusedError, shown
from .torch_names import StorageType
from .unpickler import Machine, Source
from .zip_format import MAGIC, Reader


class _Placeholder:
    """Something that the first reading does not build; it takes and forgets what is put into it."""

    def append(self, item: Any) -> None:
        pass

    extend = append

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class Survey(SafeBuilder):
    """Reads a pickle for its storages only; names are judged as in the second reading, nothing is built.

    Attributes: `storages`, (type, location, elements) by key.
    """

    def __init__(self) -> None:
        super().__init__(self._note, lambda tensor, location: tensor)
        self.storages: dict[str, tuple[StorageType, str, int]] = {}

    def call(self, function: Any, args: tuple) -> Any:
        return _Placeholder()

    def new(self, cls: Any, args: tuple, kwargs: dict) -> Any:
        return _Placeholder()

    def set_state(self, obj: Any, state: Any) -> None:
        pass

    def is_trusted(self, obj: Any) -> bool:
        return type(obj) is _Placeholder

    def check_key(self, key: Any) -> None:
        if type(key) is not _Placeholder:
            super().check_key(key)

    def _note(self, pid: Any) -> Any:
        kind, fields = split_id(pid)
        if kind == "module":
            return fields[0]
        storage_type, key, location, numel, _ = fields
        known = self.storages.setdefault(key, (storage_type, location, numel))
        if known[0].dtype_name != storage_type.dtype_name or known[1:] != (location, numel):
            raise CorruptFileError(f"the file describes storage {key!r} in two ways")
        return _Placeholder()


def split_id(pid: Any) -> tuple[str, tuple]:
    """A persistent id's kind and its checked fields."""
    if type(pid) is not tuple or not pid:
        raise CorruptFileError(f"the file refers to something outside by the id {shown(pid)}")
    kind, fields = as_text(pid[0]), pid[1:]
    if kind == "module" and len(fields) == 3 and isinstance(fields[0], type):
        return kind, fields
    if kind != "storage" or len(fields) not in (4, 5):
        raise RefusedError(f"the file refers to something outside that is no storage: {shown(pid)}")
    storage_type, key, location, numel, *view = fields
    key, location = as_text(key), as_text(location)
    if not isinstance(storage_type, StorageType) or type(numel) is not int or numel < 0:
        raise CorruptFileError(f"the file refers to a storage of an impossible kind: {shown(pid)}")
    return kind, (storage_type, key, location, numel, view[0] if view else None)


def as_text(value: Any) -> str:
    """Text, which Python 2 wrote as bytes."""
    if type(value) is bytes:
        value = value.decode("ascii", "replace")
    if type(value) is not str:
        raise CorruptFileError(f"the file refers to a storage by a {type(value).__name__}")
    return value


class _Collector(Survey):
    """Notes the names that loading would refuse, and goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()

    def find(self, module: str, name: str) -> Any:
        try:
            return super().find(module, name)
        except pickle.UnpicklingError:
            self.refused.add(f"{module}.{name}")
            return _Placeholder()


def refused_names(file: IO[bytes]) -> list[str]:
    """The names in a zip checkpoint that load() would refuse, sorted.

    Raises: CorruptFileError when it is no zip file.
    """
    start = file.tell()
    magic = file.read(len(MAGIC))
    file.seek(start, os.SEEK_SET)
    if magic != MAGIC:
        raise CorruptFileError("only files that torch.save wrote in its zip format can be searched for names")
    collector = _Collector()
    Machine(Source.of_bytes(Reader(file).read("data.pkl")), collector).run()
    return sorted(collector.refused)


__all__ = ["Survey", "as_text", "refused_names", "split_id"]
