"""`rushlight bench`: what it prints, what it refuses, and that its numbers agree with the graph's."""

import json
import re

import pytest

from rushlight.cli import bench, workloads
from rushlight.cli.main import main
from rushlight.executors.cpu import limits, target


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    measure = limits.measure
    monkeypatch.setattr(limits, "measure", lambda threads: measure(threads, 0.005))
    yield
    limits.known.cache_clear()


def test_numbers_as_json(capsys):
    assert main(["bench", "mlp", "elementwise", "--steps", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"cpu", "threads", "compiled", "limits", "workloads"} == set(found)
    assert found["limits"][0]["threads"] == 1 and found["limits"][0]["fma"] > 0
    mlp, chain = found["workloads"]
    assert (mlp["name"], mlp["steps"], chain["name"]) == ("mlp", 2, "elementwise")
    products = next(k for k in mlp["kernels"] if k["name"] == "matmul")
    # Forward, the gradients of three weights and of two inputs.
    layers = [784 * 512, 512 * 512, 512 * 10]
    assert products["flops"] == pytest.approx(2 * 256 * (3 * sum(layers) - layers[0]))
    assert round(products["calls"]) == 8
    (kernel,) = chain["kernels"]
    assert kernel["name"].startswith("fused: mul, add, tanh")
    assert kernel["bytes"] == pytest.approx(3 * 4 * (1 << 22))
    for workload in found["workloads"]:
        assert workload["median"] >= workload["fastest"] > 0 and workload["share"] > 0
        assert workload["kernels"] == sorted(workload["kernels"], key=lambda k: -k["seconds"])


def test_tables(capsys):
    assert main(["bench", "mlp", "--steps", "1", "--compile"]) == 0
    text = capsys.readouterr().out
    assert "Limits of this machine" in text and "multiply-adds in registers" in text
    assert "Steps, compiled" in text and re.search(r"mlp\W+1\W+\d", text)
    assert "matmul" in text and "of the limit" in text


def test_unknown_names_are_refused(capsys):
    assert main(["bench", "mlp", "nope"]) == 2
    assert capsys.readouterr().err.startswith("rushlight bench: no workload 'nope'; there are mlp, cnn, ")
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--steps", "0"])
    assert ended.value.code == 2


@pytest.mark.parametrize("name", sorted(workloads.WORKLOADS))
def test_every_workload_does_a_finite_step(name):
    step = workloads.WORKLOADS[name]()
    first = step()
    assert bool(first.isfinite().all())
    if name != "elementwise":
        assert min(step().item() for _ in range(3)) < first.item()
    assert bench.WORKLOADS[name].__doc__.endswith(".")
