"""Activation functions as layers (torch.nn.modules.activation); the functions themselves are in
nn/functional.py.

Shapes: unless a class says otherwise, input and output are (*), any number of dimensions. inplace=True
writes the output over the input. MultiheadAttention is in multihead.py and handed on from here.
"""

from __future__ import annotations

import warnings

from ... import functions as fn
from .. import functional as F
from ..init import constant_
from ..parameter import Parameter
from .module import Module
from .multihead import MultiheadAttention

__all__ = [
    "Threshold",
    "ReLU",
    "RReLU",
    "Hardtanh",
    "ReLU6",
    "Sigmoid",
    "Hardsigmoid",
    "Tanh",
    "SiLU",
    "Mish",
    "Hardswish",
    "ELU",
    "CELU",
    "SELU",
    "GLU",
    "GELU",
    "Hardshrink",
    "LeakyReLU",
    "LogSigmoid",
    "Softplus",
    "Softshrink",
    "MultiheadAttention",
    "PReLU",
    "Softsign",
    "Tanhshrink",
    "Softmin",
    "Softmax",
    "Softmax2d",
    "LogSoftmax",
]


class _Inplace(Module):
    """An activation whose one choice is whether it writes over its input."""

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


def _and_inplace(module):
    return ", inplace=True" if module.inplace else ""


class Threshold(Module):
    """x where x > threshold, else value.

    Source: torch.nn.Threshold.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Threshold(0.5, 9.0)(torch.tensor([0.0, 1.0]))
        tensor([9., 1.])
    """

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}{_and_inplace(self)}"


class ReLU(_Inplace):
    """max(0, x).

    Source: torch.nn.ReLU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, input):
        return F.relu(input, inplace=self.inplace)


class RReLU(Module):
    """x where x >= 0, else a x; a is drawn from U(lower, upper) in training and is their mean otherwise (Xu
    2015).

    Source: torch.nn.RReLU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.RReLU(0.25, 0.75).eval()(torch.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}{_and_inplace(self)}"


class Hardtanh(Module):
    """x held within [min_val, max_val].

    Raises:
        AssertionError: max_val is not greater than min_val.
    Source: torch.nn.Hardtanh.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Hardtanh()(torch.tensor([-2.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        if min_value is not None:
            _warn_renamed("min_value", "min_val")
            min_val = min_value
        if max_value is not None:
            _warn_renamed("max_value", "max_val")
            max_val = max_value
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}{_and_inplace(self)}"


def _warn_renamed(old, new):
    warnings.warn(
        f"keyword argument `{old}` is deprecated and renamed to `{new}`", FutureWarning, stacklevel=3
    )


class ReLU6(Hardtanh):
    """min(max(0, x), 6).

    Source: torch.nn.ReLU6.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.ReLU6()(torch.tensor([-1.0, 9.0]))
        tensor([0., 6.])
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    Source: torch.nn.Sigmoid.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Sigmoid()(torch.tensor(0.0))
        tensor(0.5000)
    """

    def forward(self, input):
        return fn.sigmoid(input)


class Hardsigmoid(Module):
    """0 where x <= -3, 1 where x >= 3, x / 6 + 1 / 2 between.

    Source: torch.nn.Hardsigmoid.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Hardsigmoid()(torch.tensor([-4.0, 0.0]))
        tensor([0.0000, 0.5000])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)


class Tanh(Module):
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Source: torch.nn.Tanh.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Tanh()(torch.tensor(0.0))
        tensor(0.)
    """

    def forward(self, input):
        return fn.tanh(input)


class SiLU(_Inplace):
    """x sigmoid(x), also called swish.

    Source: torch.nn.SiLU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.SiLU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])
    """

    def forward(self, input):
        return F.silu(input, inplace=self.inplace)


class Mish(_Inplace):
    """x tanh(softplus(x)) (Misra 2019).

    Source: torch.nn.Mish.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Mish()(torch.tensor(1.0))
        tensor(0.8651)
    """

    def forward(self, input):
        return F.mish(input, inplace=self.inplace)


class Hardswish(Module):
    """x hardsigmoid(x) (Howard et al. 2019).

    Source: torch.nn.Hardswish.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Hardswish()(torch.tensor([-4.0, 3.0]))
        tensor([-0., 3.])
    """

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardswish(input, self.inplace)


class _Alpha(Module):
    """An activation with one number alpha."""

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self):
        return f"alpha={self.alpha}{_and_inplace(self)}"


class ELU(_Alpha):
    """x where x > 0, else alpha (exp(x) - 1) (Clevert et al. 2015).

    Source: torch.nn.ELU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.ELU()(torch.tensor([-1.0, 1.0]))
        tensor([-0.6321,  1.0000])
    """

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)


class CELU(_Alpha):
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017).

    Source: torch.nn.CELU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.CELU(2.0)(torch.tensor([-2.0, 1.0]))
        tensor([-1.2642,  1.0000])
    """

    def forward(self, input):
        return F.celu(input, self.alpha, self.inplace)


