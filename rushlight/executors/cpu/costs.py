"""What things cost before a program runs, roughly: a run on the reference executor, planning, compiling.

Measured on two cores of a 2023 server; all that is asked of the numbers is which of two costs is the larger. Seconds of wall
time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from ...graph.node import Node
from ..threads import CORES

# The reference executor: a node by itself, an element, a multiplication with its addition, and a number of a convolution's
# windows, which it writes out.
_NODE, _ELEMENT, _PRODUCT, _WINDOW = 5e-6, 1.5e-9, 3e-11, 3e-9
_ATTENTION = 4e-10

_FOUND_NODE, _PLANNED_NODE = 1e-5, 1e-4
_LOADER = 0.05  # loading LLVM, which the first program pays for
_PLANNER = 0.03  # loading what plans, which the first program pays for
_CHARACTER = 9e-7  # of a kernel's text


def of_reference(order: Sequence[Node]) -> float:
    """One run of a graph."""
    return sum([_of_node(node) for node in order if node.buffer is None])


def _of_node(node: Node) -> float:
    name = node.prim.name
    if isinstance(node.dtype, tuple):
        if not name.startswith("attention"):
            return _NODE
        *_, q, k, _ = node.inputs
        return _NODE + _ATTENTION * q.numel * k.shape[-2]
    if name == "matmul":
        return _NODE + _PRODUCT * node.numel * node.inputs[0].shape[-1]
    if name == "convolution":
        weight = node.inputs[1]
        channels = max(1, weight.shape[0])
        window = weight.numel // channels
        return _NODE + window * node.numel * (_PRODUCT + _WINDOW / channels)
    if node.prim.layout is not None:
        return _NODE
    sizes = [source.numel for source in node.inputs if not isinstance(source.dtype, tuple)]
    return _NODE + _ELEMENT * max(node.numel, *sizes, 0)


def of_looking(order: Sequence[Node]) -> float:
    """Looking for a planned program on disk and loading it."""
    return _FOUND_NODE * len(order) + (0 if f"{__package__}.archive" in sys.modules else _LOADER)


def of_planning(order: Sequence[Node]) -> float:
    """Planning a graph."""
    loaded = f"{__package__}.program" in sys.modules
    return _PLANNED_NODE * len(order) + (0 if loaded else _PLANNER)


def of_compiling(texts: Iterable[str]) -> float:
    """Compiling kernels, by all cores."""
    lengths = [len(text) for text in texts]
    return _CHARACTER * max(sum(lengths) / min(CORES, 8), *lengths, 0)


__all__ = ["of_compiling", "of_looking", "of_planning", "of_reference"]
