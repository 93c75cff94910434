"""Making tensors: from data, filled, ranges, and like others.

`tensor` copies; `from_numpy` and `as_tensor` of an array share its memory. A filled tensor is a constant expanded:
nothing is stored for it until it is written to or read.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .. import devices, dtypes
from ..autograd.entry import AccumulateGrad
from ..autograd.record import alias as alias_tensor
from ..autograd.record import edge_of
from ..devices import META
from ..dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL, DType, int64, of_scalar
from ..executors.observing import unchanging
from ..graph.node import Node, constant, of_array
from ..graph.node import stand_in as value_unknown
from ..memory import Storage
from ..shapes import check_sizes, sizes_from
from ..tensor import Tensor, array_of, dtype_of, node_of, on_storage, shape_of, wrap
from .arguments import given_node, is_number, need_tensor, plain, to_dtype
from .register import function
from .shaping import clone, contiguous, permuted


def wants_grad(tensor: Tensor, requires_grad: bool) -> Tensor:
    """Make `tensor` a leaf that requires grad, where asked for."""
    if requires_grad:
        if dtype_of(tensor).category < FLOATING:
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        tensor._edge = AccumulateGrad(tensor)
    return tensor


def placed(node: Node, device: Any, requires_grad: bool = False) -> Tensor:
    """A new tensor of a node on a device; on meta, only its shape and dtype."""
    device = devices.resolve(device)
    if device is META:
        node = value_unknown(node.shape, node.dtype)
    return wants_grad(wrap(node, device), requires_grad)


# ---------------------------------------------------------------- from data


def _flat_kinds(data: Any) -> DType:
    """The dtype of nested lists: the promotion of what is in them."""
    if isinstance(data, Tensor):
        return dtype_of(data)
    if isinstance(data, np.ndarray):
        return dtypes.from_numpy(data.dtype)
    if isinstance(data, (list, tuple, range)):
        found: DType | None = None
        for item in data:
            kind = _flat_kinds(item)
            found = kind if found is None else dtypes.promote(found, kind)
        return found or dtypes.get_default_dtype()
    return _scalar_kind(data)


def _scalar_kind(data: Any) -> DType:
    try:
        return of_scalar(data)
    except TypeError:
        pass
    if hasattr(data, "__index__"):
        return int64
    if hasattr(data, "__float__") and not isinstance(data, str):
        return dtypes.get_default_dtype()
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _check_nesting(data: Any, path: int = 0) -> None:
    if isinstance(data, (list, tuple)):
        lengths = {len(x) if isinstance(x, (list, tuple)) else -1 for x in data}
        if len(lengths) > 1:
            sizes = [len(x) if isinstance(x, (list, tuple)) else None for x in data]
            if None in sizes:
                raise TypeError(
                    "not a sequence"
                    if sizes[0] is not None
                    else "only one element tensors can be converted to Python scalars"
                )
            raise ValueError(
                f"expected sequence of length {sizes[0]} at dim {path + 1} (got {next(s for s in sizes if s != sizes[0])})"
            )
        for item in data:
            _check_nesting(item, path + 1)


def _as_plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return array_of(data)
    if isinstance(data, (list, tuple)) and any(isinstance(x, (Tensor, list, tuple)) for x in data):
        return [_as_plain(x) for x in data]
    return data


def array_from(data: Any, dtype: DType | None) -> tuple[np.ndarray, DType]:
    """(array, dtype) of numbers, nested lists, arrays or tensors; always a copy."""
    if isinstance(data, Tensor):
        kind = dtype or dtype_of(data)
        return array_of(to_dtype(data.detach(), kind)).copy(), kind
    if isinstance(data, np.ndarray):
        kind = dtype or dtypes.from_numpy(data.dtype)
        return _cast(data, kind), kind
    if isinstance(data, (set, frozenset, dict, str, bytes)):
        _scalar_kind(data)
    if not isinstance(data, (list, tuple, range)) and not is_number(data):
        data = _from_interface(data)
        if isinstance(data, np.ndarray):
            return array_from(data, dtype)
    kind = dtype or _flat_kinds(data)
    if isinstance(data, (list, tuple)):
        _check_nesting(data)
    plain_data = _as_plain(data)
    if kind.category == INTEGRAL and is_number(plain_data):
        return np.array(array_of(wrap(constant(_whole(plain_data, kind), kind)))), kind
    try:
        array = np.array(plain_data)
    except ValueError as error:
        raise ValueError(f"tensor(): the nested sequences do not form a rectangle: {error}") from None
    if array.dtype == object:
        array = np.array(plain_data, dtype=kind.numpy)
    return _cast(array, kind), kind


def _node_of_data(data: Any, dtype: DType | None) -> Node:
    """A node of numbers, nested lists, arrays or tensors; to a capture, Python's own numbers never change."""
    return given_node(*array_from(data, dtype), data)


