"""Methods of Tensor that are no functions: gradients, conversions, NumPy interchange, copying, text, pickling."""

from __future__ import annotations

import builtins
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import devices, dtypes
from ..autograd import engine
from ..autograd.entry import AccumulateGrad, Part
from ..autograd.hooks import RemovableHandle, add
from ..autograd.modes import state
from ..autograd.record import alias as alias_tensor
from ..autograd.record import check_writable, edge_of, overwrite
from ..devices import CPU, META
from ..dtypes import FLOATING, INTEGRAL, DType
from ..executors.observing import watched
from ..graph.node import of_array
from ..graph.node import stand_in as value_unknown
from ..layouts import Named, preserve_format
from ..printing import format_tensor
from ..shapes import sizes_from
from ..tensor import (
    Tensor,
    array_of,
    dtype_of,
    from_array,
    layout_of,
    on_storage,
    shape_of,
    shared_array,
    wrap,
)
from .arguments import is_number, tensor_of, to_dtype
from .indexing import _fitted
from .register import FUNCTIONS, function
from .shaping import contiguous

# ---------------------------------------------------------------- gradients


def _requires_grad(self: Tensor) -> bool:
    return edge_of(self) is not None


def _set_requires_grad(self: Tensor, value: bool) -> None:
    requires_grad_(self, value)


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Make this leaf require grad, or stop it; gives the tensor. Source: torch.Tensor.requires_grad_."""
    edge = edge_of(self)
    if not is_leaf(self):
        if not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        return self
    if not requires_grad:
        self._edge = None
    elif edge is None:
        if dtype_of(self).category < FLOATING:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if self._view is not None:
            self._view.base = None  # a leaf of its own from now on
        self._edge = AccumulateGrad(self)
    return self


def is_leaf(self: Tensor) -> bool:
    """Whether no recorded call made it."""
    edge = edge_of(self)
    return edge is None or isinstance(edge, AccumulateGrad)


def grad_fn(self: Tensor) -> Any:
    """The tape entry that made this tensor, or None for a leaf."""
    edge = edge_of(self)
    if isinstance(edge, Part):
        return edge.entry
    return None if isinstance(edge, AccumulateGrad) else edge


def _get_grad(self: Tensor) -> Any:
    if watched.capture is not None:
        watched.capture.meets_gradient(self)
    grad = self._grad
    if grad is None and not is_leaf(self) and not retains_grad(self):
        warnings.warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
            "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf "
            "Tensor, use .retain_grad() on the non-leaf Tensor.",
            UserWarning,
            stacklevel=2,
        )
    return grad


def _set_grad(self: Tensor, value: Any) -> None:
    if watched.capture is not None:
        watched.capture.meets_gradient(self, cleared=True)
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if shape_of(value) != shape_of(self):
            raise RuntimeError(
                f"assigned grad has data of a different size: {list(shape_of(value))} for a tensor of "
                f"{list(shape_of(self))}"
            )
        if dtype_of(value) is not dtype_of(self):
            raise RuntimeError(
                f"assigned grad has data of a different type: {value.dtype} for a tensor of {self.dtype}"
            )
    self._grad = value


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add this tensor's gradients to the `.grad` of the leaves it was computed from.

    A tensor of more than one element needs `gradient`, of its own shape.
    Source: torch.Tensor.backward.
    """
    engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def detach(self: Tensor) -> Tensor:
    """The same memory off the tape. Source: torch.Tensor.detach."""
    return alias_tensor(self)


def detach_(self: Tensor) -> Tensor:
    """Take this tensor off the tape; gives the tensor."""
    if self._view is not None:
        if self._view.base is not None and edge_of(self) is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._view.base = None
    self._edge = None
    return self


def _set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    self._storage = value._storage
    seen = value._view
    self._view = None if seen is None else type(seen)(None, seen.steps, seen.shape, seen.dtype)
    if isinstance(self._edge, AccumulateGrad):
        self._edge.shape, self._edge.dtype = shape_of(self), dtype_of(self)


def _hooks_of(self: Tensor) -> tuple[dict, int]:
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if isinstance(edge, Part):
        return edge.entry._hooks(), edge.index
    return edge._hooks(), 0


