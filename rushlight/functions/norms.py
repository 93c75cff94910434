"""Normalizations: by batch, layer, group, instance, root mean square, neighbouring channels, and to unit length.

The first five are one tape entry each. What an entry keeps for backward is the input and, for every mean, the mean and
1 / sqrt(variance + eps); the gradient is the closed formula. Running statistics are updated in place.
"""

from __future__ import annotations

import math
from typing import Any

from ..autograd.record import operation, operation_and_hidden, overwrite, title
from ..dtypes import NARROW, DType, float32
from ..errors import ShapeError
from ..graph.node import Node, constant
from ..ops.movement import concat
from ..tensor import Tensor, dtype_of, shape_of, wrap
from .arguments import need_tensor
from .distance import lengths
from .opmath import need_floating, widened
from .pointwise import clamp_min
from .register import FUNCTIONS, function, into


def _count(x: Node, dims: tuple[int, ...]) -> int:
    return math.prod([x.shape[d] for d in dims])


def _moments(x: Node, dims: tuple[int, ...]) -> tuple[Node, Node, Node]:
    """(mean, x minus it, variance) over dims, which are kept."""
    n = _count(x, dims)
    mean = x.sum(dims, True) / n
    away = x - mean
    return mean, away, (away * away).sum(dims, True) / n


def _input_gradient(g: Node, unit: Node, scale: Node, dims: tuple[int, ...]) -> Node:
    """The gradient through unit = (x - mean) * scale, both of which depend on x."""
    n = _count(unit, dims)
    middle = g.sum(dims, True) / n
    along = (g * unit).sum(dims, True) / n
    return (g - middle - unit * along) * scale


def _affine(unit: Node, w: Node | None, b: Node | None) -> Node:
    if w is not None:
        unit = unit * w
    return unit if b is None else unit + b


def _check_parameter(x: Tensor, parameter: Tensor | None) -> None:
    """Parameters have the input's dtype; beside a half-width input they may be float32."""
    if parameter is None:
        return
    kind, found = dtype_of(x), dtype_of(parameter)
    if found is not kind and not (kind in NARROW and found is float32):
        raise RuntimeError(
            f"mixed dtype (CPU): expect parameter to have scalar type of Float: the input is {kind}, "
            f"a parameter {found}"
        )


# ---------------------------------------------------------------- over the last dimensions


def _last(x: Node, count: int) -> tuple[int, ...]:
    rank = len(x.shape)
    return tuple(range(rank - count, rank))


def _layer_forward(x: Node, w: Node | None, b: Node | None, count: int, eps: float) -> tuple[Node, ...]:
    mean, away, variance = _moments(x, _last(x, count))
    scale = (variance + eps).rsqrt()
    return _affine(away * scale, w, b), mean, scale


def _layer_rule(g: Node, outs: tuple, ins: tuple, needs: tuple, count: int, eps: float) -> tuple:
    x, w, _ = ins
    unit = (x - outs[1]) * outs[2]
    gx = None
    if needs[0]:
        gx = _input_gradient(g if w is None else g * w, unit, outs[2], _last(x, count))
    return gx, g * unit if needs[1] else None, g


_layer = widened("NativeLayerNormBackward0", _layer_forward, _layer_rule, visible=1)


def _check_last(
    name: str, input: Tensor, normalized_shape: Any, weight: Any, bias: Any, star: str
) -> tuple[int, ...]:
    need_tensor(name, input)
    if isinstance(normalized_shape, int) or not hasattr(normalized_shape, "__iter__"):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, "
            f"not {type(normalized_shape).__name__}"
        )
    shape = tuple(int(n) for n in normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            f"but got normalized_shape = [] ({name})"
        )
    for which, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and shape_of(parameter) != shape:
            raise ShapeError(
                f"Expected {which} to be of same shape as normalized_shape, but got {which} of shape "
                f"{list(parameter.shape)} and normalized_shape = {list(shape)} ({name})"
            )
    if input.dim() < len(shape) or shape_of(input)[input.dim() - len(shape) :] != shape:
        raise ShapeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*{star}{str(list(shape))[1:]}, but got "
            f"input of size{list(input.shape)} ({name})"
        )
    return shape


