"""Programs kept on disk: what they are known by, that they compute the same, and what is not kept."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from rushlight import dtypes
from rushlight.executors import reference
from rushlight.executors.cpu import archive, target
from rushlight.executors.cpu.graphs import copied
from rushlight.executors.cpu.program import Program
from rushlight.graph.node import PRIMITIVES, Node, constant, of_array
from rushlight.graph.walk import trace

rng = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    monkeypatch.setattr(target, "_loaded", {})
    monkeypatch.setattr(target, "_keys", {})
    monkeypatch.setattr(archive, "LEAST_NODES", 1)
    return tmp_path


def given(*shape, dtype="float32"):
    kind = getattr(dtypes, dtype)
    return of_array(rng.uniform(1, 2, shape).astype(kind.numpy), kind)


def network(rows=4, factor=0.5):
    """Some roots: a product, sums, a tuple of results, a reshaped value, and a constant alone."""
    x, w = given(rows, 6), given(6, 5)
    y = (x @ w).tanh() * constant(factor, dtypes.float32)
    return [y, y.sum((0,), False), y.reshape((5 * rows,)), (y * y).exp(), constant(3.0, dtypes.float32)]


def graph_of(roots):
    _, inputs, order = trace(roots)
    return copied(order, inputs, roots), [node.buffer for node in inputs]


def kept(graph, workers=2, updates=()):
    """The name of a graph's program, which has been planned and kept."""
    name = archive.name_of(graph, workers, updates)
    archive.keep(name, Program(*graph, workers, updates).image)
    return name


def test_a_kept_program_computes_the_same(folder):
    graph, arrays = graph_of(network())
    name = kept(graph)
    found = archive.find(name, graph)
    right = Program(*graph, 2).run(arrays)
    for _ in range(2):
        for a, b in zip(found.run(arrays), right, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)


def test_a_root_of_several_results(folder):
    q, k, v = given(1, 2, 5, 8), given(1, 2, 5, 8), given(1, 2, 5, 8)
    graph, arrays = graph_of([PRIMITIVES["attention"](q, k, v, True, 0.5), q.exp()])
    found, right = archive.find(kept(graph), graph).run(arrays), Program(*graph, 2).run(arrays)
    assert len(found[0]) == 2
    for a, b in zip((*found[0], found[1]), (*right[0], right[1]), strict=True):
        assert a.shape == b.shape and np.array_equal(a, b)


def test_an_error_is_told_in_the_reference_executors_words(folder):
    index = of_array(np.array([0, 2, 9]), dtypes.int64)
    graph, arrays = graph_of([given(4).gather(index, 0)])
    found = archive.find(kept(graph), graph)
    with pytest.raises(IndexError) as said:
        reference.compile(*graph).run(arrays)
    with pytest.raises(IndexError, match=re.escape(str(said.value))):
        found.run(arrays)
    fine = [np.zeros_like(a) if a.dtype == np.int64 else a for a in arrays]
    assert found.run(fine)[0].shape == (3,)


def test_new_values_go_into_the_arrays_of_their_inputs(folder):
    old, step = given(1 << 19), given(1 << 19)
    graph, arrays = graph_of([old - step])
    (mine,) = [i for i, array in enumerate(arrays) if array is old.buffer]
    found = archive.find(kept(graph, updates=((0, mine),)), graph)
    right = old.buffer - step.buffer
    (result,) = found.run(arrays, sole={mine})
    assert result is old.buffer and np.array_equal(result, right)


def test_what_a_program_is_known_by(folder):
    def name(roots, workers=2, updates=()):
        return archive.name_of(graph_of(roots)[0], workers, updates)

    def scaled(number):
        return [given(3) * constant(number, dtypes.float32)]

    names = [
        name(network()), name(network(rows=5)), name(network(factor=0.25)), name(network(), workers=1),
        name(network(), updates=((0, 0),)), name(network()[:2]), name(network()[1::-1]), name(scaled(0.0)), name(scaled(-0.0)),
        name(scaled(1.0)), name([given(3, dtype="float64").exp()]), name([given(3).exp()]), name([given(2, 3).sum((0,), True)]),
        name([given(2, 3).sum((0,), False)]), name([given(2, 3).cast(dtypes.float64)]), name([given(2, 3).cast(dtypes.int64)]),
    ]  # fmt: skip
    assert None not in names and len(set(names)) == len(names)
    assert name(network()) == names[0]


