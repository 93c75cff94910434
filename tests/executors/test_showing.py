"""RUSHLIGHT_SHOW: what is printed of graphs, kernels, memory and LLVM's text, and what a wrong word says."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight as torch
import rushlight.nn as nn
from rushlight import settings
from rushlight.executors import queue
from rushlight.executors.cpu import showing
from rushlight.executors.cpu.memory import lifetimes
from rushlight.graph import cost, lines
from rushlight.graph.walk import topological
from rushlight.tensor import node_of

ROOT = Path(__file__).resolve().parents[2]

HERE = "test_showing.py"


@pytest.fixture
def prepared(monkeypatch):
    """The programs that are prepared, with the user's lines."""
    found = []
    monkeypatch.setattr(settings, "EXECUTOR", "cpu")
    monkeypatch.setattr(settings, "SHOW", frozenset(("kernels",)))
    monkeypatch.setattr(showing, "show", found.append)
    queue._programs.clear()
    with lines.noted():
        yield found
    queue._programs.clear()


def by_name(program):
    return {work.name: work for work in program.work}


def here():
    return inspect.currentframe().f_back.f_lineno


def test_a_fused_kernel_names_its_operations_and_lines(prepared):
    x, w, b = torch.randn(6, 4), torch.randn(4, 5), torch.randn(5)
    queue.realize()
    prepared.clear()
    y = x @ w + b
    line = here() - 1
    y = torch.relu(y)
    y.numpy()
    (program,) = prepared
    work = by_name(program)
    assert list(work) == ["matmul", "fused: add, relu"]
    assert work["matmul"].flops == 2 * 6 * 4 * 5
    assert work["matmul"].bytes == 4 * (6 * 4 + 4 * 5 + 6 * 5)
    assert work["fused: add, relu"].flops == 2 * 6 * 5
    assert work["fused: add, relu"].bytes == 4 * (6 * 5 + 5 + 6 * 5)
    known = {place: lines.line_of(node) for place, node in enumerate(program.order)}
    assert [n for _, n in lines.behind(work["fused: add, relu"].places, known)] == [line, line + 2]
    text = showing.kernels(program)
    assert f"240 FLOP, 296 B, at {HERE}:{line}" in text
    assert "float32[6, 4], float32[4, 5] -> float32[6, 5]" in text
    assert "3 nodes in 2 steps: 2 kernel calls, 1 barrier, 1 thread" in text
    assert all(call.kernel.name in text for call in program.calls)


def test_a_training_step_in_the_fields_words(prepared):
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
    x = torch.randn(2, 3, 10, 10)
    queue.realize()
    prepared.clear()
    loss = model(x).pow(2).mean()
    line = here() - 1
    loss.backward()
    queue.realize()
    (program,) = prepared
    names = [work.name for work in program.work]
    assert names.count("convolution") == 2
    assert names.count("convolution backward (weight)") == 2
    assert names.count("convolution backward (input)") == 1
    known = {place: lines.line_of(node) for place, node in enumerate(program.order)}
    numbers = {w.name: [n for _, n in lines.behind(w.places, known)] for w in program.work}
    assert numbers["convolution"] == [line]
    assert numbers["convolution backward (weight)"] == [line + 2]
    first = next(w for w in program.work if w.name == "convolution")
    assert first.flops == 2 * (2 * 8 * 10 * 10) * 3 * 9


def test_what_is_left_to_numpy_is_shown(prepared):
    a = torch.eye(3) * 2
    queue.realize()
    prepared.clear()
    (torch.linalg.cholesky_ex(a).L + 1).numpy()
    (program,) = prepared
    work = {w.name: w.numpy for w in program.work if not w.picks}
    assert work == {"cholesky": True, "add": False}
    assert "cholesky  (on NumPy)" in showing.kernels(program)


def test_only_what_is_read_of_a_table_counts(prepared):
    table, rows = torch.randn(1000, 8), torch.tensor([3, 5])
    queue.realize()
    prepared.clear()
    (nn.functional.embedding(rows, table) * 2).numpy()
    (work,) = prepared[0].work
    assert work.bytes == 2 * 8 + 2 * (2 * 8 * 4)


