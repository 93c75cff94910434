"""Parameters as one vector and back (torch.nn.utils.convert_parameters)."""

from __future__ import annotations

from ... import functions as fn
from ...tensor import Tensor
from ..naming import typename

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """All parameters, flattened and joined in one vector that keeps their history.

    Raises:
        TypeError: the parameters are on different devices.
    Source: torch.nn.utils.parameters_to_vector.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.utils.parameters_to_vector([torch.zeros(2), torch.ones(1, 1)])
        tensor([0., 0., 1.])
    """
    parameters = list(parameters)
    _check_one_device(parameters)
    return fn.cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec, parameters):
    """Set the parameters' values to the parts of a vector, which they then share.

    Raises:
        TypeError: vec is no tensor, or the parameters are on different devices.
    Source: torch.nn.utils.vector_to_parameters.
    Example:
        >>> import rushlight as torch
        >>> p = torch.nn.Parameter(torch.zeros(2))
        >>> torch.nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0]), [p])
        >>> p.tolist()
        [1.0, 2.0]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parameters = list(parameters)
    _check_one_device(parameters)
    start = 0
    for parameter in parameters:
        count = parameter.numel()
        parameter.data = vec[start : start + count].view_as(parameter).data
        start += count


def _check_one_device(parameters):
    if len({str(parameter.device) for parameter in parameters}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