@function(method=False, out=False)
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, which are normalized_shape.

    Raises: RuntimeError for sizes or dtypes that do not fit.
    Source: torch.nn.functional.layer_norm; Ba et al. 2016.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.layer_norm(torch.tensor([1.0, 3.0]), (2,), eps=0.0)
        tensor([-1.,  1.])
    """
    shape = _check_last("layer_norm", input, normalized_shape, weight, bias, ", ")
    need_floating("layer_norm", input, "LayerNormKernelImpl")
    _check_parameter(input, weight)
    _check_parameter(input, bias)
    return operation(_layer, (input, weight, bias), (len(shape), eps))


def _rms_forward(x: Node, w: Node | None, count: int, eps: float) -> tuple[Node, ...]:
    dims = _last(x, count)
    scale = ((x * x).sum(dims, True) / _count(x, dims) + eps).rsqrt()
    return _affine(x * scale, w, None), scale


def _rms_rule(g: Node, outs: tuple, ins: tuple, needs: tuple, count: int, eps: float) -> tuple:
    x, w = ins
    unit = x * outs[1]
    gw = g * unit if needs[1] else None
    if not needs[0]:
        return None, gw
    g = g if w is None else g * w
    dims = _last(x, count)
    along = (g * unit).sum(dims, True) / _count(x, dims)
    return (g - unit * along) * outs[1], gw


_rms = widened("FusedRmsNormBackward0", _rms_forward, _rms_rule, visible=1)
_EPSILON = {"float64": 2.220446049250313e-16, "complex128": 2.220446049250313e-16}


def _smallest_step(dtype: DType) -> float:
    """The step above 1 of the dtype that the norm is computed in: half-width types are computed in float32."""
    return _EPSILON.get(dtype.name, 1.1920928955078125e-07)


@function(method=False, out=False)
def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions, which are normalized_shape.

    Args:
        eps: by default the smallest step above 1 of the dtype that is computed in.
    Raises: RuntimeError for sizes that do not fit.
    Source: torch.nn.functional.rms_norm; Zhang and Sennrich 2019.
    """
    shape = _check_last("rms_norm", input, normalized_shape, weight, None, "")
    need_floating("rms_norm", input, "rms_norm", complex_too=True)
    if eps is None:
        eps = _smallest_step(dtype_of(input))
    if weight is not None and dtype_of(weight) is not dtype_of(input):
        weight = weight.to(dtype_of(input))
    if input.is_complex():
        dims = tuple(range(input.dim() - len(shape), input.dim()))
        unit = input * ((input * input).mean(dims, True) + eps).rsqrt()
        return unit if weight is None else unit * weight
    return operation(_rms, (input, weight), (len(shape), eps))


# ---------------------------------------------------------------- by channel


def _but_channels(x: Node) -> tuple[int, ...]:
    return (0, *range(2, len(x.shape)))


def _along_channels(v: Node | None, x: Node) -> Node | None:
    """A vector of channels, so that it broadcasts against x."""
    return None if v is None else v.reshape((1, v.numel, *(1,) * (len(x.shape) - 2)))


def _batch_forward(x: Node, w: Node | None, b: Node | None, eps: float) -> tuple[Node, ...]:
    mean, away, variance = _moments(x, _but_channels(x))
    scale = (variance + eps).rsqrt()
    if w is not None:
        scale = scale * _along_channels(w, x)
    return _affine(away * scale, None, _along_channels(b, x)), mean, variance


def _batch_rule(g: Node, outs: tuple, ins: tuple, needs: tuple, eps: float) -> tuple:
    x, w, b = ins
    dims = _but_channels(x)
    n = _count(x, dims)
    scale = (outs[2] + eps).rsqrt()
    unit = (x - outs[1]) * scale
    total, along = g.sum(dims, True), (g * unit).sum(dims, True)
    gx = None
    if needs[0]:
        gx = (g - total / n - unit * (along / n)) * (scale if w is None else scale * _along_channels(w, x))
    return gx, None if w is None else along.reshape(w.shape), None if b is None else total.reshape(b.shape)


_batch = widened("NativeBatchNormBackward0", _batch_forward, _batch_rule, visible=1)


def _fixed_forward(x: Node, w: Node | None, b: Node | None, mean: Node, variance: Node, eps: float) -> Node:
    scale = (variance + eps).rsqrt()
    scale = _along_channels(scale if w is None else scale * w, x)
    return _affine((x - _along_channels(mean, x)) * scale, None, _along_channels(b, x))


def _fixed_rule(g: Node, out: Node, ins: tuple, needs: tuple, eps: float) -> tuple:
    x, w, b, mean, variance = ins
    scale = (variance + eps).rsqrt()
    gx = g * _along_channels(scale if w is None else scale * w, x) if needs[0] else None
    gw = gb = None
    if needs[1]:
        unit = (x - _along_channels(mean, x)) * _along_channels(scale, x)
        gw = (g * unit).sum(_but_channels(x), False)
    if needs[2]:
        gb = g.sum(_but_channels(x), False)
    return gx, gw, gb, None, None


