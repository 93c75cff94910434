"""Writing objects as PyTorch does: a pickle in which tensors refer to storages that stand beside it.

rushlight's classes are written under PyTorch's names (torch_names.py), so that PyTorch loads the file.
Python's own pickler, in its Python form, does the rest: the one in C looks every name up in the module it
claims to be from, and PyTorch need not be there.
"""

from __future__ import annotations

import pickle
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any

from .. import functions as fn
from ..devices import Device
from ..dtypes import DType, uint8
from ..layouts import Named
from ..nn import Module
from ..nn.parameter import Parameter, UninitializedTensorMixin
from ..shapes import Size
from ..tensor import Tensor
from . import torch_names as names
from .locations import location_tag
from .structure import left_out
from .tensors import Description, describe


class StorageReference:
    """What a tensor's storage is written as: a persistent id. `key` is its number in the file."""

    __slots__ = ("key", "type", "location", "numel")

    def __init__(self, key: str, type: names.StorageType, location: str, numel: int) -> None:
        self.key = key
        self.type = type
        self.location = location
        self.numel = numel


class Storages:
    """The storages that the tensors of one file stand on, numbered as they are met."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.item_sizes: list[int] = []
        self._references: dict[int, StorageReference] = {}
        self._dtypes: dict[int, str] = {}
        self._alive: list[Tensor] = []

    def reference(self, tensor: Tensor, description: Description) -> StorageReference:
        """The reference for a tensor's storage.

        Raises: RuntimeError when tensors of two types share it, which the format cannot say (as in PyTorch).
        """
        place = id(description.key)
        reference = self._references.get(place)
        if reference is None:
            kind = names.STORAGE_TYPES.get(description.dtype, names.UNTYPED)
            numel, size = description.numel, tensor.element_size()
            if kind is names.UNTYPED:
                numel, size = numel * size, 1
            reference = StorageReference(str(len(self.keys)), kind, location_tag(tensor), numel)
            self._references[place], self._dtypes[place] = reference, description.dtype
            self.keys.append(description.key)
            self.item_sizes.append(size)
            self._alive.append(tensor)
        elif self._dtypes[place] != description.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{self._dtypes[place]} and {description.dtype}. Save a clone() of one of them."
            )
        return reference

    def bare(self, storage: Any) -> StorageReference:
        """The reference for a storage outside any tensor."""
        dtype = storage.dtype if isinstance(storage, fn.TypedStorage) else uint8
        tensor = storage.untyped().tensor(dtype)
        reference = self.reference(tensor, describe(tensor))
        if isinstance(storage, fn.TypedStorage):
            return reference
        return StorageReference(reference.key, names.UNTYPED, reference.location, reference.numel)


class _Data:
    """A Parameter's numbers, to be written as a plain tensor."""

    def __init__(self, tensor: Tensor, blank: bool) -> None:
        self.tensor = tensor
        self.blank = blank


# The pickler in Python, which typeshed does not describe.
_PythonPickler: Any = vars(pickle)["_Pickler"]


