"""What a capture is told while it watches a call: the seam between `torch.compile` and the floors below it.

`watched.capture` is None unless the calling thread is being watched; then it is the capture (compiler/recording.py),
and those who read numbers, write to storages, draw random numbers or count steps say so. Off, each of these places
costs one look at `watched.capture`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph.node import Node

# Modules that tell the compiler about the classes of packages above this one; it imports them when it is first used.
witnesses: list[str] = []


class Watched(threading.local):
    """Per thread: the capture that watches it."""

    capture: Any = None


watched = Watched()


class Feed:
    """What the host makes anew for every run of a captured program: random numbers, learning rates, step counts.

    `nodes` are the inputs it stood for when it was captured. A replay asks `holds` before anything has happened, then
    for `arrays`, and calls `commit` when the program has run.
    """

    nodes: Sequence[Node] = ()
    advances: Sequence[Any] = ()  # what nothing else in the call may advance as well

    def holds(self) -> bool:
        """Whether the captured program is still the right one; changes nothing."""
        return True

    def arrays(self) -> Sequence[np.ndarray]:
        """This run's arrays, one for each of `nodes`."""
        return ()

    def commit(self) -> None:
        """The run has succeeded: go on to the next."""


class Action(Feed):
    """Something that the host does between random draws, such as seeding their stream, done again at each replay."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    def arrays(self) -> Sequence[np.ndarray]:
        self.act()
        return ()


class Conclusion(Feed):
    """Something that the host does after the program has run, such as a step of a schedule."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    def commit(self) -> None:
        self.act()


def conclude(act: Callable[[], Any]) -> None:
    """Do something on the host that reads and writes no tensor; a capture does it again after each replay."""
    capture = watched.capture
    if capture is None or capture.paused:
        act()
        return
    capture.feed(Conclusion(act))
    with capture.pause():
        act()


def refuse(reason: str) -> None:
    """This call cannot be captured: it does what a replay could not do again."""
    capture = watched.capture
    if capture is not None and not capture.paused:
        capture.refuse(reason)


def unchanging(node: Node) -> Node:
    """The node, whose numbers were made from the program's own Python numbers: in a capture, always the same."""
    capture = watched.capture
    if capture is not None:
        capture.keep(node)
    return node


__all__ = ["Action", "Conclusion", "Feed", "conclude", "refuse", "unchanging", "watched", "witnesses"]
