"""Native recurrent layers against their meaning: odd sizes, lengths, orders of rows, workers, special values, guard pages."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from agreement import agree, agree_in_order, native
from recurrent_graphs import CELLS, every_size, graphs

import rushlight as torch
from rushlight.executors.cpu import microkernel, planner, recurrence
from rushlight.ops.steps import Steps
from rushlight.tensor import node_of


def sharing(monkeypatch, what):
    monkeypatch.setattr(recurrence, "_by_rows", lambda *_: what == "sequences")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("what", ["sequences", "columns"])
def test_every_size(what, cell, dtype, monkeypatch):
    sharing(monkeypatch, what)
    before = planner.fallbacks.total()
    for H, steps in every_size(cell):
        for roots in graphs(cell, H, steps, dtype):
            agree(roots)
    assert planner.fallbacks.total() == before, "left to the reference executor"


@pytest.mark.parametrize("what", ["sequences", "columns"])
@pytest.mark.parametrize("cell", CELLS)
def test_no_worker_relies_on_another_between_barriers(cell, what, monkeypatch):
    sharing(monkeypatch, what)
    for steps in (Steps((4, 4, 4)), Steps((5, 3, 1), reverse=True)):
        for roots in graphs(cell, 50, steps):
            for turned in (False, True):
                agree_in_order(roots, 3, turned)


@pytest.mark.parametrize("cell", CELLS)
def test_sums_do_not_depend_on_who_does_them(cell, monkeypatch):
    for roots in graphs(cell, 40, Steps((13, 13, 6))):
        found = []
        for what, workers in (("sequences", 1), ("sequences", 3), ("columns", 2), ("columns", 7)):
            sharing(monkeypatch, what)
            program, arrays = native(roots, workers)
            found.append([x.tobytes() for x in program.run(arrays)])
        assert found[1:] == found[:1] * 3


def test_what_is_shared_follows_from_the_work():
    size = 4 * 256 * 256
    assert recurrence._by_rows(20, size, 2, 2)
    assert not recurrence._by_rows(1, size, 2, 2)
    assert not recurrence._by_rows(20, size, 16, 16)
    assert recurrence._by_rows(1, 4 * 16 * 16, 1, 2), "a step that is shorter than a barrier"


@pytest.mark.parametrize("cell", CELLS)
def test_lengths_and_batches_share_their_kernels(cell):
    names = []
    for steps in (Steps((3,) * 5), Steps((8,) * 9, True, True), Steps((7, 4, 1))):
        for number, roots in enumerate(graphs(cell, 20, steps)):
            program, _ = native(roots)
            names.append((number, {call.kernel.name for call in program.calls}, len(program.calls)))
    for number in (0, 1):
        kernels = [found for which, *found in names if which == number]
        assert kernels[1:] == kernels[:1] * 2


def test_shorter_vectors(monkeypatch):
    kind = microkernel.vector("f32")
    for lanes in (4, 8):
        if lanes > kind.lanes:
            continue
        monkeypatch.setattr(microkernel, "vector", lambda kind: _vector(kind, lanes))  # noqa: B023
        monkeypatch.setattr(recurrence, "lanes", lambda: lanes)  # noqa: B023
        for made in (recurrence._kernel, recurrence._packing):
            made.cache_clear()
        for cell in CELLS:
            for roots in graphs(cell, 21, Steps((7, 7, 3))):
                agree(roots, (1, 2))
    for made in (recurrence._kernel, recurrence._packing):
        made.cache_clear()


def _vector(kind, lanes):
    from rushlight.executors.cpu.emit import F32, F64

    return F32.of(lanes) if kind == "f32" else F64.of(lanes // 2)


@pytest.mark.parametrize("cell", CELLS)
def test_special_numbers_stay_in_their_sequence(cell):
    steps = Steps((3, 3, 3))
    forward, _ = graphs(cell, 20, steps)
    program, arrays = native(forward)
    calm = [found.copy() for found in program.run(arrays)]
    rows = next(a for a in arrays if a.shape[0] == steps.total)
    rows[3] = np.nan  # the second step of the first sequence
    if cell != "relu":
        rows[4] = np.inf
        rows[4, ::2] = -np.inf
    agree(forward)
    for wild, before in zip(program.run(arrays), calm):
        assert np.isnan(wild[3]).any() and np.isnan(wild[6]).any()
        assert np.isfinite(wild[1::3]).all()
        assert np.array_equal(wild[2::3], before[2::3])


@pytest.mark.skipif(sys.platform == "win32", reason="pages are forbidden by mprotect")
def test_guard_pages():
    script = Path(__file__).with_name("guarded.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", script, "recurrent"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"


def test_a_layer_is_a_few_calls_whatever_its_length():
    def calls(T):
        model = torch.nn.LSTM(6, 5)
        out, _ = model(torch.randn(T, 4, 6))
        grads = torch.autograd.grad((out * out).sum(), list(model.parameters()))
        program, _ = native([node_of(g) for g in grads])
        return len(program.calls)

    assert calls(3) == calls(30) < 30
