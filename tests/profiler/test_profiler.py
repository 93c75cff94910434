"""Profiles: ranges, primitives, schedules, tables and trace files."""

import gzip
import json

import pytest

import rushlight as torch
from rushlight.executors import queue
from rushlight.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def test_ranges_and_primitives():
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True, profile_memory=True
    ) as p:
        with record_function("outer"):
            with record_function("inner"):
                y = torch.ones(4, 3) @ torch.ones(3, 5)
    assert not queue.observers
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
    assert {"step", "exp"} <= {e["name"] for e in trace["traceEvents"]}
    p.export_stacks(str(tmp_path / "stacks"))
    assert "test_profiler.py" in (tmp_path / "stacks").read_text()


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