def test_memory_says_what_takes_whose_place(prepared):
    x = torch.randn(64, 64)
    queue.realize()
    prepared.clear()
    y = x
    for _ in range(6):
        y = y @ x
    y.numpy()
    (program,) = prepared
    text = showing.memory(program)
    head, _, *rows = text.splitlines()
    assert head.startswith("rushlight: memory: 5 buffers of 81.9 kB in an arena of")
    assert "in use at a time" in head and "results of 16.4 kB" in head
    assert len(rows) == 5 == len(program.offsets)
    assert sum("in place of" in row for row in rows) >= 2
    first, last = lifetimes(program.calls, program.waits, ())
    for row, buffer in zip(rows, sorted(program.offsets, key=lambda b: (first[b], program.offsets[b]))):
        number, offset, size, *_ = row.split()
        assert (int(offset), int(size)) == (program.offsets[buffer], buffer.size)
        reused = re.search(r"in place of #(\d+)", row)
        if reused:
            other = sorted(program.offsets, key=lambda b: (first[b], program.offsets[b]))[int(reused[1])]
            assert last[other] < first[buffer]


def test_all_of_it_on_stderr(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import rushlight as torch\nx = torch.ones(3)\nprint((x * 2 + x.sum()).tolist())\n")

    def run(words, folder="cache"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RUSHLIGHT_SHOW": words}
        environment["RUSHLIGHT_CACHE"] = str(tmp_path / folder)
        return subprocess.run(
            [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=120
        )

    found = run("graph, kernels,memory,llvm")
    assert found.returncode == 0 and found.stdout == "[5.0, 5.0, 5.0]\n"
    assert "-> %" in found.stderr
    assert "rushlight: kernels: " in found.stderr and "program.py:3" in found.stderr
    assert "rushlight: memory: " in found.stderr
    assert re.search(r"; rushlight: llvm: \w+, compiled now\n", found.stderr)
    assert re.search(r"define void @\w+\(ptr", found.stderr)
    again = run("llvm")
    assert "compiled before, in " in again.stderr and "kernels" not in again.stderr
    assert run("").stderr == run("0").stderr == ""
    assert "-> %" in run("1").stderr


def test_a_wrong_word_lists_the_right_ones(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_SHOW", "graph,kernel")
    with pytest.raises(ValueError, match="RUSHLIGHT_SHOW: 'kernel' .* graph, kernels, memory, llvm"):
        settings.words("RUSHLIGHT_SHOW", ("graph", "kernels", "memory", "llvm"))


def test_lines_are_noted_only_inside():
    assert not lines.are_noted()
    with lines.noted(), lines.noted():
        noted = node_of(torch.ones(2) + 1)
    plain = node_of(torch.ones(2) + 1)
    assert lines.line_of(noted)[0].endswith(HERE) and lines.line_of(plain) is None
    assert lines.written([("/a/b.py", 3), ("c\\d.py", 4)]) == "b.py:3, d.py:4"
    assert lines.written([("b.py", n) for n in range(5)]) == "b.py:0, b.py:1, b.py:2 and 2 more"


def node(name, *shapes, params=()):
    from rushlight.graph.node import PRIMITIVES, stand_in

    return PRIMITIVES[name](*[stand_in(s, torch.float32) for s in shapes], *params)


def test_flops_by_definition():
    assert cost.flops(node("matmul", (5, 2, 3), (3, 4))) == 2 * 5 * 2 * 3 * 4
    assert cost.flops(node("add", (2, 3), (3,))) == 6
    assert cost.flops(node("sum", (4, 3), params=((1,), False))) == 12
    assert cost.flops(node("reshape", (4, 3), params=((12,),))) == 0
    convolution = ((1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1), 1)
    assert (
        cost.flops(node("convolution", (2, 3, 8, 8), (4, 3, 3, 3), params=convolution)) == 2 * 2 * 4 * 64 * 27
    )
    causal = node("attention", (2, 5, 4), (2, 5, 4), (2, 5, 4), params=(True, 1.0))
    assert cost.flops(causal) == 2 * 2 * 15 * 8
    full = node("attention", (2, 5, 4), (2, 6, 4), (2, 6, 3), params=(False, 1.0))
    assert cost.flops(full) == 2 * 2 * 30 * 7


def test_recurrent_layers_count_their_products(prepared):
    layer = nn.LSTM(8, 16)
    x = torch.randn(5, 3, 8)
    queue.realize()
    prepared.clear()
    layer(x)[0].sum().backward()
    queue.realize()
    work = by_name(prepared[0])
    assert work["lstm"].flops == work["lstm backward"].flops == 2 * (5 * 3) * (64 * 16)


def test_a_transposed_convolution_counts_its_direct_form():
    x = torch.randn(1, 4, 8, 8)
    weight = torch.randn(4, 3, 2, 2)
    y = node_of(nn.functional.conv_transpose2d(x, weight, stride=2))
    found = [n for n in topological([y]) if n.prim.name == "convolution"]
    assert [cost.flops(n) for n in found] == [2 * (4 * 8 * 8) * 3 * 4]
