"""torch.serialization: saving, loading and what steers them. All of it lives in checkpoint/."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any

from .checkpoint.loading import check_seekable as _check_seekable
from .checkpoint.loading import load
from .checkpoint.locations import available as _available
from .checkpoint.locations import default_restore_location, location_tag, register_package
from .checkpoint.safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .checkpoint.saving import DEFAULT_PROTOCOL, save
from .checkpoint.settings import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from .checkpoint.survey import refused_names as _refused_names
from .checkpoint.zip_format import MAGIC as _ZIP_MAGIC
from .devices import Device

FILE_LIKE = str | os.PathLike | IO[bytes]
MAP_LOCATION = Callable[[Any, str], Any] | Device | str | dict[str, str] | None

mkdtemp = tempfile.TemporaryDirectory


class SourceChangeWarning(Warning):
    """A module's source differs from the file's. PyTorch's legacy files keep sources; rushlight does not
    compare."""


def get_unsafe_globals_in_checkpoint(f: FILE_LIKE) -> list[str]:
    """The names in a checkpoint that load() would refuse: register what you trust with add_safe_globals.

    Source: torch.serialization.get_unsafe_globals_in_checkpoint, which lists modules too; load() here takes
    those whose class the program has.
    """
    with _open_file_like(f, "rb") as file:
        return _refused_names(file)


def validate_cuda_device(location: str) -> int:
    """The number of the CUDA device called `location`.

    Raises: RuntimeError when it is not there.
    Source: torch.serialization.validate_cuda_device.
    """
    device = _available(location)
    return 0 if device is None or device.index is None else device.index


def check_module_version_greater_or_equal(
    module: Any, req_version_tuple: tuple, error_if_malformed: bool = True
) -> bool:
    """Whether module.__version__ is at least `req_version_tuple`.

    Raises: RuntimeError for a version that cannot be compared; with error_if_malformed=False it warns and
    gives True. Source: torch.serialization.check_module_version_greater_or_equal.
    """
    version = str(module.__version__)
    try:
        parts = tuple(type(part)(text) for part, text in zip(req_version_tuple, version.split(".")))
    except ValueError:
        message = (
            f"'{module.__name__}' module version string is malformed '{version}' and cannot be compared with "
            f"tuple {req_version_tuple}"
        )
        if error_if_malformed:
            raise RuntimeError(message) from None
        warnings.warn(f"{message}, but continuing assuming that requirement is met", stacklevel=2)
        return True
    return parts >= req_version_tuple


def normalize_storage_type(storage_type: type) -> type:
    """The class itself: storages have one class on all devices. Source:
    torch.serialization.normalize_storage_type."""
    return storage_type


def _is_zipfile(f: IO[bytes]) -> bool:
    """Whether a zip file starts where f stands."""
    start = f.tell()
    magic = f.read(len(_ZIP_MAGIC))
    f.seek(start)
    return magic == _ZIP_MAGIC


@contextlib.contextmanager
def _open_file_like(name_or_buffer: FILE_LIKE, mode: str) -> Iterator[IO[bytes]]:
    """A file object for a path, or the file object that was given."""
    if isinstance(name_or_buffer, (str, os.PathLike)):
        with open(name_or_buffer, mode) as file:
            yield file
    elif "w" in mode:
        yield name_or_buffer
        name_or_buffer.flush()
    elif "r" in mode:
        _check_seekable(name_or_buffer)
        yield name_or_buffer
    else:
        raise RuntimeError(f"Expected 'r' or 'w' in mode but got {mode}")


__all__ = [
    "DEFAULT_PROTOCOL",
    "FILE_LIKE",
    "LoadEndianness",
    "MAP_LOCATION",
    "SourceChangeWarning",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "mkdtemp",
    "normalize_storage_type",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
]
