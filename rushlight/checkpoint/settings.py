"""How checkpoints are read and written when a call does not say: byte order, checksums, memory mapping."""

from __future__ import annotations

import enum
import mmap
import threading
from types import TracebackType


class LoadEndianness(enum.Enum):
    """What byte order a file is in that does not say. Source: torch.serialization.LoadEndianness."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_load_endianness: LoadEndianness | None = None
_crc32 = True

# Windows has no such flags.
MAP_PRIVATE: int | None = getattr(mmap, "MAP_PRIVATE", None)
MAP_SHARED: int | None = getattr(mmap, "MAP_SHARED", None)
_mmap_flags: int | None = MAP_PRIVATE


def get_default_load_endianness() -> LoadEndianness | None:
    """What was set; None counts as little. Source: torch.serialization.get_default_load_endianness."""
    return _load_endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order of files that do not say theirs.

    Raises: TypeError unless it is a LoadEndianness or None.
    Source: torch.serialization.set_default_load_endianness.
    """
    global _load_endianness
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError(
            f"Invalid argument type in function set_default_load_endianness: {type(endianness).__name__}"
        )
    _load_endianness = endianness


def get_crc32_options() -> bool:
    """Whether save() writes checksums. Source: torch.serialization.get_crc32_options."""
    return _crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether save() writes checksums, which load() verifies. Source:
    torch.serialization.set_crc32_options."""
    global _crc32
    _crc32 = bool(compute_crc32)


def get_default_mmap_options() -> int | None:
    """The flags of mmap=True. Source: torch.serialization.get_default_mmap_options."""
    return _mmap_flags


class set_default_mmap_options:
    """Set the flags of mmap=True, for good or for a with block: MAP_PRIVATE or MAP_SHARED.

    Raises: ValueError for other flags; RuntimeError on Windows.
    Source: torch.serialization.set_default_mmap_options. A tensor never writes to the file here, whatever is
    set.
    """

    def __init__(self, flags: int) -> None:
        global _mmap_flags
        if MAP_PRIVATE is None:
            raise RuntimeError("Changing the default mmap options is currently not supported for Windows")
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(f"Invalid argument in function set_default_mmap_options, got {flags}")
        self.prev = _mmap_flags
        _mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        global _mmap_flags
        _mmap_flags = self.prev


class _Local(threading.local):
    skip_data = False


_local = _Local()


def skipping_data() -> bool:
    """Whether this thread is inside skip_data()."""
    return _local.skip_data


class skip_data:
    """While it is entered, save() writes zeros in place of the storages' bytes and load() does not read them.

    Source: torch.serialization.skip_data.
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self._before = _local.skip_data
        _local.skip_data = True

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        _local.skip_data = self._before


__all__ = [
    "LoadEndianness", "MAP_PRIVATE", "MAP_SHARED", "get_crc32_options",
    "get_default_load_endianness", "get_default_mmap_options", "set_crc32_options",
    "set_default_load_endianness", "set_default_mmap_options", "skip_data", "skipping_data",
]  # fmt: skip
