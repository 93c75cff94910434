"""Weight decay added to the gradient, as most algorithms have it."""

from __future__ import annotations

from typing import Any

from ..graph.node import Node
from .clock import number


def decay_of(group: dict[str, Any]) -> float | None:
    """The group's weight decay as a number of the step; None where there is none."""
    decay = number(group["weight_decay"])
    return float(decay) if decay != 0 else None


def decayed(p: Node, g: Node, n: dict[str, Any]) -> Node:
    """The gradient with decay * p added, where n["decay"] is not None."""
    return g if n["decay"] is None else g + p * n["decay"]
