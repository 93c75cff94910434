"""How the native program of a graph comes about: found on disk, or planned and its kernels compiled.

What plans is imported only when there is nothing on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import settings
from . import costs

# How many times the reference executor's time it may take: a graph that is met is likely to be met again, in this process or
# another, and so are its kernels.
_HOPE = 2


class Preparation:
    """One graph for so many workers; `updates` as in program.py. Steps that have been done are not done again."""

    def __init__(self, graph: tuple, workers: int, updates: Sequence[tuple[int, int]]) -> None:
        self.graph, self.workers, self.updates = graph, workers, tuple(updates)
        self.plan: Any = None
        self._name: str | None = None
        self._looked = False

    def whole(self) -> Any:
        """The program, ready to run."""
        return self._found() or self.described()

    def at_once(self, given: float) -> Any:
        """The program where that is worth while if a run without it takes the given seconds, else None."""
        order = self.graph[0]
        given *= _HOPE
        if costs.of_looking(order) > given:
            return None
        found = self._found()
        if found is not None or costs.of_planning(order) > given:
            return found
        from . import target

        texts = self._planned().texts
        return self.described() if costs.of_compiling(target.to_compile(texts)) <= given else None

    def _found(self) -> Any:
        """The program from disk."""
        if self._looked or settings.SHOW:  # what is shown has to be planned
            return None
        from . import archive

        self._looked = True
        self._name = archive.name_of(self.graph, self.workers, self.updates)
        return archive.find(self._name, self.graph)

    def _planned(self) -> Any:
        from .program import Program

        if self.plan is None:
            order, inputs, roots = self.graph
            self.plan = Program(order, inputs, roots, self.workers, self.updates, load=False)
        return self.plan

    def described(self) -> Any:
        """The program, ready to run, and able to say what its steps do: one from disk is not."""
        program = self._planned()
        program.load()
        if self._name is not None:
            from . import archive

            archive.keep(self._name, program.image)
        return program