_fixed = widened("NativeBatchNormBackward0", _fixed_forward, _fixed_rule)


def _check_channels(name: str, C: int, input: Tensor, given: dict[str, Tensor | None]) -> None:
    for which, vector in given.items():
        if vector is None:
            continue
        if vector.numel() != C:
            raise ShapeError(f"{which} should contain {C} elements not {vector.numel()} ({name})")
        _check_parameter(input, vector)
        if which.startswith("running") and vector.requires_grad:
            raise RuntimeError(
                f"The function 'native_batch_norm' is not differentiable with respect to argument '{which}'. This "
                "input cannot have requires_grad True."
            )


def _update_running(running: Tensor | None, seen: Node, momentum: float) -> None:
    """running * (1 - momentum) + seen * momentum, in place and off the tape."""
    if running is None:
        return
    kind = dtype_of(running)
    before = running.detach()
    fresh = wrap(seen.cast(kind) if seen.dtype is not kind else seen, running.device)
    overwrite(before, before * (1 - momentum) + fresh * momentum)


def _unbiased(variance: Node, n: int) -> Node:
    return variance * (n / (n - 1) if n > 1 else float("nan"))


@function("batch_norm", method=False, out=False)
def top_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """As nn.functional.batch_norm, with the arguments in another order. Source: torch.batch_norm."""
    need_floating("batch_norm", input, "batch_norm")
    C = shape_of(input)[1] if input.dim() > 1 else 0
    _check_channels(
        "batch_norm",
        C,
        input,
        {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias},
    )
    if not training:
        for which, vector in (("running_mean", running_mean), ("running_var", running_var)):
            if vector is None:
                raise RuntimeError(f"{which} must be defined in evaluation mode (batch_norm)")
    if input.dim() < 2:
        if input.numel():
            raise ShapeError(f"batch_norm needs an input of (N, C, ...), got {list(input.shape)}")
        return input.clone()
    if not training:
        return operation(_fixed, (input, weight, bias, running_mean, running_var), (eps,))
    out, (mean, variance) = operation_and_hidden(_batch, (input, weight, bias), (eps,))
    if input.numel() and (running_mean is not None or running_var is not None):
        n = input.numel() // C
        _update_running(running_mean, mean.reshape((C,)), momentum)
        _update_running(running_var, _unbiased(variance.reshape((C,)), n), momentum)
    return out


