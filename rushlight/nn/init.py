"""Filling tensors with starting values, in place and without history (torch.nn.init).

Every function returns the tensor it filled. Draws come from the default generator of the tensor's device, or
from `generator`, in PyTorch's order, so the same seed gives the same weights. fan_in is the number of inputs
that reach one output, fan_out the number of outputs that one input reaches.
"""

from __future__ import annotations

import functools
import math
import warnings

from .. import functions as fn
from ..autograd.modes import no_grad

__all__ = [
    "calculate_gain",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    "uniform",
    "normal",
    "constant",
    "eye",
    "dirac",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "sparse",
]

_UNIT_GAIN = frozenset(
    "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d sigmoid".split()
)


def calculate_gain(nonlinearity, param=None):
    """The factor that keeps the variance of activations steady through a nonlinearity.

    1 for linear, convolutions and sigmoid; 5/3 tanh; sqrt(2) relu; sqrt(2 / (1 + slope^2)) leaky_relu with
    slope param (0.01 if None); 3/4 selu.

    Raises:
        ValueError: an unknown nonlinearity, or a leaky_relu slope that is no number.
    Source: torch.nn.init.calculate_gain.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.init.calculate_gain("leaky_relu", 1.0)
        1.0
    """
    if nonlinearity in _UNIT_GAIN:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


@no_grad()
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fill with draws from U(a, b). Source: torch.nn.init.uniform_.

    Example:
        >>> import rushlight as torch
        >>> bool(torch.nn.init.uniform_(torch.empty(5), 2.0, 3.0).min() >= 2)
        True
    """
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fill with draws from N(mean, std^2). Source: torch.nn.init.normal_.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.init.normal_(torch.empty(2, 3)).shape
        torch.Size([2, 3])
    """
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Fill with draws from N(mean, std^2) restricted to [a, b].

    Values outside are drawn again; where [a, b] holds less than 30 % of the mass, uniform candidates are
    accepted with the density's probability instead. Both repeat whole tensors, as PyTorch does.

    Source: torch.nn.init.trunc_normal_.
    Example:
        >>> import rushlight as torch
        >>> bool(torch.nn.init.trunc_normal_(torch.empty(100), std=2.0).abs().max() <= 2)
        True
    """
    if tensor.is_meta:
        return tensor
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    mass = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    if mass > 0.3:
        values = _redraw_outside(tensor, mean, std, a, b, generator)
    else:
        values = _accept_candidates(tensor, mean, std, a, b, generator)
    if values is not tensor:
        tensor.copy_(values)
    return tensor


def _normal_cdf(x):
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_outside(tensor, mean, std, a, b, generator):
    low = tensor.new_tensor(a, device="cpu").item()
    high = tensor.new_tensor(b, device="cpu").item()
    values = tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (values < low) | (values > high)
        if not outside.any():
            return values
        values = fn.where(outside, fn.empty_like(values).normal_(mean, std, generator=generator), values)


def _accept_candidates(tensor, mean, std, a, b, generator):
    """Rejection sampling under the density scaled to 1 at its highest point within [a, b]."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    candidates = fn.empty_like(tensor)
    levels = fn.empty_like(tensor)

    def refused(values):
        log_density = ((values - mean) / std) ** 2 * -0.5 - peak
        return levels.uniform_(generator=generator).log_() > log_density

    values = tensor.uniform_(a, b, generator=generator)
    pending = refused(values)
    while pending.any():
        candidates.uniform_(a, b, generator=generator)
        values = fn.where(pending, candidates, values)
        pending = pending & refused(candidates)
    return values


@no_grad()
def constant_(tensor, val):
    """Fill with val. Source: torch.nn.init.constant_.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.init.constant_(torch.empty(2), 0.5)
        tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@no_grad()
def ones_(tensor):
    """Fill with 1. Source: torch.nn.init.ones_."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor):
    """Fill with 0. Source: torch.nn.init.zeros_."""
    return tensor.zero_()