def test_other_code_is_another_program(folder, monkeypatch):
    graph, _ = graph_of(network())
    before = archive.name_of(graph, 2, ())
    monkeypatch.setattr(archive, "_code", lambda: ("a file has changed",))
    assert archive.name_of(graph, 2, ()) != before


def test_what_is_not_worth_a_file_has_no_name(folder, monkeypatch):
    graph, _ = graph_of([given(3).exp()])
    assert archive.name_of(graph, 2, ())
    monkeypatch.setattr(archive, "LEAST_NODES", 3)
    assert archive.name_of(graph, 2, ()) is None


def test_where_no_folder_is_nothing_is_kept(folder, monkeypatch):
    graph, _ = graph_of(network())
    monkeypatch.setattr(target, "folder", lambda: None)
    assert archive.name_of(graph, 2, ()) is None and archive.find(None, graph) is None


def test_a_step_of_the_reference_executor_is_not_kept(folder):
    graph, _ = graph_of([given(2, 4, 4).det().exp()])
    assert archive.find(kept(graph), graph) is None and not list(folder.glob("*.program"))


def test_what_data_does_not_tell_has_no_name(folder, monkeypatch):
    node = given(3).exp()
    strange = Node(node.prim, node.inputs, (object(),), node.shape, node.dtype)
    assert archive.name_of(graph_of([strange])[0], 2, ()) is None
    monkeypatch.setitem(PRIMITIVES, "exp", PRIMITIVES["sin"])
    assert archive.name_of(graph_of([node])[0], 2, ()) is None


@pytest.mark.parametrize("damage", ["object", "program", "no object"])
def test_what_is_damaged_or_gone_is_planned_again(folder, damage, monkeypatch):
    graph, _ = graph_of(network())
    name = kept(graph)
    kernel = Program(*graph, 2).image.kernels[0]
    victim = folder / (f"{name}.program" if damage == "program" else f"{target.key_of(kernel)}.o")
    monkeypatch.setattr(target, "_loaded", {})
    if damage == "no object":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:-3])
    assert archive.find(name, graph) is None


def test_the_oldest_go_when_all_take_too_much_room(folder, monkeypatch):
    for i in range(5):
        (folder / f"{i}.program").write_bytes(bytes(100))
        os.utime(folder / f"{i}.program", (i, i))
    monkeypatch.setattr(archive, "MOST", 1500)
    graph, _ = graph_of(network())
    name = kept(graph)
    size = (folder / f"{name}.program").stat().st_size
    left = sorted(path.name for path in folder.glob("?.program"))
    assert left == [f"{i}.program" for i in range(5)][5 - min(5, (1500 - size) // 100) :]


STEP = """
import sys
import rushlight as torch
from rushlight.executors.cpu import target
torch.manual_seed(0)
model = torch.nn.Sequential(*[layer for _ in range(6) for layer in (torch.nn.Linear(32, 32), torch.nn.Tanh())])
optimizer = torch.optim.Adam(model.parameters())
x = torch.randn(16, 32)
for _ in range(3):
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    print(loss.item())
print(target.Counters.compiled, "rushlight.executors.cpu.planner" in sys.modules)
"""


def test_a_later_process_neither_plans_nor_compiles(tmp_path):
    env = {
        **os.environ,
        "RUSHLIGHT_CACHE": str(tmp_path),
        "RUSHLIGHT_EXECUTOR": "cpu",
        "RUSHLIGHT_VERIFY": "0",
    }

    def run():
        done = subprocess.run(
            [sys.executable, "-c", STEP], env=env, capture_output=True, text=True, check=True
        )
        *losses, about = done.stdout.splitlines()
        return losses, about

    first, second = run(), run()
    assert first[0] == second[0] and len(first[0]) == 3
    assert first[1].split()[0] != "0" and second[1] == "0 False"
