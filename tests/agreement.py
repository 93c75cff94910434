"""Running one graph on the cpu executor and on the reference executor, and telling where they differ."""

import pytest

from rushlight.executors import reference
from rushlight.executors.cpu.graphs import copied
from rushlight.executors.cpu.program import Program
from rushlight.executors.cpu.verify import problem
from rushlight.graph.walk import trace


def native(roots, workers=1):
    """(the program of `roots` on the cpu executor for so many workers, its inputs)."""
    _, inputs, order = trace(roots)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "rushlight.executors.cpu.program._ALONE", 0
        )  # all workers, however little there is to do
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
    for i, root in enumerate(roots):
        wrong = problem((order, inputs, roots), arrays, i, right[i], found[i])
        assert not wrong, f"{root}, {workers} workers: {wrong}"


def check_same(found, again, roots, workers):
    """A program gives the same bits each time it runs."""
    if isinstance(found, Exception):
        assert str(found) == str(again)
        return
    for root, x, y in zip(roots, found, again):
        parts = zip(x, y) if isinstance(x, tuple) else [(x, y)]
        for a, b in parts:
            assert a.tobytes() == b.tobytes(), f"{root}, {workers} workers: runs differ"
