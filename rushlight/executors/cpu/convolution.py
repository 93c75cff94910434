"""Convolutions in native code: which algorithm serves which shape.

Tensors are channels-last (geometry.py); the weight has the framework's layout. Each function gives the calls that do the
work, or None where no kernel does.
"""

from __future__ import annotations

from ... import settings
from . import correlation, winograd, winograd_weight, woven
from . import weight_gradient as weights
from .geometry import Shape
from .kernel import Call, Pointer


def forward(
    shape: Shape, x: Pointer, w: Pointer, y: Pointer, workers: int, bias: Pointer | None = None
) -> list[Call] | None:
    """y = x correlated with w, plus bias (one number an output channel) where it is given."""
    if not shape.sound:
        return None
    if settings.WINOGRAD and winograd.suits(shape, winograd.FIXED):
        return winograd.forward(shape, x, w, y, workers, bias)
    if woven.suits(shape):
        return woven.forward(shape, x, w, y, workers, bias)
    return correlation.forward(shape, x, w, y, workers, bias)


def input_gradient(shape: Shape, dy: Pointer, w: Pointer, dx: Pointer, workers: int) -> list[Call] | None:
    """dx from dy, the gradient of y."""
    if not shape.sound:
        return None
    if settings.WINOGRAD and winograd.suits(shape, winograd.FIXED):
        return winograd.input_gradient(shape, dy, w, dx, workers)
    if woven.suits(shape):
        return woven.input_gradient(shape, dy, w, dx, workers)
    return correlation.input_gradient(shape, dy, w, dx, workers)


def weight_gradient(shape: Shape, x: Pointer, dy: Pointer, dw: Pointer, workers: int) -> list[Call] | None:
    """dw from x and dy, the gradient of y."""
    if not shape.sound:
        return None
    if settings.WINOGRAD and winograd.suits(shape, winograd.FIXED_SUMS):
        return winograd_weight.weight_gradient(shape, x, dy, dw, workers)
    if woven.suits(shape):
        return woven.weight_gradient(shape, x, dy, dw, workers)
    return weights.weight_gradient(shape, x, dy, dw, workers)
