"""Results that may take an input's place in memory: the new values of parameters, once nobody needs the old ones.

Three things have to hold. In the kernel every element of the input is read where, and before, the element of the result is
stored (`candidates`). Whatever else reads the input has done so, all workers of it (`allowed`). And nothing can fail any more,
so what overwrites comes last. Whether anybody else holds the input is for the caller of a run to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...graph.node import CONSTANT, Node
from .expression import MAP, Expr, Loops
from .fusion import Unit
from .kernel import Buffer, Call

# With fewer bytes to be saved, running the rest apart from the updates would cost more.
LEAST_BYTES = 1 << 20


def candidates(units: Iterable[Unit]) -> dict[Node, set[Node]]:
    """For each value that a kernel computes element by element: the inputs that it may be stored over, for all the kernel knows."""
    found: dict[Node, set[Node]] = {}
    for unit in units:
        if unit.loops is None or unit.form != MAP:
            continue
        places: dict[Node, set[Expr]] = {}
        for sink in unit.loops.sinks.values():
            for load in _loads(unit.loops, sink.expr):
                places.setdefault(load.data[0], set()).add(load)
        for node, sink in unit.loops.sinks.items():
            for load in _loads(unit.loops, sink.expr):
                source, address, factors = load.data
                alike = source.shape == node.shape and source.dtype is node.dtype
                given = source.buffer is not None and source.prim is not CONSTANT
                if alike and given and not factors and address == sink.address and places[source] == {load}:
                    found.setdefault(node, set()).add(source)
    return found


def _loads(loops: Loops, root: Expr) -> list[Expr]:
    """What an expression reads from memory, also through other sinks of the kernel."""
    met: set[Expr] = set()
    waiting = [root]
    while waiting:
        e = waiting.pop()
        if e not in met:
            met.add(e)
            waiting += e.args
            if e.op == "sink":
                waiting.append(loops.sinks[e.data].expr)
    return [e for e in met if e.op == "load"]


def put_last(steps: list[Any], buffers: Mapping[Node, Buffer], results: set[Buffer]) -> list[Any]:
    """The planner's steps, those that compute `results` after all others where that changes nothing else.

    buffers: of the nodes that the reference executor reads and makes.
    """
    kept: list[Any] = []
    late: list[Any] = []
    read: set[Buffer] = set()  # by what is kept, after the step in question
    written: set[Buffer] = set()
    for step in reversed(steps):
        reads = _whole(b for call in step.calls for b in call.reads)
        writes = _whole(b for call in step.calls for b in (*call.writes, *call.shares))
        reads |= {buffers[n] for n in step.reads if n in buffers}
        if not results.isdisjoint(writes) and writes.isdisjoint(read | written) and reads.isdisjoint(written):
            late.append(step)
        else:
            kept.append(step)
            read |= reads
            written |= writes
    return kept[::-1] + late[::-1]


def _whole(buffers: Iterable[Buffer]) -> set[Buffer]:
    return {b.whole or b for b in buffers}


def allowed(
    pairs: Mapping[Buffer, Buffer], calls: Sequence[Call], waits: Sequence[bool], first: int
) -> dict[Buffer, tuple[Buffer, int]]:
    """Of pairs, an input by its result: by result, the input and the number of the call that updates it.

    first: the number of the first call after everything that can fail.
    """
    epoch, epochs = 0, []
    for wait in waits:
        epoch += wait
        epochs.append(epoch)
    writers: dict[Buffer, list[int]] = {}
    readers: dict[Buffer, list[int]] = {}
    for i, call in enumerate(calls):
        for buffer in (*call.writes, *call.shares):
            writers.setdefault(buffer.whole or buffer, []).append(i)
        for buffer in call.reads:
            readers.setdefault(buffer.whole or buffer, []).append(i)
    found: dict[Buffer, tuple[Buffer, int]] = {}
    taken: set[Buffer] = set()
    for result, source in pairs.items():
        at = writers.get(result, [])
        if source in taken or len(at) != 1 or at[0] < first:
            continue
        if all(i == at[0] or epochs[i] < epochs[at[0]] for i in readers.get(source, [])):
            found[result] = source, at[0]
            taken.add(source)
    return found
