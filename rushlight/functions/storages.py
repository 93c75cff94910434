"""`UntypedStorage` and `TypedStorage`: a tensor's memory as users of PyTorch see it, as bytes or as numbers.

Both are faces of the storage in storage.py, which knows nothing of them. Writing through a face is seen by every tensor
on the storage. Asking for an address (`data_ptr`) fixes the memory where it is.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .. import devices, dtypes
from ..devices import CPU, META, Device
from ..dtypes import DType
from ..errors import UnsupportedError
from ..storage import Storage, bytes_of
from ..tensor import Tensor, array_of, dtype_of, from_array, on_storage
from .arguments import to_dtype
from .creation import array_from, empty
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
            raise TypeError(f"UntypedStorage(): one size or one sequence of bytes was expected, got {len(args)} arguments")
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
        _bytes(self._held, write=True)[index] = _bytes(value._held) if isinstance(value, UntypedStorage) else value

    def fill_(self, value: int) -> UntypedStorage:
        """Make every byte `value`."""
        _bytes(self._held, write=True)[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> UntypedStorage:
        """Write the bytes of another storage of the same size into this one."""
        if source.nbytes() != self.nbytes():
            raise RuntimeError(f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes")
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


_warned: list[bool] = []


def warn_typed() -> None:
    """PyTorch's word on TypedStorage, once."""
    if not _warned:
        _warned.append(True)
        warnings.warn(
            "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage "
            "class. This should only matter to you if you are using storages directly. To access UntypedStorage directly, "
            "use tensor.untyped_storage() instead of tensor.storage()",
            UserWarning,
            stacklevel=3,
        )


