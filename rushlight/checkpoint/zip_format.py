"""The container of a checkpoint: PyTorch's zip file, written and read byte for byte as PyTorch lays it out.

Every record is stored uncompressed and begins at a multiple of 64 bytes, so that it can be mapped into
memory; a checksum and the sizes follow it. The records: `data.pkl` (the object), `data/0`, `data/1`, ... (one
a storage), `byteorder`, `version` and three that say how the file was laid out. What is in data.pkl is
pickler.py's and unpickler.py's affair. Reading believes nothing: names, sizes and places are checked before a
byte is used.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
import zlib
from typing import IO, Any

import numpy as np

from .errors import CorruptFileError

ALIGNMENT = 64
MAGIC = b"PK\x03\x04"

# From this size or position on, a number does not fit its 32-bit field and stands in an extra field.
ZIP64_FROM = 0xFFFFFFFF

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_UTF8_NAME = 0x0800
_SIZES_FOLLOW = 0x0008
_CHUNK = 64 << 20


class Writer:
    """Writes records one after the other to anything that has write().

    Args:
        file: where to; it need not be seekable.
        name: the directory that all records stand in.
        checksums: whether to compute CRC-32s; without them 0 is written, as PyTorch does.
    """

    def __init__(self, file: IO[bytes], name: str = "archive", *, checksums: bool = True) -> None:
        self.file = file
        self.name = name
        self.checksums = checksums
        self.position = 0
        self._central: list[bytes] = []
        self._digest = hashlib.blake2b(digest_size=16)

    def add(self, record: str, data: Any) -> None:
        """Write the bytes of `data` (anything with the buffer interface) under `record`."""
        name = f"{self.name}/{record}".encode()
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        size, start = view.nbytes, self.position
        checksum = _checksum_of(view) if self.checksums else 0
        large = size >= ZIP64_FROM or start >= ZIP64_FROM
        extra = _zip64_extra(size, start)
        extra += _padding(start + _LOCAL.size + len(name) + len(extra))
        flags = _UTF8_NAME | (_SIZES_FOLLOW if size else 0)
        self._put(_LOCAL.pack(MAGIC, 0, flags, 0, 0, 0, 0, 0, 0, len(name), len(extra)))
        self._put(name + extra)
        for begin in range(0, size, _CHUNK):
            self._put(view[begin : begin + _CHUNK])
        if size:
            self._put(struct.pack("<4sIQQ" if large else "<4sIII", b"PK\x07\x08", checksum, size, size))
        self._central.append(_central_entry(name, flags, checksum, size, start))
        self._digest.update(name + struct.pack("<I", checksum))

    def finish(self) -> None:
        """Write the last records and the directory of all of them."""
        self.add("version", b"3\n")
        digest = self._digest.digest()
        halves = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
        self.add(".data/serialization_id", f"{halves[0]:020d}{halves[1]:020d}".encode())
        start, count = self.position, len(self._central)
        for entry in self._central:
            self._put(entry)
        size = self.position - start
        self._put(struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 798, 45, 0, 0, count, count, size, start))
        self._put(struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1))
        count, size, start = min(count, 0xFFFF), min(size, 0xFFFFFFFF), min(start, 0xFFFFFFFF)
        self._put(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, size, start, 0))

    def _put(self, data: Any) -> None:
        self.file.write(data)
        self.position += len(data)


def _checksum_of(view: memoryview) -> int:
    checksum = 0
    for begin in range(0, view.nbytes, _CHUNK):
        checksum = zlib.crc32(view[begin : begin + _CHUNK], checksum)
    return checksum


def _zip64_extra(size: int, start: int) -> bytes:
    """The extra field for numbers that are too large for theirs; empty when none is."""
    numbers = b""
    if size >= ZIP64_FROM:
        numbers += struct.pack("<QQ", size, size)
    if start >= ZIP64_FROM:
        numbers += struct.pack("<Q", start)
    return struct.pack("<HH", 1, len(numbers)) + numbers if numbers else b""


def _padding(before: int) -> bytes:
    """PyTorch's extra field "FB", as long as it takes for the data after it to be aligned."""
    missing = -(before + 4) % ALIGNMENT
    return struct.pack("<2sH", b"FB", missing) + b"Z" * missing


def _central_entry(name: bytes, flags: int, checksum: int, size: int, start: int) -> bytes:
    extra = _zip64_extra(size, start)
    if size >= ZIP64_FROM:
        size = 0xFFFFFFFF
    if start >= ZIP64_FROM:
        start = 0xFFFFFFFF
    numbers = (
        b"PK\x01\x02",
        0,
        0,
        flags,
        0,
        0,
        0,
        checksum,
        size,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        0,
        start,
    )
    return _CENTRAL.pack(*numbers) + name + extra


def archive_name(path: str) -> str:
    """The directory that PyTorch puts a file's records in: the file's name without its last suffix."""
    stem = os.path.splitext(os.path.basename(path))[0]
    usable = path.isascii() and stem and not set(stem) & set('/\\:*?"<>|')
    return stem if usable else "archive"


