"""`Recording`: what a capture is told while the call it watches runs.

It is `watched.capture` of its thread (executors/observing.py). Nothing is computed until the call is over, so that all
it records becomes one program. What a replay could not do again makes the recording fail; from then on the call runs as
any other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from weakref import ref

from ..errors import CaptureError
from ..executors import queue
from ..executors.observing import Feed, watched
from ..graph.node import CONSTANT, FIXED, Node
from ..graph.registry import user_line
from ..memory import Storage
from ..tensor import Tensor
from .running import Running

# One call is recorded at a time; others run uncaptured meanwhile.
one_at_a_time = threading.Lock()


class Written:
    """A storage that was written to: its value and version before."""

    __slots__ = ("storage", "node", "version")

    def __init__(self, storage: Storage) -> None:
        self.storage, self.node, self.version = ref(storage), storage.node, storage.version


class Met:
    """A tensor whose gradient was looked at, or dropped without a look: what it was before."""

    __slots__ = ("tensor", "grad", "cleared")

    def __init__(self, tensor: Tensor, cleared: bool) -> None:
        self.tensor, self.grad, self.cleared = ref(tensor), tensor._grad, cleared


class Recording:
    """A context; `failed` is None or (reason, file, line) afterwards.

    `written` and `met` are by identity; `feeds` in order; `kept`: nodes of numbers that never change. `postponed` says
    that the call asked for a realize that was left for its end, `fresh` that it made state which later calls will find.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.running = Running()
        self.failed: tuple[str, str, int] | None = None
        self.written: dict[int, Written] = {}
        self.met: dict[int, Met] = {}
        self.feeds: list[Feed] = []
        self.kept: set[Node] = set()
        self.postponed = self.fresh = False
        self.paused = 0
        self._covered: list[tuple[Storage, Node]] = []

    def __enter__(self) -> Recording:
        watched.capture = self
        self.running.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.running.__exit__()
        watched.capture = None

    # ------------------------------------------------------------ told by the floors below

    @property
    def defers(self) -> bool:
        """Whether nothing is computed now."""
        return self.failed is None

    def postpones(self, nodes: Iterable[Node]) -> bool:
        """Whether `realize(nodes)` is left for the end of the call."""
        if self.failed is not None or self.paused:
            return False
        if nodes:
            self.reads("a tensor's numbers are needed")
            return False
        self.postponed = True
        return True

    def reads(self, what: str, node: Node | None = None) -> None:
        """The host asks for numbers: a replay could not tell them to the Python code that is not run again."""
        if not self.paused and not (node is not None and self.knows(node)):
            self.refuse(what)

    def knows(self, node: Node) -> bool:
        """Whether a node's numbers are the same in every call."""
        return node.prim is CONSTANT or node.prim is FIXED or node in self.kept

    def writes(self, storage: Storage) -> None:
        """A storage is about to get another value."""
        if self.paused:
            self.refuse("the host writes to a tensor")
        before = self.written.get(id(storage))
        if before is None or before.storage() is not storage:
            self.written[id(storage)] = Written(storage)

    def feed(self, feed: Feed) -> None:
        """The program gets something from the host."""
        self.feeds.append(feed)

    def keep(self, node: Node) -> None:
        """The node's numbers are the program's own."""
        self.kept.add(node)

    def makes_state(self) -> None:
        """The call makes what later calls will find: what it does is not what they will do."""
        self.fresh = True

    def meets_gradient(self, tensor: Tensor, cleared: bool = False) -> None:
        """`tensor.grad` is read, or (`cleared`) set without having been read."""
        before = self.met.get(id(tensor))
        if before is None or before.tensor() is not tensor:
            self.met[id(tensor)] = Met(tensor, cleared)

    def refuse(self, reason: str) -> None:
        """The call does what a replay could not do again."""
        if self.failed is None:
            self.failed = (reason, *user_line())
            self.uncover()
            if self.strict:
                raise CaptureError(
                    f"{reason} at {self.failed[1]}:{self.failed[2]}, inside a function compiled with fullgraph=True"
                )

    @contextmanager
    def pause(self) -> Iterator[None]:
        """What happens inside is the host's own: it is done again, not replayed."""
        self.paused += 1
        self.running.paused += 1
        try:
            yield
        finally:
            self.paused -= 1
            self.running.paused -= 1

    # ------------------------------------------------------------ memory that others can see

    def cover(self, storages: Iterable[Storage]) -> None:
        """Let ordinary values stand for memory that was handed out, until the call is over."""
        for storage in storages:
            if storage.node is None and storage.cover():
                self._covered.append((storage, storage.current()))

    def uncover(self) -> None:
        """Write what those storages hold now into their memory."""
        covered, self._covered = self._covered, []
        pending = [s.node for s, before in covered if s.node is not before and s.node.buffer is None]
        if pending:
            with self.pause():
                queue.realize(pending)
        for storage, before in covered:
            storage.uncover(before)
