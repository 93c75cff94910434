"""Where a derivative begins and what leaves it.

`enter` makes fresh places to differentiate at. A place of a tensor with a history is a copy of it on the tape, so an
outer transform (or an outer backward) sees through; a place of any other tensor is a leaf of this transform alone.
`leave` takes the results off the tape when nothing but this transform's own leaves is behind them: the result of
`grad(f)(x)` requires grad only where x, or something f closes over, does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import functions as fn
from ..autograd.entry import AccumulateGrad, Part
from ..autograd.modes import is_grad_enabled
from ..autograd.record import alias, edge_of, requires_grad
from ..tensor import Tensor
from ..trees import tree_leaves, tree_map


class Places:
    """The fresh tensors of one transform."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.recording = is_grad_enabled()  # as it is outside
        self._own: list[Tensor] = []

    def enter(self, tree: Any) -> Any:
        """The tree with a fresh place for every tensor; other leaves are refused."""
        return tree_map(self._place, tree)

    def _place(self, t: Any) -> Tensor:
        if not isinstance(t, Tensor):
            raise ValueError(f"{self.name}: expected only Tensors to differentiate at, got {type(t)}")
        if not (t.is_floating_point() or t.is_complex()):
            raise RuntimeError(
                f"{self.name}: only floating point and complex tensors have derivatives, got {t.dtype}"
            )
        if requires_grad(t) and self.recording:
            with fn.enable_grad():
                return t.clone()
        made = alias(t).requires_grad_(True)
        self._own.append(made)
        return made

    def outer(self, results: Iterable[Tensor]) -> bool:
        """Whether a leaf that is not of this transform is behind one of the results."""
        if not self.recording:
            return False
        own = {id(edge_of(t)) for t in self._own}
        waiting = [edge_of(t) for t in results if isinstance(t, Tensor)]
        seen = set()
        while waiting:
            edge = waiting.pop()
            entry = edge.entry if type(edge) is Part else edge
            if entry is None or id(entry) in seen or id(entry) in own:
                continue
            if isinstance(entry, AccumulateGrad):
                return True
            seen.add(id(entry))
            waiting += entry.edges
        return False

    def leave(self, tree: Any) -> Any:
        """The tree with its tensors off the tape, where nothing outside is behind any of them."""
        if self.outer(tree_leaves(tree)):
            return tree
        return tree_map(lambda t: alias(t) if isinstance(t, Tensor) and requires_grad(t) else t, tree)
