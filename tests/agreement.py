"""Running one graph on the cpu executor and on the reference executor, and telling where they differ."""

import ctypes

import numpy as np
import pytest

from rushlight.executors import reference
from rushlight.executors.cpu import program as programs
from rushlight.executors.cpu import runtime
from rushlight.executors.cpu.graphs import copied
from rushlight.executors.cpu.program import Program
from rushlight.executors.cpu.verify import problem
from rushlight.graph.walk import trace


def native(roots, workers=1):
    """(the program of `roots` on the cpu executor for so many workers, its inputs)."""
    _, inputs, order = trace(roots)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "_ALONE", 0)  # all workers, however little there is to do
        program = Program(*copied(order, inputs, roots), workers)
    return program, [node.buffer for node in inputs]


def expected(roots):
    """What the reference executor gives: results, or the exception it raises."""
    _, inputs, order = trace(roots)
    return outcome(lambda: reference.compile(order, inputs, roots).run([node.buffer for node in inputs]))


def outcome(run):
    """What run() gives: results, or the exception it raises."""
    try:
        return run()
    except Exception as error:
        return error


def agree(roots, workers=(1, 2, 3, 7)):
    """Run `roots` on both executors, with each number of workers twice; AssertionError where they differ."""
    roots = list(dict.fromkeys(roots))
    right = expected(roots)
    for count in workers:
        program, arrays = native(roots, count)
        found, again = (outcome(lambda: program.run(arrays)) for _ in range(2))  # noqa: B023
        check(right, found, roots, count)
        check_same(found, again, roots, count)


def check(right, found, roots, workers):
    if isinstance(right, Exception) or isinstance(found, Exception):
        if isinstance(found, Exception) and not isinstance(right, Exception):
            raise found
        assert (type(found), str(found)) == (type(right), str(right)), f"{workers} workers"
        return
    _, inputs, order = trace(roots)
    arrays = [node.buffer for node in inputs]
    exact = all(node.buffer is not None or rounds_alike(node.prim) for node in order)
    for i, root in enumerate(roots):
        if exact:
            same = np.array_equal(right[i], found[i], right[i].dtype.kind not in "?biu")
            wrong = "" if same else f"{found[i]}, not {right[i]}"
        else:
            wrong = problem((order, inputs, roots), arrays, i, right[i], found[i])
        assert not wrong, f"{root}, {workers} workers: {wrong}"


def rounds_alike(prim):
    """Whether there is one right result to the last bit: nothing is added up in some order, nor approximated."""
    return prim.kind in ("movement", "indexing") and prim.moves or prim.name in ROUNDED


ROUNDED = set(
    """neg abs relu copy cast add sub mul div reciprocal sqrt maximum minimum copysign floor ceil trunc where
    eq ne lt le gt ge isnan isinf isfinite amax amin any all bitwise_and bitwise_or bitwise_xor bitwise_not
    argmax argmin argsort""".split()
)


def check_same(found, again, roots, workers):
    """A program gives the same bits each time it runs."""
    if isinstance(found, Exception):
        assert str(found) == str(again)
        return
    for root, x, y in zip(roots, found, again):
        parts = zip(x, y) if isinstance(x, tuple) else [(x, y)]
        for a, b in parts:
            assert a.tobytes() == b.tobytes(), f"{root}, {workers} workers: runs differ"


# ---------------------------------------------------------------- workers in turn

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Table:
    """Stands in for the runtime's: its own address."""

    def __init__(self, entries):
        self.entries = entries
        self.address = self

    def run(self, first, last, slots, workers, turned):
        for calls in self.epochs(first, last):
            for worker in reversed(range(workers)) if turned else range(workers):
                for function, arguments, flags in calls:
                    if not flags & runtime.ALONE:
                        KERNEL(function)(arguments, slots, worker, workers)
                    elif worker == 0:
                        KERNEL(function)(arguments, slots, 0, 1)

    def epochs(self, first, last):
        calls = []
        for entry in self.entries[first:last]:
            if entry[2] & runtime.BARRIER:
                yield calls
                calls = []
            calls.append(entry)
        yield calls


def agree_in_order(roots, workers, turned):
    """Run `roots` with one worker after the other between any two barriers, from the last one if `turned`.

    A barrier that is missing, or a worker that relies on another's work, shows in one order, whatever the timing.
    """
    roots = list(dict.fromkeys(roots))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "Table", Table)
        patch.setattr(runtime, "run", lambda table, *more: table.run(*more, turned))
        made, arrays = native(roots, workers)
        found = outcome(lambda: made.run(arrays))
    check(expected(roots), found, roots, workers)
