"""A graph is checked by running its own rules again.

`RUSHLIGHT_CHECK=1` does it before every run and after every rewrite; the tests always do.
"""

from __future__ import annotations

from collections.abc import Iterable

from .node import Node, Source


def check(order: Iterable[Node]) -> None:
    """Raise AssertionError at the first node whose shape or dtype is not what its rules give."""
    seen: set[Node] = set()
    for node in order:
        if node.buffer is not None or isinstance(node.prim, Source):
            seen.add(node)
            continue
        missing = [source for source in node.inputs if source not in seen]
        if missing:
            raise AssertionError(f"{node!r} comes before its input {missing[0]!r}")
        shape, dtype = node.prim.derive(node)
        if tuple(shape) != node.shape or dtype is not node.dtype and dtype != node.dtype:
            raise AssertionError(f"{node!r} should be {dtype} {list(shape)}")
        hash(node.params)
        seen.add(node)
