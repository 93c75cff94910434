"""Activation functions, elementwise: one tape entry each, with PyTorch's names.

softmax and its relatives are in softmax.py. `inplace=True` and the forms with a trailing underscore write the result
over the input. At kinks the derivative is PyTorch's, which the `<=` and `<` in the rules say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.record import in_place, operation, title
from ..dtypes import BOOL, COMPLEX, float64
from ..graph.node import Node
from ..ops.movement import concat
from ..random.generator import stream_of
from ..shapes import wrap_dim
from ..tensor import Tensor, array_of, dtype_of, from_array, shape_of
from .arguments import need_tensor
from .opmath import need_floating, widened
from .pointwise import relu as _relu
from .register import FUNCTIONS, function


def _put(input: Tensor, result: Tensor, inplace: bool, name: str) -> Tensor:
    """The result, written over the input where that was asked for."""
    return in_place(input, result, name) if inplace else result


def _always(fn: Callable, *, top: bool = False) -> Callable:
    """The form of a function that always writes over its input: `name_`."""
    name = fn.__name__ + "_"

    def written(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return in_place(input, fn(input, *args, **kwargs), name)

    written.__name__ = written.__qualname__ = name
    written.__doc__ = f"`{fn.__name__}`, written over its input. Source: torch.nn.functional.{name}."
    if top:
        FUNCTIONS[name] = written
    return written


# ---------------------------------------------------------------- relu and what bends at 0


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0). Source: torch.nn.functional.relu."""
    return _put(input, _relu(need_tensor("relu", input)), inplace, "relu_")


relu_ = FUNCTIONS["relu_"]

_leaky_relu = widened(
    "LeakyReluBackward0",
    lambda x, slope: x.gt(0).where(x, x * slope),
    lambda g, out, ins, needs, slope: (ins[0].gt(0).where(g, g * slope),),
)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope * input.

    Source: torch.nn.functional.leaky_relu.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]), 0.5)
        tensor([-0.5000,  2.0000])
    """
    result = operation(
        _leaky_relu, (need_floating("leaky_relu", input, "leaky_relu_cpu"),), (negative_slope,)
    )
    return _put(input, result, inplace, "leaky_relu_")


leaky_relu_ = _always(leaky_relu)


def _by_channel(w: Node, x: Node) -> Node:
    """One weight a channel, which is dimension 1, so that it broadcasts against x."""
    rank = len(x.shape)
    return w.reshape((1, w.numel, *(1,) * (rank - 2)) if rank > 1 else (w.numel,) * rank)


def _prelu_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    x, w = ins
    above = x.gt(0)
    gw = None
    if needs[1]:
        per_channel = above.where(0, g * x)
        kept = 1 if w.numel > 1 and len(x.shape) > 1 else None
        gw = per_channel.sum(tuple(d for d in range(len(x.shape)) if d != kept), False).reshape(w.shape)
    return above.where(g, g * _by_channel(w, x)), gw


_prelu = widened("PreluKernelBackward0", lambda x, w: x.gt(0).where(x, x * _by_channel(w, x)), _prelu_rule)


@function(out=False)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where it is positive, else weight * input; weight has one element, or one for each channel (dimension 1).

    Raises: RuntimeError when weight fits neither, or its dtype differs.
    Source: torch.prelu.
    """
    need_tensor("prelu", input)
    need_tensor("prelu", weight, 2, "weight")
    if dtype_of(input) is not dtype_of(weight):
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {title(dtype_of(input))} and {title(dtype_of(weight))}"
        )
    if weight.dim() > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}"
        )
    if weight.numel() != 1:
        if not input.dim():
            raise RuntimeError("prelu: Not allow zero-dim input tensor.")
        channels = shape_of(input)[1] if input.dim() > 1 else 1
        if weight.numel() != channels:
            raise RuntimeError(
                "prelu: Mismatch of parameter numbers and input channel size. "
                f"Found parameter numbers = {weight.numel()} and channel size = {channels}."
            )
    return operation(_prelu, (need_floating("prelu", input, "prelu_cpu"), weight))


