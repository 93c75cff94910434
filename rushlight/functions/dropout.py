"""Dropout: of elements, of whole channels, and the kind that keeps mean 0 and variance 1 of SELU's outputs.

Masks come from the default generator when the call is made, one 53-bit number an element (or a channel) in memory
order: the same seed drops what PyTorch drops. With p = 0 or outside training nothing is drawn and the input itself is
given back; with p = 1 everything is multiplied by 0, and nothing is drawn either.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from ..autograd.record import in_place, title
from ..dtypes import FLOATING
from ..random.drawing import drawn_together
from ..random.mt19937 import Stream
from ..tensor import Tensor, contiguous_of, dtype_of, layout_of, shape_of
from .arguments import need_tensor
from .register import FUNCTIONS

_SATURATION = 1.7580993408473766  # what SELU gives for very negative inputs, without its sign


def _check(p: float, error: type[Exception] = ValueError) -> None:
    if not 0 <= p <= 1:
        raise error(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, keep: float, shape: tuple[int, ...]) -> Callable[[Stream], np.ndarray]:
    """Draws 1 with probability `keep`, else 0, in the order in which the input's elements stand in memory."""
    kind = dtype_of(input)
    if shape != shape_of(input) or contiguous_of(input):
        return lambda stream: stream.bernoulli(keep, shape, kind)
    order = _slowest_first(shape, layout_of(input)[0])
    sizes, back = tuple(shape[d] for d in order), np.argsort(order)
    return lambda stream: stream.bernoulli(keep, sizes, kind).transpose(back)


def _slowest_first(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """Dimensions in the order of a dense copy of memory laid out so; a stride of 0 says nothing about its place."""
    order = list(range(len(shape)))[::-1]
    for i in range(1, len(order)):
        here = i
        for before in range(i - 1, -1, -1):
            a, b = order[before], order[here]
            if not strides[a] or not strides[b]:
                continue
            if strides[a] < strides[b] or (strides[a] == strides[b] and shape[a] <= shape[b]):
                break
            order[before], order[here] = b, a
            here = before
    return order[::-1]


def _noise(input: Tensor, p: float, by_channel: bool, alpha: bool) -> tuple[Tensor, Tensor | None]:
    """(factor, summand or None) that the input meets; both have its dtype."""
    kind = dtype_of(input)
    shape = shape_of(input)
    if by_channel:
        if len(shape) < 2:
            raise RuntimeError(
                f"Feature dropout requires at least 2 dimensions in the input, got {len(shape)}"
            )
        shape = (*shape[:2], *(1,) * (len(shape) - 2))
    keep = 1 - p
    kept = _kept(input, keep, shape)

    def draw(stream: Stream) -> list[np.ndarray]:
        mask = kept(stream)
        wide = mask if mask.dtype.itemsize >= 4 else mask.astype(np.float32)
        number = wide.dtype.type
        if not alpha:
            return [(wide / number(keep)).astype(mask.dtype, copy=False)]
        a = 1 / math.sqrt((_SATURATION * _SATURATION * p + 1) * keep)
        summand = (wide - 1) * number(_SATURATION * a) + number(_SATURATION * a * p)
        return [x.astype(mask.dtype, copy=False) for x in (wide * number(a), summand)]

    factor, *summand = drawn_together(None, draw, kind)
    return factor, summand[0] if summand else None


def _dropped(
    name: str, input: Tensor, p: float, training: bool, by_channel: bool, alpha: bool, inplace: bool
) -> Tensor:
    need_tensor(name, input)
    if p == 0 or not training or not input.numel():
        return input
    if dtype_of(input).category < FLOATING:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {title(dtype_of(input))}: {name} needs a "
            "floating input. Call .float() first."
        )
    if p == 1:
        result = input * 0.0
    else:
        factor, summand = _noise(input, p, by_channel, alpha)
        result = input * factor if summand is None else input * factor + summand
    return in_place(input, result, name + "_") if inplace else result


# ---------------------------------------------------------------- torch.nn.functional


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeros with probability p, and the other elements over 1 - p.

    Raises: ValueError when p is outside [0, 1].
    Source: torch.nn.functional.dropout; Hinton et al. 2012.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.dropout(torch.ones(2), 1.0)
        tensor([0., 0.])
    """
    _check(p)
    return _dropped("dropout", input, p, training, False, False, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """SELU's lowest value with probability p, then a line that gives back mean 0 and variance 1.

    Source: torch.nn.functional.alpha_dropout; Klambauer et al. 2017.
    """
    _check(p)
    return _dropped("alpha_dropout", input, p, training, False, True, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels (dimension 1). Source: torch.nn.functional.feature_alpha_dropout."""
    _check(p)
    return _dropped("feature_alpha_dropout", input, p, training, True, True, inplace)


def _by_channel(name: str, input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    """dropout of whole channels; without a batch dimension, dimension 0 holds them."""
    if batched:
        return _dropped(name, input, p, training, True, False, inplace)
    result = _dropped(name, input.unsqueeze(0), p, training, True, False, False).squeeze(0)
    return in_place(input, result, name + "_") if inplace else result


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) become 0 with probability p, the others are divided by 1 - p.

    Raises: RuntimeError for other numbers of dimensions.
    Source: torch.nn.functional.dropout1d.
    """
    _check(p)
    rank = need_tensor("dropout1d", input).dim()
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. Use dropout instead."
        )
    return _by_channel("dropout1d", input, p, training, inplace, rank == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W) become 0 with probability p, the others are divided by 1 - p.

    Three dimensions are taken as (N, C, L), with a warning; other numbers than 3 and 4 give a warning too.
    Source: torch.nn.functional.dropout2d; Tompson et al. 2014.
    """
    _check(p)
    rank = need_tensor("dropout2d", input).dim()
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired: "
            "it is read as (N, C, L), and in a future release as (C, H, W). Use dropout1d to keep the former.",
            stacklevel=2,
        )
    elif rank != 4:
        _warn_rank("dropout2d", rank, "3D or 4D")
    return _by_channel("dropout2d", input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) become 0 with probability p, the others are over 1 - p.

    Other numbers of dimensions than 4 and 5 give a warning.
    Source: torch.nn.functional.dropout3d.
    """
    _check(p)
    rank = need_tensor("dropout3d", input).dim()
    if rank not in (4, 5):
        _warn_rank("dropout3d", rank, "4D or 5D")
    return _by_channel("dropout3d", input, p, training, inplace, rank == 5)


def _warn_rank(name: str, rank: int, wanted: str) -> None:
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an error in a future "
        f"release. It is meant for {wanted} inputs; use dropout for others.",
        stacklevel=3,
    )


# ---------------------------------------------------------------- torch


def _top(name: str, by_channel: bool, alpha: bool) -> None:
    """torch.name(input, p, train) and torch.name_, which writes over its input."""

    def plain(input: Tensor, p: float, train: bool) -> Tensor:
        _check(p, RuntimeError)
        return _dropped(name, input, p, train, by_channel, alpha, False)

    def written(input: Tensor, p: float, train: bool) -> Tensor:
        _check(p, RuntimeError)
        return _dropped(name, input, p, train, by_channel, alpha, True)

    for fn, suffix in ((plain, ""), (written, "_")):
        fn.__name__ = fn.__qualname__ = name + suffix
        fn.__doc__ = (
            f"As torch.nn.functional.{name}{', in place' if suffix else ''}. Source: torch.{name}{suffix}."
        )
        FUNCTIONS[name + suffix] = fn


_top("dropout", False, False)
_top("feature_dropout", True, False)
_top("alpha_dropout", False, True)
_top("feature_alpha_dropout", True, True)
