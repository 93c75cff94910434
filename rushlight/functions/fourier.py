"""Fourier transforms (torch.fft), sample frequencies, shifts.

Short-time transforms are in spectrogram.py. Transforms run on complex64 and complex128 or their real counterparts;
integers are taken in the default floating dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.record import primitive, title
from ..dtypes import COMPLEX, FLOATING, NARROW, DType, get_default_dtype, int64
from ..ops import fourier as ops
from ..shapes import wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import as_floating, need_tensor, to_dtype
from .creation import arange
from .padding import constant_pad_nd
from .register import function
from .shaping import roll

_SCALES = {
    False: {None: "none", "backward": "none", "forward": "size", "ortho": "root"},
    True: {None: "size", "backward": "size", "forward": "none", "ortho": "root"},
}


def _scale(norm: Any, inverse: bool) -> str:
    found = _SCALES[inverse].get(norm)
    if found is None:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return found


def _numbers(x: Tensor) -> Tensor:
    """x in a dtype that transforms take."""
    x = as_floating(x)
    if dtype_of(x) in NARROW:
        raise RuntimeError(f"Unsupported dtype {title(dtype_of(x))}")
    return x


def _as_complex(x: Tensor) -> Tensor:
    x = _numbers(x)
    return to_dtype(x, dtype_of(x).to_complex())


def _need_points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _one_dim(x: Tensor, dim: int) -> int:
    if not x.dim():
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, x.dim())


def resized(x: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """x cut, or filled with zeros, at the end of dims."""
    shape = shape_of(x)
    change = {d: n - shape[d] for d, n in zip(dims, sizes) if n != shape[d]}
    if not change:
        return x
    around: list[int] = []
    for d in reversed(range(x.dim())):
        around += [0, change.get(d, 0)]
    return constant_pad_nd(x, around)


# ---------------------------------------------------------------- one dimension


def _published(name: str) -> Callable:
    return function(f"fft_{name}", method=False, top=False)


def _complex_transform(name: str, inverse: bool) -> Callable:
    def compute(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        need_tensor(f"fft_{name}", input)
        place = _one_dim(input, dim)
        size = _need_points(shape_of(input)[place] if n is None else n)
        x = resized(_as_complex(input), (place,), (size,))
        return primitive(ops.fft, (x,), ((place,), inverse, _scale(norm, inverse)))

    compute.__name__ = name
    compute.__doc__ = (
        f"The discrete Fourier transform{', inverted,' if inverse else ''} along dim: complex.\n\n    Args:\n"
        "        n: how many points; input is cut or filled with zeros.\n"
        '        norm: "backward" (default) divides the inverse by n, "forward" the transform, "ortho" both by sqrt(n).\n'
        f"    Source: torch.fft.{name}.\n    "
    )
    return _published(name)(compute)


fft = _complex_transform("fft", False)
ifft = _complex_transform("ifft", True)


def _need_real(name: str, input: Any) -> Tensor:
    if dtype_of(need_tensor(f"fft_{name}", input)).category == COMPLEX:
        raise RuntimeError(f"{name} expects a real input tensor, but got {title(dtype_of(input))}")
    return _numbers(input)


@_published("rfft")
def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The transform of real numbers along dim: the n // 2 + 1 frequencies that are not negative.

    Source: torch.fft.rfft.
    Example:
        >>> import rushlight as torch
        >>> torch.fft.rfft(torch.tensor([0.0, 1.0, 2.0, 3.0])).real
        tensor([ 6., -2., -2.])
    """
    x = _need_real("rfft", input)
    place = _one_dim(x, dim)
    size = _need_points(shape_of(x)[place] if n is None else n)
    return primitive(ops.rfft, (resized(x, (place,), (size,)),), ((place,), _scale(norm, False)))


@_published("irfft")
def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of rfft: n real numbers (2 * (size - 1) by default). Source: torch.fft.irfft."""
    need_tensor("fft_irfft", input)
    place = _one_dim(input, dim)
    size = _need_points(2 * (shape_of(input)[place] - 1) if n is None else n)
    x = resized(_as_complex(input), (place,), (ops.half(size),))
    return primitive(ops.irfft, (x,), ((place,), size, _scale(norm, True)))


@_published("hfft")
def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The transform of half a Hermitian signal along dim: n real numbers. Source: torch.fft.hfft."""
    need_tensor("fft_hfft", input)
    place = _one_dim(input, dim)
    size = _need_points(2 * (shape_of(input)[place] - 1) if n is None else n)
    x = resized(_as_complex(input), (place,), (ops.half(size),)).conj()
    return primitive(ops.irfft, (x,), ((place,), size, _scale(norm, False)))