class Reader:
    """The records of a zip file, checked.

    Args:
        file: open for reading, seekable.
    Raises:
        CorruptFileError: the directory is missing or damaged; names stand twice or point outside the archive;
            records overlap, are compressed or encrypted, or reach past the end of the file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except (
            zipfile.BadZipFile,
            ValueError,
            struct.error,
            OverflowError,
            NotImplementedError,
            OSError,
        ) as problem:
            raise CorruptFileError(
                f"the file's zip directory cannot be read ({problem}): it was cut short or changed. Save or "
                "copy it again."
            ) from None
        self._entries = _checked_entries(entries)
        self._places = {name: self._place(entry) for name, entry in self._entries.items()}
        self._check_overlaps()

    def __contains__(self, record: str) -> bool:
        return record in self._entries

    def size_of(self, record: str) -> int:
        """A record's size in bytes; CorruptFileError when it is not there."""
        return self._entry(record).file_size

    def place_of(self, record: str) -> int:
        """Where in the file a record's bytes begin."""
        self._entry(record)
        return self._places[record]

    def read(self, record: str) -> bytes:
        """A record's bytes, its checksum verified."""
        size = self.size_of(record)
        self.file.seek(self._places[record])
        data = self.file.read(size)
        if len(data) != size:
            raise CorruptFileError(f"record '{record}' ends after {len(data)} of its {size} bytes")
        self._verify(record, data)
        return data

    def read_into(self, record: str, target: np.ndarray) -> None:
        """Fill `target`, uint8 and as long as the record, and verify the checksum."""
        self.file.seek(self._places[record])
        view = target.data
        filled = 0
        while filled < len(view):
            count = _read_some(self.file, view[filled : filled + _CHUNK])
            if not count:
                raise CorruptFileError(f"record '{record}' ends after {filled} of its {len(view)} bytes")
            filled += count
        self._verify(record, view)

    def _verify(self, record: str, data: Any) -> None:
        expected = self._entry(record).CRC
        # 0: the file was written with checksums turned off.
        if expected and _checksum_of(memoryview(data)) != expected:
            raise CorruptFileError(
                f"record '{record}' does not match its checksum: the file was damaged after it was written"
            )

    def _entry(self, record: str) -> zipfile.ZipInfo:
        entry = self._entries.get(record)
        if entry is None:
            raise CorruptFileError(f"the file has no record '{record}', which it refers to")
        return entry

    def _place(self, entry: zipfile.ZipInfo) -> int:
        """Where an entry's data begins, from its own header, which has to agree with the directory."""
        if entry.header_offset < 0:
            raise CorruptFileError(f"record '{entry.filename}' stands before the beginning of the file")
        self.file.seek(entry.header_offset)
        header = self.file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != MAGIC:
            raise CorruptFileError(f"record '{entry.filename}' is not where the file's directory says")
        *_, name_length, extra_length = _LOCAL.unpack(header)
        name = self.file.read(name_length)
        if name != entry.orig_filename.encode(errors="surrogateescape"):
            raise CorruptFileError(
                f"record '{entry.filename}' has another name in its own header: {name[:80]!r}"
            )
        begin = entry.header_offset + _LOCAL.size + name_length + extra_length
        if begin + entry.file_size > self.size:
            raise CorruptFileError(
                f"record '{entry.filename}' would reach to byte {begin + entry.file_size} of a file of "
                f"{self.size} bytes"
            )
        return begin

    def _check_overlaps(self) -> None:
        """Refuse records that share bytes: a small file could then claim to hold any amount of data."""
        end, before = 0, ""
        for name in sorted(self._entries, key=lambda name: self._entries[name].header_offset):
            if self._entries[name].header_offset < end:
                raise CorruptFileError(f"records '{before}' and '{name}' overlap in the file")
            end, before = self._places[name] + self._entries[name].file_size, name


def _read_some(file: IO[bytes], view: memoryview) -> int:
    """Read up to len(view) bytes into it; how many came."""
    if hasattr(file, "readinto"):
        return file.readinto(view)
    data = file.read(len(view))
    view[: len(data)] = data
    return len(data)


def _checked_entries(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries by record name, without the archive's directory."""
    checked: dict[str, zipfile.ZipInfo] = {}
    root = None
    for entry in entries:
        name = entry.orig_filename
        directory, slash, record = name.partition("/")
        parts = name.split("/")
        if not slash or ".." in parts or "\\" in name or "\0" in name or not directory:
            raise CorruptFileError(f"the file holds a record of the name {name!r}, which no checkpoint has")
        if entry.is_dir():
            continue
        if root is not None and directory != root:
            raise CorruptFileError(f"the file's records stand in two directories, '{root}' and '{directory}'")
        root = directory
        if record in checked:
            raise CorruptFileError(f"the file holds record '{record}' twice")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise CorruptFileError(
                f"record '{record}' is compressed; PyTorch and rushlight store theirs as they are. If you "
                "zipped this file again, unpack it and zip it without compression (zip -0)."
            )
        if entry.flag_bits & 1:
            raise CorruptFileError(f"record '{record}' is encrypted")
        checked[record] = entry
    return checked


__all__ = ["ALIGNMENT", "MAGIC", "Writer", "Reader", "archive_name"]
