"""torch.nn.functional.pad and torch.constant_pad_nd: elements added around a tensor, or cut off.

`pad` counts from the last dimension: (before, after) of the last, then of the one before it. Constant padding is one
placement; the other modes are maps that read some elements twice (taps.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import BOOL
from ..errors import ShapeError
from ..graph.node import Node, constant
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import is_number, need_tensor, plain
from .register import function
from .spatial import ints
from .taps import Taps, dimensions, gathered, linear_map


def _cut_and_room(shape: tuple, around: tuple) -> tuple[tuple, tuple, tuple]:
    """(index of what is kept, padded shape, index of the kept part in it) for (low, high) a dimension."""
    kept, size, place = [], [], []
    for n, (low, high) in zip(shape, around):
        start, stop = max(-low, 0), n - max(-high, 0)
        kept.append((start, stop, 1))
        size.append(n + low + high)
        place.append((max(low, 0), max(low, 0) + stop - start, 1))
    return tuple(kept), tuple(size), tuple(place)


def _with_constant(x: Node, around: tuple, value: Any) -> Node:
    kept, size, place = _cut_and_room(x.shape, around)
    if any(low < 0 or high < 0 for low, high in around):
        x = x.slice(kept)
    if x.shape == size:
        return x.copy()
    if value == 0:
        return x.unslice(size, place)
    return constant(value, x.dtype).expand(size).slice_scatter(x, place)


def _constant_rule(g: Node, out: Node, ins: tuple, needs: tuple, around: tuple, value: Any) -> tuple:
    x = ins[0]
    kept, _, place = _cut_and_room(x.shape, around)
    g = g.slice(place)
    return (g if g.shape == x.shape else g.unslice(x.shape, kept),)


_constant_pad = Op("ConstantPadNdBackward0", _with_constant, _constant_rule)


def _each_dimension(shape: tuple, pad: tuple) -> tuple:
    """(low, high) for every dimension, first to last."""
    around = [(0, 0)] * len(shape)
    for i in range(0, len(pad), 2):
        around[len(shape) - 1 - i // 2] = (pad[i], pad[i + 1])
    return tuple(around)


@function(method=False)
def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """`value` added around the last len(pad) / 2 dimensions; negative numbers cut off. Source: torch.constant_pad_nd.

    >>> import rushlight as torch
    >>> torch.constant_pad_nd(torch.ones(2), (1, 2), 5.0)
    tensor([5., 1., 1., 5., 5.])
    """
    need_tensor("constant_pad_nd", input)
    pad = ints("constant_pad_nd", "pad", pad, 2)
    if isinstance(pad, int):
        raise TypeError("constant_pad_nd(): argument 'pad' (position 2) must be tuple of ints, not int")
    shape = shape_of(input)
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * len(shape):
        raise RuntimeError(
            f"Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)} while the input has {len(shape)} dimensions."
        )
    around = _each_dimension(shape, pad)
    for d, (n, (low, high)) in enumerate(zip(shape, around)):
        if n + low + high < 0 or n + min(low, 0) + min(high, 0) < 0:
            raise ShapeError(
                f"The input size {n}, plus negative padding {low} and {high}, resulted in a negative output size, "
                f"which is invalid. Check dimension {d} of your input."
            )
    value = value.item() if isinstance(value, Tensor) else plain(value)
    return operation(_constant_pad, (input,), (around, value))


# ---------------------------------------------------------------- reflect, replicate, circular


def _reflected(n: int, low: int, high: int) -> Taps | None:
    if not low and not high:
        return None
    at = np.abs(np.arange(-low, n + high))
    return gathered(np.where(at >= n, 2 * (n - 1) - at, at), n)


def _replicated(n: int, low: int, high: int) -> Taps | None:
    if not low and not high:
        return None
    return gathered(np.clip(np.arange(-low, n + high), 0, n - 1), n)


def _wrapped(n: int, low: int, high: int) -> Taps | None:
    """Round and round, the round being what is left when negative padding has cut."""
    if not low and not high:
        return None
    start, stop = max(-low, 0), n - max(-high, 0)
    at = np.arange(-max(low, 0), stop - start + max(high, 0))
    return gathered(start + at % (stop - start), n)


_MAPS = {
    "reflect": {r: linear_map(f"ReflectionPad{r}DBackward0", _reflected) for r in (1, 2, 3)},
    "replicate": {r: linear_map(f"ReplicationPad{r}DBackward0", _replicated) for r in (1, 2, 3)},
    "circular": {r: linear_map("CopySlices", _wrapped) for r in (1, 2, 3)},
}


def _check_room(mode: str, shape: tuple, around: tuple, pad: tuple) -> None:
    first = len(shape) - len(around)
    for i, (n, (low, high)) in enumerate(zip(shape[first:], around)):
        dim = first + i
        if mode == "reflect" and (low >= n or high >= n):
            number = 4 + 2 * (len(around) - 1 - i)
            raise ShapeError(
                f"Argument #{number}: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({low}, {high}) at dimension {dim} of input {list(shape)}"
            )
        if mode == "circular" and (low > n or high > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if mode == "circular" and n + min(low, 0) + min(high, 0) <= 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        if n + low + high < 1:
            raise ShapeError(
                f"{mode} padding of ({low}, {high}) leaves nothing of dimension {dim} of input {list(shape)}"
            )


def _check_input(mode: str, input: Tensor, rank: int) -> None:
    shape = shape_of(input)
    if not all(shape[-rank - 1 :]):
        raise ShapeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    if dtype_of(input).category == BOOL and mode != "circular":
        kernel = "reflection" if mode == "reflect" else "replication"
        raise NotImplementedError(f"\"{kernel}_pad{rank}d\" not implemented for '{title(dtype_of(input))}'")


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements added around the last dimensions, or cut off where the number is negative.

    Args:
        pad: (before, after) of the last dimension, then of the one before it, and so on.
        mode: "constant" (of `value`, 0 by default), "reflect" (mirrored at the edge element), "replicate" (the edge
            element) or "circular" (from the other end); all but constant pad the last 1 to 3 dimensions of an input
            that has one or two more.
    Raises: RuntimeError for a pad of odd or too great length, or one that the mode cannot fill; NotImplementedError
        for a mode that is none, or a number of dimensions that a mode does not take.
    Source: torch.nn.functional.pad.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.pad(torch.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
        tensor([[3., 2., 1., 2., 3., 2.]])
    """
    need_tensor("pad", input)
    numbers = ints("pad", "pad", pad, 2)
    if isinstance(numbers, int):
        raise TypeError("pad(): argument 'pad' (position 2) must be tuple of ints, not int")
    shape = shape_of(input)
    if len(numbers) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(numbers) > 2 * len(shape):
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(numbers)} and input of dimension {len(shape)}"
        )
    if value is not None and not is_number(value) and not isinstance(value, Tensor):
        raise TypeError(f"pad(): argument 'value' (position 4) must be float, not {type(value).__name__}")
    if mode == "constant":
        return constant_pad_nd(input, numbers, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    return _pad_from_input(input, numbers, mode)


def _pad_from_input(input: Tensor, numbers: tuple, mode: str) -> Tensor:
    shape = shape_of(input)
    rank = len(numbers) // 2
    if mode not in _MAPS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if rank not in (1, 2, 3) or len(shape) not in (rank + 1, rank + 2):
        raise NotImplementedError(
            f"Padding size {len(numbers)} is not supported for {len(shape)}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    _check_input(mode, input, rank)
    around = _each_dimension(shape, numbers)[len(shape) - rank :]
    _check_room(mode, shape, around, numbers)
    return operation(_MAPS[mode][rank], (input,), dimensions(*around))