@_published("ihfft")
def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of hfft: half of the Hermitian signal whose transform the input is. Source: torch.fft.ihfft."""
    x = _need_real("ihfft", input)
    place = _one_dim(x, dim)
    size = _need_points(shape_of(x)[place] if n is None else n)
    found = primitive(ops.rfft, (resized(x, (place,), (size,)),), ((place,), _scale(norm, True)))
    return found.conj()


# ---------------------------------------------------------------- several dimensions


def _tuple(value: Any) -> tuple | None:
    return (value,) if isinstance(value, int) else None if value is None else tuple(value)


def _places(x: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(dims, sizes): the last dimensions where only sizes are given, all where neither is; -1 keeps a size."""
    sizes, dims = _tuple(s), _tuple(dim)
    rank = x.dim()
    if dims is None:
        if sizes is not None and len(sizes) > rank:
            raise RuntimeError(
                f"Got shape with {len(sizes)} values but input tensor only has {rank} dimensions."
            )
        places = tuple(range(rank if sizes is None else rank - len(sizes), rank))
        if sizes is None:
            places = tuple(range(rank))
    else:
        places = tuple([_one_dim(x, d) for d in dims])
        if len(set(places)) != len(places):
            raise RuntimeError("FFT dims must be unique")
        if sizes is not None and len(sizes) != len(places):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    shape = shape_of(x)
    if sizes is None:
        return places, tuple([shape[d] for d in places])
    return places, tuple([shape[d] if n == -1 else n for d, n in zip(places, sizes)])


def _half_places(name: str, x: Tensor, s: Any, dim: Any, from_half: bool) -> tuple[tuple, tuple]:
    """As _places, at least one of them; where input is a half signal, the last size is that of the whole."""
    places, sizes = _places(x, s, dim)
    if not places:
        raise RuntimeError(f"{name} must transform at least one axis")
    given = _tuple(s)
    if from_half and (given is None or given[-1] == -1):
        sizes = (*sizes[:-1], 2 * (sizes[-1] - 1))
    for n in sizes:
        _need_points(n)
    return places, sizes


def _complex_n(name: str, inverse: bool, default: Any) -> Callable:
    def compute(input: Tensor, s: Any = None, dim: Any = default, norm: str | None = None) -> Tensor:
        x = _as_complex(need_tensor(f"fft_{name}", input))
        places, sizes = _places(x, s, dim)
        for n in sizes:
            _need_points(n)
        scale = _scale(norm, inverse)
        if not places:
            return x.clone() if x is input else x
        return primitive(ops.fft, (resized(x, places, sizes),), (places, inverse, scale))

    return _named(name, compute, f"The transform{', inverted,' if inverse else ''} over dim: complex.")


def _named(name: str, compute: Callable, doc: str) -> Callable:
    compute.__name__ = name
    compute.__doc__ = (
        f"{doc}\n\n    Args:\n        s: how many points along each of dim; input is cut or filled with zeros.\n"
        f"        norm: as in fft.\n    Source: torch.fft.{name}.\n    "
    )
    return _published(name)(compute)


def _real_n(name: str, default: Any) -> Callable:
    def compute(input: Tensor, s: Any = None, dim: Any = default, norm: str | None = None) -> Tensor:
        if dtype_of(need_tensor(f"fft_{name}", input)).category == COMPLEX:
            raise RuntimeError(f"rfftn expects a real-valued input tensor, but got {title(dtype_of(input))}")
        x = _numbers(input)
        places, sizes = _half_places("rfftn", x, s, dim, False)
        return primitive(ops.rfft, (resized(x, places, sizes),), (places, _scale(norm, False)))

    return _named(name, compute, "The transform over dim of real numbers; of the last of dim only half.")