class Pickler(_PythonPickler):
    """Writes one object, noting the storages of its tensors in `storages`.

    Args:
        with_view: whether references carry the extra field of the format before PyTorch 1.6.
        structure_only: whether modules are written without their parameters' values.
    """

    dispatch = _PythonPickler.dispatch.copy()

    def __init__(
        self,
        file: IO[bytes],
        protocol: int,
        storages: Storages,
        *,
        with_view: bool = False,
        structure_only: bool = False,
    ) -> None:
        super().__init__(file, protocol)
        self.storages = storages
        self.with_view = with_view
        self.structure_only = structure_only
        self._blank: set[int] = set()

    def persistent_id(self, obj: Any) -> tuple | None:
        if isinstance(obj, (fn.UntypedStorage, fn.TypedStorage)):
            obj = self.storages.bare(obj)
        elif type(obj) is not StorageReference:
            return None
        reference = ("storage", obj.type, obj.key, obj.location, obj.numel)
        return (*reference, None) if self.with_view else reference

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in _PLAIN:
            return NotImplemented
        if kind is _Data:
            return self._reduce_data(obj.tensor, False, obj.blank)
        if isinstance(obj, UninitializedTensorMixin):
            return NotImplemented
        if isinstance(obj, Tensor):
            return self._reduce_tensor(obj)
        if isinstance(obj, Module):
            self._note_module(obj)
            return NotImplemented
        if kind.__module__ == "torch.return_types":
            return names.return_type(kind.__name__), (tuple(obj), {})
        reducer = _REDUCERS.get(kind)
        return NotImplemented if reducer is None else reducer(obj)

    def _note_module(self, module: Module) -> None:
        if self.structure_only:
            self._blank.update(id(tensor) for tensor in left_out(module))

    def _reduce_tensor(self, tensor: Tensor) -> tuple:
        attributes = dict(vars(tensor))
        blank = id(tensor) in self._blank
        if type(tensor) is Parameter:
            arguments: tuple = (_Data(tensor, blank), tensor.requires_grad, OrderedDict())
            if attributes:
                return names.REBUILD_PARAMETER_WITH_STATE, (*arguments, attributes)
            return names.REBUILD_PARAMETER, arguments
        function, arguments = self._reduce_data(tensor, tensor.requires_grad, blank)
        if type(tensor) is Tensor and not attributes:
            return function, arguments
        return names.REBUILD_FROM_TYPE, (function, type(tensor), arguments, attributes or None)

    def _reduce_data(self, tensor: Tensor, requires_grad: bool, blank: bool) -> tuple:
        description = describe(tensor)
        size, stride = description.size, description.stride
        if blank or tensor.device.type == "meta":
            return names.REBUILD_META, (_dtype_of(tensor), size, stride, requires_grad)
        reference = self.storages.reference(tensor, description)
        arguments: tuple = (reference, description.offset, size, stride, requires_grad, OrderedDict())
        if reference.type is names.UNTYPED:
            return names.REBUILD_TENSOR_V3, (*arguments, _dtype_of(tensor))
        return names.REBUILD_TENSOR_V2, arguments

    # Names --------------------------------------------------------------------------------------------------

    def save_global(self, obj: Any, name: str | None = None) -> None:
        written = names.written_name(obj) if name is None else None
        if written is None:
            super().save_global(obj, name)
        elif "." in written[1] and self.proto < 4:
            parent, _, last = obj.__qualname__.rpartition(".")
            raise pickle.PicklingError(
                f"cannot save {obj!r}, defined inside {parent}: use pickle_protocol=4 ({last})"
            )
        else:
            self._write_name(obj, *written)

    def save_torch_name(self, obj: names.TorchName) -> None:
        self._write_name(obj, obj.module, obj.name)

    def save_dtype(self, obj: DType) -> None:
        self._write_name(obj, "torch", obj.name)

    def _write_name(self, obj: Any, module: str, name: str) -> None:
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[names.TorchName] = save_torch_name
    dispatch[names.StorageType] = save_torch_name
    dispatch[DType] = save_dtype
    dispatch[type] = lambda self, obj: self.save_class(obj)
    dispatch[types.FunctionType] = save_global

    def save_class(self, obj: type) -> None:
        if obj in (type(None), type(NotImplemented), type(Ellipsis)):
            self.save_type(obj)
        else:
            self.save_global(obj)


_PLAIN = frozenset(
    (
        type(None), bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset, OrderedDict,
        names.TorchName, names.StorageType, DType, type, types.FunctionType,
    )
)  # fmt: skip


def _dtype_of(tensor: Tensor) -> DType:
    return tensor.dtype


def _reduce_device(device: Device) -> tuple:
    return names.DEVICE, (device.type,) if device.index is None else (device.type, device.index)


def _reduce_size(size: Size) -> tuple:
    return names.SIZE, (tuple(size),)


def _reduce_named(constant: Named) -> tuple:
    return names.GET_LAYOUT, (repr(constant),)


def _reduce_generator(generator: Any) -> tuple:
    state = (generator.initial_seed(), None, generator.get_state())
    return names.GENERATOR, (generator.device,), state


_REDUCERS: dict[type, Callable[[Any], tuple]] = {
    Device: _reduce_device,
    Size: _reduce_size,
    **dict.fromkeys(Named.__subclasses__(), _reduce_named),
    fn.Generator: _reduce_generator,
}

__all__ = ["Pickler", "Storages"]
