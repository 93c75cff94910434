"""`load`: an object from a file, without running anything the file says."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from ..dtypes import of_name
from ..tensor import Tensor
from . import legacy_format, safetensors, structure
from .bare_storages import with_bare_storages
from .building import SafeBuilder
from .errors import CorruptFileError, RefusedError, shown
from .locations import is_meta, placement
from .settings import LoadEndianness, get_default_load_endianness, skipping_data
from .tensors import LoadedStorage
from .torch_names import UNTYPED, StorageType
from .unpickler import Machine, Source
from .zip_format import MAGIC, Reader


def load(
    f: str | os.PathLike | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """The object in a file that rushlight or PyTorch saved.

    Loading never runs code, whatever the file says. Tensors, parameters, plain containers and values, and
    nn.Modules whose class the program has defined or imported are built; everything else is refused by name.
    Where PyTorch by default refuses a whole module, and with weights_only=False runs whatever the file asks
    for, rushlight does the same safe thing in all cases.

    Args:
        f: a path, or an object with read(), seek() and tell().
        map_location: where storages go: None for where they were, a device or its name, a dict from device
            names to device names, or a function of (storage, location) that gives a storage or None.
        pickle_module: taken for PyTorch's sake and not used.
        weights_only: taken for PyTorch's sake; loading is equally safe with True, False and None.
        mmap: map the file's memory instead of reading it; f must be a path. The file is never written to.
        pickle_load_args: `encoding` and `errors`, for text that Python 2 wrote; encoding="bytes" keeps it as
            bytes.
    Raises:
        FileNotFoundError: there is no such file.
        pickle.UnpicklingError: the file asks for something that is refused, which the message names. It is a
            RuntimeError too when the file is damaged or no checkpoint, and an AttributeError too when it
            holds a module whose class the program does not have.
        EOFError: the file is empty.
        RuntimeError: a storage was on a device that is not there and map_location does not send it elsewhere.
    Source: torch.load.
    Example:
        >>> import io
        >>> import rushlight as torch
        >>> buffer = io.BytesIO()
        >>> torch.save(torch.nn.Linear(3, 2), buffer)
        >>> _ = buffer.seek(0)
        >>> torch.load(buffer)
        Linear(in_features=3, out_features=2, bias=True)
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    encoding, errors = _text_options(pickle_load_args)
    path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
    if path is not None and path.endswith(".safetensors"):
        return safetensors.load_file(path, device=_one_device(map_location))
    place = placement(map_location)
    with _opened(f, path) as file:
        if not _is_zipfile(file):
            if mmap:
                raise RuntimeError(
                    "mmap can only be used with files saved with "
                    "`torch.save(_use_new_zipfile_serialization=True)`; save this checkpoint again in that "
                    "format"
                )
            _check_legacy(file)
            return legacy_format.read(file, place, encoding, errors)
        if mmap and path is None:
            raise ValueError("f must be a file path in order to use the mmap argument")
        mapped = np.memmap(path, np.uint8, "c") if mmap and path is not None else None
        return _load_zip(Reader(file), place, encoding, errors, mapped, is_meta(map_location))


def _text_options(options: dict[str, Any]) -> tuple[str, str]:
    options = dict(options)
    encoding, errors = options.pop("encoding", "utf-8"), options.pop("errors", "strict")
    options.pop("fix_imports", None)
    if options:
        raise TypeError(f"load() got an unexpected keyword argument '{next(iter(options))}'")
    return encoding, errors


def _one_device(map_location: Any) -> str:
    if isinstance(map_location, dict) or callable(map_location):
        raise RuntimeError(
            f"Loading safetensors file with {'dict' if isinstance(map_location, dict) else 'callable'} "
            "map_location is not supported. Use a device string or torch.device instead."
        )
    return "cpu" if map_location is None else str(map_location)


@contextlib.contextmanager
def _opened(f: Any, path: str | None) -> Iterator[IO[bytes]]:
    if path is not None:
        with open(path, "rb") as file:
            yield file
        return
    check_seekable(f)
    yield f


def check_seekable(f: Any) -> bool:
    """Whether f can be loaded from; raises AttributeError or io.UnsupportedOperation, with what to do, if
    not."""
    try:
        f.seek(f.tell())
        return True
    except (OSError, AttributeError) as problem:
        raise type(problem)(
            f"{problem}. You can only torch.load from a file that is seekable. Please pre-load the data into "
            "a buffer like io.BytesIO and try to load from it instead."
        ) from None


def _is_zipfile(file: IO[bytes]) -> bool:
    start = file.tell()
    data = file.read(len(MAGIC))
    file.seek(start)
    if not isinstance(data, bytes):
        raise TypeError(
            f"load(): the file must be open in binary mode ('rb'), but reading gives {type(data).__name__}"
        )
    if not data:
        raise EOFError("load(): the file is empty")
    return data == MAGIC