def register_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call hook(grad) when this tensor's gradient is known; what it gives replaces it."""
    hooks, k = _hooks_of(self)
    return add(hooks, ("tensor", k), hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call hook(tensor) after this leaf's `.grad` was added to."""
    if not is_leaf(self) or edge_of(self) is None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return add(_hooks_of(self)[0], "accumulated", hook)


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this tensor, which is no leaf, in `.grad`."""
    if edge_of(self) is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if is_leaf(self):
        return
    hooks, k = _hooks_of(self)

    def keep(g: Tensor) -> None:
        self._grad = g if self._grad is None else self._grad + g

    hooks.setdefault("retain", {})[k] = keep


def retains_grad(self: Tensor) -> bool:
    """Whether retain_grad was called on this tensor, which is no leaf."""
    edge = self._edge
    if edge is None or isinstance(edge, AccumulateGrad):
        return False
    entry, k = (edge.entry, edge.index) if isinstance(edge, Part) else (edge, 0)
    return entry.hooks is not None and k in entry.hooks.get("retain", {})


def _base(self: Tensor) -> Any:
    return None if self._view is None else self._view.base


# ---------------------------------------------------------------- conversion


def _read_to(args: tuple, kwargs: dict) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, copy, memory_format) of the forms of `to`."""
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    flags: list = []
    if "other" in kwargs:
        args = (kwargs["other"], *args)
    for a in args:
        if isinstance(a, Tensor):
            device, dtype = a._storage.device, dtype_of(a)
        elif isinstance(a, DType):
            dtype = a
        elif isinstance(a, bool):
            flags.append(a)
        elif isinstance(a, Named):
            kwargs = {**kwargs, "memory_format": a}
        elif a is not None:
            device = a
    copy = kwargs.get("copy", flags[1] if len(flags) > 1 else False)
    unknown = set(kwargs) - {"device", "dtype", "copy", "non_blocking", "memory_format", "other"}
    if unknown:
        raise TypeError(f"to() got an unexpected keyword argument '{sorted(unknown)[0]}'")
    return device, dtype, copy, kwargs.get("memory_format")


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor in another dtype or on another device; itself when it is there already.

    Source: torch.Tensor.to.
    """
    device, dtype, copy, memory_format = _read_to(args, kwargs)
    made = self
    if device is not None:
        where = devices.resolve(device)
        if where is not self._storage.device:
            made = _moved(self, where)
    if dtype is not None and dtype is not dtype_of(made):
        made = to_dtype(made, dtype)
    if memory_format is not None and memory_format is not preserve_format:
        made = contiguous(made, memory_format)
    if copy and made is self:
        made = self.clone()
    return made


def _moved(self: Tensor, device: Any) -> Tensor:
    if device is META:
        made = wrap(value_unknown(shape_of(self), dtype_of(self)), META)
        if edge_of(self) is not None and state.grad:
            made._edge = edge_of(self)
        return made
    raise NotImplementedError(
        "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
        "torch.nn.Module.to() when moving module from meta to a different device."
    )


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """This tensor on a GPU. Raises: RuntimeError where there is none."""
    return to(self, devices.Device("cuda") if device is None else device)


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor on the CPU; itself when it is there."""
    return to(self, CPU)


def _converter(name: str, dtype: DType) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        made = to_dtype(self, dtype)
        return made if memory_format in (None, preserve_format) else contiguous(made, memory_format)

    convert.__name__ = name
    convert.__doc__ = f"This tensor as {dtype}; itself when it is."
    setattr(Tensor, name, convert)


for _name, _dtype in {
    **dtypes.ALIASES,
    "bool": dtypes.bool,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "bfloat16": dtypes.bfloat16,
}.items():
    _converter(_name, _dtype)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    """The legacy type's name ("torch.FloatTensor"), or this tensor in another dtype."""
    if dtype is None:
        return f"torch.{legacy_name(dtype_of(self))}"
    on_gpu = "cuda" in dtype if isinstance(dtype, str) else getattr(dtype, "is_cuda", False)
    if isinstance(dtype, str):
        dtype = of_legacy_name(dtype)
    elif not isinstance(dtype, DType):
        dtype = dtype.dtype
    return to_dtype(to(self, "cuda") if on_gpu else self, dtype)


LEGACY = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor", "bfloat16": "BFloat16Tensor",
    "int64": "LongTensor", "int32": "IntTensor", "int16": "ShortTensor", "int8": "CharTensor", "uint8": "ByteTensor",
    "bool": "BoolTensor", "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
}  # fmt: skip


