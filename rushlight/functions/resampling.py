"""torch.nn.functional.interpolate, and the deprecated upsample functions.

Every mode is a linear map along each spatial dimension (taps.py), whose weights follow from the sizes. Coordinates are
computed in the precision that PyTorch computes them in, since a rounded coordinate can decide which element is taken.
Mode "area" is adaptive average pooling. Sampling at free positions is in grid.py.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import FLOATING, float32, uint8
from ..errors import ShapeError
from ..tensor import Tensor, dtype_of, shape_of
from .adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .arguments import need_tensor, to_dtype
from .taps import UNCHANGED, Taps, dimensions, gathered, linear_map

# ---------------------------------------------------------------- coordinates


def _step(n: int, out: int, align: bool, scale: float | None, kind: type) -> Any:
    """Input elements an output element."""
    if align:
        return kind(n - 1) / kind(out - 1) if out > 1 else kind(0)
    if scale is not None and scale > 0:
        return kind(1.0 / scale)
    return kind(n) / kind(out)


def _sources(n: int, out: int, align: bool, scale: float | None, kind: type) -> np.ndarray:
    """Where in the input each output element's centre is; multiplied and subtracted with one rounding."""
    step = np.float64(_step(n, out, align, scale, kind))
    i = np.arange(out)
    return (step * i if align else step * (i + 0.5) - 0.5).astype(kind)


def _kind(name: str) -> type:
    return np.float64 if name == "float64" else np.float32


# ---------------------------------------------------------------- the taps of each mode


def _nearest(n: int, out: int, align: bool, scale: float | None, name: str) -> Taps | None:
    if n == out and scale is None:
        return None
    kind = _kind(name)
    return _rounded_down(np.arange(out, dtype=kind) * _step(n, out, False, scale, kind), n)


def _nearest_exact(n: int, out: int, align: bool, scale: float | None, name: str) -> Taps | None:
    if n == out and scale is None:
        return None
    kind = _kind(name)
    return _rounded_down(np.maximum(_sources(n, out, False, scale, kind), 0) + kind(0.5), n)


def _rounded_down(at: np.ndarray, n: int) -> Taps:
    """The elements at floor(at): a position is rounded to float32 first, whatever it was computed in."""
    return gathered(np.minimum(np.floor(at.astype(np.float32)).astype(np.int64), n - 1), n)


def _linear(n: int, out: int, align: bool, scale: float | None, name: str) -> Taps | None:
    if n == out:
        return None
    kind = _kind(name)
    real = np.maximum(_sources(n, out, align, scale, kind), kind(0))
    low = np.minimum(np.floor(real).astype(np.int64), n - 1)
    share = np.clip(real - low, 0, 1)
    index = np.stack((low, np.minimum(low + 1, n - 1)), 1)
    return Taps(index, np.stack((1 - share, share), 1).astype(np.float64), None, n)


def _cubic_weights(t: np.ndarray, a: float) -> np.ndarray:
    """(..., 4): Keys' weights of the neighbours at -1, 0, 1, 2 for a point t past the second."""
    kind = t.dtype.type
    a = kind(a)

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return np.stack((far(t + 1), near(t), near(1 - t), far(2 - t)), -1)