def _whole(value: Any, kind: DType) -> Any:
    value = plain(value)
    bits = 8 * kind.itemsize
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind.is_signed else (0, (1 << bits) - 1)
    if isinstance(value, complex):
        raise RuntimeError("value cannot be converted to type int64_t without overflow")
    if not low <= value <= high:
        raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")
    return int(value)


def _from_interface(data: Any) -> Any:
    for protocol in ("__array__", "__array_interface__", "__dlpack__"):
        if hasattr(data, protocol):
            return np.asarray(data) if protocol != "__dlpack__" else np.from_dlpack(data)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return [data[i] for i in range(len(data))]
    return data


def _cast(array: np.ndarray, kind: DType) -> np.ndarray:
    if array.dtype.kind == "c" and not kind.is_complex:
        array = array.real
    with np.errstate(all="ignore"):
        return np.array(array, dtype=kind.numpy, order="C")


@function(method=False, out=False)
def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor holding a copy of `data`: a number, nested lists, an array or a tensor.

    Whole numbers become int64, others the default dtype; arrays keep theirs.
    Raises: ValueError when nested lists are ragged; TypeError for what is no number.
    Source: torch.tensor.
    Example:
        >>> import rushlight as torch
        >>> torch.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=3,
        )
        if data._storage.device is META:
            return placed(node_of(data), META, requires_grad)
    return placed(_node_of_data(data, dtype), device, requires_grad)


@function(method=False, out=False)
def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory, both ways. Source: torch.from_numpy.

    Raises: TypeError for what is no array or has no counterpart of its dtype; ValueError for negative strides.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    kind = dtypes.from_numpy(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order: use .astype() first"
        )
    if not ndarray.flags.writeable:
        _warn_read_only()
    return _sharing(ndarray, kind)


_warned: list[bool] = []


def _warn_read_only() -> None:
    if not _warned:
        _warned.append(True)
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. Writing to this "
            "tensor raises an error: copy the array with array.copy() first if you mean to.",
            UserWarning,
            stacklevel=4,
        )


def _sharing(array: np.ndarray, kind: DType) -> Tensor:
    order = sorted(range(array.ndim), key=lambda d: (-array.strides[d], d))
    straight = array.transpose(order)
    if order != list(range(array.ndim)) and straight.flags.c_contiguous and array.size:
        # Dense memory in another order (Fortran's): its row-major form, seen through a permutation.
        back = [0] * array.ndim
        for i, d in enumerate(order):
            back[d] = i
        seen = permuted(on_storage(Storage.of_memory(straight, kind)), tuple(back))
        seen._view.base = None  # type: ignore[union-attr]
        return seen
    return on_storage(Storage.of_memory(array, kind))


@function(method=False, out=False)
def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """data as a tensor, sharing memory where dtype and device allow it. Source: torch.as_tensor."""
    if isinstance(data, Tensor):
        made = data if dtype is None else to_dtype(data, dtype)
        return made if device is None else made.to(device)
    if isinstance(data, np.ndarray) and all(s >= 0 for s in data.strides):
        kind = dtypes.from_numpy(data.dtype)
        if dtype in (None, kind) and devices.resolve(device) is devices.CPU:
            return _sharing(data, kind)
    return tensor(data, dtype=dtype, device=device)