class TypedStorage:
    """The numbers of a tensor's memory, in one row; deprecated in PyTorch. Source: torch.TypedStorage.

    Args: a size, or a sequence of numbers; `wrap_storage`, an UntypedStorage to see as `dtype`.
    """

    is_sparse = is_cuda = False
    fill_dtype: DType | None = None

    def __init__(self, *args: Any, wrap_storage: Any = None, dtype: DType | None = None, device: Any = None, _internal: bool = False) -> None:
        warn_typed()
        self.dtype = dtype or dtypes.get_default_dtype()
        if wrap_storage is not None:
            self._untyped_storage = wrap_storage.untyped()
            return
        if len(args) > 1:
            raise RuntimeError(f"TypedStorage(): one size or one sequence was expected, got {len(args)} arguments")
        content = args[0] if args else 0
        if isinstance(content, (UntypedStorage, TypedStorage)):
            self._untyped_storage = content.untyped()
        elif isinstance(content, int):
            self._untyped_storage = untyped(empty(content, dtype=self.dtype, device=device)._storage)
        elif isinstance(content, Sequence) or hasattr(content, "__array__"):
            array, kind = array_from(content, self.dtype)
            self._untyped_storage = untyped(from_array(array, kind)._storage)
        else:
            raise TypeError(f"Argument type not recognized: {type(content).__name__}")

    # ------------------------------------------------------------ what it is

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped_storage

    @property
    def device(self) -> Device:
        return self._untyped_storage.device

    def element_size(self) -> int:
        return self.dtype.itemsize

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    def size(self) -> int:
        return self.nbytes() // self.dtype.itemsize

    def __len__(self) -> int:
        return self.size()

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    @property
    def _cdata(self) -> int:
        return self._untyped_storage._cdata

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The legacy class's name ("torch.FloatStorage")."""
        return f"torch.{storage_name(self.dtype)}" if dtype is None else dtype(self.tolist())

    def pickle_storage_type(self) -> str:
        return storage_name(self.dtype)

    def get_device(self) -> int:
        return -1

    def is_shared(self) -> bool:
        return False

    def share_memory_(self) -> TypedStorage:
        return self

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def pin_memory(self, device: Any = None) -> TypedStorage:
        return self

    # ------------------------------------------------------------ contents

    def _tensor(self) -> Tensor:
        return self._untyped_storage.tensor(self.dtype)

    def tensor(self, dtype: DType, *geometry: Any) -> Tensor:
        """A tensor on this storage: what Tensor.set_ asks for."""
        return self._untyped_storage.tensor(self.dtype, *geometry)

    def tolist(self) -> list:
        """All numbers."""
        return self._tensor().tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self._tensor()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        tensor = self._tensor()
        tensor[index] = tensor.new_tensor(value.tolist() if isinstance(value, TypedStorage) else value)

    def fill_(self, value: Any) -> TypedStorage:
        self._tensor().fill_(value)
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> TypedStorage:
        """Write another storage's numbers into this one."""
        self._tensor().copy_(source._tensor() if isinstance(source, TypedStorage) else source.tensor(self.dtype))
        return self

    def clone(self) -> TypedStorage:
        return TypedStorage(wrap_storage=self._untyped_storage.clone(), dtype=self.dtype)

    def resize_(self, size: int) -> TypedStorage:
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> TypedStorage:
        return TypedStorage(wrap_storage=self._untyped_storage.to(device=device), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        return self.to(device=CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> TypedStorage:
        return self.to(device="cuda" if device is None else device)

    def new(self) -> TypedStorage:
        return TypedStorage(dtype=self.dtype)

    def __eq__(self, other: Any) -> bool:
        same = isinstance(other, TypedStorage) and self._cdata == other._cdata
        return same and self.dtype is other.dtype

    def __hash__(self) -> int:
        return hash((self._cdata, self.dtype))

    def __reduce__(self) -> tuple:
        return _typed, (self._untyped_storage, self.dtype)

    def __repr__(self) -> str:
        body = "..." if self.device is META else "\n ".join(str(n) for n in self.tolist())
        return f" {body}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def _typed(storage: UntypedStorage, dtype: DType) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


def _converter(name: str, dtype: DType) -> None:
    def convert(self: TypedStorage) -> TypedStorage:
        made = to_dtype(self._tensor(), dtype)
        return TypedStorage(wrap_storage=untyped(made.clone()._storage), dtype=dtype)

    convert.__name__ = name
    convert.__doc__ = f"These numbers as {dtype}, in a storage of their own."
    setattr(TypedStorage, name, convert)


for _name, _dtype in {**dtypes.ALIASES, "bool": dtypes.bool, "byte": dtypes.uint8, "char": dtypes.int8, "bfloat16": dtypes.bfloat16}.items():
    _converter(_name, _dtype)


# ---------------------------------------------------------------- legacy classes, one a dtype

_NAMES = {
    "FloatStorage": dtypes.float32, "DoubleStorage": dtypes.float64, "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16, "LongStorage": dtypes.int64, "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8, "ByteStorage": dtypes.uint8, "BoolStorage": dtypes.bool,
    "ComplexFloatStorage": dtypes.complex64, "ComplexDoubleStorage": dtypes.complex128,
}  # fmt: skip


def storage_name(dtype: DType) -> str:
    """'FloatStorage' for float32, and so on."""
    return next((name for name, of in _NAMES.items() if of is dtype), "UntypedStorage")


class _StorageType(type):
    """A legacy class: its instances are the TypedStorages of its dtype."""

    dtype: DType

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any, **options: Any) -> TypedStorage:
        return TypedStorage(*args, dtype=cls.dtype, **options)

    def from_buffer(cls, buffer: Any, *args: Any, **options: Any) -> TypedStorage:
        """A storage holding a copy of a bytes-like object."""
        return TypedStorage(wrap_storage=UntypedStorage.from_buffer(buffer), dtype=cls.dtype)

    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> TypedStorage:
        """A storage on a file's numbers."""
        held = UntypedStorage.from_file(filename, shared, size * cls.dtype.itemsize)
        return TypedStorage(wrap_storage=held, dtype=cls.dtype)


LEGACY_STORAGES: dict[str, Any] = {
    name: _StorageType(name, (), {"dtype": dtype, "__module__": "torch", "__doc__": f"A TypedStorage of {dtype}."})
    for name, dtype in _NAMES.items()
}

# ---------------------------------------------------------------- from tensors and files


def untyped_storage(self: Tensor) -> UntypedStorage:
    """This tensor's memory as bytes. Source: torch.Tensor.untyped_storage."""
    return untyped(self._storage)


def storage(self: Tensor) -> TypedStorage:
    """This tensor's memory as numbers of its dtype; deprecated in PyTorch. Source: torch.Tensor.storage."""
    warn_typed()
    return TypedStorage(wrap_storage=untyped(self._storage), dtype=dtype_of(self))


def storage_type(self: Tensor) -> Any:
    """The legacy class of this tensor's storage."""
    return LEGACY_STORAGES.get(storage_name(dtype_of(self)), UntypedStorage)


Tensor.untyped_storage = untyped_storage  # type: ignore[attr-defined]
Tensor.storage = Tensor._typed_storage = storage  # type: ignore[attr-defined]
Tensor.storage_type = storage_type  # type: ignore[attr-defined]


def _of_file(filename: Any, shared: bool, size: int, dtype: DType) -> Storage:
    """The first `size` numbers of a file as a storage; `shared` makes the file as long as that takes."""
    need = size * dtype.itemsize
    if shared:
        with open(filename, "ab") as file:
            if file.tell() < need:
                file.truncate(need)
    elif os.path.getsize(filename) < need:
        raise RuntimeError(f"from_file: file {filename} has {os.path.getsize(filename)} bytes, {need} are needed")
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


def is_storage(obj: Any, /) -> bool:
    """Whether obj is a storage. Source: torch.is_storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


PUBLIC: dict[str, Any] = {
    "UntypedStorage": UntypedStorage,
    "TypedStorage": TypedStorage,
    **LEGACY_STORAGES,
    "from_file": from_file,
    "is_storage": is_storage,
}
