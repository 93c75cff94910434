"""Profiles: ranges, kernels, schedules, tables and trace files."""

import gzip
import inspect
import json
import os

import pytest

import rushlight as torch
import rushlight.nn as nn
from rushlight import settings
from rushlight.executors import queue
from rushlight.executors.cpu import limits, target
from rushlight.executors.threads import Threads
from rushlight.graph import lines
from rushlight.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(Threads, "count", 2)
    queue._programs.clear()
    yield
    queue._programs.clear()


@pytest.fixture
def numpy_alone(monkeypatch):
    monkeypatch.setattr(settings, "EXECUTOR", "reference")
    queue._programs.clear()
    yield
    queue._programs.clear()


def here():
    return inspect.currentframe().f_back.f_lineno


def kernels(p):
    return [e for e in p.events() if not e.is_user_annotation and e.name != "prepare program"]


def test_ranges_and_kernels():
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True, profile_memory=True
    ) as p:
        with record_function("outer"):
            with record_function("inner"):
                y = torch.ones(4, 3) @ torch.ones(3, 5)
    assert not queue.observers and not lines.are_noted()
    by_name = {e.key: e for e in p.key_averages(group_by_input_shape=True)}
    assert (
        by_name["outer"].cpu_time_total >= by_name["inner"].cpu_time_total >= by_name["matmul"].cpu_time_total
    )
    assert by_name["matmul"].input_shapes == [[4, 3], [3, 5]]
    assert by_name["matmul"].flops == 2 * 4 * 3 * 5
    assert by_name["inner"].cpu_memory_usage >= 4 * 5 * 4
    assert "outer" in p.key_averages().table(sort_by="cpu_time_total", row_limit=10)
    assert y.sum().item() == 60
    events = p.events()
    inner = next(e for e in events if e.name == "inner")
    assert inner.cpu_parent.name == "outer"
    assert any(c.name == "matmul" for c in inner.cpu_children)


def test_backward_is_seen():
    x = torch.ones(3, 3, requires_grad=True)
    with torch.autograd.profiler.profile() as p:
        (x @ x).sum().backward()
    averages = {e.key: e.count for e in p.key_averages()}
    assert averages["matmul"] >= 2
    assert "Self CPU time total" in p.table()


def test_schedule_and_handler(tmp_path):
    seen = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(schedule=plan, on_trace_ready=lambda p: seen.append([e.name for e in p.events()])) as p:
        for _ in range(10):
            torch.ones(2).exp()
            p.step()
    assert [[n for n in names if n.startswith("ProfilerStep")] for names in seen] == [
        ["ProfilerStep#2", "ProfilerStep#3"],
        ["ProfilerStep#6", "ProfilerStep#7"],
    ]
    assert plan(20) is ProfilerAction.NONE
    with pytest.raises(AssertionError, match="Invalid profiler schedule"):
        schedule(wait=1, warmup=1, active=0)


def test_traces(tmp_path):
    handler = torch.profiler.tensorboard_trace_handler(str(tmp_path), "me", use_gzip=True)
    with profile(on_trace_ready=handler, with_stack=True) as p:
        with record_function("step"):
            torch.ones(2).exp().sum().item()
    (path,) = tmp_path.glob("me.*.pt.trace.json.gz")
    trace = json.loads(gzip.open(path, "rt").read())
    assert {"step", "fused: exp, sum"} <= {e["name"] for e in trace["traceEvents"]}
    p.export_stacks(str(tmp_path / "stacks"))
    assert "test_profiler.py" in (tmp_path / "stacks").read_text()


def test_kernels_lines_and_shares_of_threads(two_threads, tmp_path):
    x, w = torch.randn(400, 300), torch.randn(300, 200)
    queue.realize()
    with profile(with_flops=True, profile_memory=True) as p:
        with record_function("layer"):
            y = x @ w
            line = here() - 1
            y = torch.relu(y + 1)
    first, second = kernels(p)
    assert (first.name, second.name) == ("matmul", "fused: add, relu")
    assert [number for _, number in first.lines] == [line]
    assert [number for _, number in second.lines] == [line + 2]
    assert first.lines[0][0] == __file__
    assert first.flops == 2 * 400 * 300 * 200 and second.flops == 2 * 400 * 200
    assert first.bytes == 4 * (400 * 300 + 300 * 200 + 400 * 200)
    assert second.cpu_memory_usage == 4 * 400 * 200
    assert len(first.threads) == len(second.threads) == 2
    layer = next(e for e in p.events() if e.name == "layer")
    for event in (first, second):
        assert event.native and event.kernels and event.cpu_parent is layer
        assert all(start <= end <= event.end_ns for start, end in event.threads)
        assert layer.start_ns <= event.start_ns == event.threads[0][0] <= event.end_ns <= layer.end_ns
    assert first.end_ns == second.start_ns  # waiting for the other thread counts
    table = p.key_averages().table(sort_by="self_cpu_time_total")
    for text in ("matmul", "fused: add, relu", "GFLOP/s", "GB/s", f"test_profiler.py:{line}", "48.000"):
        assert text in table