def _to_real_n(name: str, default: Any) -> Callable:
    def compute(input: Tensor, s: Any = None, dim: Any = default, norm: str | None = None) -> Tensor:
        x = _as_complex(need_tensor(f"fft_{name}", input))
        places, sizes = _half_places("irfftn", x, s, dim, True)
        x = resized(x, places, (*sizes[:-1], ops.half(sizes[-1])))
        return primitive(ops.irfft, (x,), (places, sizes[-1], _scale(norm, True)))

    return _named(name, compute, "The inverse of rfftn: real numbers.")


def _hermitian_n(name: str, default: Any) -> Callable:
    def compute(input: Tensor, s: Any = None, dim: Any = default, norm: str | None = None) -> Tensor:
        x = _as_complex(need_tensor(f"fft_{name}", input))
        places, sizes = _half_places("hfftn", x, s, dim, True)
        x = resized(x, places, (*sizes[:-1], ops.half(sizes[-1]))).conj()
        return primitive(ops.irfft, (x,), (places, sizes[-1], _scale(norm, False)))

    return _named(
        name,
        compute,
        "The transform over dim of a signal that is Hermitian in the last of dim: real numbers.",
    )


def _to_hermitian_n(name: str, default: Any) -> Callable:
    def compute(input: Tensor, s: Any = None, dim: Any = default, norm: str | None = None) -> Tensor:
        if dtype_of(need_tensor(f"fft_{name}", input)).category == COMPLEX:
            raise RuntimeError(f"Only supports floating-point dtypes, but found: {title(dtype_of(input))}")
        x = _numbers(input)
        places, sizes = _half_places("ihfftn", x, s, dim, False)
        return primitive(ops.rfft, (resized(x, places, sizes),), (places, _scale(norm, True))).conj()

    return _named(name, compute, "The inverse of hfftn: half of a Hermitian signal.")


_PLANE = (-2, -1)
fftn, fft2 = _complex_n("fftn", False, None), _complex_n("fft2", False, _PLANE)
ifftn, ifft2 = _complex_n("ifftn", True, None), _complex_n("ifft2", True, _PLANE)
rfftn, rfft2 = _real_n("rfftn", None), _real_n("rfft2", _PLANE)
irfftn, irfft2 = _to_real_n("irfftn", None), _to_real_n("irfft2", _PLANE)
hfftn, hfft2 = _hermitian_n("hfftn", None), _hermitian_n("hfft2", _PLANE)
ihfftn, ihfft2 = _to_hermitian_n("ihfftn", None), _to_hermitian_n("ihfft2", _PLANE)

# ---------------------------------------------------------------- frequencies and shifts


def _frequencies(
    name: str, first: int, count: int, n: int, d: float, dtype: Any, device: Any, grad: bool
) -> Tensor:
    kind = get_default_dtype() if dtype is None else dtype
    if kind.category < FLOATING:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    k = arange(count, dtype=int64, device=device)
    if first:
        k = k - n * to_dtype(k >= first, int64)
    found = to_dtype(k, kind) * (1.0 / (n * d) if n else 0.0)
    return found.requires_grad_() if grad else found


@_published("fftfreq")
def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The frequencies of fft's results, in cycles a unit of the sample distance d. Source: torch.fft.fftfreq.

    >>> import rushlight as torch
    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies("fftfreq", (n + 1) // 2, n, n, d, dtype, device, requires_grad)


@_published("rfftfreq")
def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The frequencies of rfft's results. Source: torch.fft.rfftfreq."""
    return _frequencies("rfftfreq", 0, ops.half(n), n, d, dtype, device, requires_grad)


def _shifted(x: Tensor, dim: Any, back: bool) -> Tensor:
    dims = tuple(range(x.dim())) if dim is None else tuple([wrap_dim(d, x.dim()) for d in _tuple(dim) or ()])
    sizes = [shape_of(x)[d] for d in dims]
    return roll(x, [(n + 1) // 2 if back else n // 2 for n in sizes], list(dims)) if dims else x.clone()


@function("fft_fftshift", method=False, top=False, out=False)
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequencies in ascending order: the negative ones first. Source: torch.fft.fftshift."""
    return _shifted(need_tensor("fft_fftshift", input), dim, False)


@function("fft_ifftshift", method=False, top=False, out=False)
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of fftshift. Source: torch.fft.ifftshift."""
    return _shifted(need_tensor("fft_ifftshift", input), dim, True)


__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