@function(method=False, out=False)
def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """obj as a tensor; `copy` True always copies, False never does. Source: torch.asarray."""
    made = as_tensor(obj, dtype, device)
    if copy or (requires_grad and made is obj):
        made = clone(made.detach())
    if copy is False and isinstance(obj, (list, tuple, int, float)):
        raise ValueError("asarray(): a sequence of numbers cannot become a tensor without a copy")
    made = alias_tensor(made) if edge_of(made) is not None and not requires_grad else made
    return wants_grad(made, requires_grad)


@function(method=False, out=False)
def scalar_tensor(
    s: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A 0-d tensor of a number, of the default dtype. Source: torch.scalar_tensor."""
    return tensor(s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


@function(method=False, out=False)
def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-d tensor on the memory of a bytes-like object. Source: torch.frombuffer."""
    held = memoryview(buffer).nbytes
    if count == 0 or held == 0:
        raise ValueError(f"both buffer length ({held}) and count ({count}) must not be 0")
    if not 0 <= offset < held:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({held} bytes) minus 1"
        )
    if count < 0 and (held - offset) % dtype.itemsize:
        raise ValueError(
            f"buffer length ({held - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({dtype.itemsize})"
        )
    if count > 0 and offset + count * dtype.itemsize > held:
        raise ValueError(
            f"requested buffer length ({count} * {dtype.itemsize} bytes) after offset ({offset} bytes) must not be greater than actual buffer length ({held} bytes)"
        )
    return wants_grad(_sharing(np.frombuffer(buffer, dtype.numpy, count, offset), dtype), requires_grad)


# ---------------------------------------------------------------- filled


def _filled(
    shape: tuple[int, ...], value: Any, dtype: DType, device: Any, requires_grad: bool = False
) -> Tensor:
    node = constant(value, dtype)
    return placed(node.expand(shape) if shape else node, device, requires_grad)


def _filler(name: str, value: Any, doc: str) -> Any:
    def make(
        *size: Any,
        dtype: DType | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
        names: Any = None,
        **kwargs: Any,
    ) -> Tensor:
        if "size" in kwargs:
            size = (kwargs.pop("size"),)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        shape = check_sizes(sizes_from(size))
        made = _filled(shape, value, dtype or dtypes.get_default_dtype(), device, requires_grad)
        return made if memory_format is None else contiguous(made, memory_format)

    make.__name__ = name
    make.__doc__ = f"A tensor of the given sizes, {doc}. Source: torch.{name}."
    return function(name, method=False)(make)


zeros = _filler("zeros", 0, "filled with 0")
ones = _filler("ones", 1, "filled with 1")
empty = _filler("empty", 0, "whose values are not promised (they are 0 here)")


@function(method=False)
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    names: Any = None,
) -> Tensor:
    """A tensor filled with one number, whose dtype it has by default. Source: torch.full."""
    shape = check_sizes(sizes_from((size,)))
    if isinstance(fill_value, Tensor):
        value = to_dtype(fill_value, dtype) if dtype else fill_value
        return value.expand(shape).clone()
    return _filled(shape, plain(fill_value), dtype or of_scalar(fill_value), device, requires_grad)