def _need_several(size: Any) -> None:
    """A variance needs more than one value."""
    values = size[0]
    for n in size[2:]:
        values *= n
    if values == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of (N, C, ...).

    Args:
        running_mean, running_var: (C); in training they move by `momentum` towards the batch's mean and (unbiased)
            variance, in place; otherwise they are what is used.
        training: use the batch's own mean and (biased) variance.
    Raises: ValueError for a single value per channel in training; RuntimeError for what does not fit.
    Source: torch.nn.functional.batch_norm; Ioffe and Szegedy 2015.
    """
    need_tensor("batch_norm", input)
    if training:
        _need_several(input.size())
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return top_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


# ---------------------------------------------------------------- by sample and group of channels


def _grouped(x: Node, groups: int) -> Node:
    """(N, groups, everything else)."""
    N = x.shape[0]
    return x.reshape((N, groups, x.numel // (N * groups) if N * groups else 0))


def _group_forward(x: Node, w: Node | None, b: Node | None, groups: int, eps: float) -> tuple[Node, ...]:
    mean, away, variance = _moments(_grouped(x, groups), (2,))
    unit = (away * (variance + eps).rsqrt()).reshape(x.shape)
    return _affine(unit, _along_channels(w, x), _along_channels(b, x)), mean, variance


def _group_rule(g: Node, outs: tuple, ins: tuple, needs: tuple, groups: int, eps: float) -> tuple:
    x, w, b = ins
    scale = (outs[2] + eps).rsqrt()
    unit = (_grouped(x, groups) - outs[1]) * scale
    gx = gw = gb = None
    if needs[0]:
        rows = _grouped(g if w is None else g * _along_channels(w, x), groups)
        gx = _input_gradient(rows, unit, scale, (2,)).reshape(x.shape)
    if needs[1]:
        gw = (g * unit.reshape(x.shape)).sum(_but_channels(x), False)
    if needs[2]:
        gb = g.sum(_but_channels(x), False)
    return gx, gw, gb


_group = widened("NativeGroupNormBackward0", _group_forward, _group_rule, visible=1)


@function("group_norm", method=False, out=False)
def top_group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """As nn.functional.group_norm. Source: torch.group_norm."""
    need_floating("group_norm", input, "GroupNormKernelImpl")
    shape = shape_of(input)
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)} (group_norm)"
        )
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups} (group_norm)")
    if shape[1] % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} "
            f"and num_groups={num_groups}"
        )
    for which, vector in (("weight", weight), ("bias", bias)):
        if vector is not None and shape_of(vector) != (shape[1],):
            raise ShapeError(
                f"Expected {which} to be a vector of size equal to the number of channels in input, but got {which} "
                f"of shape {list(vector.shape)} and input of shape {list(shape)}"
            )
        _check_parameter(input, vector)
    return operation(_group, (input, weight, bias), (int(num_groups), eps))


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias within each of num_groups groups of channels of (N, C, ...).

    Raises: RuntimeError when num_groups does not divide C, or sizes do not fit; ValueError for a single value a group.
    Source: torch.nn.functional.group_norm; Wu and He 2018.
    """
    if need_tensor("group_norm", input).dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    N, C, *rest = shape_of(input)
    if num_groups > 0:
        _need_several([N * C // num_groups, num_groups, *rest])
    return top_group_norm(input, num_groups, weight, bias, eps)


def _top_instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """As nn.functional.instance_norm, with the arguments in another order. Source: torch.instance_norm."""
    need_floating("instance_norm", input, "batch_norm")
    if input.dim() < 2:
        raise RuntimeError(f"instance_norm needs an input of (N, C, ...), got {list(input.shape)}")
    N, C = shape_of(input)[:2]
    _check_channels(
        "instance_norm",
        C,
        input,
        {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias},
    )
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return operation(_fixed, (input, weight, bias, running_mean, running_var), (eps,))
    out, (mean, variance) = operation_and_hidden(_group, (input, weight, bias), (C, eps))
    if input.numel() and (running_mean is not None or running_var is not None):
        n = input.numel() // (N * C)
        _update_running(running_mean, mean.reshape((N, C)).sum((0,), False) / N, momentum)
        _update_running(running_var, _unbiased(variance.reshape((N, C)).sum((0,), False) / N, n), momentum)
    return out


_top_instance_norm.__name__ = "instance_norm"
FUNCTIONS["instance_norm"] = _top_instance_norm


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of each sample of (N, C, ...).

    Args:
        running_mean, running_var: (C); with use_input_stats they move by `momentum` towards the means over the batch
            of mean and (unbiased) variance, in place; otherwise they are what is used.
    Raises: ValueError for a single value per channel; RuntimeError for what does not fit.
    Source: torch.nn.functional.instance_norm; Ulyanov et al. 2016.
    """
    if use_input_stats and math.prod(need_tensor("instance_norm", input).size()[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    return _top_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


# ---------------------------------------------------------------- over neighbouring channels, and to unit length


def _response_forward(x: Node, size: int, alpha: float, beta: float, k: float) -> Node:
    zeros = lambda count: constant(0, x.dtype).expand((x.shape[0], count, *x.shape[2:]))
    around = concat((zeros(size // 2), x * x, zeros((size - 1) // 2)), 1)
    mean = around.windows((1,), (size,), (1,), (1,)).sum((len(x.shape),), False) / size
    return x / (mean * alpha + k).pow(constant(beta, x.dtype))


_response = widened("DivBackward0", _response_forward)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha mean(x^2))^beta, the mean over `size` neighbouring channels of (N, C, ...), 0 beyond the ends.

    Raises: ValueError for fewer than three dimensions.
    Source: torch.nn.functional.local_response_norm; Krizhevsky et al. 2012.
    """
    if need_tensor("local_response_norm", input).dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions): local_response_norm needs "
            "(N, C, ...)"
        )
    if not input.numel():
        return input
    need_floating("local_response_norm", input, "avg_pool2d_out_frame")
    return operation(_response, (input,), (int(size), alpha, beta, k))


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """input over its p-norm along dim, which is held at eps or above.

    Raises: RuntimeError for integers.
    Source: torch.nn.functional.normalize.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    kind = dtype_of(need_tensor("normalize", input))
    if not (kind.is_floating_point or kind.is_complex):
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {title(kind)} (normalize)"
        )
    result = input / clamp_min(lengths(input, p, dim, True), eps)
    return result if out is None else into(out, result, "normalize")
