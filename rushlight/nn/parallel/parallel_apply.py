"""Calling several modules, each on its own input (torch.nn.parallel.parallel_apply).

The calls only record work, which the devices then do side by side, so no threads are needed.
"""

from __future__ import annotations

from ...tensor import Tensor

__all__ = ["get_a_var", "parallel_apply"]


def get_a_var(obj):
    """Any tensor in nested lists, tuples and dicts; None if there is none."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, dict):
        obj = obj.items()
    elif not isinstance(obj, (list, tuple)):
        return None
    return next((found for found in map(get_a_var, obj) if found is not None), None)


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """The outputs of modules[i](*inputs[i], **kwargs_tup[i]), as a list.

    Raises:
        AssertionError: the numbers of modules, inputs, kwargs and devices differ.
    Source: torch.nn.parallel.parallel_apply.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.parallel.parallel_apply([torch.nn.ReLU()], [torch.tensor([-1.0])])
        [tensor([0.])]
    """
    if kwargs_tup is None:
        kwargs_tup = ({},) * len(modules)
    for what, values in (("inputs", inputs), ("kwargs_tup", kwargs_tup), ("devices", devices)):
        if values is not None and len(values) != len(modules):
            raise AssertionError(
                f"The number of modules {len(modules)} is not equal to the number of {what} {len(values)}"
            )
    outputs = []
    for module, input, kwargs in zip(modules, inputs, kwargs_tup, strict=True):
        args = input if isinstance(input, (list, tuple)) else (input,)
        outputs.append(module(*args, **kwargs))
    return outputs
