"""Joining by NumPy's names: hstack, vstack, dstack, column_stack, and the least ranks they ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor import Tensor
from .arguments import need_tensor
from .register import alias, function
from .shaping import cat, reshape, view_as_shape


def _as_list(name: str, tensors: Any) -> list[Tensor]:
    """The tensors to be joined, which there have to be."""
    if isinstance(tensors, Tensor):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    given = list(tensors)
    if not given:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return [need_tensor(name, x, i + 1, "tensors") for i, x in enumerate(given)]


def _at_least(name: str, grown: Callable) -> Callable:
    def compute(*tensors: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
            return grown(need_tensor(name, tensors[0]))
        if len(tensors) == 1:
            tensors = tuple(tensors[0])
        return tuple(grown(need_tensor(name, x, i + 1)) for i, x in enumerate(tensors))

    compute.__name__ = name
    compute.__doc__ = f"Each tensor as a view of at least {name[-2]} dimensions. Source: torch.{name}."
    return function(name, method=False, out=False)(compute)


def _view_of_rank_1(x: Tensor) -> Tensor:
    return x if x.dim() else view_as_shape(x, (1,))


def _view_of_rank_2(x: Tensor) -> Tensor:
    x = _view_of_rank_1(x)
    return x if x.dim() > 1 else x.unsqueeze(0)


def _view_of_rank_3(x: Tensor) -> Tensor:
    x = _view_of_rank_2(x)
    return x if x.dim() > 2 else x.unsqueeze(-1)


atleast_1d = _at_least("atleast_1d", _view_of_rank_1)
atleast_2d = _at_least("atleast_2d", _view_of_rank_2)
atleast_3d = _at_least("atleast_3d", _view_of_rank_3)


@function(method=False)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along dim 1, vectors along dim 0. Source: torch.hstack."""
    parts = [_view_of_rank_1(x) for x in _as_list("hstack", tensors)]
    return cat(parts, 0 if parts[0].dim() == 1 else 1)


@function(method=False)
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors on top of one another; vectors are rows. Source: torch.vstack."""
    return cat([_view_of_rank_2(x) for x in _as_list("vstack", tensors)], 0)


alias("row_stack", "vstack", method=False)


@function(method=False)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors behind one another, along dim 2. Source: torch.dstack."""
    return cat([_view_of_rank_3(x) for x in _as_list("dstack", tensors)], 2)


@function(method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; vectors are columns. Source: torch.column_stack."""
    parts = [x if x.dim() > 1 else reshape(x, (x.numel(), 1)) for x in _as_list("column_stack", tensors)]
    return hstack(parts)
