"""Windows: weights by which a stretch of a signal is multiplied. torch.hann_window and its kin, torch.signal.windows.

Those of the top namespace are periodic by default (one sample of the symmetric window of n + 1 is left out), those of
torch.signal are symmetric by default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ..devices import resolve
from ..dtypes import FLOATING, DType, get_default_dtype
from ..layouts import strided
from ..tensor import Tensor
from .creation import arange, linspace, ones, tensor, zeros
from .register import function
from .transcendental import i0

# ---------------------------------------------------------------- the top namespace


def _made(found: Tensor, requires_grad: bool) -> Tensor:
    return found.requires_grad_() if requires_grad else found


def _top(name: str, shape: Callable, doc: str) -> Callable:
    """Publish a window: `shape` gives it from the numbers 0 ... n - 1 and from n - 1, n > 1."""

    def compute(
        window_length: int,
        periodic: bool = True,
        *parameters: float,
        dtype: DType | None = None,
        layout: Any = strided,
        device: Any = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
        **named: float,
    ) -> Tensor:
        if not isinstance(window_length, int):
            raise TypeError(
                f"{name}(): argument 'window_length' (position 1) must be int, not {type(window_length).__name__}"
            )
        kind = get_default_dtype() if dtype is None else dtype
        if window_length < 0:
            raise RuntimeError(
                f"{name} requires non-negative window_length, got window_length={window_length}"
            )
        if kind.category < FLOATING:
            raise RuntimeError(f"{name} expects floating point dtypes, got: {kind}")
        if window_length < 2:
            return _made(ones(window_length, dtype=kind, device=device), requires_grad)
        n = window_length + bool(periodic)
        found = shape(arange(n, dtype=kind, device=device), n - 1, *parameters, **named)
        found = found.narrow(0, 0, window_length).clone() if periodic else found
        return _made(found.to(kind), requires_grad)

    compute.__name__ = name
    compute.__doc__ = f"{doc} Source: torch.{name}."
    return function(name, method=False, out=False)(compute)


def _raised_cosine(k: Tensor, last: int, alpha: float, beta: float) -> Tensor:
    return (k * (2 * math.pi / last)).cos() * -beta + alpha


def _blackman(k: Tensor, last: int) -> Tensor:
    angle = k * (math.pi / last)
    return (angle * 4).cos() * 0.08 - (angle * 2).cos() * 0.5 + 0.42


def _bartlett(k: Tensor, last: int) -> Tensor:
    return 1 - (k * (2 / last) - 1).abs()


def _kaiser(k: Tensor, last: int, beta: float = 12.0) -> Tensor:
    inside = 1 - (k * (2 / last) - 1) ** 2
    return i0(inside.clamp(min=0).sqrt() * beta) / i0(tensor(float(beta), dtype=k.dtype))


hann_window = _top(
    "hann_window",
    lambda k, last: _raised_cosine(k, last, 0.5, 0.5),
    "1/2 - 1/2 cos(2 pi k / (n - 1)): a cosine raised to be 0 at the ends.",
)
hamming_window = _top(
    "hamming_window",
    lambda k, last, alpha=0.54, beta=0.46: _raised_cosine(k, last, alpha, beta),
    "alpha - beta cos(2 pi k / (n - 1)).",
)
blackman_window = _top(
    "blackman_window", _blackman, "0.42 - 0.5 cos(2 pi k / (n - 1)) + 0.08 cos(4 pi k / (n - 1))."
)
bartlett_window = _top("bartlett_window", _bartlett, "A triangle, 0 at the ends.")
kaiser_window = _top(
    "kaiser_window", _kaiser, "i0(beta sqrt(1 - x^2)) / i0(beta), x from -1 to 1; a larger beta is narrower."
)

# ---------------------------------------------------------------- torch.signal.windows


def _check(name: str, M: int, dtype: DType | None, layout: Any) -> DType:
    kind = get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if kind.name not in ("float32", "float64"):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return kind


def _line(start: float, step: float, M: int, dtype: DType, device: Any) -> Tensor:
    """start, start + step, ...: M numbers."""
    return linspace(start, start + (M - 1) * step, M, dtype=dtype, device=resolve(device))


def _span(M: int, sym: bool) -> int:
    """Steps from the first sample to where the window ends: to the last one, or to the one that would follow."""
    return M if not sym and M > 1 else M - 1


def _signal(name: str) -> Callable:
    return function(f"signal_windows_{name}", method=False, top=False, out=False)


@_signal("exponential")
def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|k - center| / tau). Source: torch.signal.windows.exponential.

    Raises: ValueError for tau not above 0, and for a center of a symmetric window.
    """
    kind = _check("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if not M:
        return zeros(0, dtype=kind, device=device, requires_grad=requires_grad)
    middle = _span(M, sym) / 2 if center is None else center
    k = _line(-middle / tau, 1 / tau, M, kind, device)
    return _made((-k.abs()).exp(), requires_grad)


@_signal("cosine")
def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """sin(pi (k + 1/2) / M). Source: torch.signal.windows.cosine."""
    kind = _check("cosine", M, dtype, layout)
    if not M:
        return zeros(0, dtype=kind, device=device, requires_grad=requires_grad)
    step = math.pi / (_span(M, sym) + 1)
    return _made(_line(0.5 * step, step, M, kind, device).sin(), requires_grad)


@_signal("gaussian")
def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-(k - middle)^2 / (2 std^2)). Source: torch.signal.windows.gaussian."""
    kind = _check("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if not M:
        return zeros(0, dtype=kind, device=device, requires_grad=requires_grad)
    step = 1 / (std * math.sqrt(2))
    k = _line(-_span(M, sym) / 2 * step, step, M, kind, device)
    return _made((-(k * k)).exp(), requires_grad)


@_signal("kaiser")
def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """i0(beta sqrt(1 - x^2)) / i0(beta), x from -1 to 1. Source: torch.signal.windows.kaiser."""
    kind = _check("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return ones(M, dtype=kind, device=device, requires_grad=requires_grad)
    step = 2.0 * beta / _span(M, sym)
    k = linspace(-beta, min(beta, -beta + (M - 1) * step), M, dtype=kind, device=resolve(device))
    inside = (beta * beta - k * k).clamp(min=0)
    return _made(i0(inside.sqrt()) / i0(tensor(float(beta), dtype=kind)), requires_grad)


@_signal("bartlett")
def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle, 0 at the ends. Source: torch.signal.windows.bartlett."""
    kind = _check("bartlett", M, dtype, layout)
    if M < 2:
        return ones(M, dtype=kind, device=device, requires_grad=requires_grad)
    return _made(1 - _line(-1, 2 / _span(M, sym), M, kind, device).abs(), requires_grad)


