"""The constructors of old: `torch.Tensor(2, 3)`, `torch.FloatTensor([...])`, `x.new(...)`.

Whole numbers are sizes, anything else is data. `torch.FloatTensor` and its kin are classes without instances of their
own: `isinstance(x, torch.FloatTensor)` asks for x's dtype and device. Nothing inside the framework makes tensors this way.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import devices, dtypes
from ..autograd.record import alias as alias_tensor
from ..autograd.record import edge_of
from ..devices import CPU
from ..dtypes import DType
from ..layouts import strided
from ..shapes import Size, check_sizes
from ..tensor import Tensor, dtype_of
from .creation import empty, tensor
from .methods import LEGACY, legacy_name
from .shaping import view_as_shape
from .storages import UntypedStorage
from .typed_storages import TypedStorage


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def build(args: tuple, dtype: DType, device: Any, exact: bool = True) -> Tensor:
    """What the old constructors make of their arguments.

    Args:
        exact: a tensor given has to be of `dtype`.
    Raises: TypeError for a float, or for a tensor of another dtype.
    """
    if not args:
        return empty(0, dtype=dtype, device=device)
    first = args[0]
    if len(args) > 1 or _is_size(first) or isinstance(first, Size):
        return empty(_sizes(first if isinstance(first, Size) else args), dtype=dtype, device=device)
    if isinstance(first, Tensor):
        if exact and dtype_of(first) is not dtype:
            raise TypeError(
                f"expected a tensor of {dtype} (got {dtype_of(first)}): convert it with .to({dtype})"
            )
        return view_as_shape(first, first.shape)
    if isinstance(first, (UntypedStorage, TypedStorage)):
        if isinstance(first, TypedStorage) and first.dtype is not dtype:
            raise TypeError(f"Expected a Storage of {dtype}, but got {first.type()}")
        return first.tensor(dtype)
    if first is None or isinstance(first, (float, complex, bool)):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    return tensor(first, dtype=dtype, device=device)


def _sizes(args: Any) -> tuple[int, ...]:
    sizes = []
    for i, n in enumerate(args):
        try:
            sizes.append(operator.index(n))
        except TypeError:
            raise TypeError(
                f"new(): argument 'size' failed to unpack the object at pos {i + 1} with error \"type must be tuple of "
                f'ints,but got {type(n).__name__}"'
            ) from None
    return check_sizes(tuple(sizes))


def _new_tensor(cls: type, *args: Any, device: Any = None, **options: Any) -> Any:
    if "data" in options:
        args = (options.pop("data"),)
    if options:
        raise TypeError(f"new() got an unexpected keyword argument '{next(iter(options))}'")
    made = build(args, dtypes.get_default_dtype(), device, exact=False)
    if cls is Tensor:
        return made
    of_class = alias_tensor(made, cls)
    of_class._edge = edge_of(made)
    return of_class


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of self's dtype from sizes or data, as the old constructors make it. Source: torch.Tensor.new."""
    return build(args, dtype_of(self), self.device if device is None else device)


Tensor.__new__ = _new_tensor  # type: ignore[method-assign,assignment]
Tensor.new = new  # type: ignore[attr-defined]


class tensortype(type):
    """The class of the legacy classes; `torch.FloatTensor` is one of its instances."""

    dtype: DType
    is_cuda: bool
    layout = strided
    is_sparse = False

    def __instancecheck__(cls, instance: Any) -> bool:
        if not isinstance(instance, Tensor) or dtype_of(instance) is not cls.dtype:
            return False
        return instance.device.type == ("cuda" if cls.is_cuda else "cpu")

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        if cls.is_cuda:
            _need_cuda(cls)
        if device is not None and devices.Device(device).type != ("cuda" if cls.is_cuda else "cpu"):
            raise RuntimeError(
                f"legacy constructor expects device type: cpu but device type: {device} was passed"
            )
        return build(args, cls.dtype, "cuda" if cls.is_cuda else CPU)


def _need_cuda(cls: Any) -> None:
    try:
        devices.resolve("cuda")
    except RuntimeError as error:
        raise TypeError(f"type {cls.__module__}.{cls.__name__} not available: {error}") from None


def _classes(module: str, is_cuda: bool) -> dict[str, Any]:
    found = {}
    for short, name in LEGACY.items():
        if name.startswith("Complex"):
            continue  # PyTorch has no such class
        dtype = dtypes.of_name(short)
        doc = f"Tensors of {dtype} on the {'GPU' if is_cuda else 'CPU'}; called, it makes one. Source: {module}.{name}."
        found[name] = tensortype(
            name, (), {"dtype": dtype, "is_cuda": is_cuda, "__module__": module, "__doc__": doc}
        )
    return found


TYPES = _classes("torch", False)
# For rushlight.cuda.
CUDA_TYPES = _classes("torch.cuda", True)


def set_default_tensor_type(t: Any, /) -> None:
    """Make a legacy class ("torch.DoubleTensor" or the class) say dtype and device of new floating tensors.

    Source: torch.set_default_tensor_type.
    """
    if isinstance(t, str):
        table = CUDA_TYPES if t.startswith("torch.cuda.") else TYPES
        name = t.rpartition(".")[2]
        if name not in table:
            raise TypeError(f"invalid type object: {t}")
        t = table[name]
    if t is Tensor:
        return
    if not isinstance(t, tensortype):
        raise TypeError(f"invalid type object: {t!r}")
    if not t.dtype.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    if t.is_cuda:
        devices.set_default("cuda")
    dtypes.set_default_dtype(t.dtype)


def typename(obj: Any, /) -> str:
    """The name of an object's type as PyTorch writes it: "torch.FloatTensor" for tensors. Source: torch.typename."""
    if isinstance(obj, Tensor):
        return f"torch.{legacy_name(dtype_of(obj))}"
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", "") or ""
    module = "torch" + module.removeprefix("rushlight") if module.split(".")[0] == "rushlight" else module
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"


PUBLIC: dict[str, Any] = {
    **TYPES,
    "set_default_tensor_type": set_default_tensor_type,
    "typename": typename,
}
