"""When work happens: at reads, once a program, and only for what is still reachable."""

import gc

import numpy as np
import pytest

import rushlight as torch
from rushlight.executors import queue
from rushlight.tensor import node_of


def computed(tensor):
    return node_of(tensor).buffer is not None


def test_calls_record_and_reads_compute():
    x = torch.ones(3)
    y = x * 2 + 1
    assert not computed(y)
    assert y.tolist() == [3, 3, 3]
    assert computed(y)


def test_what_is_alive_is_computed_together_and_the_rest_never():
    x = torch.ones(3)
    dropped = x * 3
    inner = node_of(dropped)
    alive = dropped + 1
    other = x - 1
    del dropped
    gc.collect()
    alive.sum().item()
    assert computed(alive) and computed(other)
    assert inner.buffer is None


def test_a_graph_met_before_is_not_prepared_again():
    x = torch.ones(4)
    before = None
    for i in range(5):
        x = (x * 1.5).detach()
        x.sum().item()
        if i == 1:
            before = queue.Counters.compilations
    assert queue.Counters.compilations == before


def test_a_new_learning_rate_is_the_same_program():
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    counts = []
    for i in range(4):
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        counts.append(queue.Counters.compilations)
    assert counts[1] == counts[-1]


def test_the_optimizer_step_ends_the_graph():
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    assert not computed(w.grad)
    optimizer.step()
    assert computed(w) and computed(w.grad)


def test_pending_work_is_bounded(monkeypatch):
    monkeypatch.setattr("rushlight.settings.PENDING_COUNT", 300)
    x = torch.ones(2)
    kept = [x + i for i in range(2000)]
    assert sum(not computed(t) for t in kept) < 1000
    assert kept[-1].tolist() == [2000, 2000]


def test_an_error_in_one_value_leaves_the_others():
    x = torch.ones(3)
    good = x + 1
    bad = x[torch.tensor([7])]
    with pytest.raises(
        IndexError, match=r"index 7 is out of bounds for dimension 0 with size 3.*test_queue\.py:\d+"
    ):
        bad.tolist()
    assert good.tolist() == [2, 2, 2]
    assert (good * 2).tolist() == [4, 4, 4]


def test_saved_values_outlive_what_they_were_saved_from():
    w = torch.ones(3, requires_grad=True)
    y = (w * 2).exp()
    loss = (y * y).sum()
    assert loss.item() == pytest.approx(3 * np.exp(4), rel=1e-6)
    del y
    loss.backward()
    np.testing.assert_allclose(w.grad.numpy(), np.full(3, 4 * np.exp(4)), rtol=1e-5)


def test_eager_and_recorded_agree(monkeypatch):
    def work():
        torch.manual_seed(0)
        x = torch.randn(5, 4, requires_grad=True)
        y = (x @ torch.randn(4, 3)).tanh()
        y[1:, 0] = 0
        y.pow(2).sum().backward()
        return x.grad.numpy()

    recorded = work()
    monkeypatch.setattr("rushlight.settings.EAGER", True)
    monkeypatch.setattr(queue, "limit", 1)
    np.testing.assert_allclose(work(), recorded, rtol=1e-5)
