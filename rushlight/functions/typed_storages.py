"""`TypedStorage` and the legacy classes (`torch.FloatStorage`): a tensor's memory as numbers, in one row.

PyTorch has deprecated them, and says so once; so does this. The bytes underneath are storages.py's.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from .. import dtypes
from ..devices import CPU, META, Device
from ..dtypes import DType
from ..tensor import Tensor, dtype_of, from_array
from .arguments import to_dtype
from .creation import array_from, empty
from .storages import UntypedStorage, untyped

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

    def __init__(
        self,
        *args: Any,
        wrap_storage: Any = None,
        dtype: DType | None = None,
        device: Any = None,
        _internal: bool = False,
    ) -> None:
        warn_typed()
        self.dtype = dtype or dtypes.get_default_dtype()
        if wrap_storage is not None:
            self._untyped_storage = wrap_storage.untyped()
            return
        if len(args) > 1:
            raise RuntimeError(
                f"TypedStorage(): one size or one sequence was expected, got {len(args)} arguments"
            )
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
        self._tensor().copy_(
            source._tensor() if isinstance(source, TypedStorage) else source.tensor(self.dtype)
        )
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

    def __reduce__(self) -> tuple:
        return _typed, (self._untyped_storage, self.dtype)

    def __repr__(self) -> str:
        body = "..." if self.device is META else "\n ".join(str(n) for n in self.tolist())
        return f" {body}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def _typed(storage: UntypedStorage, dtype: DType) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


_CONVERSIONS = {
    **dtypes.ALIASES, "bool": dtypes.bool, "byte": dtypes.uint8, "char": dtypes.int8, "bfloat16": dtypes.bfloat16,
}  # fmt: skip


def _converter(name: str, dtype: DType) -> None:
    def convert(self: TypedStorage) -> TypedStorage:
        made = to_dtype(self._tensor(), dtype)
        return TypedStorage(wrap_storage=untyped(made.clone()._storage), dtype=dtype)

    convert.__name__ = name
    convert.__doc__ = f"These numbers as {dtype}, in a storage of their own."
    setattr(TypedStorage, name, convert)


for _name, _dtype in _CONVERSIONS.items():
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
    name: _StorageType(
        name, (), {"dtype": dtype, "__module__": "torch", "__doc__": f"A TypedStorage of {dtype}."}
    )
    for name, dtype in _NAMES.items()
}

# ---------------------------------------------------------------- of tensors


def storage(self: Tensor) -> TypedStorage:
    """This tensor's memory as numbers of its dtype; deprecated in PyTorch. Source: torch.Tensor.storage."""
    warn_typed()
    return TypedStorage(wrap_storage=untyped(self._storage), dtype=dtype_of(self))


def storage_type(self: Tensor) -> Any:
    """The legacy class of this tensor's storage."""
    return LEGACY_STORAGES.get(storage_name(dtype_of(self)), UntypedStorage)


Tensor.storage = Tensor._typed_storage = storage  # type: ignore[attr-defined]
Tensor.storage_type = storage_type  # type: ignore[attr-defined]


def is_storage(obj: Any, /) -> bool:
    """Whether obj is a storage. Source: torch.is_storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


PUBLIC: dict[str, Any] = {"TypedStorage": TypedStorage, **LEGACY_STORAGES, "is_storage": is_storage}
