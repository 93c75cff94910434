"""Moving and casting a module's tensors: to, cuda, cpu, float, double, ... (the ConversionMethods of Module).

Parameters keep their identity, so an optimizer made before a move goes on working; buffers are replaced.
"""

from __future__ import annotations

import warnings

from ... import functions as fn
from ...autograd.modes import no_grad
from ...devices import Device
from ...dtypes import DType
from ...tensor import Tensor
from ..changes import Changes


def parse_to(*args, **kwargs):
    """(device, dtype, non_blocking, memory_format) of a call of `to` in any of its forms.

    The forms: to(device, dtype, non_blocking), to(dtype, non_blocking), to(tensor, non_blocking), each with
    memory_format by name.
    """
    kwargs = dict(kwargs)
    if kwargs.pop("copy", False):
        raise RuntimeError(".to() does not accept copy argument")
    memory_format = kwargs.pop("memory_format", None)
    first = args[0] if args else kwargs.get("tensor")
    if isinstance(first, Tensor):
        names = ("tensor", "non_blocking")
    elif isinstance(first, DType):
        names = ("dtype", "non_blocking")
    else:
        names = ("device", "dtype", "non_blocking")
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or any(name not in names or name in given for name in kwargs):
        unknown = ", ".join(
            [repr(arg) for arg in args] + [f"{name}={value!r}" for name, value in kwargs.items()]
        )
        raise TypeError(
            f"to() received an invalid combination of arguments: ({unknown}). It takes (device, dtype, "
            "non_blocking), (dtype, non_blocking) or (tensor, non_blocking), and memory_format by name."
        )
    given.update(kwargs)
    tensor = given.get("tensor")
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    else:
        device, dtype = given.get("device"), given.get("dtype")
    if device is not None and not isinstance(device, Device):
        device = Device(device)
    if dtype is not None and not isinstance(dtype, DType):
        raise TypeError(f"to() expects dtype to be a dtype, got {type(dtype).__name__} ({dtype!r})")
    return device, dtype, bool(given.get("non_blocking", False)), memory_format


def _floating(cast):
    """cast for floating-point tensors, the identity for others."""
    return lambda tensor: cast(tensor) if tensor.is_floating_point() else tensor


class ConversionMethods:
    """The part of Module that moves and casts its tensors in place and returns the module."""

    def _apply(self, fn, recurse=True):
        """Replace every parameter, its gradient and every buffer by fn of it."""
        Changes.count += 1
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            gradient = parameter.grad
            with no_grad():
                _set_data(parameter, fn(parameter))
                if gradient is not None:
                    _set_data(gradient, fn(gradient))
                    parameter.grad = gradient
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Move to a device and/or cast floating-point and complex tensors to a dtype, in place.

        Forms: to(device, dtype, non_blocking), to(dtype, non_blocking), to(tensor, non_blocking), and
        memory_format by name for 4-d and 5-d tensors.

        Raises:
            TypeError: dtype is neither floating nor complex.
        Source: torch.nn.Module.to.
        Example:
            >>> import rushlight as torch
            >>> torch.nn.Linear(2, 2).to(torch.float64).weight.dtype
            torch.float64
        """
        device, dtype, non_blocking, memory_format = parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                    f"dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may "
                    "change, and some "
                    "modules might not work as expected when using complex tensors as parameters or buffers.",
                    stacklevel=2,
                )

        def convert(tensor):
            target = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            options = {}
            if memory_format is not None and tensor.dim() in (4, 5):
                options["memory_format"] = memory_format
            try:
                return tensor.to(device, target, non_blocking, **options)
            except NotImplementedError as error:
                if not str(error).startswith("Cannot copy out of meta tensor"):
                    raise
                raise NotImplementedError(
                    f"{error} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() "
                    "when moving module from meta to a different device."
                ) from None

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Move to device without copying: the values are unset afterwards.

        Source: torch.nn.Module.to_empty.
        """
        return self._apply(lambda tensor: fn.empty_like(tensor, device=device), recurse=recurse)

    def cuda(self, device=None):
        """Move to a CUDA device. Source: torch.nn.Module.cuda."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def cpu(self):
        """Move to the CPU. Source: torch.nn.Module.cpu."""
        return self._apply(lambda tensor: tensor.cpu())

    def xpu(self, device=None):
        """Move to an XPU device. Source: torch.nn.Module.xpu."""
        return self._apply(lambda tensor: tensor.to(_device_of_kind("xpu", device)))

    def mtia(self, device=None):
        """Move to an MTIA device. Source: torch.nn.Module.mtia."""
        return self._apply(lambda tensor: tensor.to(_device_of_kind("mtia", device)))

    def ipu(self, device=None):
        """Move to an IPU device. Source: torch.nn.Module.ipu."""
        return self._apply(lambda tensor: tensor.to(_device_of_kind("ipu", device)))

    def type(self, dst_type):
        """Cast every parameter and buffer, integers too. Source: torch.nn.Module.type."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self):
        """Cast floating-point tensors to float32. Source: torch.nn.Module.float."""
        return self._apply(_floating(lambda tensor: tensor.float()))

    def double(self):
        """Cast floating-point tensors to float64. Source: torch.nn.Module.double."""
        return self._apply(_floating(lambda tensor: tensor.double()))

    def half(self):
        """Cast floating-point tensors to float16. Source: torch.nn.Module.half."""
        return self._apply(_floating(lambda tensor: tensor.half()))

    def bfloat16(self):
        """Cast floating-point tensors to bfloat16. Source: torch.nn.Module.bfloat16."""
        return self._apply(_floating(lambda tensor: tensor.bfloat16()))

    def share_memory(self):
        """Move the tensors to memory that other processes can map. Source: torch.nn.Module.share_memory."""
        return self._apply(lambda tensor: tensor.share_memory_())


def _set_data(tensor, converted):
    if converted is not tensor:
        tensor.data = converted


def _device_of_kind(kind, index):
    return Device(kind) if index is None else Device(kind, index)
