"""Random graphs on the cpu executor, against the reference executor: as they are, and with parts of the planner switched off."""

import pytest
from agreement import agree
from hypothesis import HealthCheck, given, settings
from random_graphs import graph, graphs

from rushlight.executors.cpu import fusion, loops, planner, rules, simplification, target
from rushlight.executors.cpu.fusion import Fusion

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(graphs())
def test_graphs(roots):
    agree(roots, (1, 3))


@relaxed
@given(graphs(empty=True))
def test_empty_sizes(roots):
    agree(roots, (2,))


@relaxed
@given(graphs(bad_indices=True))
def test_indices_out_of_range(roots):
    agree(roots, (2,))


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_larger_graphs(first):
    for seed in range(first, first + 20):
        agree(graph(seed, 40), (1, 2, 3, 7))


# ---------------------------------------------------------------- parts switched off, or forced


def check_some(first, count=25):
    for seed in range(first, first + count):
        agree(graph(seed, 30), (1, 3))


@pytest.mark.parametrize("left_out", range(len(rules.RULES)), ids=[rule.name for rule in rules.RULES])
def test_without_a_rule(monkeypatch, left_out):
    monkeypatch.setattr(simplification, "RULES", tuple(r for i, r in enumerate(rules.RULES) if i != left_out))
    check_some(1000)


def test_without_rules(monkeypatch):
    monkeypatch.setattr(simplification, "RULES", ())
    check_some(1000)


def everything(self, order):
    return {node for node in order if node.buffer is None}


def test_every_value_stored(monkeypatch):
    monkeypatch.setattr(Fusion, "_needed", everything)
    check_some(1000)


def test_every_value_in_a_kernel_of_its_own(monkeypatch):
    monkeypatch.setattr(Fusion, "_needed", everything)
    monkeypatch.setattr(fusion, "_MOST_TRIES", 0)
    check_some(1000)


def test_no_two_values_in_one_kernel(monkeypatch):
    monkeypatch.setattr(fusion, "_MOST_TRIES", 0)
    check_some(1000)


def test_reductions_in_parts(monkeypatch):
    """Every reduction that can be is cut into parts that are reduced one by one, and then together."""
    for module in (planner, fusion):
        monkeypatch.setattr(module, "FEW_ROWS", 1 << 30)
    monkeypatch.setattr(planner, "_PART", 2)
    monkeypatch.setattr(fusion, "LONG_ROW", 2)
    parts = planner.Planner._parts

    def few(self, unit, unit_loops):
        workers, self.workers = self.workers, 1 << 30
        made = parts(self, unit, unit_loops)
        self.workers = workers
        return min(made, 5)

    monkeypatch.setattr(planner.Planner, "_parts", few)
    check_some(2000, 40)


def test_narrow_blocks_of_columns(monkeypatch):
    monkeypatch.setattr(loops, "BLOCK", 32)
    monkeypatch.setattr(planner, "BLOCK", 32)
    check_some(3000)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_vectors_of_other_widths(monkeypatch, lanes):
    monkeypatch.setattr(target, "lanes", lambda: lanes)
    monkeypatch.setattr(loops, "_kernels", {})
    check_some(4000)