def legacy_name(dtype: DType) -> str:
    """'FloatTensor' for float32, and so on."""
    return LEGACY.get(dtype.name, f"{dtype.name.capitalize()}Tensor")


def of_legacy_name(name: str) -> DType:
    """The dtype of 'torch.FloatTensor'; ValueError for a name that is none."""
    last = name.rsplit(".", 1)[-1]
    for ours, theirs in LEGACY.items():
        if theirs == last:
            return dtypes.of_name(ours)
    raise ValueError(f"invalid type: '{name}'")


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in other's dtype."""
    return to_dtype(self, dtype_of(other))


# ---------------------------------------------------------------- writing


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write src, broadcast and cast, into this tensor; gives the tensor. Source: torch.Tensor.copy_."""
    check_writable(self, "copy_")
    value = src if isinstance(src, Tensor) else tensor_of(src, dtype_of(self))
    if self._storage.device is META:
        return self
    value = to_dtype(value, dtype_of(self))
    overwrite(self, _fitted(value, shape_of(self), "copy_: source"))
    return self


def fill_(self: Tensor, value: Any) -> Tensor:
    """Make every element `value`; gives the tensor. Source: torch.Tensor.fill_."""
    check_writable(self, "fill_")
    if isinstance(value, Tensor) and value.dim():
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.dim()} dimensions."
        )
    filled = tensor_of(value, dtype_of(self), self._storage.device)
    overwrite(self, filled.expand(shape_of(self)))
    return self


def zero_(self: Tensor) -> Tensor:
    """Make every element 0; gives the tensor. Source: torch.Tensor.zero_."""
    return fill_(self, 0)


def set_(self: Tensor, source: Any = None, *args: Any) -> Tensor:
    """Share another tensor's memory; gives the tensor. Source: torch.Tensor.set_."""
    if source is None:
        made = from_array(np.zeros(0, dtype_of(self).numpy), dtype_of(self))
    elif isinstance(source, Tensor):
        made = source.as_strided(args[1], args[2], args[0]) if args else source
    else:
        made = source.tensor(dtype_of(self), *args)
    _set_data(self, made)
    return self


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Other sizes on the same memory, grown with zeros where it is too small. Source: torch.Tensor.resize_."""
    shape = sizes_from(sizes)
    need = 1
    for n in shape:
        need *= n
    flat = array_of(self.detach()).reshape(-1)
    if need > flat.size:
        flat = np.concatenate([flat, np.zeros(need - flat.size, flat.dtype)])
    _set_data(self, from_array(np.array(flat[:need]).reshape(shape), dtype_of(self)))
    return self


# ---------------------------------------------------------------- NumPy and Python


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The numbers as an array that shares this tensor's memory. Source: torch.Tensor.numpy.

    Raises: RuntimeError for a tensor that requires grad (call detach() first); TypeError for bfloat16.
    """
    if force:
        return np.array(array_of(self.detach()))
    if edge_of(self) is not None:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if dtype_of(self).name == "bfloat16" or dtype_of(self).name.startswith("float8"):
        raise TypeError(
            f"Got unsupported ScalarType {'BFloat16' if dtype_of(self).name == 'bfloat16' else dtype_of(self).name}"
        )
    return shared_array(self)


