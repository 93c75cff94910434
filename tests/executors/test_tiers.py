"""Which executor runs a graph when: at the first meeting, at the second, and later."""

import numpy as np
import pytest

from rushlight import dtypes, settings
from rushlight.executors.cpu import archive, costs, target, tiers
from rushlight.graph.node import of_array
from rushlight.graph.walk import trace

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def automatic(tmp_path, monkeypatch):
    """No switches, and an empty folder."""
    monkeypatch.setattr(settings, "EXECUTOR", "auto")
    monkeypatch.setattr(settings, "VERIFY", False)
    monkeypatch.setattr(settings, "SHOW", frozenset())
    monkeypatch.setattr(tiers.Policy, "repeatable", False)
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    monkeypatch.setattr(archive, "LEAST_NODES", 1)


class Graph:
    """A small graph, and what its runs give."""

    def __init__(self, rows=4):
        def given(*shape):
            return of_array(rng.standard_normal(shape).astype(np.float32), dtypes.float32)

        self.roots = [(given(rows, 6) @ given(6, 5)).tanh().sum((1,), False)]
        _, self.inputs, self.order = trace(self.roots)
        self.program = tiers.compile(self.order, self.inputs, self.roots)

    def run(self):
        """Whether the native program ran."""
        arrays = [node.buffer for node in self.inputs]
        (found,) = self.program.run(arrays)
        (right,) = self.program.reference.run(arrays)
        np.testing.assert_allclose(found, right, 1e-5, 1e-6)
        return self.program.native is not None


def cost(monkeypatch, **seconds):
    """Set what costs.py says: `reference`, `looking`, `planning`, `compiling`."""
    for name, value in seconds.items():
        monkeypatch.setattr(costs, f"of_{name}", lambda _, value=value: value)


def test_a_graph_that_is_quickly_run_is_run_on_the_reference_executor_once(monkeypatch):
    cost(monkeypatch, reference=1e-6, looking=1.0)
    graph = Graph()
    assert not graph.run()
    graph.run()
    tiers.settle()
    assert graph.run()


def test_a_graph_that_takes_long_is_prepared_first(monkeypatch):
    cost(monkeypatch, reference=10.0)
    assert Graph().run()


def test_a_graph_is_planned_at_once_and_compiled_in_the_background(monkeypatch):
    cost(monkeypatch, reference=10.0, looking=0.0, planning=0.0, compiling=30.0)
    monkeypatch.setattr(target, "_loaded", {})
    monkeypatch.setattr(target, "_keys", {})
    graph = Graph()
    assert not graph.run()
    tiers.settle()
    assert graph.run()


def test_a_graph_whose_kernels_all_exist_is_compiled_never(monkeypatch):
    cost(monkeypatch, reference=1.0, looking=0.0, planning=0.0)
    assert Graph(8).run()
    before = target.Counters.compiled
    assert Graph(9).run() and target.Counters.compiled == before


def test_a_program_on_disk_is_used_though_planning_it_would_not_be_worth_while(monkeypatch):
    cost(monkeypatch, reference=1.0, looking=0.0, planning=0.0)
    assert Graph().run()
    cost(monkeypatch, reference=1.0, looking=0.5, planning=3.0)
    assert Graph().run()
    assert not Graph(5).run()


def test_the_time_that_the_first_run_took_decides_when_the_graph_is_met_again(monkeypatch):
    cost(monkeypatch, reference=0.0, looking=1.0, planning=1.0, compiling=1.0)
    graph = Graph()
    assert not graph.run()
    graph.program.took = 2.0
    assert graph.run()


@pytest.mark.parametrize("switch", ["EXECUTOR", "repeatable"])
def test_switches_that_prepare_every_graph_first(monkeypatch, switch):
    cost(monkeypatch, reference=0.0, looking=1.0)
    if switch == "EXECUTOR":
        monkeypatch.setattr(settings, "EXECUTOR", "cpu")
    else:
        monkeypatch.setattr(tiers.Policy, "repeatable", True)
    assert Graph().run()


def test_a_graph_that_cannot_be_prepared_stays_with_the_reference_executor(monkeypatch):
    cost(monkeypatch, reference=10.0)
    monkeypatch.setattr(settings, "CHECK", False)
    monkeypatch.setattr(archive, "name_of", lambda *_: 1 / 0)
    graph = Graph()
    assert not graph.run() and not graph.run()
    assert graph.program.failed and "ZeroDivisionError: division by zero" in tiers.problems
    tiers.problems.remove("ZeroDivisionError: division by zero")


def test_estimates_are_of_the_right_size():
    """A product of 8 million, and 100 additions of 1000 numbers: milliseconds, not micro- or whole seconds."""
    big = of_array(np.zeros((400, 400), np.float32), dtypes.float32)
    _, _, order = trace([big @ big])
    assert 5e-4 < costs.of_reference(order) < 0.05
    small = of_array(np.zeros(1000, np.float32), dtypes.float32)
    for _ in range(100):
        small = small + small
    _, _, order = trace([small])
    assert 1e-4 < costs.of_reference(order) < 0.01
