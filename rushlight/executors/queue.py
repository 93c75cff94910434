"""What is recorded and not yet computed, and the one door through which it is computed: `realize`.

The queue holds weak references: to storages, which are what a program can still see, and to tape entries, which are
what a backward pass will still read. What is alive when a graph runs is materialized by it; the rest never exists
in memory. Programs are kept by their key, so a graph met before is not prepared again.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import getrefcount
from typing import Any
from weakref import ref

from .. import settings
from ..graph.check import check
from ..graph.lines import Line, are_noted, behind, line_of
from ..graph.node import STAND_IN, Node
from ..graph.show import show
from ..graph.walk import key_of, ordered
from .cpu import tiers
from .cpu.memory import spares
from .observing import watched
from .ran import Ran

# Weak references to objects with a `.node` (storages) and with `.values` (tape entries), in recording order.
values: list = []
saves: list = []

# How many references may wait before the queue is looked at. It grows while what waits is small.
_STRIDE = 256
limit = 1 if settings.EAGER else _STRIDE

_lock = threading.RLock()
_programs: dict[tuple, Any] = {}

# While a profile is taken: called with what ran (ran.py), step by step, and the user's lines that asked for it.
observers: list[Callable[[Ran, tuple[Line, ...]], Any]] = []

# Replaced by the benchmarks, which measure the bookkeeping alone.
compile_graph: Callable = tiers.compile


class Counters:
    """How often graphs were run and prepared: what the tests of the cache read."""

    runs = 0
    compilations = 0


def record(owner: Any) -> None:
    """Note that `owner.node` is recorded and not computed."""
    values.append(ref(owner))
    if len(values) >= limit:
        overflow()


def overflow() -> None:
    """The queue has grown to its limit: run it when it holds too much, else let it grow further."""
    global limit
    if watched.capture is not None and watched.capture.defers:
        limit = len(values) + _STRIDE
        return
    count = held = 0
    alive = []
    for reference_ in values:
        owner = reference_()
        if owner is not None and owner.node is not None and owner.node.buffer is None:
            alive.append(reference_)
            count += 1
            held += owner.node.numel * owner.node.dtype.itemsize
    if settings.EAGER or count + len(saves) >= settings.PENDING_COUNT or held >= settings.PENDING_BYTES:
        realize()
        return
    values[:] = alive
    limit = len(values) + _STRIDE


def realize(nodes: Iterable[Node] = ()) -> None:
    """Compute everything that is recorded and still reachable, and `nodes`.

    While a call is captured only a read, which asks for `nodes`, computes anything.
    """
    global limit
    if watched.capture is not None and watched.capture.postpones(nodes):
        return
    with _lock:
        roots = {node: None for node in nodes if node.buffer is None}  # in order, each once
        for owner in _taken(values):
            node = owner.node
            if node is not None and node.buffer is None:
                roots[node] = None
        for entry in _taken(saves):
            for node in entry.values or ():
                if node is not None and node.buffer is None and node.prim is not STAND_IN:
                    roots[node] = None
        limit = 1 if settings.EAGER else _STRIDE
        if roots:
            _run(list(roots))


def _taken(references: list) -> list:
    """What is alive of the objects that a list refers to, which are taken from it; other threads may add to it."""
    waiting = references[:]
    del references[: len(waiting)]
    return [alive for reference in waiting if (alive := reference()) is not None]


def _run(roots: list[Node]) -> None:
    key, inputs = key_of(roots)
    program = program_of(key, inputs, roots)
    Counters.runs += 1
    try:
        arrays = [node.buffer for node in inputs]
        results = program.run(arrays, _note(lines_of(ordered(roots)))) if observers else program.run(arrays)
    except Exception as error:
        # Nothing is lost: nodes keep their inputs, and whoever reads one of the others runs it by itself.
        _locate(error, lines_of(ordered(roots)))
        raise
    for node, result in zip(roots, results):
        node.buffer = result
        node.inputs = ()


def program_of(
    key: tuple, inputs: Sequence[Node], roots: Sequence[Node], order: Sequence[Node] | None = None
) -> Any:
    """The program of a graph, prepared unless its key was met before; `order` where it has been worked out already."""
    if settings.CHECK:
        check(order or ordered(roots))
    if "graph" in settings.SHOW:
        print(show(roots), file=sys.stderr)
    program = _programs.get(key)
    if program is None:
        if len(_programs) >= settings.PROGRAMS:
            _programs.pop(next(iter(_programs)))
        Counters.compilations += 1
        program = _programs[key] = compile_graph(order or ordered(roots), inputs, roots)
    return program


def prepared(program: Any, updates: tuple[tuple[int, int], ...] = ()) -> Any:
    """The program, made ready at once: whoever captures a call means to run it often.

    updates: pairs (root, input), by number, where the root is the new value of the storage that the input comes from.
    """
    if isinstance(program, tiers.Tiered):
        program.hint(updates)
        if not settings.VERIFY:  # which holds a first run against the reference
            program.prepare_now()
    return program


def replay(
    program: Any, arrays: list, lines: Mapping[int, tuple[str, int]], updated: Sequence[tuple[int, Any]] = ()
) -> list:
    """Run a program that was captured, on the arrays of its inputs; `lines` as from `lines_of` its graph.

    updated: (number of an input, storage) whose value is replaced by the run. Where the storage alone holds it, the array
    is overwritten.
    """
    with _lock:
        Counters.runs += 1
        try:
            note = _note(lines) if observers else None
            if updated and isinstance(program, tiers.Tiered):
                return program.run(arrays, note, _sole(arrays, updated))
            return program.run(arrays, note)
        except Exception as error:
            _locate(error, lines)
            raise


def _sole(arrays: list, updated: Sequence[tuple[int, Any]]) -> set[int]:
    """The inputs whose arrays nobody sees but through their storage."""
    kept = spares.addresses
    return {
        j
        for j, storage in updated
        # Held by: the storage, and getrefcount's argument; the node, the list, the spare arrays, and that argument.
        if id(arrays[j]) in kept and getrefcount(storage.node) == 2 and getrefcount(arrays[j]) == 4
    }


def lines_of(order: Sequence[Node]) -> dict[int, tuple[str, int]]:
    """The user's line of each node that can fail when it is run, by its place; of others too, where lines are noted."""
    noted = are_noted()
    lines = (
        (place, line_of(node))
        for place, node in enumerate(order)
        if node.buffer is None and (noted or node.prim.fallible)
    )
    return {place: line for place, line in lines if line is not None}


def _note(lines: Mapping[int, Line]) -> Callable[[Ran], None]:
    def note(ran: Ran) -> None:
        at = behind(ran.places, lines)
        for observer in tuple(observers):
            observer(ran, at)

    return note


def _locate(error: Exception, lines: Mapping[int, tuple[str, int]]) -> None:
    """Add the user's line that recorded the failing operation to the message."""
    place = getattr(error, "place", None)
    if place is None or place not in lines or not error.args:
        return
    file, line = lines[place]
    error.args = (f"{error.args[0]} (recorded at {file}:{line})", *error.args[1:])


def reset_after_fork() -> None:
    """A forked child has its own lock and none of the parent's pending work; what it reads it still computes."""
    global _lock
    _lock = threading.RLock()
    values.clear()
    saves.clear()
    tiers.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_after_fork)


__all__ = [
    "Counters", "lines_of", "observers", "overflow", "prepared", "program_of", "realize", "record", "replay", "saves", "values",
]  # fmt: skip