def to_array(self: Tensor, dtype: Any = None, copy: Any = None) -> np.ndarray:
    """What np.asarray sees: shared memory, or a copy in another dtype."""
    array = numpy(self)
    if dtype is not None and np.dtype(dtype) != array.dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def _array_wrap(self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    return from_array(np.array(array))


def _dlpack(self: Tensor, **options: Any) -> Any:
    if edge_of(self) is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    self._storage.expose()
    self._storage.pinned = True
    return shared_array(self).__dlpack__()


def data_ptr(self: Tensor) -> int:
    """The address of the first element; the memory stays where it is from now on."""
    if self._storage.device is META:
        return 0
    array = shared_array(self)
    self._storage.pinned = True
    return array.__array_interface__["data"][0] if array.size else 0


def _one(self: Tensor, kind: str) -> Any:
    if self.numel() != 1:
        raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
    return self.item()


def to_bool(self: Tensor) -> bool:
    """Python's truth of the only element."""
    n = self.numel()
    if n != 1:
        what = "no values" if n == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return builtins.bool(array_of(self).item())


def to_index(self: Tensor) -> int:
    """A whole number, for use as an index."""
    if dtype_of(self).category > INTEGRAL or self.numel() != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return builtins.int(self.item())


def _iterate(self: Tensor) -> Iterator[Tensor]:
    if not self.dim():
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, Tensor) or is_number(element):
        return builtins.bool((self == element).any())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def _reversed(self: Tensor) -> Tensor:
    return self.flip(0) if self.dim() else self


def _format(self: Tensor, spec: str) -> str:
    if not self.dim() and not spec == "" and dtype_of(self).name != "bfloat16":
        return self.item().__format__(spec)
    return (
        self.item().__format__(spec)
        if not self.dim() and type(self) is Tensor
        else object.__format__(self, spec)
    )


def text(self: Tensor, *, tensor_contents: Any = None) -> str:
    """PyTorch's text of a tensor."""
    suffixes = []
    edge = edge_of(self)
    if edge is not None:
        entry = grad_fn(self)
        suffixes.append("requires_grad=True" if entry is None else f"grad_fn=<{entry.name()}>")
    meta = self._storage.device is META
    array = None if meta else array_of(self)
    prefix = (
        "tensor(" if type(self) is Tensor or type(self).__name__ == "Parameter" else f"{type(self).__name__}("
    )
    return format_tensor(
        array,
        dtype_of(self),
        shape=shape_of(self),
        device="meta" if meta else None,
        suffixes=suffixes,
        prefix=prefix,
    )


def _directory(self: Tensor) -> list[str]:
    return sorted(set(dir(type(self))) | set(self.__dict__))


# ---------------------------------------------------------------- pickling and storages


def _reduce(self: Tensor) -> tuple:
    if not is_leaf(self):
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support pickling: call .detach() first"
        )
    if self._storage.device is META:
        return _rebuild_meta, (shape_of(self), dtype_of(self), self.requires_grad)
    array = np.asarray(array_of(self), order="C")
    if dtype_of(self) in dtypes.NARROW and array.dtype.kind != "f":
        array = array.view(np.uint8 if array.itemsize == 1 else np.uint16)
    return _rebuild, (type(self), array, dtype_of(self), self.requires_grad, dict(self.__dict__))


def _rebuild(cls: type, array: np.ndarray, dtype: DType, requires_grad: bool, attributes: dict) -> Tensor:
    if array.dtype != dtype.numpy:
        array = array.view(dtype.numpy)
    made = on_storage(wrap(of_array(array, dtype))._storage, None, cls)
    made.__dict__.update(attributes)
    return made.requires_grad_(True) if requires_grad else made


def _rebuild_meta(shape: tuple, dtype: DType, requires_grad: bool) -> Tensor:
    made = wrap(value_unknown(shape, dtype), META)
    return made.requires_grad_(True) if requires_grad else made


def as_subclass(self: Tensor, cls: type) -> Any:
    """The same memory and history as a tensor of class `cls`."""
    made = alias_tensor(self, cls)
    made._edge = edge_of(self)
    return made


def make_subclass(cls: type, data: Tensor, require_grad: bool = False, **_: Any) -> Any:
    """A leaf of class `cls` on data's memory; what nn.Parameter is made by."""
    made = alias_tensor(data, cls)
    return made.requires_grad_(True) if require_grad else made


def dim_order(self: Tensor) -> tuple[int, ...]:
    """The order of dimensions in memory, outermost first."""
    strides = layout_of(self)[0]
    return tuple(sorted(range(len(strides)), key=lambda d: (-strides[d], d)))


def map_(self: Tensor, other: Tensor, function_: Callable) -> Tensor:
    """self[i] = function(self[i], other[i]), element by element in Python."""
    a, b = np.broadcast_arrays(array_of(self), array_of(other))
    values = [function_(x.item(), y.item()) for x, y in zip(a.reshape(-1), b.reshape(-1))]
    return copy_(
        self, from_array(np.array(values).reshape(a.shape).astype(dtype_of(self).numpy), dtype_of(self))
    )


