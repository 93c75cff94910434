"""The user's line of every node: noted only while something asks for it, so that recording otherwise pays nothing.

While lines are noted the class `Node` has another attribute in the place of one. Nodes of primitives that can fail have a line at all times.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .node import Node
from .registry import user_line

Line = tuple[str, int]  # file and number


class _Noting:
    """Stands for the slot `params` of nodes, which is written when a node is made, in whatever way, and never again."""

    count = 0  # how many ask for lines at present

    def __init__(self, slot: Any) -> None:
        self.read, self.write = slot.__get__, slot.__set__

    def __get__(self, node: Node | None, kind: type) -> Any:
        return self.read(node, kind)

    def __set__(self, node: Node, value: tuple) -> None:
        self.write(node, value)
        node.line = user_line()


_lock = threading.Lock()
_slot: Any = vars(Node)["params"]


def begin() -> None:
    """Note the line of every node made from now on, until `end`."""
    with _lock:
        _Noting.count += 1
        Node.params = _Noting(_slot)  # type: ignore[misc, assignment]


def end() -> None:
    """One asker less."""
    with _lock:
        _Noting.count -= 1
        if not _Noting.count:
            Node.params = _slot  # type: ignore[misc]


@contextmanager
def noted() -> Iterator[None]:
    """Lines are noted inside the block."""
    begin()
    try:
        yield
    finally:
        end()


def are_noted() -> bool:
    """Whether nodes made now keep their line."""
    return bool(_Noting.count)


def line_of(node: Node) -> Line | None:
    """The line that recorded the node, if it was noted."""
    return getattr(node, "line", None)


def behind(places: Iterable[int], lines: Mapping[int, Line]) -> tuple[Line, ...]:
    """The different lines of the nodes at these places of a graph, in their order."""
    found = (lines.get(place) for place in places)
    return tuple(dict.fromkeys(line for line in found if line is not None))


def written(lines: Iterable[Line], most: int = 3) -> str:
    """'train.py:12, model.py:7' as people read it; of more than `most` the number of the others."""
    texts = [f"{file.replace(chr(92), '/').rpartition('/')[2]}:{number}" for file, number in lines]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


__all__ = ["Line", "are_noted", "begin", "behind", "end", "line_of", "noted", "written"]
