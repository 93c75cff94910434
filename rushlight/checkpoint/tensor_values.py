"""Tensors, parameters and PyTorch's other small objects in checkpoints.

As in plain.py: `NAMES` maps what files say to objects, `MAKERS` maps those to functions that build from
checked arguments. The memory of tensors comes from `LoadedStorage` (tensors.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functions as fn
from .. import layouts
from ..devices import Device
from ..dtypes import DType
from ..nn import Module
from ..nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from ..results import named
from ..shapes import Size
from ..tensor import Tensor
from . import torch_names as names
from .errors import CorruptFileError, RefusedError, shown
from .hook_values import own_hook_method
from .locations import available
from .program import nested_class, without_slots
from .tensors import LoadedStorage, blank_tensor, meta_tensor

GETATTR = names.TorchName("builtins", "getattr")

_REBUILDERS = (
    names.REBUILD_TENSOR, names.REBUILD_TENSOR_V2, names.REBUILD_TENSOR_V3, names.REBUILD_META,
    names.REBUILD_PARAMETER, names.REBUILD_PARAMETER_WITH_STATE, names.REBUILD_FROM_TYPE,
    names.REBUILD_FROM_NUMPY, names.REBUILD_FROM_CPU, names.GET_LAYOUT, names.GENERATOR,
    names.VARIABLE_FUNCTIONS,
)  # fmt: skip

NAMES: dict[tuple[str, str], Any] = {
    **{(entry.module, entry.name): entry for entry in _REBUILDERS},
    ("torch", "Generator"): names.GENERATOR,
    ("torch.tensor", "_rebuild_from_type_v2"): names.REBUILD_FROM_TYPE,
    ("torch", "device"): Device,
    ("torch", "Size"): Size,
    ("torch", "Tensor"): Tensor,
    ("torch.nn.parameter", "Parameter"): Parameter,
    ("torch.nn.parameter", "Buffer"): Buffer,
    ("torch.nn.parameter", "UninitializedParameter"): UninitializedParameter,
    ("torch.nn.parameter", "UninitializedBuffer"): UninitializedBuffer,
    ("builtins", "getattr"): GETATTR,
}

# What PyTorch has and rushlight does not, and what to do about it.
UNSUPPORTED = {
    "_rebuild_sparse_tensor": "a sparse tensor: save tensor.to_dense() instead",
    "_rebuild_sparse_csr_tensor": "a sparse tensor: save tensor.to_dense() instead",
    "_rebuild_nested_tensor": "a nested tensor: save its parts as a list instead",
    "_rebuild_qtensor": "a quantized tensor: save tensor.dequantize() instead",
    "_rebuild_wrapper_subclass": "a tensor subclass without memory of its own: save its parts instead",
}

_CONSTANTS = ("strided", "contiguous_format", "channels_last", "channels_last_3d", "preserve_format")


_WITH_INDICES = frozenset("max min sort topk median nanmedian mode kthvalue cummax cummin".split())


def constant_called(name: str) -> Any:
    """torch.strided and the like, or None."""
    return getattr(layouts, name) if name in _CONSTANTS else None


# Tensors ----------------------------------------------------------------------------------------------------


def _rebuild_tensor(builder: Any, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    return _on_storage(storage, _dtype_of(storage), offset, size, stride)


def _rebuild_v2(
    builder: Any,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    tensor = _on_storage(storage, _dtype_of(storage), offset, size, stride)
    return _finished(tensor, requires_grad, metadata)


def _rebuild_v3(
    builder: Any,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(dtype, DType):
        raise CorruptFileError(f"the file holds a tensor of type {shown(dtype)}")
    return _finished(_on_storage(storage, dtype.name, offset, size, stride), requires_grad, metadata)


def _dtype_of(storage: Any) -> str:
    if isinstance(storage, LoadedStorage):
        return storage.dtype or "uint8"
    raise CorruptFileError(f"the file holds a tensor on {shown(storage)} instead of a storage")


def _on_storage(storage: Any, dtype: str, offset: Any, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, LoadedStorage):
        raise CorruptFileError(f"the file holds a tensor on {shown(storage)} instead of a storage")
    storage.used += 1
    return storage.tensor(dtype, offset, _sizes(size), _sizes(stride))


def _sizes(sizes: Any) -> tuple:
    if type(sizes) not in (tuple, list, Size):
        raise CorruptFileError(f"the file holds a tensor whose sizes are a {type(sizes).__name__}")
    return tuple(sizes)


def _finished(tensor: Tensor, requires_grad: Any, metadata: Any) -> Tensor:
    if metadata is not None:
        tensor = _resolved(tensor, metadata)
    return _requiring(tensor, requires_grad)


def _resolved(tensor: Tensor, metadata: Any) -> Tensor:
    if type(metadata) is not dict or set(metadata) - {"conj", "neg"}:
        raise CorruptFileError(f"the file holds a tensor with unknown marks: {shown(metadata)}")
    if metadata.get("conj") is True:
        tensor = tensor.conj()
    return tensor.neg() if metadata.get("neg") is True else tensor


def _requiring(tensor: Tensor, requires_grad: Any) -> Tensor:
    if type(requires_grad) is not bool:
        raise CorruptFileError(f"the file holds a tensor whose requires_grad is {shown(requires_grad)}")
    if requires_grad and not _differentiable(tensor):
        raise CorruptFileError(f"the file holds a tensor of type {tensor.dtype} that requires grad")
    return tensor.requires_grad_(True) if requires_grad else tensor


def _differentiable(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _rebuild_meta(builder: Any, dtype: Any, size: Any, stride: Any, requires_grad: Any) -> Tensor:
    if not isinstance(dtype, DType):
        raise CorruptFileError(f"the file holds a tensor of type {shown(dtype)}")
    if not builder.structure_only:
        return _requiring(meta_tensor(dtype.name, _sizes(size), _sizes(stride)), requires_grad)
    blank = _requiring(blank_tensor(dtype.name, _sizes(size), _sizes(stride)), requires_grad)
    builder.blanks[id(blank)] = blank
    return blank


def _rebuild_parameter(builder: Any, data: Any, requires_grad: Any, hooks: Any = None) -> Tensor:
    if not isinstance(data, Tensor) or type(requires_grad) is not bool:
        raise CorruptFileError(f"the file holds a Parameter of a {type(data).__name__}")
    if requires_grad and not _differentiable(data):
        raise CorruptFileError(f"the file holds a Parameter of type {data.dtype} that requires grad")
    parameter = Parameter(data, requires_grad)
    if id(data) in builder.blanks:
        builder.blanks[id(parameter)] = parameter
    return parameter


def _rebuild_with_state(builder: Any, data: Any, requires_grad: Any, hooks: Any, state: Any) -> Tensor:
    parameter = _rebuild_parameter(builder, data, requires_grad)
    _set_attributes(parameter, state)
    return parameter


def _rebuild_from_type(builder: Any, function: Any, cls: Any, args: Any, state: Any) -> Tensor:
    if not any(function is known for known in _REBUILDERS) or type(args) is not tuple:
        raise RefusedError(f"the file rebuilds a tensor with {shown(function)}, which loading refuses")
    tensor = builder.call(function, args)
    if cls is not Tensor and cls is not Parameter and not builder.is_vouched(cls):
        raise CorruptFileError(f"the file holds a tensor of class {shown(cls)}, which no tensor has")
    if cls is not Tensor and cls is not type(tensor):
        tensor = tensor.as_subclass(cls)
    _set_attributes(tensor, state)
    return tensor


def _set_attributes(tensor: Tensor, state: Any) -> None:
    """Give a tensor the plain attributes it was saved with."""
    state = without_slots(state)
    if state is None:
        return
    if type(state) is not dict:
        raise CorruptFileError(f"the file holds a tensor whose attributes are a {type(state).__name__}")
    for name, value in state.items():
        if type(name) is not str or hasattr(Tensor, name):
            raise RefusedError(f"the file sets {shown(name)} of a tensor, which is no plain attribute")
        tensor.__dict__[name] = value


def _from_numpy(builder: Any, data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    return _from_cpu(builder, fn.from_numpy(data), dtype, device, requires_grad)


def _from_cpu(builder: Any, data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    if not isinstance(data, Tensor) or not isinstance(dtype, DType) or type(device) not in (str, Device):
        raise CorruptFileError("the file holds a tensor of another device in an impossible form")
    return _requiring(builder.place(data.to(dtype), str(device)), requires_grad)


def _parameter(cls: type) -> Callable:
    def make(builder: Any, data: Any = None, requires_grad: Any = True) -> Tensor:
        if data is None or cls is not Parameter:
            raise CorruptFileError(f"the file holds a {cls.__name__} without data")
        return _rebuild_parameter(builder, data, requires_grad)

    return make


def _uninitialized(cls: type) -> Callable:
    def make(builder: Any, requires_grad: Any = False, device: Any = None, dtype: Any = None) -> Tensor:
        return cls(requires_grad is True, dtype=dtype if isinstance(dtype, DType) else None)

    return make


# Other small objects ----------------------------------------------------------------------------------------


def _device(builder: Any, kind: Any, index: Any = None) -> Device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise CorruptFileError(f"the file holds a device {shown(kind)}, {shown(index)}")
    return Device(kind) if index is None else Device(kind, index)


def _size(builder: Any, sizes: Any = ()) -> Size:
    if any(type(n) is not int for n in _sizes(sizes)):
        raise CorruptFileError(f"the file holds a torch.Size of {shown(sizes)}")
    return Size(sizes)


def _get_layout(builder: Any, name: Any) -> Any:
    found = constant_called(name.removeprefix("torch.")) if type(name) is str else None
    if found is None:
        raise RefusedError(
            f"the file holds the layout {shown(name)}; tensors here are strided. Save x.to_dense() instead."
        )
    return found


def _generator(builder: Any, device: Any = "cpu") -> Any:
    available(str(device))
    return fn.Generator(device)


def set_generator_state(generator: Any, state: Any) -> None:
    """Put a random generator where it stood."""
    if type(state) is not tuple or len(state) != 3 or not isinstance(state[2], Tensor):
        raise CorruptFileError("the file holds a random generator in an impossible state")
    generator.set_state(state[2])


def named_result(name: str, args: tuple) -> tuple:
    """The result of x.max(1) and the like; others are read as plain tuples."""
    if not args or type(args[0]) is not tuple:
        raise CorruptFileError(f"the file holds a torch.return_types.{name} in an impossible form")
    if name not in _WITH_INDICES or len(args[0]) != 2:
        return args[0]
    return tuple.__new__(named(name, "values", "indices"), args[0])


def _getattr(builder: Any, owner: Any, name: Any) -> Any:
    """The uses of getattr that pickle makes of itself: nested classes, methods, PyTorch's operations."""
    found = None
    if type(name) is str and owner is names.VARIABLE_FUNCTIONS:
        found = names.function_called("torch", name)
    elif type(name) is str and isinstance(owner, type) and issubclass(owner, Module) and "." not in name:
        found = nested_class(owner, name)
    elif type(name) is str and isinstance(owner, Module):
        found = own_hook_method(owner, name)
    if found is None:
        raise RefusedError(f"the file asks for getattr({shown(owner)}, {shown(name)}), which loading refuses")
    return found


MAKERS: dict[int, Callable] = {
    id(names.REBUILD_TENSOR): _rebuild_tensor,
    id(names.REBUILD_TENSOR_V2): _rebuild_v2,
    id(names.REBUILD_TENSOR_V3): _rebuild_v3,
    id(names.REBUILD_META): _rebuild_meta,
    id(names.REBUILD_PARAMETER): _rebuild_parameter,
    id(names.REBUILD_PARAMETER_WITH_STATE): _rebuild_with_state,
    id(names.REBUILD_FROM_TYPE): _rebuild_from_type,
    id(names.REBUILD_FROM_NUMPY): _from_numpy,
    id(names.REBUILD_FROM_CPU): _from_cpu,
    id(names.GET_LAYOUT): _get_layout,
    id(names.GENERATOR): _generator,
    id(Parameter): _parameter(Parameter),
    id(UninitializedParameter): _uninitialized(UninitializedParameter),
    id(UninitializedBuffer): _uninitialized(UninitializedBuffer),
    id(Device): _device,
    id(Size): _size,
    id(GETATTR): _getattr,
}

__all__ = ["MAKERS", "NAMES", "UNSUPPORTED", "constant_called", "named_result", "set_generator_state"]