def apply_(self: Tensor, function_: Callable) -> Tensor:
    """self[i] = function(self[i]), element by element in Python."""
    array = array_of(self)
    values = [function_(x) for x in array.reshape(-1).tolist()]
    return copy_(
        self, from_array(np.array(values).reshape(array.shape).astype(dtype_of(self).numpy), dtype_of(self))
    )


@function()
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same sizes."""
    return shape_of(input) == shape_of(other)


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both see the same memory in the same way."""
    return (
        self._storage is tensor._storage
        and shape_of(self) == shape_of(tensor)
        and layout_of(self) == layout_of(tensor)
    )


_FALSE = (
    "is_sparse",
    "is_quantized",
    "is_mkldnn",
    "is_cuda",
    "is_mps",
    "is_xpu",
    "is_nested",
    "is_sparse_csr",
    "is_vulkan",
    "is_ipu",
    "is_xla",
    "is_mtia",
    "is_maia",
)
for _name in _FALSE:
    setattr(Tensor, _name, property(lambda self: False))


def _attach() -> None:
    plain_methods = [
        requires_grad_, backward, detach, detach_, register_hook, register_post_accumulate_grad_hook, retain_grad, to,
        cuda, cpu, type_as, copy_, fill_, zero_, set_, resize_, numpy, data_ptr, as_subclass, dim_order, map_, apply_,
        is_set_to,
    ]  # fmt: skip
    for method in plain_methods:
        setattr(Tensor, method.__name__, method)
    members: dict[str, Any] = {}
    members["type"] = type_
    members["_make_subclass"] = staticmethod(make_subclass)
    members["requires_grad"] = property(_requires_grad, _set_requires_grad)
    members["is_leaf"] = property(is_leaf)
    members["grad_fn"] = property(grad_fn)
    members["grad"] = property(_get_grad, _set_grad, lambda self: _set_grad(self, None))
    members["retains_grad"] = property(retains_grad)
    members["data"] = property(detach, _set_data)
    members["_base"] = property(_base)
    members["output_nr"] = property(lambda self: self._edge.index if isinstance(self._edge, Part) else 0)
    members["is_meta"] = property(lambda self: self._storage.device is META)
    members["is_cpu"] = property(lambda self: self._storage.device is CPU)
    members["name"] = property(lambda self: None)
    members["names"] = property(lambda self: (None,) * self.dim())
    members["_is_view"] = lambda self: self._view is not None and self._view.base is not None
    members["is_inference"] = lambda self: False
    members["is_shared"] = lambda self: False
    members["share_memory_"] = lambda self: self
    members["pin_memory"] = lambda self, device=None: self
    members["is_pinned"] = lambda self, device=None: False
    members["get_device"] = lambda self: -1
    members["record_stream"] = lambda self, stream: None
    members["__array__"] = to_array
    members["__array_wrap__"] = _array_wrap
    members["__array_priority__"] = 1000
    members["__dlpack__"] = _dlpack
    members["__dlpack_device__"] = lambda self: (1, 0)
    members["__bool__"] = to_bool
    members["__float__"] = lambda self: builtins.float(_one(self, "float"))
    members["__int__"] = lambda self: builtins.int(_one(self, "int"))
    members["__complex__"] = lambda self: builtins.complex(_one(self, "complex"))
    members["__index__"] = to_index
    members["__iter__"] = _iterate
    members["__contains__"] = _contains
    members["__reversed__"] = _reversed
    members["__format__"] = _format
    members["__repr__"] = text
    members["__dir__"] = _directory
    members["__reduce_ex__"] = lambda self, protocol: _reduce(self)
    members["__matmul__"] = lambda self, other: FUNCTIONS["matmul"](self, other)
    members["__rmatmul__"] = lambda self, other: FUNCTIONS["matmul"](other, self)
    for name, member in members.items():
        setattr(Tensor, name, member)


_attach()
for _name in ("zero_", "fill_", "detach_", "resize_"):
    FUNCTIONS.setdefault(_name, getattr(Tensor, _name))
FUNCTIONS["detach"] = detach
