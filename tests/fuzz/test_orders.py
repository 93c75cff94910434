"""Between two barriers workers may run in any order: one after the other, from the first or from the last, gives the same.

A barrier that is missing, or a worker that relies on another's work, shows in one of the two orders, whatever the timing.
"""

import ctypes

import pytest
from agreement import check, expected, native, outcome
from random_graphs import graph

from rushlight.executors.cpu import program, runtime

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
    roots = list(dict.fromkeys(roots))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program.runtime, "Table", Table)
        patch.setattr(program.runtime, "run", lambda table, *more: table.run(*more, turned))
        made, arrays = native(roots, workers)
        found = outcome(lambda: made.run(arrays))
    check(expected(roots), found, roots, workers)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("first", range(0, 200, 40))
def test_random_graphs(first, turned):
    for seed in range(first, first + 40):
        agree_in_order(graph(seed, 30), 3, turned)


@pytest.mark.parametrize("turned", [False, True])
def test_large_sizes(turned):
    for seed in range(30):
        agree_in_order(graph(seed, 20, large=True), 3, turned)
