"""Results that are stored over an input: random graphs give what they give without, and failing ones leave inputs alone."""

import numpy as np
import pytest
from agreement import Table, check, expected, outcome
from random_graphs import graph

from rushlight.executors.cpu import program as programs
from rushlight.executors.cpu import runtime, updating
from rushlight.executors.cpu.graphs import copied
from rushlight.executors.cpu.program import Program
from rushlight.graph.walk import trace


def updated(roots, workers, turned=None):
    """(how many inputs were overwritten, how many results could have been stored over one)."""
    roots = list(dict.fromkeys(roots))
    _, inputs, order = trace(roots)
    right = expected(roots)
    pairs = [
        (i, j)
        for i, root in enumerate(roots)
        for j, node in enumerate(inputs)
        if (root.shape, root.dtype) == (node.shape, node.dtype)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "_ALONE", 0)
        patch.setattr(updating, "LEAST_BYTES", 0)
        if turned is not None:
            patch.setattr(runtime, "Table", Table)
            patch.setattr(runtime, "run", lambda table, *more: table.run(*more, turned))
        made = Program(*copied(order, inputs, roots), workers, pairs)
        arrays = [np.array(node.buffer) for node in inputs]
        found = outcome(lambda: made.run(arrays, None, range(len(inputs))))
    check(right, found, roots, workers)
    changed = [a.tobytes() != np.array(n.buffer).tobytes() for a, n in zip(arrays, inputs)]
    if isinstance(found, Exception):
        assert not any(changed)
    else:
        assert not any(c for j, c in enumerate(changed) if j not in made.image.updates.values())
    return len(made.image.updates), len(pairs)


@pytest.mark.parametrize("first", range(0, 300, 60))
def test_random_graphs(first):
    stored = sum(updated(graph(seed, 14), (1, 2, 3)[seed % 3])[0] for seed in range(first, first + 60))
    assert stored > 3


@pytest.mark.parametrize("turned", [False, True])
def test_workers_in_turn(turned):
    for seed in range(150):
        updated(graph(seed, 30, large=seed % 3 == 0), 3, turned)


def test_graphs_that_fail():
    for seed in range(200):
        updated(graph(seed, 14, bad_indices=True), 2)