@_signal("general_cosine")
def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """a[0] - a[1] cos(x) + a[2] cos(2 x) - ..., x from 0 to 2 pi. Source: torch.signal.windows.general_cosine."""
    kind = _check("general_cosine", M, dtype, layout)
    if M < 2:
        return ones(M, dtype=kind, device=device, requires_grad=requires_grad)
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    x = _line(0, 2 * math.pi / _span(M, sym), M, kind, device)
    weights = tensor([w if i % 2 == 0 else -w for i, w in enumerate(a)], dtype=kind, device=device)
    multiples = arange(len(a), dtype=kind, device=device).unsqueeze(-1) * x
    return _made((weights.unsqueeze(-1) * multiples.cos()).sum(0), requires_grad)


def _cosines(name: str, coefficients: tuple[float, ...], doc: str) -> Callable:
    def compute(
        M: int,
        *,
        sym: bool = True,
        dtype: DType | None = None,
        layout: Any = strided,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        if name == "blackman":
            _check(name, M, dtype, layout)
        return general_cosine(
            M, a=coefficients, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
        )

    compute.__name__ = name
    compute.__doc__ = f"{doc} Source: torch.signal.windows.{name}."
    return _signal(name)(compute)


hann = _cosines("hann", (0.5, 0.5), "A cosine raised to be 0 at the ends.")
hamming = _cosines("hamming", (0.54, 0.46), "A raised cosine, 0.08 at the ends.")
blackman = _cosines("blackman", (0.42, 0.5, 0.08), "Blackman's window of three terms.")
nuttall = _cosines(
    "nuttall", (0.3635819, 0.4891775, 0.1365995, 0.0106411), "Nuttall's minimum window of four terms."
)


@_signal("general_hamming")
def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: DType | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - (1 - alpha) cos(x), x from 0 to 2 pi. Source: torch.signal.windows.general_hamming."""
    return general_cosine(
        M,
        a=[alpha, 1 - alpha],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )
