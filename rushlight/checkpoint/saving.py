"""`save`: an object to a file that PyTorch can load."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from . import legacy_format, structure
from .atomic import replacing
from .pickler import Pickler, Storages
from .settings import get_crc32_options, skipping_data
from .tensors import bytes_of
from .zip_format import ALIGNMENT, Writer, archive_name

DEFAULT_PROTOCOL = 2

_RECURSION_LIMIT = 20_000


def save(
    obj: object,
    f: str | os.PathLike | IO[bytes],
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
    *,
    save_model_obj: bool = True,
) -> None:
    """Write `obj` to a file, in PyTorch's own format: either library loads what the other saved.

    Tensors that share memory still do after loading. A path is replaced in one step once everything is on
    disk, so a crash or a full disk leaves the previous file whole; a file object is written to directly.

    Args:
        obj: tensors, modules, state dicts, and what Python can pickle.
        f: a path, or an object with write().
        pickle_module: taken for PyTorch's sake; rushlight always writes with its own pickler.
        pickle_protocol: 1 to 5. PyTorch's default load reads protocol 2.
        _use_new_zipfile_serialization: False writes the format of PyTorch before 1.6.
        save_model_obj: False writes each module in `obj` without its parameters' values: class, attributes,
            sizes and dropout rates alone. It loads as a trainable module with new values, to be filled by
            load_state_dict. What is outside modules (a state_dict) is saved whole. PyTorch does not have this
            argument.
    Raises:
        AttributeError: f is neither a path nor has write().
        RuntimeError: the directory does not exist; or tensors of different dtypes share memory.
        pickle.PicklingError, AttributeError, TypeError: `obj` holds something that cannot be pickled, such as
        a lambda.
    Source: torch.save.
    Example:
        >>> import io
        >>> import rushlight as torch
        >>> buffer = io.BytesIO()
        >>> torch.save({"step": 3, "x": torch.tensor([1.0, 2.0])}, buffer)
        >>> _ = buffer.seek(0)
        >>> torch.load(buffer)
        {'step': 3, 'x': tensor([1., 2.])}
    """
    path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
    if path is None and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute, got "
            f"{type(f).__name__}"
        )
    if pickle_protocol == 0:
        raise ValueError("save(): pickle protocol 0 cannot refer to tensors; use pickle_protocol=2")
    if skipping_data() and not _use_new_zipfile_serialization:
        raise RuntimeError("Cannot use skip_data=True with _use_new_zipfile_serialization=False")
    storages = Storages()
    pickled = io.BytesIO()
    pickler = Pickler(
        pickled,
        pickle_protocol,
        storages,
        with_view=not _use_new_zipfile_serialization,
        structure_only=not save_model_obj,
    )
    with _deep_recursion():
        pickler.dump(obj)
    with _opened(f) as file:
        if not _use_new_zipfile_serialization:
            legacy_format.write(
                file, pickled.getbuffer(), storages, pickle_protocol, structure_only=not save_model_obj
            )
            return
        writer = Writer(
            file, "archive" if path is None else archive_name(path), checksums=get_crc32_options()
        )
        _write_records(writer, pickled.getbuffer(), storages, _disable_byteorder_record, not save_model_obj)


def _write_records(
    writer: Writer, pickled: memoryview, storages: Storages, no_byteorder: bool, structure_only: bool
) -> None:
    """All records, in PyTorch's order."""
    writer.add("data.pkl", pickled)
    writer.add(".format_version", b"1")
    writer.add(".storage_alignment", str(ALIGNMENT).encode())
    if not no_byteorder:
        writer.add("byteorder", sys.byteorder.encode())
    for number, key in enumerate(storages.keys):
        data = bytes_of(key)
        writer.add(f"data/{number}", np.zeros_like(data) if skipping_data() else data)
    if structure_only:
        writer.add(structure.RECORD, b"1")
    writer.finish()


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for objects nested as deeply as the pickler in C takes them: several Python calls a level."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextlib.contextmanager
def _opened(f: Any) -> Iterator[IO[bytes]]:
    if isinstance(f, (str, os.PathLike)):
        with replacing(f) as file:
            yield file
        return
    yield f
    if hasattr(f, "flush"):
        f.flush()


__all__ = ["DEFAULT_PROTOCOL", "save"]