def test_shares_of_the_machines_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    limits.known.cache_clear()
    x = torch.randn(200, 200)

    def table():
        with profile(with_flops=True) as p:
            (x @ x).numpy()
        p.export_chrome_trace(tmp_path / "trace.json")
        (event,) = kernels(p)
        return event, p.key_averages().table(), (tmp_path / "trace.json").read_text()

    event, text, trace = table()
    assert "Of Limit" not in text + trace  # nobody has measured them
    limits._keep(limits.Limits(event.workers, fma=1000.0, product=1.0, triad=1e9, copy=1e9, launch=1.0))
    event, text, trace = table()
    share = f"{100 * event.flops / 1000e9 / (event.cpu_time_total / 1e6):.0f}%"
    assert "Of Limit" in text and share in text and f'"Of Limit": "{share}"' in trace
    limits.known.cache_clear()


def test_a_trace_has_the_fields_of_pytorchs(two_threads, tmp_path):
    x = torch.randn(300, 300)
    queue.realize()
    with profile(with_flops=True, record_shapes=True, with_stack=True) as p:
        with record_function("outer"):
            (x @ x).relu().numpy()
    p.add_metadata("who", "me")
    p.export_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert trace["schemaVersion"] == 1 and trace["who"] == "me"
    spans = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert all(
        {"ph", "cat", "name", "pid", "tid", "ts", "dur", "args"} == set(e) and e["pid"] == os.getpid()
        for e in spans
    )
    assert all(e["dur"] >= 0 for e in spans)
    products = [e for e in spans if e["name"] == "matmul"]
    outer = next(e for e in spans if e["name"] == "outer")
    assert outer["cat"] == "user_annotation" and {e["cat"] for e in products} == {"cpu_op"}
    assert [e["tid"] for e in products] == [outer["tid"], 1]
    arguments = products[0]["args"]
    assert arguments["Input Dims"] == [[300, 300]] and arguments["Flops"] == 2 * 300**3
    assert arguments["Executor"] == "cpu" and float(arguments["GFLOP/s"]) > 0
    assert "test_profiler.py:" in arguments["Lines"][0] and "test_profiler.py(" in arguments["Call stack"]
    named = {e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"}
    assert named[1] == "rushlight-1" and outer["tid"] in named


def test_what_is_left_to_numpy_is_marked():
    a = torch.eye(5) * 2
    with profile() as p:
        (torch.linalg.cholesky_ex(a).L + 1).numpy()
    found = {e.name: e.native for e in kernels(p)}
    assert found["cholesky (NumPy)"] is False and found["add"] is True
    assert not any("pick" in name for name in found)


def test_the_reference_executor_shows_primitives(numpy_alone):
    x = torch.randn(7, 6)
    with profile(with_flops=True, record_shapes=True) as p:
        ((x @ x.T + 1).relu()).numpy()
        line = here() - 1
    found = kernels(p)
    assert [e.name for e in found][-3:] == ["matmul", "add", "relu"] and not any(e.native for e in found)
    assert [e.flops for e in found][-3:] == [2 * 7 * 7 * 6, 49, 49]
    assert [n for e in found[-3:] for _, n in e.lines] == [line] * 3
    assert "prepare program" not in [e.name for e in p.events()]


def test_preparing_is_an_event_and_happens_once():
    def step():
        with profile() as p:
            (torch.ones(5, 7) * 3).sum(0).numpy()
        return [e.name for e in p.events()]

    queue._programs.clear()
    first, second = step(), step()
    assert first[0] == "prepare program" and first[1:] == second != []


def test_a_compiled_step_is_replayed_and_seen():
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    line = here() + 4

    @torch.compile
    def step(x):
        loss = model(x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = torch.randn(8, 16)
    for _ in range(4):
        step(x)
    assert step._compiled.captures == 1
    step._compiled.function = None  # it is replayed, not run again
    with profile(with_flops=True) as p:
        losses = [step(x).item() for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    products = [e for e in kernels(p) if e.name == "matmul"]
    assert len(products) == 3 * 5 and all(e.flops for e in products)
    assert [e.lines[0][1] for e in products][:5] == [line, line, line + 2, line + 2, line + 2]
    before = [tuple(e.lines) for e in products[:5]]
    assert [tuple(e.lines) for e in products[5:10]] == before


def test_nothing_is_noted_without_a_profile():
    with profile():
        pass
    x = torch.ones(3) + 1
    assert lines.line_of(x._storage.node) is None
    assert not queue.observers


def test_an_error_inside_a_profile_is_the_same():
    table = torch.randn(4, 2)
    with profile() as p:
        with pytest.raises(IndexError):
            torch.nn.functional.embedding(torch.tensor([1, 9]), table).numpy()
    assert p.events() is not None and not queue.observers


def test_record_function_decorates_and_costs_nothing_alone():
    @record_function("f")
    def f(x):
        return x + 1

    assert f(torch.ones(1)).item() == 2
    with profile() as p:
        f(torch.ones(1))
    assert [e.count for e in p.key_averages() if e.key == "f"] == [1]


def test_nothing_recorded_yet():
    with pytest.raises(AssertionError, match="nothing has been recorded"):
        profile().events()
