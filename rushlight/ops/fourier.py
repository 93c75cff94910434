"""Discrete Fourier transforms: of complex numbers, of real ones (half of the frequencies), and back to real ones.

`scale` says by what the sums are divided: "none", "root" (of the number n of points transformed) or "size" (n). The
adjoint of a transform is the transform the other way with the same scale, which is what the gradient rules are.
SciPy computes in the width of its input, so complex64 stays complex64.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import int64
from ..graph.node import Node, constant
from ..graph.registry import OPAQUE, Primitive
from .samples import Array, call

# SciPy's names of the scales, by direction.
_FORWARD = {"none": "backward", "root": "ortho", "size": "forward"}
_INVERSE = {"none": "forward", "root": "ortho", "size": "backward"}


def _fft(np: Any, x: Any, dims: tuple, inverse: bool, scale: str) -> Any:
    from scipy import fft

    if not x.size or not dims:
        return x
    return (
        fft.ifftn(x, axes=dims, norm=_INVERSE[scale])
        if inverse
        else fft.fftn(x, axes=dims, norm=_FORWARD[scale])
    )


fft = Primitive(
    "fft",
    "The transform over dims, of complex numbers; `inverse` turns the other way round.",
    kind=OPAQUE,
    shape=lambda x, dims, inverse, scale: x.shape,
    numpy=_fft,
    vjp=lambda g, out, x, dims, inverse, scale: g.fft(dims, not inverse, scale),
    grad_name="FftC2CBackward0",
    samples=(
        call(Array((2, 5), dtype="complex128"), params=((1,), False, "none")),
        call(Array((3, 4), dtype="complex128"), params=((1, 0), True, "size")),
        call(Array((4,), dtype="complex128"), params=((0,), False, "root")),
    ),
)


def half(n: int) -> int:
    """How many frequencies of n real points tell all."""
    return n // 2 + 1


def _with_last(shape: tuple[int, ...], dim: int, n: int) -> tuple[int, ...]:
    return (*shape[:dim], n, *shape[dim + 1 :])


def _rfft(np: Any, x: Any, dims: tuple, scale: str) -> Any:
    from scipy import fft

    if not x.size:
        return np.zeros(
            _with_last(x.shape, dims[-1], half(x.shape[dims[-1]])), np.result_type(x.dtype, np.complex64)
        )
    return fft.rfftn(x, axes=dims, norm=_FORWARD[scale])


def _rfft_rule(g: Node, out: Node, x: Node, dims: tuple, scale: str) -> Node:
    last = dims[-1]
    whole = _with_last(g.shape, last, x.shape[last])
    index = tuple([(0, n, 1) for n in g.shape[: last + 1]])
    return g.unslice(whole, index).fft(dims, True, scale).real()


rfft = Primitive(
    "rfft",
    "The transform over dims of real numbers; of the last of dims only the frequencies that are not negative.",
    kind=OPAQUE,
    shape=lambda x, dims, scale: _with_last(x.shape, dims[-1], half(x.shape[dims[-1]])),
    dtype=lambda x, dims, scale: x.dtype.to_complex(),
    numpy=_rfft,
    vjp=_rfft_rule,
    grad_name="FftR2CBackward0",
    samples=(
        call((2, 5), params=((1,), "none")),
        call((4, 3), params=((1, 0), "root")),
        call((1,), params=((0,), "size")),
    ),
)


def _irfft(np: Any, x: Any, dims: tuple, n: int, scale: str) -> Any:
    from scipy import fft

    if not x.size:
        return np.zeros(_with_last(x.shape, dims[-1], n), x.real.dtype)
    sizes = [*(x.shape[d] for d in dims[:-1]), n]
    return fft.irfftn(x, sizes, axes=dims, norm=_INVERSE[scale])


def _irfft_rule(g: Node, out: Node, x: Node, dims: tuple, n: int, scale: str) -> Node:
    # Frequencies that also stand for their negative ones count twice.
    last = dims[-1]
    k = constant(0, int64).iota(half(n)).reshape((half(n),) + (1,) * (len(x.shape) - last - 1))
    twice = k.ge(1) & k.le(n - half(n))
    found = g.rfft(dims, scale)
    return twice.where(found * 2, found)


irfft = Primitive(
    "irfft",
    "The inverse transform to real numbers, n of them along the last of dims, from the frequencies that rfft gives.",
    kind=OPAQUE,
    shape=lambda x, dims, n, scale: _with_last(x.shape, dims[-1], n),
    dtype=lambda x, dims, n, scale: x.dtype.to_real(),
    numpy=_irfft,
    vjp=_irfft_rule,
    grad_name="FftC2RBackward0",
    samples=(
        call(Array((2, 3), dtype="complex128"), params=((1,), 4, "size")),
        call(Array((2, 3), dtype="complex128"), params=((1,), 5, "none")),
        call(Array((3, 4), dtype="complex128"), params=((1, 0), 5, "root")),
    ),
)
