"""Between two barriers workers may run in any order: one after the other, from the first or from the last, gives the same."""

import pytest
from agreement import agree_in_order
from random_graphs import graph


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("first", range(0, 200, 40))
def test_random_graphs(first, turned):
    for seed in range(first, first + 40):
        agree_in_order(graph(seed, 30), 3, turned)


@pytest.mark.parametrize("turned", [False, True])
def test_large_sizes(turned):
    for seed in range(30):
        agree_in_order(graph(seed, 20, large=True), 3, turned)