def _like(name: str, value: Any) -> Any:
    def make(
        input: Tensor,
        *,
        dtype: DType | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        need_tensor(name, input)
        where = input._storage.device if device is None else device
        made = _filled(shape_of(input), value, dtype or dtype_of(input), where, requires_grad)
        return (
            made
            if memory_format is None or getattr(memory_format, "name", "") == "preserve_format"
            else contiguous(made, memory_format)
        )

    make.__name__ = name
    make.__doc__ = f"A tensor of input's sizes, dtype and device, as torch.{name.removesuffix('_like')} makes it. Source: torch.{name}."
    return function(name, method=False, out=False)(make)


zeros_like = _like("zeros_like", 0)
ones_like = _like("ones_like", 1)
empty_like = _like("empty_like", 0)


@function(method=False, out=False)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of input's sizes filled with one number. Source: torch.full_like."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else plain(fill_value)
    where = input._storage.device if device is None else device
    return _filled(shape_of(input), value, dtype or dtype_of(input), where, requires_grad)


def _new(name: str, value: Any) -> None:
    def make(
        self: Tensor,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
        layout: Any = None,
        pin_memory: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        shape = check_sizes(sizes_from((kwargs["size"],) if "size" in kwargs else size))
        where = self._storage.device if device is None else device
        return _filled(shape, value, dtype or dtype_of(self), where, requires_grad)

    make.__name__ = name
    make.__doc__ = f"A tensor of the given sizes with self's dtype and device. Source: torch.Tensor.{name}."
    setattr(Tensor, name, make)


_new("new_zeros", 0)
_new("new_ones", 1)
_new("new_empty", 0)


def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of one number with self's dtype and device. Source: torch.Tensor.new_full."""
    where = self._storage.device if device is None else device
    value = fill_value.item() if isinstance(fill_value, Tensor) else plain(fill_value)
    return _filled(check_sizes(sizes_from((size,))), value, dtype or dtype_of(self), where, requires_grad)


def new_tensor(
    self: Tensor,
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A copy of data with self's dtype and device. Source: torch.Tensor.new_tensor."""
    where = self._storage.device if device is None else device
    return placed(_node_of_data(data, dtype or dtype_of(self)), where, requires_grad)


Tensor.new_full = new_full  # type: ignore[attr-defined]
Tensor.new_tensor = new_tensor  # type: ignore[attr-defined]


@function(method=False, out=False)
def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of given sizes and strides; its values are not promised. Source: torch.empty_strided."""
    size, stride = tuple(size), tuple(stride)
    held = 1 + sum((n - 1) * s for n, s in zip(size, stride)) if math.prod(size) else 0
    flat = _filled((held,), 0, dtype or dtypes.get_default_dtype(), device)
    made = flat.as_strided(size, stride, 0)
    made._view.base = None
    return wants_grad(made, requires_grad)


Tensor.new_empty_strided = lambda self, size, stride, *, dtype=None, **more: empty_strided(  # type: ignore[attr-defined]
    size, stride, dtype=dtype or dtype_of(self), **more
)


@function(method=False, out=False)
def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """A tensor whose dimensions stand in memory in the given order. Source: torch.empty_permuted."""
    order = tuple(physical_layout)
    strides = [0] * len(order)
    step = 1
    for d in reversed(order):
        strides[d] = step
        step *= size[d]
    return empty_strided(size, strides, **options)


# ---------------------------------------------------------------- ranges


def _range_dtype(dtype: DType | None, *numbers: Any) -> DType:
    if dtype is not None:
        return dtype
    kinds = [dtype_of(n) if isinstance(n, Tensor) else of_scalar(plain(n)) for n in numbers]
    return int64 if all(k.category <= INTEGRAL for k in kinds) else dtypes.get_default_dtype()


@function(method=False)
def arange(
    *args: Any,
    start: Any = None,
    end: Any = None,
    step: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """start, start + step, ... below end; whole numbers are int64. Source: torch.arange.

    >>> import rushlight as torch
    >>> torch.arange(0, 10, 2)
    tensor([0, 2, 4, 6, 8])
    """
    given = list(args)
    if len(given) > 3:
        raise TypeError(f"arange() takes at most 3 numbers, got {len(given)}")
    if len(given) == 1 and end is None:
        end = given.pop()
    if given:
        start = given.pop(0)
    if given:
        end = given.pop(0)
    if given:
        step = given.pop(0)
    start = 0 if start is None else start
    step = 1 if step is None else step
    kind = _range_dtype(dtype, start, end, step)
    start, end, step = (n.item() if isinstance(n, Tensor) else plain(n) for n in (start, end, step))
    _check_range(start, end, step)
    return placed(_steps(start, end, step, kind), device, requires_grad)


def _check_range(start: Any, end: Any, step: Any) -> None:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _steps(start: Any, end: Any, step: Any, kind: DType) -> Node:
    whole = kind.category == INTEGRAL
    if whole:
        start, end, step = int(start), int(end), int(step)
        count = max(0, -(-(end - start) // step))
        return unchanging(
            of_array((start + step * np.arange(count, dtype=np.int64)).astype(kind.numpy), kind)
        )
    count = math.ceil((end - start) / step)
    wide = np.float64 if kind.itemsize > 4 or kind.category < FLOATING else np.float32
    values = start + np.arange(count, dtype=np.float64) * step
    return unchanging(of_array(values.astype(wide).astype(kind.numpy), kind))


@function("range", method=False)
def range_(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """As arange, with the end included; deprecated in PyTorch. Source: torch.range."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=3,
    )
    kind = dtype or dtypes.get_default_dtype()
    _check_range(start, end, step)
    count = int((end - start) / step) + 1
    values = start + np.arange(count, dtype=np.float64) * step
    return placed(unchanging(of_array(values.astype(kind.numpy), kind)), device, requires_grad)


@function(method=False)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` evenly spaced numbers from start to end, both included. Source: torch.linspace."""
    if isinstance(start, Tensor) or isinstance(end, Tensor):
        start, end = (n.item() if isinstance(n, Tensor) else n for n in (start, end))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    complex_ends = isinstance(start, complex) or isinstance(end, complex)
    kind = dtype or (
        dtypes.COMPLEX_OF[dtypes.get_default_dtype()] if complex_ends else dtypes.get_default_dtype()
    )
    return placed(unchanging(of_array(_spaced(start, end, steps, kind), kind)), device, requires_grad)


def _spaced(start: Any, end: Any, steps: int, kind: DType) -> np.ndarray:
    if kind.category == INTEGRAL:
        step = (float(end) - float(start)) / max(steps - 1, 1)
        i = np.arange(steps)
        values = np.where(i < steps // 2, int(start) + step * i, int(end) - step * (steps - i - 1))
        return values.astype(kind.numpy)
    wide: Any = (
        {4: np.float32, 2: np.float32}.get(kind.itemsize, np.float64)
        if kind.category == FLOATING
        else np.complex128
    )
    if kind.category == BOOL:
        wide = np.float64
    if steps == 1:
        return np.array([start], dtype=wide).astype(kind.numpy)
    i = np.arange(steps)
    stride: Any = wide((wide(end) - wide(start)) / wide(max(steps - 1, 1)))
    values = np.where(
        i < steps // 2,
        wide(start) + i.astype(wide) * stride,
        wide(end) - (steps - 1 - i).astype(wide) * stride,
    )
    return values.astype(kind.numpy)


@function(method=False)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base raised to `steps` evenly spaced exponents. Source: torch.logspace."""
    start, end = (n.item() if isinstance(n, Tensor) else n for n in (start, end))
    kind = dtype or dtypes.get_default_dtype()
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    exponents = np.linspace(start, end, steps)
    values = np.power(complex(base) if kind.category == COMPLEX else float(base), exponents)
    return placed(unchanging(of_array(values.astype(kind.numpy), kind)), device, requires_grad)


@function(method=False)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere: (n, m). Source: torch.eye."""
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {min(n, m)}")
    kind = dtype or dtypes.get_default_dtype()
    return placed(unchanging(of_array(np.eye(n, m).astype(kind.numpy), kind)), device, requires_grad)


@function(method=False)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    """Positions on and below a diagonal: (2, k). Source: torch.tril_indices."""
    return wrap(unchanging(of_array(np.stack(np.tril_indices(row, offset, col)).astype(dtype.numpy), dtype)))


@function(method=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = int64, device: Any = None, layout: Any = None
) -> Tensor:
    """Positions on and above a diagonal: (2, k). Source: torch.triu_indices."""
    return wrap(unchanging(of_array(np.stack(np.triu_indices(row, offset, col)).astype(dtype.numpy), dtype)))


# ---------------------------------------------------------------- interchange


@function("from_dlpack", method=False, out=False)
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of any object that speaks DLPack. Source: torch.from_dlpack."""
    if isinstance(ext_tensor, Tensor):
        return alias_tensor(ext_tensor)
    return as_tensor(np.from_dlpack(ext_tensor))


def meta_like(tensor: Tensor) -> Tensor:
    """A meta tensor of the same shape and dtype."""
    return wrap(value_unknown(shape_of(tensor), dtype_of(tensor)), META)
