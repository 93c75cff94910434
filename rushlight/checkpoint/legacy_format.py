"""The format of PyTorch before 1.6: four pickles one after the other, then the storages' bytes.

Magic number; version; facts about the machine; the object, with storages as persistent ids; the storages'
keys; for each key, in that order, its number of elements (8 bytes) and its data. The bytes come after the
object that needs them, so the object's pickle is read twice: once for what storages it has (`Survey` builds
nothing), then with them. Still older files, tar archives, are not read.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from ..dtypes import of_name
from ..tensor import Tensor
from . import structure
from .bare_storages import with_bare_storages
from .building import SafeBuilder
from .errors import CorruptFileError, RefusedError, shown
from .pickler import Storages
from .survey import Survey, as_text, split_id
from .tensors import LoadedStorage, bytes_of
from .torch_names import UNTYPED, StorageType
from .unpickler import Machine, Source

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


def write(
    file: IO[bytes], pickled: memoryview, storages: Storages, protocol: int, *, structure_only: bool = False
) -> None:
    """Write an object that was pickled with `storages`."""
    system = {
        "protocol_version": PROTOCOL_VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    if structure_only:
        system[structure.RECORD] = True
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, system):
        file.write(pickle.dumps(part, protocol))
    file.write(pickled)
    numbers = sorted(range(len(storages.keys)), key=str)
    file.write(pickle.dumps([str(number) for number in numbers], protocol))
    for number in numbers:
        data = bytes_of(storages.keys[number])
        file.write(struct.pack("<q", data.nbytes // storages.item_sizes[number]))
        file.write(data.data)


def read(file: IO[bytes], place: Callable[[Tensor, str], Tensor], encoding: str, errors: str) -> Any:
    """The object in a legacy file, from where `file` stands."""
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(start)
    source = Source(file, end)

    def run(builder: Any, source: Source = source) -> Any:
        return Machine(source, builder, encoding, errors).run()

    system = _read_header(run)
    begin = file.tell()
    survey = Survey()
    run(survey)
    length = file.tell() - begin
    keys = run(survey)
    if type(keys) is not list or any(type(key) not in (str, bytes) for key in keys):
        raise CorruptFileError("the file's list of storages makes no sense")
    little = system.get("little_endian") is not False
    storages = _Stored(file, end, survey.storages, keys, place, little)
    file.seek(begin)
    pickled = file.read(length)
    builder = SafeBuilder(storages.of, place, structure_only=system.get(structure.RECORD) is True)
    result = run(builder, Source.of_bytes(pickled))
    file.seek(storages.end)
    if builder.structure_only:
        structure.renew(builder.modules, builder.blanks)
    return with_bare_storages(result, storages.all())


def _read_header(run: Callable[[Any], Any]) -> dict:
    magic = run(Survey())
    if type(magic) is not int or magic != MAGIC_NUMBER:
        raise CorruptFileError(
            "Invalid magic number; corrupt file? It is a pickle, but no checkpoint of PyTorch's."
        )
    version = run(Survey())
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise CorruptFileError(f"Invalid protocol version: {shown(version)}; {PROTOCOL_VERSION} can be read")
    system = run(Survey())
    if type(system) is not dict:
        raise CorruptFileError("the file's facts about its machine make no sense")
    return system


class _Stored:
    """The storages of a legacy file, found by walking over them from where `file` stands."""

    def __init__(
        self,
        file: IO[bytes],
        end: int,
        surveyed: dict[str, tuple[StorageType, str, int]],
        keys: list,
        place: Callable[[Tensor, str], Tensor],
        little: bool,
    ) -> None:
        self._file = file
        self._place = place
        self._swapped = little != (sys.byteorder == "little")
        self._storages: dict[str, LoadedStorage] = {}
        self._views: dict[str, LoadedStorage] = {}
        for key in map(as_text, keys):
            if key not in surveyed or key in self._storages:
                raise CorruptFileError(
                    f"the file's list of storages names {key!r}, which its object does not use once"
                )
            self._add(key, *surveyed[key], end)
        self.end = file.tell()
        missing = surveyed.keys() - self._storages.keys()
        if missing:
            raise CorruptFileError(
                f"the file has no data for storage {min(missing)!r}, which its object uses"
            )

    def _add(self, key: str, storage_type: StorageType, location: str, numel: int, end: int) -> None:
        header = self._file.read(8)
        stored = struct.unpack("<q" if self._little_header() else ">q", header)[0] if len(header) == 8 else -1
        begin = self._file.tell()
        nbytes = numel * of_name(storage_type.dtype_name).itemsize
        if stored != numel or begin + nbytes > end:
            raise CorruptFileError(
                f"storage {key!r} should have {numel} elements, its data says {stored}, and {end - begin} "
                "bytes are left"
            )

        def fetch(target: np.ndarray) -> None:
            self._file.seek(begin)
            _fill(self._file, target, key)

        dtype = None if storage_type is UNTYPED else storage_type.dtype_name
        self._storages[key] = LoadedStorage(
            dtype, nbytes, fetch, lambda tensor: self._place(tensor, location), swapped=self._swapped
        )
        self._file.seek(begin + nbytes)

    def _little_header(self) -> bool:
        return (sys.byteorder == "little") != self._swapped

    def of(self, pid: Any) -> Any:
        """What a persistent id means."""
        kind, fields = split_id(pid)
        if kind == "module":
            return fields[0]
        storage_type, key, _, _, view = fields
        storage = self._storages[key]
        storage.named += 1
        return storage if view is None else self._view(storage, storage_type, view)

    def all(self) -> list[LoadedStorage]:
        """Every storage that the object's pickle named."""
        return list(self._storages.values())

    def _view(self, root: LoadedStorage, storage_type: StorageType, view: Any) -> LoadedStorage:
        """Part of a storage, which PyTorch before 0.4 saved as a storage of its own."""
        if type(view) is not tuple or len(view) != 3 or type(view[1]) is not int or type(view[2]) is not int:
            raise CorruptFileError(f"the file holds a storage that is a part of another by {shown(view)}")
        key, offset, numel = as_text(view[0]), view[1], view[2]
        if offset == 0 and numel * of_name(storage_type.dtype_name).itemsize == root.nbytes:
            return root
        raise RefusedError(
            f"storage {key!r} is a part of another one, as PyTorch wrote before 0.4; load and save the file "
            "there"
        )


def _fill(file: IO[bytes], target: np.ndarray, key: str) -> None:
    view, filled = target.data, 0
    while filled < len(view):
        data = file.read(min(len(view) - filled, 64 << 20))
        if not data:
            raise CorruptFileError(f"storage {key!r} ends after {filled} of its {len(view)} bytes")
        view[filled : filled + len(data)] = data
        filled += len(data)


__all__ = ["MAGIC_NUMBER", "PROTOCOL_VERSION", "read", "write"]
