"""The register of operations that have native kernels: by the name of their primitive.

A handler is (planner, node) -> calls, or None to leave this node to the reference executor. STRIDED operations read
their operands through any strides (`planner.read`), the others from row-major memory (`planner.memory`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HANDLERS: dict[str, Callable[[Any, Any], Any]] = {}
STRIDED: set[str] = set()


def handler(*names: str, strided: bool = False) -> Callable:
    """Register a function as the handler of these primitives."""

    def register(function: Callable) -> Callable:
        for name in names:
            HANDLERS[name] = function
            if strided:
                STRIDED.add(name)
        return function

    return register