def _cubic(n: int, out: int, align: bool, scale: float | None, name: str) -> Taps | None:
    kind = _kind(name)
    real = _sources(n, out, align, scale, kind)
    low = np.minimum(np.floor(real), n - 1)
    weight = _cubic_weights(np.clip(real - low, 0, 1).astype(kind), -0.75)
    index = np.clip(low.astype(np.int64)[:, None] + np.arange(-1, 3), 0, n - 1)
    return Taps(index, weight.astype(np.float64), None, n)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: np.ndarray) -> np.ndarray:
    a, x = -0.5, np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _windowed_sinc(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_FILTERS = {"bilinear": (_triangle, 1.0), "bicubic": (_keys, 2.0), "lanczos": (_windowed_sinc, 3.0)}


def _filtered(which: str) -> Callable[..., Taps | None]:
    """Antialiased: a filter as wide as an output element, its weights made to sum to 1."""
    shape, radius = _FILTERS[which]

    def make(n: int, out: int, align: bool, scale: float | None, name: str) -> Taps | None:
        kind = _kind(name)
        step = _step(n, out, align, scale, kind)
        wide = max(step, kind(1))
        support = kind(radius) * wide
        centre = step * (np.arange(out, dtype=kind) + kind(0.5))
        first = np.maximum((centre - support + kind(0.5)).astype(np.int64), 0)
        stop = np.minimum((centre + support + kind(0.5)).astype(np.int64), n)
        count = np.clip(stop - first, 0, math.ceil(support) * 2 + 1)
        at = first[:, None] + np.arange(int(count.max()))
        used = at < (first + count)[:, None]
        weight = shape((at - centre[:, None] + kind(0.5)) / wide).astype(np.float64) * used
        total = weight.sum(1, keepdims=True)
        weight /= np.where(total == 0, 1, total)
        return Taps(np.where(used, at, 0), weight, None if used.all() else used, n)

    return make


def _ops(name: str, make: Callable, ranks: tuple[int, ...]) -> dict[int, Op]:
    return {rank: linear_map(name.format(rank), make) for rank in ranks}


_MAPS: dict[tuple[str, bool], dict[int, Op]] = {
    ("nearest", False): _ops("UpsampleNearest{}DBackward0", _nearest, (1, 2, 3)),
    ("nearest-exact", False): _ops("UpsampleNearestExact{}DBackward0", _nearest_exact, (1, 2, 3)),
    ("linear", False): _ops("UpsampleLinear{}DBackward0", _linear, (1,)),
    ("bilinear", False): _ops("UpsampleBilinear{}DBackward0", _linear, (2,)),
    ("trilinear", False): _ops("UpsampleTrilinear{}DBackward0", _linear, (3,)),
    ("bicubic", False): _ops("UpsampleBicubic{}DBackward0", _cubic, (2,)),
    ("bilinear", True): _ops("UpsampleBilinear{}DAaBackward0", _filtered("bilinear"), (2,)),
    ("bicubic", True): _ops("UpsampleBicubic{}DAaBackward0", _filtered("bicubic"), (2,)),
    ("lanczos", True): _ops("UpsampleLanczos{}DAaBackward0", _filtered("lanczos"), (2,)),
}
_NEAREST = ("nearest", "nearest-exact")
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
_NEEDS = {"linear": 3, "bilinear": 4, "trilinear": 5}

# ---------------------------------------------------------------- the function


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except (TypeError, ValueError):
        return None


def _read_size(size: Any, shape: tuple, rank: int) -> tuple[int, ...]:
    if not isinstance(size, (tuple, list)):
        found = _whole(size)
        if found is None:
            raise TypeError(
                f"interpolate(): size must be an int or a tuple of ints, not {type(size).__name__}"
            )
        return (found,) * rank
    if len(size) != rank:
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(shape[2:])} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
            "format and output size in (o1, o2, ...,oK) format."
        )
    each = [_whole(n) for n in size]
    if None in each:
        raise TypeError(
            "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
            f"with types {[type(n) for n in size]}"
        )
    return tuple(each)  # type: ignore[arg-type]


def _read_scales(scale: Any, shape: tuple, rank: int) -> tuple[float, ...]:
    if not isinstance(scale, (tuple, list)):
        return (float(scale),) * rank
    if len(scale) != rank:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(shape[2:])} and scale_factor of shape {scale}. Please provide input tensor in "
            "(N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    return tuple(float(s) for s in scale)


def _target(
    shape: tuple, size: Any, scale_factor: Any, mode: str, recompute: bool | None
) -> tuple[tuple[int, ...], tuple]:
    """(output sizes, the scale given for each dimension or None)."""
    rank = len(shape) - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        sizes = _read_size(size, shape, rank)
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return sizes, (None,) * rank
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    scales = _read_scales(scale_factor, shape, rank)
    sizes = tuple(int(n * s) for n, s in zip(shape[2:], scales))
    return sizes, (None,) * rank if recompute or mode == "area" else scales


def _check_mode(mode: str, dims: int, align: bool | None, antialias: bool) -> None:
    if mode in (*_NEAREST, "area") and align is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if antialias and not (mode in _FILTERS and dims == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )


def _check_lanczos(align: bool | None, antialias: bool) -> None:
    if align:
        raise ValueError("Lanczos mode does not support align_corners=True")
    if not antialias:
        raise ValueError("Lanczos mode requires antialias=True")


def _no_such(mode: str, dims: int) -> NotImplementedError:
    if mode in _NEEDS and dims in (3, 4, 5):
        return NotImplementedError(f"Got {dims}D input, but {mode} mode needs {_NEEDS[mode]}D input")
    return NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {dims}D) for the modes: nearest | linear | "
        f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _check_sizes(shape: tuple, sizes: tuple) -> None:
    axes = ("D", "H", "W")[-len(sizes) :]
    if any(n <= 0 for n in (*shape[2:], *sizes)):
        told = [", ".join(f"{a}: {n}" for a, n in zip(axes, values)) for values in (shape[2:], sizes)]
        raise ShapeError(
            f"Input and output sizes should be greater than 0, but got input ({told[0]}) output ({told[1]})"
        )
    if shape[1] == 0:
        raise ShapeError(
            f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes {list(shape)}"
        )


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input at another spatial size.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W), floating or uint8.
        size: the output's spatial size; or scale_factor, its multiple of the input's, rounded down.
        mode: "nearest", "nearest-exact" and "area" for every rank; "linear" for 3-D, "bilinear", "bicubic" and
            "lanczos" for 4-D, "trilinear" for 5-D inputs.
        align_corners: the corner elements' centres, not the corners of the whole, are what is kept in place.
        recompute_scale_factor: coordinates from the sizes as rounded, not from scale_factor.
        antialias: when shrinking, average over what an output element covers (bilinear, bicubic, lanczos).
    Raises: ValueError for arguments that exclude one another; NotImplementedError for a mode that the rank lacks;
        RuntimeError for empty sizes.
    Source: torch.nn.functional.interpolate; bicubic after Keys 1981 with a = -0.75 (-0.5 when antialiased).
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.interpolate(torch.tensor([[[0.0, 1.0]]]), size=4, mode="linear")
        tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
    need_tensor("interpolate", input)
    shape = shape_of(input)
    _check_mode(mode, len(shape), align_corners, antialias)
    sizes, scales = _target(shape, size, scale_factor, mode, recompute_scale_factor)
    rank = len(shape) - 2
    if mode == "lanczos" and rank == 2:
        _check_lanczos(align_corners, antialias)
    if mode == "area" and rank in _AREA:
        return _AREA[rank](input, sizes)
    op = _MAPS.get((mode, antialias), {}).get(rank)
    if op is None:
        raise _no_such(mode, len(shape))
    _check_sizes(shape, sizes)
    return _resized(input, op, mode, sizes, scales, bool(align_corners))


def _resized(input: Tensor, op: Op, mode: str, sizes: tuple, scales: tuple, align: bool) -> Tensor:
    dtype = dtype_of(input)
    if dtype is uint8 and mode in _NEAREST:
        return operation(op, (input,), _each(sizes, scales, align, "uint8"))
    if dtype is uint8 and mode in _FILTERS:
        across, down = _each(sizes, scales, align, "float32")[0][::-1]
        whole = operation(op, (to_dtype(input, float32),), dimensions(across))
        whole = operation(op, (_as_bytes(whole),), dimensions(down, UNCHANGED))
        return to_dtype(_as_bytes(whole), uint8)
    if dtype.category != FLOATING:
        raise NotImplementedError(f"\"interpolate: {mode}\" not implemented for '{title(dtype)}'")
    return operation(op, (input,), _each(sizes, scales, align, dtype.name))


def _as_bytes(image: Tensor) -> Tensor:
    """Rounded and held between 0 and 255, as after each of the two passes over an image of bytes."""
    return (image + 0.5).floor().clamp(0, 255)


def _each(sizes: tuple, scales: tuple, align: bool, name: str) -> tuple:
    return dimensions(*((n, align, scale, name) for n, scale in zip(sizes, scales)))


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """interpolate under its old name. Source: torch.nn.functional.upsample."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate with mode "nearest". Source: torch.nn.functional.upsample_nearest."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate with mode "bilinear" and aligned corners. Source: torch.nn.functional.upsample_bilinear."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
