"""When a graph is worth preparing: at once if that takes less time than doing without, else when it is met again.

A graph that is met for the first time is prepared before it runs where that is expected to take less time than the run on
the reference executor (costs.py): because its program is on disk (archive.py), or its kernels are, or the run is long.
Otherwise it runs on the reference executor. When it is met again the same is asked with the time that the first run took;
if the answer is no, a background thread prepares its native program, and runs go on as before until that is ready.

With RUSHLIGHT_EXECUTOR=cpu every graph is prepared before its first run, as where RUSHLIGHT_SHOW is to show it or a profile
is taken, and as after use_deterministic_algorithms(True): the two executors' last digits differ, and so would two runs that
change over at different steps. With =reference none is. RUSHLIGHT_VERIFY=1 holds the first run of every native program
against the reference executor.
"""

from __future__ import annotations

import queue as queues
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ... import settings
from ...graph import lines
from ...graph.node import Node
from .. import reference
from ..ran import PREPARING, Ran
from ..threads import Threads
from . import costs
from .graphs import copied
from .preparing import Preparation


class Policy:
    """`repeatable`: every graph is prepared before its first run, so that results do not depend on when that is done."""

    repeatable = False


# What of RUSHLIGHT_SHOW is about native programs.
_NATIVE = frozenset(("kernels", "memory", "llvm"))
if "kernels" in settings.SHOW:
    lines.begin()

# Times a graph runs on the reference executor before it is prepared.
PATIENCE = 1


class Tiered:
    """A graph's program: the reference executor's, and the native one once there is one."""

    __slots__ = (
        "reference", "native", "runs", "graph", "failed", "planned", "updates", "preparation", "took", "__weakref__",
    )  # fmt: skip

    def __init__(self, order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> None:
        self.reference = reference.compile(order, inputs, roots)
        self.native: Any = None
        self.runs = 0
        self.graph: Any = None
        self.failed = False
        self.took = 0.0  # seconds of the last run on the reference executor
        self.planned = 0  # for how many threads the native program was made
        self.preparation: Preparation | None = None  # as far as it has come
        self.updates: tuple[tuple[int, int], ...] = ()  # roots that are new values of inputs; see program.py

    def run(
        self, arrays: Sequence[np.ndarray], note: Callable | None = None, sole: Collection[int] = ()
    ) -> list[Any]:
        """The values of the roots; see reference.Program.run, and for `sole` program.py."""
        if note is not None:
            return self._observed(arrays, note, sole)
        native = self.native
        if native is None:
            return self._cold(arrays, note)
        if self.planned != Threads.count:
            self.native, self.runs = None, 0
            self.prepare()
            return self.reference.run(arrays, note)
        return native.run(arrays, note, sole)

    def _cold(self, arrays: Sequence[np.ndarray], note: Callable | None) -> list[Any]:
        self.runs += 1
        if settings.EXECUTOR == "cpu" or settings.VERIFY or Policy.repeatable or _NATIVE & settings.SHOW:
            self.prepare_now()
            if self.native is not None:
                return self._verified(arrays) if settings.VERIFY else self.native.run(arrays, note)
        elif 0 < self.runs <= PATIENCE + 1:
            self._meet()
            if self.native is not None:
                return self.native.run(arrays, note)
        start = time.perf_counter()
        results = self.reference.run(arrays, note)
        self.took = time.perf_counter() - start
        return results

    def _observed(self, arrays: Sequence[np.ndarray], note: Callable, sole: Collection[int]) -> list[Any]:
        """A run that is told of step by step. It is to show what later runs do, so it is prepared first."""
        if settings.EAGER or settings.EXECUTOR == "reference":
            return self.reference.run(arrays, note)
        if self.native is None or self.planned != Threads.count or self.native.work is None:
            start = time.perf_counter_ns()
            self.native = None
            self._make(Preparation.described)
            if self.native is not None:
                self.native.work  # noqa: B018  described here, not in a kernel's time
            note(Ran(PREPARING, start, time.perf_counter_ns()))
            if settings.VERIFY and self.native is not None:
                self._verified(arrays)
        if self.native is None:
            return self.reference.run(arrays, note)
        return self.native.run(arrays, note, sole)

    def _verified(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        from .verify import verified

        return verified(self.native, self.reference, self.graph, arrays)

    # ------------------------------------------------------------ preparing

    def hint(self, updates: tuple[tuple[int, int], ...]) -> None:
        """Say which roots are new values of inputs. A native program that does not know is made anew."""
        if updates and updates != self.updates:
            self.updates, self.native, self.preparation = updates, None, None

    def prepare(self) -> None:
        """Have the native program made in the background."""
        if not self.failed and self.graph is not None and self.runs >= 0:
            self.runs = -(1 << 60)
            _background.add(self)

    def prepare_now(self) -> None:
        """Make the native program."""
        self._make(Preparation.whole)

    def _meet(self) -> None:
        """Make the native program if it can be had sooner than the reference executor's results, else later."""
        if self.graph is None:
            return
        given = self.took if self.runs > 1 else costs.of_reference(self.graph[0])
        self._make(lambda preparation: preparation.at_once(given))
        started = self.preparation is not None and self.preparation.plan is not None
        if self.native is None and (started or self.runs > PATIENCE):
            self.prepare()

    def _make(self, how: Callable[[Preparation], Any]) -> None:
        if self.failed or self.graph is None or self.native is not None:
            return
        if self.planned != Threads.count or self.preparation is None:
            self.planned = Threads.count
            self.preparation = Preparation(self.graph, self.planned, self.updates)
        try:
            native = how(self.preparation)
            if native is not None and settings.SHOW:
                from .showing import show

                show(native)
            self.native = native
        except Exception as error:
            self.failed = True
            report(error)
            if settings.VERIFY or settings.CHECK:
                raise
        if self.native is not None:
            self.preparation = None


def compile(order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> Any:
    """The program of a graph, `order` as from graph.walk.trace."""
    if settings.EXECUTOR == "reference" or settings.EAGER:
        return reference.compile(order, inputs, roots)
    program = Tiered(order, inputs, roots)
    program.graph = copied(order, inputs, roots)
    return program


def report(error: Exception) -> None:
    """Say once that a graph stays with the reference executor: nothing is lost but speed."""
    text = f"{type(error).__name__}: {error}"
    if text in _reported:
        return
    _reported.add(text)
    problems.append(text)
    if settings.SHOW:
        print(f"rushlight: a graph stays with the reference executor: {text}", file=sys.stderr)


problems: list[str] = []
_reported: set[str] = set()


class _Background:
    """One daemon thread that prepares programs in the order they were asked for."""

    def __init__(self) -> None:
        self.waiting: queues.SimpleQueue[Tiered] = queues.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.busy = 0

    def add(self, program: Tiered) -> None:
        self.busy += 1
        self.waiting.put(program)
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self._work, name="rushlight-compiler", daemon=True)
            self.thread.start()

    def _work(self) -> None:
        while True:
            program = self.waiting.get()
            try:
                program.prepare_now()
            finally:
                self.busy -= 1

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]


_background = _Background()


def reset_after_fork() -> None:
    """A forked child has no compiler thread; programs that were being prepared there start afresh."""
    _background.reset()


def settle() -> None:
    """Wait until nothing is being prepared: for tests and benchmarks."""
    while _background.busy:
        time.sleep(0.001)