_rrelu = widened(
    "RreluWithNoiseBackward0",
    lambda x, slopes: x.gt(0).where(x, x * slopes),
    lambda g, out, ins, needs: (ins[0].gt(0).where(g, g * ins[1]), None),
)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """input where it is positive, else a * input: a is drawn from U(lower, upper) in training, their mean otherwise.

    A number is drawn for each element that is not positive, in order, so training reads the input at the call.

    Raises: RuntimeError when lower is above upper.
    Source: torch.nn.functional.rrelu.
    """
    return _put(input, _randomized_relu(input, lower, upper, training), inplace, "rrelu_")


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu`, written over its input. Source: torch.nn.functional.rrelu_."""
    return rrelu(input, lower, upper, training, True)


def _randomized_relu(
    input: Tensor, lower: float, upper: float, training: bool, generator: Any = None
) -> Tensor:
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound: rrelu got {lower} and {upper}"
        )
    need_floating("rrelu", input, "leaky_relu_cpu" if not training else "rrelu_with_noise_out_cpu")
    if not training:
        return operation(_leaky_relu, (input,), ((lower + upper) / 2,))
    values = array_of(input)
    slopes = np.ones(values.shape, values.dtype)
    bent = values <= 0
    exact = dtype_of(input) is float64
    low, high = (bound if exact else float(np.float32(bound)) for bound in (lower, upper))
    slopes[bent] = stream_of(generator).uniform((int(bent.sum()),), float64, low, high)
    return operation(_rrelu, (input, from_array(slopes, dtype_of(input))))


def _top_rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Any = None,
) -> Tensor:
    """As nn.functional.rrelu, with a generator. Source: torch.rrelu."""
    return _randomized_relu(input, lower, upper, training, generator)


_top_rrelu.__name__ = "rrelu"
FUNCTIONS["rrelu"] = _top_rrelu
_always(_top_rrelu, top=True)

_threshold = widened(
    "ThresholdBackward0",
    lambda x, threshold, value: x.le(threshold).where(value, x),
    lambda g, out, ins, needs, threshold, value: (ins[0].le(threshold).where(0, g),),
)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above threshold, else value. Source: torch.nn.functional.threshold."""
    result = operation(_threshold, (need_tensor("threshold", input),), (threshold, value))
    return _put(input, result, inplace, "threshold_")


FUNCTIONS["threshold"] = threshold
threshold_ = _always(threshold, top=True)


def _elu_forward(x: Node, alpha: float, scale: float, input_scale: float) -> Node:
    return x.lt(0).where((x * input_scale).expm1() * (alpha * scale), x * scale)


def _elu_rule(
    g: Node, out: Node, ins: tuple, needs: tuple, alpha: float, scale: float, input_scale: float
) -> tuple:
    below = ins[0].le(0)
    # Zeros for what is not below: exp of large numbers would make the second derivative NaN.
    slope = (below.where(ins[0], 0) * input_scale).exp() * (alpha * scale * input_scale)
    return (g * below.where(slope, scale),)


_elu = widened("EluBackward0", _elu_forward, _elu_rule)
_celu = widened("CeluBackward0", _elu_forward, _elu_rule)
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha * (exp(input) - 1). Source: torch.nn.functional.elu; Clevert et al. 2016."""
    result = operation(_elu, (need_floating("elu", input, "elu_cpu"),), (alpha, 1.0, 1.0))
    return _put(input, result, inplace, "elu_")


elu_ = _always(elu)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu with the scale and alpha that keep mean 0 and variance 1. Source: torch.selu; Klambauer et al. 2017."""
    result = operation(_elu, (need_floating("selu", input, "elu_cpu"),), (SELU_ALPHA, SELU_SCALE, 1.0))
    return _put(input, result, inplace, "selu_")


FUNCTIONS["selu"] = selu
selu_ = _always(selu, top=True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, input) + min(0, alpha * (exp(input / alpha) - 1)).

    Raises: RuntimeError when alpha is 0.
    Source: torch.celu; Barron 2017.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    result = operation(_celu, (need_floating("celu", input, "elu_cpu"),), (alpha, 1.0, 1.0 / alpha))
    return _put(input, result, inplace, "celu_")


FUNCTIONS["celu"] = celu
celu_ = _always(celu, top=True)

# ---------------------------------------------------------------- smooth


def _normal_cdf(x: Node) -> Node:
    return (x * math.sqrt(0.5)).erf() * 0.5 + 0.5


def _gelu_tanh(x: Node) -> Node:
    """tanh of the cubic that the approximation puts in place of erf."""
    return ((x * x * x * 0.044715 + x) * math.sqrt(2 / math.pi)).tanh()


def _gelu_rule(g: Node, out: Node, ins: tuple, needs: tuple, approximate: bool) -> tuple:
    (x,) = ins
    if approximate:
        t = _gelu_tanh(x)
        inner = (x * x * (3 * 0.044715) + 1) * math.sqrt(2 / math.pi)
        return (g * ((t + 1) * 0.5 + x * (1 - t * t) * inner * 0.5),)
    density = (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
    return (g * (_normal_cdf(x) + x * density),)


_gelu = widened(
    "GeluBackward0",
    lambda x, approximate: x * 0.5 * (_gelu_tanh(x) + 1) if approximate else x * _normal_cdf(x),
    _gelu_rule,
)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input times the standard normal distribution function of it; approximate="tanh" takes a formula without erf.

    Raises: RuntimeError when approximate is neither "none" nor "tanh".
    Source: torch.nn.functional.gelu; Hendrycks and Gimpel 2016.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.gelu(torch.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh. (gelu got {approximate!r})")
    return operation(_gelu, (need_floating("gelu", input, "GeluKernelImpl"),), (approximate == "tanh",))


def _silu_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    s = ins[0].sigmoid()
    return (g * (s * (ins[0] * (1 - s) + 1)).conj(),)


_silu = widened("SiluBackward0", lambda x: x * x.sigmoid(), _silu_rule)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input). Source: torch.nn.functional.silu; Elfwing et al. 2017."""
    return _put(input, operation(_silu, (need_floating("silu", input, "silu_cpu", True),)), inplace, "silu_")


def _softplus_of(x: Node) -> Node:
    """log(1 + exp(x)) without overflow."""
    return x.maximum(0) + (-x.abs()).exp().log1p()


def _mish_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    (x,) = ins
    t = _softplus_of(x).tanh()
    return (g * (t + x * x.sigmoid() * (1 - t * t)),)


_mish = widened("MishBackward0", lambda x: x * _softplus_of(x).tanh(), _mish_rule)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input)). Source: torch.nn.functional.mish; Misra 2019."""
    return _put(input, operation(_mish, (need_floating("mish", input, "mish_cpu"),)), inplace, "mish_")


_softplus = widened(
    "SoftplusBackward0",
    lambda x, beta, limit: (x * beta).gt(limit).where(x, (x * beta).exp().log1p() / beta),
    lambda g, out, ins, needs, beta, limit: (
        (ins[0] * beta).gt(limit).where(g, g * (ins[0] * beta).sigmoid()),
    ),
)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta, and input itself where beta * input is above threshold.

    Source: torch.nn.functional.softplus.
    """
    return operation(_softplus, (need_floating("softplus", input, "softplus_cpu"),), (float(beta), threshold))


_logsigmoid = widened(
    "LogSigmoidBackward0",
    lambda x: x.minimum(0) - (-x.abs()).exp().log1p(),
    lambda g, out, ins, needs: (g * (-ins[0]).sigmoid(),),
)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)) without overflow. Source: torch.nn.functional.logsigmoid."""
    return operation(_logsigmoid, (need_floating("logsigmoid", input, "log_sigmoid_cpu"),))


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent. Source: torch.nn.functional.tanh."""
    return need_tensor("tanh", input).tanh()


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)). Source: torch.nn.functional.sigmoid."""
    return need_tensor("sigmoid", input).sigmoid()


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input). Source: torch.nn.functional.tanhshrink."""
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|). Source: torch.nn.functional.softsign."""
    return input / (input.abs() + 1)


def _halves(x: Node, dim: int) -> tuple[Node, Node]:
    before = tuple((0, n, 1) for n in x.shape[:dim])
    n = x.shape[dim]
    return x.slice((*before, (0, n // 2, 1))), x.slice((*before, (n // 2, n, 1)))


def _glu_rule(g: Node, out: Node, ins: tuple, needs: tuple, dim: int) -> tuple:
    a, b = _halves(ins[0], dim)
    s = b.sigmoid()
    return (concat((g * s, g * a * (s * (1 - s))), dim),)


def _glu_forward(x: Node, dim: int) -> Node:
    a, b = _halves(x, dim)
    return a * b.sigmoid()


_glu = widened("GluBackward0", _glu_forward, _glu_rule)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of input along dim, times the sigmoid of the second half.

    Raises: RuntimeError when the size along dim is odd.
    Source: torch.nn.functional.glu; Dauphin et al. 2017.
    """
    if not need_tensor("glu", input).dim():
        raise RuntimeError("glu does not support scalars because halving size must be even")
    dim = wrap_dim(dim, input.dim())
    n = shape_of(input)[dim]
    if n % 2:
        raise RuntimeError(f"glu: Halving dimension must be even, but dimension {dim} is size {n}")
    return operation(_glu, (need_floating("glu", input, "glu_cpu"),), (dim,))


# ---------------------------------------------------------------- made of straight lines


def _hardtanh_rule(g: Node, out: Node, ins: tuple, needs: tuple, low: float, high: float) -> tuple:
    # At a bound itself the gradient stops.
    return ((ins[0].gt(low) & ins[0].lt(high)).where(g, 0),)


_hardtanh = widened("HardtanhBackward0", lambda x, low, high: x.maximum(low).minimum(high), _hardtanh_rule)


def _held(input: Tensor, low: float, high: float) -> Tensor:
    category = dtype_of(input).category
    if category == BOOL:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if category == COMPLEX:
        raise NotImplementedError("clamp is not supported for complex types (hardtanh)")
    return operation(_hardtanh, (input,), (low, high))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input held between min_val and max_val.

    Raises: ValueError when min_val is above max_val.
    Source: torch.nn.functional.hardtanh.
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val: hardtanh got {min_val} and {max_val}")
    return _put(input, _held(need_tensor("hardtanh", input), min_val, max_val), inplace, "hardtanh_")


hardtanh_ = _always(hardtanh)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, input), 6). Source: torch.nn.functional.relu6."""
    return _put(input, _held(need_tensor("relu6", input), 0.0, 6.0), inplace, "relu6_")


def _hardswish_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    (x,) = ins
    bent = x.lt(3).where(g * (x / 3 + 0.5), g)
    return (x.le(-3).where(0, bent),)


_hardswish = widened("HardswishBackward0", lambda x: x * (x + 3).maximum(0).minimum(6) / 6, _hardswish_rule)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * relu6(input + 3) / 6. Source: torch.nn.functional.hardswish; Howard et al. 2019."""
    result = operation(_hardswish, (need_floating("hardswish", input, "hardswish_cpu"),))
    return _put(input, result, inplace, "hardswish_")


_hardsigmoid = widened(
    "HardsigmoidBackward0",
    lambda x: (x + 3).maximum(0).minimum(6) / 6,
    lambda g, out, ins, needs: ((ins[0].gt(-3) & ins[0].lt(3)).where(g / 6, 0),),
)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6. Source: torch.nn.functional.hardsigmoid."""
    result = operation(_hardsigmoid, (need_floating("hardsigmoid", input, "hardsigmoid_cpu"),))
    return _put(input, result, inplace, "hardsigmoid_")


def _near_zero(x: Node, lambd: float) -> Node:
    return x.ge(-lambd) & x.le(lambd)


_hardshrink = widened(
    "HardshrinkBackward0",
    lambda x, lambd: _near_zero(x, lambd).where(0, x),
    lambda g, out, ins, needs, lambd: (_near_zero(ins[0], lambd).where(0, g),),
)


@function()
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input, with 0 where |input| is at most lambd. Source: torch.hardshrink."""
    return operation(_hardshrink, (need_floating("hardshrink", input, "hardshrink_cpu"),), (lambd,))


_softshrink = widened(
    "SoftshrinkBackward0",
    # x * 0 in the middle, so that NaN stays.
    lambda x, lambd: x.gt(lambd).where(x - lambd, x.lt(-lambd).where(x + lambd, x * 0)),
    lambda g, out, ins, needs, lambd: (_near_zero(ins[0], lambd).where(0, g),),
)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input moved towards 0 by lambd, and 0 where that would pass it.

    Raises: RuntimeError when lambd is negative.
    Source: torch.nn.functional.softshrink.
    """
    need_floating("softshrink", input, "softshrink_check")
    if not lambd >= 0:
        raise RuntimeError(f"lambda must be in range [0, inf] for softshrink, but found {lambd}")
    return operation(_softshrink, (input,), (lambd,))
