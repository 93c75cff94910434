"""`UntypedStorage`: a tensor's memory as users of PyTorch see it, as bytes; and tensors on files. The same memory as
numbers is in typed_storages.py.

It is a face of the storage in memory.py, which knows nothing of it. Writing through a face is seen by every tensor on
the storage. Asking for an address (`data_ptr`) fixes the memory where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .. import devices, dtypes
from ..devices import CPU, META, Device
from ..dtypes import DType
from ..errors import UnsupportedError
from ..memory import Storage, bytes_of
from ..tensor import Tensor, array_of, dtype_of, from_array, on_storage
from .creation import empty
from .shaping import as_strided, reshape, view_dtype

_faces: WeakValueDictionary = WeakValueDictionary()


def untyped(held: Storage) -> UntypedStorage:
    """The bytes of a storage: one object for as long as somebody holds it."""
    face = _faces.get(id(held))
    if face is None:
        face = object.__new__(UntypedStorage)
        face._held = held
        _faces[id(held)] = face
    return face


def _bytes(held: Storage, write: bool = False) -> np.ndarray:
    """All bytes of a storage: its own memory for writing, else a look at its numbers."""
    if held.device is META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    array = held.expose() if write else array_of(on_storage(held))
    flat = array.reshape(-1) if array.flags.c_contiguous else np.ascontiguousarray(array).reshape(-1)
    if write:
        held.version += 1
    return flat.view(np.uint8)


class UntypedStorage:
    """The bytes of a tensor's memory, shared by all tensors on it.

    UntypedStorage(n) has n bytes; UntypedStorage([1, 2]) those given.
    Source: torch.UntypedStorage.
    Example:
        >>> import rushlight as torch
        >>> torch.ones(2).untyped_storage().nbytes()
        8
    """

    __slots__ = ("_held", "__weakref__")

    _held: Storage

    is_sparse = is_sparse_csr = is_cuda = is_hpu = False

    def __new__(cls, *args: Any, device: Any = None) -> UntypedStorage:
        if len(args) > 1:
            raise TypeError(
                f"UntypedStorage(): one size or one sequence of bytes was expected, got {len(args)} arguments"
            )
        content = args[0] if args else 0
        if isinstance(content, UntypedStorage):
            return content
        array = np.zeros(content, np.uint8) if isinstance(content, int) else np.array(list(content), np.uint8)
        if devices.resolve(device) is META:
            return untyped(empty(array.size, dtype=dtypes.uint8, device=META)._storage)
        return untyped(from_array(array, dtypes.uint8)._storage)

    @classmethod
    def from_buffer(cls, buffer: Any, *args: Any, **options: Any) -> UntypedStorage:
        """A storage holding a copy of a bytes-like object."""
        return untyped(from_array(np.frombuffer(buffer, np.uint8).copy(), dtypes.uint8)._storage)

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """A storage on a file's bytes; with `shared`, writes go back into the file."""
        return untyped(on_storage(_of_file(filename, shared, nbytes, dtypes.uint8)).reshape(-1)._storage)

    # ------------------------------------------------------------ what it is

    def nbytes(self) -> int:
        """The size in bytes."""
        return bytes_of(self._held)

    def size(self) -> int:
        return self.nbytes()

    def __len__(self) -> int:
        return self.nbytes()

    def element_size(self) -> int:
        return 1

    @property
    def device(self) -> Device:
        return self._held.device

    def data_ptr(self) -> int:
        """The address of the first byte; the memory stays where it is from now on."""
        if self._held.device is META or not self.nbytes():
            return 0
        memory = self._held.expose()
        self._held.pinned = True
        return memory.__array_interface__["data"][0]

    @property
    def _cdata(self) -> int:
        return id(self._held)

    def get_device(self) -> int:
        return -1

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        return "torch.storage.UntypedStorage" if dtype is None else dtype(self)

    def untyped(self) -> UntypedStorage:
        return self

    @property
    def filename(self) -> str | None:
        return None

    # ------------------------------------------------------------ contents

    def tolist(self) -> list[int]:
        """All bytes as whole numbers."""
        return _bytes(self._held).tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return untyped(from_array(_bytes(self._held)[index].copy(), dtypes.uint8)._storage)
        return int(_bytes(self._held)[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        _bytes(self._held, write=True)[index] = (
            _bytes(value._held) if isinstance(value, UntypedStorage) else value
        )

    def fill_(self, value: int) -> UntypedStorage:
        """Make every byte `value`."""
        _bytes(self._held, write=True)[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> UntypedStorage:
        """Write the bytes of another storage of the same size into this one."""
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        _bytes(self._held, write=True)[...] = _bytes(source.untyped()._held)
        return self

    def clone(self) -> UntypedStorage:
        """The same bytes in memory of their own."""
        return untyped(from_array(_bytes(self._held).copy(), dtypes.uint8)._storage)

    def resize_(self, size: int) -> UntypedStorage:
        """Refused for another size: tensors own their memory here."""
        if size == self.nbytes():
            return self
        raise UnsupportedError(
            f"resize_ of a storage from {self.nbytes()} to {size} bytes under its tensors: resize the tensor with "
            "Tensor.resize_, or make a new one"
        )

    def byteswap(self, dtype: DType) -> None:
        """Turn the bytes of every number of `dtype` round."""
        flat = _bytes(self._held, write=True)
        parts = flat.reshape(-1, max(dtype.itemsize // (2 if dtype.is_complex else 1), 1))
        parts[...] = parts[:, ::-1].copy()

    # ------------------------------------------------------------ other places

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """This storage on another device; itself when it is there."""
        target = devices.resolve(device)
        return self if target is self.device else untyped(on_storage(self._held).to(target)._storage)

    def cpu(self) -> UntypedStorage:
        return self.to(device=CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """This storage on a GPU. Raises: RuntimeError where there is none."""
        return self.to(device="cuda" if device is None else device)

    def is_shared(self) -> bool:
        return False

    def share_memory_(self) -> UntypedStorage:
        return self

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def pin_memory(self, device: Any = None) -> UntypedStorage:
        return self

    def new(self) -> UntypedStorage:
        return UntypedStorage(0)

    def tensor(self, dtype: DType, offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
        """A tensor on this storage, `offset` in elements: what Tensor.set_ asks for."""
        flat = reshape(on_storage(self._held), (-1,))
        if dtype_of(flat) is not dtype:
            flat = view_dtype(flat, dtype)
        if size is None:
            return flat[offset:] if offset else flat
        if stride is None:
            stride = [int(np.prod(size[d + 1 :])) for d in range(len(size))]
        return as_strided(flat, size, stride, offset)

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict) -> UntypedStorage:
        return memo.setdefault(id(self), self.clone())

    def __reduce__(self) -> tuple:
        return UntypedStorage.from_buffer, (_bytes(self._held).tobytes(),)

    def __repr__(self) -> str:
        if self.device is META:
            body = "..."
        else:
            body = "\n ".join(str(n) for n in self.tolist())
        return f" {body}\n[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


def untyped_storage(self: Tensor) -> UntypedStorage:
    """This tensor's memory as bytes. Source: torch.Tensor.untyped_storage."""
    return untyped(self._storage)


Tensor.untyped_storage = untyped_storage  # type: ignore[attr-defined]


def _of_file(filename: Any, shared: bool, size: int, dtype: DType) -> Storage:
    """The first `size` numbers of a file as a storage; `shared` makes the file as long as that takes."""
    need = size * dtype.itemsize
    if shared:
        with open(filename, "ab") as file:
            if file.tell() < need:
                file.truncate(need)
    elif os.path.getsize(filename) < need:
        raise RuntimeError(
            f"from_file: file {filename} has {os.path.getsize(filename)} bytes, {need} are needed"
        )
    if not need:
        return from_array(np.zeros(0, dtype.numpy), dtype)._storage
    mapped = np.memmap(filename, dtype.numpy, "r+" if shared else "c", shape=(size,))
    return Storage.of_memory(np.asarray(mapped), dtype)


def from_file(
    filename: Any, shared: bool | None = None, size: int = 0, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A vector on a file's memory; with `shared`, writes go back into the file. Source: torch.from_file."""
    made = on_storage(_of_file(filename, bool(shared), size or 0, dtype or dtypes.get_default_dtype()))
    return made.requires_grad_(True) if requires_grad else made


PUBLIC: dict[str, Any] = {"UntypedStorage": UntypedStorage, "from_file": from_file}