@no_grad()
def eye_(tensor):
    """Fill a matrix with the identity, ones on its diagonal. Source: torch.nn.init.eye_.

    Raises:
        ValueError: the tensor does not have two dimensions.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.init.eye_(torch.empty(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(fn.eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@no_grad()
def dirac_(tensor, groups=1):
    """Make a convolution weight pass its inputs through: a 1 at the centre of filter d for channel d.

    Args:
        tensor: (out, in, ...) with 3, 4 or 5 dimensions.
        groups: repeats the pattern for each group; divides out.
    Raises:
        ValueError: other numbers of dimensions, or groups that do not divide the first size.
    Source: torch.nn.init.dirac_.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.init.dirac_(torch.empty(1, 1, 3))
        tensor([[[0., 1., 0.]]])
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.size(0) % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    if tensor.is_meta:
        return tensor
    per_group = tensor.size(0) // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    tensor.zero_()
    for group in range(groups):
        for channel in range(min(per_group, tensor.size(1))):
            tensor[(group * per_group + channel, channel, *centre)] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor):
    """(fan_in, fan_out) of a weight (out, in, *kernel)."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.size(1) * receptive_field, tensor.size(0) * receptive_field


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    valid_modes = ["fan_in", "fan_out"]
    if mode not in valid_modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {valid_modes}")
    return _calculate_fan_in_and_fan_out(tensor)[valid_modes.index(mode)]


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Fill with U(-a, a), a = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Source: torch.nn.init.xavier_uniform_.
    Example:
        >>> import rushlight as torch
        >>> bool(torch.nn.init.xavier_uniform_(torch.empty(3, 3)).abs().max() <= 1)
        True
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Fill with N(0, std^2), std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Source: torch.nn.init.xavier_normal_.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fill with U(-b, b), b = gain * sqrt(3 / fan) (He et al. 2015).

    Args:
        a: negative slope of the leaky_relu that follows.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
    Source: torch.nn.init.kaiming_uniform_.
    Example:
        >>> import rushlight as torch
        >>> bool(torch.nn.init.kaiming_uniform_(torch.empty(4, 6)).abs().max() <= 1)
        True
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fill with N(0, std^2), std = gain / sqrt(fan) (He et al. 2015).

    Source: torch.nn.init.kaiming_normal_.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    """gain / sqrt(fan); None, with a warning, for a tensor without elements."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


@no_grad()
def orthogonal_(tensor, gain=1, generator=None):
    """Fill with a random (semi-)orthogonal matrix times gain (Saxe et al. 2013).

    Dimensions after the first count as columns.

    Raises:
        ValueError: fewer than two dimensions.
    Source: torch.nn.init.orthogonal_.
    Example:
        >>> import rushlight as torch
        >>> q = torch.nn.init.orthogonal_(torch.empty(2, 3))
        >>> bool(torch.allclose(q @ q.T, torch.eye(2), atol=1e-6))
        True
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0 or tensor.is_meta:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    q, r = fn.linalg.qr(flat.t() if rows < columns else flat)
    q = q * fn.diag(r, 0).sign()  # makes the factorization unique, hence q uniformly distributed
    if rows < columns:
        q = q.t()
    tensor.view_as(q).copy_(q)
    return tensor.mul_(gain)


@no_grad()
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Fill a matrix with N(0, std^2), then set ceil(sparsity * rows) entries of each column to 0.

    Raises:
        ValueError: the tensor does not have two dimensions.
    Source: torch.nn.init.sparse_ (Martens 2010).
    Example:
        >>> import rushlight as torch
        >>> int((torch.nn.init.sparse_(torch.empty(4, 3), 0.5) == 0).sum())
        6
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if tensor.is_meta:
        return tensor
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[fn.randperm(rows)[:zeros], column] = 0
    return tensor


def _deprecated_name(function):
    """The same function under its old name without the underscore, warning when called."""
    new_name = function.__name__
    old_name = new_name[:-1]

    @functools.wraps(function)
    def old(*args, **kwargs):
        warnings.warn(
            f"`nn.init.{old_name}` is now deprecated in favor of `nn.init.{new_name}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    old.__name__ = old.__qualname__ = old_name
    old.__doc__ = f"Deprecated name of {new_name}."
    return old


uniform = _deprecated_name(uniform_)
normal = _deprecated_name(normal_)
constant = _deprecated_name(constant_)
eye = _deprecated_name(eye_)
dirac = _deprecated_name(dirac_)
xavier_uniform = _deprecated_name(xavier_uniform_)
xavier_normal = _deprecated_name(xavier_normal_)
kaiming_uniform = _deprecated_name(kaiming_uniform_)
kaiming_normal = _deprecated_name(kaiming_normal_)
orthogonal = _deprecated_name(orthogonal_)
sparse = _deprecated_name(sparse_)

# Names that torch.nn.init has for itself and that programs call.
_no_grad_uniform_ = uniform_
_no_grad_normal_ = normal_
_no_grad_trunc_normal_ = trunc_normal_
_no_grad_fill_ = constant_
_no_grad_zero_ = zeros_
