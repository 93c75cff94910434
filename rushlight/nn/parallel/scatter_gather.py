"""Splitting tensors over devices and joining them again, within nested containers (torch.nn.parallel)."""

from __future__ import annotations

from ... import functions as fn
from ...devices import Device
from ...tensor import Tensor

__all__ = ["scatter", "scatter_kwargs", "gather"]


def as_device(device):
    """A Device from a CUDA index, a name or a Device."""
    if isinstance(device, Device):
        return device
    return Device("cuda", device) if isinstance(device, int) else Device(device)


def _is_namedtuple(value):
    return isinstance(value, tuple) and hasattr(value, "_asdict") and hasattr(value, "_fields")


def scatter(inputs, target_gpus, dim=0):
    """Split every tensor in inputs along dim into one part for each device; other values are repeated.

    Args:
        inputs: a tensor, or lists, tuples and dicts of them.
        target_gpus: CUDA indices, names or Devices.
    Returns:
        A list (of a tensor: a tuple) with one entry for each device that received a part.
    Source: torch.nn.parallel.scatter_gather.scatter.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.parallel.scatter(torch.tensor([1, 2, 3]), ["cpu", "cpu"])
        (tensor([1, 2]), tensor([3]))
    """
    if isinstance(inputs, Tensor):
        parts = inputs.chunk(len(target_gpus), dim)
        return tuple(part.to(as_device(device)) for part, device in zip(parts, target_gpus, strict=False))
    if isinstance(inputs, (list, tuple, dict)) and len(inputs) > 0:
        entries = inputs.items() if isinstance(inputs, dict) else inputs
        rows = zip(*(scatter(entry, target_gpus, dim) for entry in entries), strict=False)
        if _is_namedtuple(inputs):
            return [type(inputs)(*row) for row in rows]
        return [row if isinstance(inputs, tuple) else type(inputs)(row) for row in rows]
    return [inputs for _ in target_gpus]


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """scatter of both kinds of arguments: a tuple of tuples and a tuple of dicts, of one length."""
    positional = list(scatter(inputs, target_gpus, dim)) if inputs else []
    named = list(scatter(kwargs, target_gpus, dim)) if kwargs else []
    count = max(len(positional), len(named))
    positional += [()] * (count - len(positional))
    named += [{} for _ in range(count - len(named))]
    return tuple(positional), tuple(named)


def gather(outputs, target_device, dim=0):
    """Join the tensors of several outputs along dim, on one device.

    Args:
        outputs: a list of tensors, or of equal lists, tuples and dicts of them.
    Raises:
        ValueError: dicts of different sizes.
    Source: torch.nn.parallel.scatter_gather.gather.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.parallel.gather([torch.tensor([1]), torch.tensor([2])], "cpu")
        tensor([1, 2])
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        device = as_device(target_device)
        moved = [output.to(device) for output in outputs]
        return fn.stack(moved) if first.dim() == 0 else fn.cat(moved, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(output) != len(first) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)(
            (key, gather([output[key] for output in outputs], target_device, dim)) for key in first
        )
    joined = [gather(list(column), target_device, dim) for column in zip(*outputs, strict=True)]
    return type(first)._make(joined) if _is_namedtuple(first) else type(first)(joined)
