"""The machine's limits: sound numbers, kept by machine and number of threads, and shares of them."""

import json

import pytest

from rushlight.executors.cpu import limits, target
from rushlight.executors.cpu.limits import Limits


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    limits.known.cache_clear()
    yield tmp_path
    limits.known.cache_clear()


@pytest.mark.parametrize("threads", [1, 2])
def test_limits_are_measured_and_kept(own_folder, threads):
    assert limits.known(threads) is None
    found = limits.measure(threads, 0.01)
    assert found.threads == threads
    assert 0.5 < found.fma < 1e5 and 0.05 < found.product < 2 * found.fma
    assert 0.1 < found.triad < 1e4 and 0.1 < found.copy < 1e4 and 0.1 < found.launch < 1e5
    assert limits.known(threads) == found and limits.known(threads + 5) is None
    limits.known.cache_clear()
    assert limits.known(threads) == found  # read from the file


def test_the_best_that_was_ever_seen_counts(own_folder):
    great = Limits(1, 1e6, 1e6, 1e6, 1e6, 1e-9)
    limits._keep(great)
    assert limits.measure(1, 0.001) == great == limits.known(1)


def test_a_damaged_file_is_no_file(own_folder):
    limits._keep(Limits(1, 1, 1, 1, 1, 1))
    path = own_folder / "limits.json"
    for text in ("{", "[]", json.dumps({limits._machine(): {"1": {"other": 3}}})):
        path.write_text(text)
        limits.known.cache_clear()
        assert limits.known(1) is None


def test_no_folder_keeps_nothing(monkeypatch):
    monkeypatch.setattr(target, "folder", lambda: None)
    limits.known.cache_clear()
    limits._keep(Limits(1, 1, 1, 1, 1, 1))
    assert limits.known(1) is None
    limits.known.cache_clear()


def test_shares():
    machine = Limits(2, fma=100.0, product=80.0, triad=20.0, copy=10.0, launch=5.0)
    assert machine.share(50e9, 0, 1.0) == 0.5
    assert machine.share(1e9, 10e9, 1.0) == 0.5
    assert machine.share(1, 1, 0.0) == 0.0
