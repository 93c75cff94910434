"""Checks of values: at the call when the numbers are known by then, else when they are computed.

Nothing here makes a computation happen. A view of numbers that are there counts as known. To a capture only numbers
that never change are known: others are checked by its program, each time.
"""

from __future__ import annotations

import numpy as np

from ..autograd.record import primitive
from ..executors.observing import watched
from ..ops import checking
from ..tensor import Tensor, node_of


def known(tensor: Tensor) -> np.ndarray | None:
    """The numbers, which nobody may write to, if they have been computed already."""
    node = node_of(tensor)
    buffer = node.buffer
    if watched.capture is not None and not watched.capture.knows(node):
        return None
    view = tensor._view
    if buffer is None and view is not None:
        base = tensor._storage.node
        if base is not None and base.buffer is not None:
            buffer = base.buffer
            for step, params in view.steps:
                buffer = step.numpy(np, buffer, *params)
    return buffer


def need_within(
    tensor: Tensor, low: float, high: float, error: str, message: str, nan: bool = False
) -> Tensor:
    """The tensor, whose elements have to be in [low, high]; `nan` lets NaN pass.

    Raises: the error named `error`, now or when the tensor is computed; {} in the message is the first bad element.
    """
    numbers = known(tensor)
    if numbers is None:
        return primitive(checking.within, (tensor,), (low, high, nan, error, message))
    if numbers.size and not (numbers.min() >= low and numbers.max() <= high):
        checking.refuse(checking.outside(np, numbers, low, high, nan), error, message)
    return tensor