class SELU(_Inplace):
    """scale (max(0, x) + min(0, alpha (exp(x) - 1))) with the constants of Klambauer et al. 2017.

    Source: torch.nn.SELU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.SELU()(torch.tensor(1.0))
        tensor(1.0507)
    """

    def forward(self, input):
        return F.selu(input, self.inplace)


class GLU(Module):
    """a sigmoid(b) with a and b the halves of the input along dim (Dauphin et al. 2016).

    Shape: (*, 2 n, *) -> (*, n, *).
    Source: torch.nn.GLU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.GLU()(torch.tensor([2.0, 0.0]))
        tensor([1.])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class GELU(Module):
    """x Phi(x), Phi the standard normal distribution function; approximate="tanh" takes Hendrycks and
    Gimpel's form.

    Source: torch.nn.GELU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.GELU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8413])
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class _Lambda(Module):
    """An activation with one number lambd."""

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self):
        return f"{self.lambd}"


class Hardshrink(_Lambda):
    """x where |x| > lambd, else 0.

    Source: torch.nn.Hardshrink.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Hardshrink()(torch.tensor([0.5, -1.0]))
        tensor([ 0., -1.])
    """

    def forward(self, input):
        return F.hardshrink(input, self.lambd)


class LeakyReLU(Module):
    """x where x >= 0, else negative_slope x.

    Source: torch.nn.LeakyReLU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.LeakyReLU(0.5)(torch.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    __constants__ = ["inplace", "negative_slope"]

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}{_and_inplace(self)}"


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x))).

    Source: torch.nn.LogSigmoid.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.LogSigmoid()(torch.tensor(0.0))
        tensor(-0.6931)
    """

    def forward(self, input):
        return F.logsigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold.

    Source: torch.nn.Softplus.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Softplus()(torch.tensor(0.0))
        tensor(0.6931)
    """

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Softshrink(_Lambda):
    """x drawn towards 0 by lambd, 0 where |x| <= lambd.

    Source: torch.nn.Softshrink.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Softshrink()(torch.tensor([0.25, -1.0]))
        tensor([ 0.0000, -0.5000])
    """

    def forward(self, input):
        return F.softshrink(input, self.lambd)


class PReLU(Module):
    """x where x >= 0, else a x with a learned a: one, or one for each channel (dimension 1) (He et al. 2015).

    Shape: (N, C, *) for num_parameters = C; weight (num_parameters).
    Source: torch.nn.PReLU.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.PReLU()(torch.tensor([-4.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(fn.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set every slope to its starting value."""
        constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class Softsign(Module):
    """x / (1 + |x|).

    Source: torch.nn.Softsign.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Softsign()(torch.tensor(1.0))
        tensor(0.5000)
    """

    def forward(self, input):
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x).

    Source: torch.nn.Tanhshrink.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Tanhshrink()(torch.tensor(1.0))
        tensor(0.2384)
    """

    def forward(self, input):
        return F.tanhshrink(input)


class _AlongDim(Module):
    """A normalisation along dim; None chooses by the number of dimensions and warns, as PyTorch does."""

    __constants__ = ["dim"]
    dim = None

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """exp(-x) over its sum along dim.

    Source: torch.nn.Softmin.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Softmin(dim=0)(torch.zeros(2))
        tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        return F.softmin(input, self.dim, _stacklevel=5)


class Softmax(_AlongDim):
    """exp(x) over its sum along dim.

    Source: torch.nn.Softmax.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Softmax(dim=0)(torch.zeros(2))
        tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        return F.softmax(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    """Softmax over the channels at every place of an image.

    Shape: (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: the input has another number of dimensions.
    Source: torch.nn.Softmax2d.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)


class LogSoftmax(_AlongDim):
    """log of softmax along dim, computed without forming the softmax.

    Source: torch.nn.LogSoftmax.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.LogSoftmax(dim=0)(torch.zeros(2))
        tensor([-0.6931, -0.6931])
    """

    def forward(self, input):
        return F.log_softmax(input, self.dim, _stacklevel=5)


MultiheadAttention.__module__ = __name__  # its place in torch.nn, which files of whole modules name