def _check_legacy(file: IO[bytes]) -> None:
    """Refuse what is neither a zip file nor begins like a pickle, with a guess at what it is."""
    start = file.tell()
    head = file.read(512)
    file.seek(start)
    if head[257:262] == b"ustar":
        raise RefusedError(
            "the file is a tar archive, as PyTorch wrote before 0.1.10; load and save it there again"
        )
    if head[:1] != pickle.PROTO:
        raise CorruptFileError(
            f"the file is no checkpoint: it begins with {head[:16]!r}, where PyTorch's files begin with "
            "b'PK' or a pickle"
        )


def _load_zip(
    archive: Reader,
    place: Callable[[Tensor, str], Tensor],
    encoding: str,
    errors: str,
    mapped: np.ndarray | None,
    meta: bool,
) -> Any:
    if "constants.pkl" in archive:
        raise RefusedError(
            "the file is a TorchScript archive, which holds a program. Save model.state_dict() in PyTorch "
            "and load that."
        )
    storages = _Stored(archive, place, mapped, meta)
    builder = SafeBuilder(storages.of, place, structure_only=structure.RECORD in archive)
    result = Machine(Source.of_bytes(archive.read("data.pkl")), builder, encoding, errors).run()
    if builder.structure_only:
        structure.renew(builder.modules, builder.blanks)
    return with_bare_storages(result, storages.all())


class _Stored:
    """The storages of a zip file, by their keys."""

    def __init__(
        self, archive: Reader, place: Callable[[Tensor, str], Tensor], mapped: np.ndarray | None, meta: bool
    ) -> None:
        self._archive = archive
        self._place = place
        self._mapped = mapped
        self._meta = meta
        self._swapped = _byteorder_of(archive) != sys.byteorder
        self._storages: dict[str, tuple[tuple, LoadedStorage]] = {}

    def of(self, pid: Any) -> LoadedStorage:
        """The storage that a persistent id means."""
        if (
            type(pid) is not tuple
            or len(pid) != 5
            or type(pid[0]) not in (str, bytes)
            or pid[0] not in ("storage", b"storage")
        ):
            raise RefusedError(f"the file refers to something outside that is no storage: {shown(pid)}")
        _, storage_type, key, location, numel = pid
        if isinstance(location, bytes):
            location = location.decode("ascii")
        plain = isinstance(storage_type, StorageType) and type(key) is str and type(location) is str
        if not plain or type(numel) is not int or numel < 0 or not re.fullmatch(r"[\w-]{1,100}", key):
            raise CorruptFileError(f"the file refers to a storage of an impossible kind: {shown(pid)}")
        facts = (storage_type.dtype_name, location, numel)
        if key not in self._storages:
            self._storages[key] = facts, self._make(storage_type, key, location, numel)
        known, storage = self._storages[key]
        if known != facts:
            raise CorruptFileError(f"the file describes storage {key!r} in two ways")
        storage.named += 1
        return storage

    def all(self) -> list[LoadedStorage]:
        """Every storage that the object's pickle named."""
        return [storage for _, storage in self._storages.values()]

    def _make(self, storage_type: StorageType, key: str, location: str, numel: int) -> LoadedStorage:
        record = f"data/{key}"
        itemsize = of_name(storage_type.dtype_name).itemsize
        nbytes, stored = numel * itemsize, self._archive.size_of(record)
        if not nbytes <= stored < nbytes + itemsize:
            raise CorruptFileError(
                f"storage {key!r} should have {numel} elements, {nbytes} bytes, but its record has {stored} "
                "bytes"
            )
        mapped = None
        if self._mapped is not None:
            begin = self._archive.place_of(record)
            mapped = np.asarray(self._mapped[begin : begin + stored])

        def fetch(target: np.ndarray) -> None:
            if skipping_data():
                target[:] = 0
            else:
                self._archive.read_into(record, target)

        return LoadedStorage(
            None if storage_type is UNTYPED else storage_type.dtype_name,
            stored,
            fetch,
            lambda tensor: self._place(tensor, location),
            mapped=mapped,
            swapped=self._swapped,
            meta=self._meta,
        )


def _byteorder_of(archive: Reader) -> str:
    """ "little" or "big"."""
    if "byteorder" in archive:
        order = archive.read("byteorder")
        if order not in (b"little", b"big"):
            raise CorruptFileError(f"Unknown endianness type: {order[:20]!r}")
        return order.decode()
    default = get_default_load_endianness()
    if default is LoadEndianness.NATIVE:
        return sys.byteorder
    if default is None and sys.byteorder == "big":
        warnings.warn(
            "The file does not say its byte order; it is read as little-endian. "
            "torch.serialization.set_default_load_endianness sets another one.",
            stacklevel=2,
        )
    return "big" if default is LoadEndianness.BIG else "little"


__all__ = ["check_seekable", "load"]
