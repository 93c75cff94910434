"""What a profile gives: events, their averages by name, and the table of them.

Times are microseconds. An event is a named range, a kernel of a program that ran ("matmul", "fused: add, relu"), what
was left to NumPy ("cholesky (NumPy)"), or the preparing of a program; names are those of rushlight's primitives, not ATen's.
There is one device here, so device times are zero.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from typing import Any

from ..executors.cpu.limits import known
from ..graph.lines import written


class FunctionEvent:
    """One range or one kernel that ran: `name`, times in us, `cpu_children`, `input_shapes`, bytes made.

    Of a kernel also `lines` (file, number) of the program, `bytes` read and written, whether it was `native`, its `kernels`
    by symbol, and when each of its `threads` began and ended, in ns.
    """

    def __init__(self, name: str, start_ns: int, thread: int, user: bool) -> None:
        self.name = self.key = name
        self.start_ns, self.end_ns, self.thread = start_ns, start_ns, thread
        self.is_user_annotation = user
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.input_shapes: list = []
        self.stack: list[str] = []
        self.cpu_memory_usage = 0
        self.flops = self.bytes = 0
        self.count = 1
        self.lines: tuple[tuple[str, int], ...] = ()
        self.native = True
        self.kernels: tuple[str, ...] = ()
        self.threads: tuple[tuple[int, int], ...] = ()

    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time_total(self) -> float:
        return (self.end_ns - self.start_ns) / 1000

    @property
    def self_cpu_time_total(self) -> float:
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    @property
    def cpu_time(self) -> float:
        return self.cpu_time_total

    @property
    def self_cpu_memory_usage(self) -> int:
        return self.cpu_memory_usage - sum(c.cpu_memory_usage for c in self.cpu_children)

    @property
    def workers(self) -> int:
        """How many threads a kernel ran on; 0 for what is no kernel."""
        return len(self.threads)

    def append_cpu_child(self, child: FunctionEvent) -> None:
        self.cpu_children.append(child)
        child.cpu_parent = self

    def __repr__(self) -> str:
        return f"<FunctionEvent name={self.name} cpu_time={_time(self.cpu_time_total)} thread={self.thread}>"


class FunctionEventAvg:
    """Events of one name (and shapes, if grouped by them) added up."""

    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.flops = self.bytes = 0
        self.lines: dict[tuple[str, int], None] = {}
        self.workers = 0
        self.input_shapes: list | None = None
        self.stack: list[str] = []
        self.is_user_annotation = False

    @property
    def cpu_time(self) -> float:
        """Microseconds a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def add(self, event: Any) -> FunctionEventAvg:
        """Count an event in."""
        if self.count == 0:
            self.is_user_annotation = event.is_user_annotation
            self.stack = event.stack
        self.count += event.count
        for name in (
            "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage", "self_cpu_memory_usage", "flops", "bytes",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(event, name))
        self.lines.update(dict.fromkeys(event.lines))
        self.workers = max(self.workers, event.workers)
        return self

    __iadd__ = add

    @property
    def cpu_time_str(self) -> str:
        return _time(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        return _time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        return _time(self.self_cpu_time_total)

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} count={self.count}>"
        )


class EventList(list):
    """Events, or averages of them, with the table and the trace file made of them."""

    def __init__(
        self, events: Iterable = (), *, profile_memory: bool = False, with_flops: bool = False
    ) -> None:
        super().__init__(events)
        self._profile_memory, self._with_flops = profile_memory, with_flops

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in all of them."""
        return sum(e.self_cpu_time_total for e in self)

    def key_averages(self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0) -> EventList:
        """Averages by name, and by the inputs' shapes or by the last lines of the stack if asked."""
        found: dict[tuple, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shapes else None
            key = (event.key, str(shapes), tuple(event.stack[:group_by_stack_n]))
            average = found.setdefault(key, FunctionEventAvg(event.key))
            average.add(event)
            average.input_shapes = shapes
        return EventList(found.values(), profile_memory=self._profile_memory, with_flops=self._with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All of them as one."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as text, longest first by `sort_by` (a time, "count" or a memory use)."""
        rows = list(self)
        if sort_by is not None:
            name = sort_by.replace("cuda", "device").replace("xpu", "device")
            rows.sort(key=lambda e: getattr(e, name), reverse=True)
        if top_level_events_only:
            rows = [e for e in rows if getattr(e, "cpu_parent", None) is None]
        total = self.self_cpu_time_total
        names = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
        if self._profile_memory:
            names += ["CPU Mem", "Self CPU Mem"]
        names.append("# of Calls")
        shaped = any(e.input_shapes for e in rows)
        if shaped:
            names.append("Input Shapes")
        if self._with_flops:
            names += ["Total MFLOPs", "GFLOP/s", "GB/s"]
        limited = self._with_flops and any(_limit(e) for e in rows)
        if limited:
            names.append("Of Limit")
        lined = any(e.lines for e in rows)
        if lined:
            names.append("Source Location")
        cells = []
        for e in rows[: None if row_limit < 0 else row_limit]:
            line = [
                _cut(e.key, max_name_column_width),
                _share(e.self_cpu_time_total, total),
                _time(e.self_cpu_time_total, time_unit),
                _share(e.cpu_time_total, total),
                _time(e.cpu_time_total, time_unit),
                _time(e.cpu_time, time_unit),
            ]
            if self._profile_memory:
                line += [_bytes(e.cpu_memory_usage), _bytes(e.self_cpu_memory_usage)]
            line.append(str(e.count))
            if shaped:
                line.append(_cut(str(e.input_shapes or []), max_shapes_column_width))
            if self._with_flops:
                line.append(f"{e.flops / 1e6:.3f}" if e.flops else "--")
                line += [_rate(e.flops, e.cpu_time_total), _rate(e.bytes, e.cpu_time_total)]
            if limited:
                line.append(_limit(e) or "--")
            if lined:
                line.append(_cut(written(e.lines), max_src_column_width))
            cells.append(line)
        ending = f"Self CPU time total: {_time(total, time_unit)}\n"
        return (f"{header}\n" if header else "") + _ruled(names, cells) + ending

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events for chrome://tracing or Perfetto: JSON, compressed where the path ends in .gz."""
        write_trace(path, self, {})

    def export_stacks(self, path: str, metric: str) -> None:
        """Write "line;line... microseconds" a stack, as flame graph tools read it."""
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(
                f"metric should be one of: {self.supported_export_stacks_metrics()}, got {metric!r}"
            )
        with open(path, "w") as file:
            for event in self:
                if event.stack:
                    frames = ";".join(reversed(event.stack))
                    file.write(f"{frames} {int(getattr(event, metric.replace('cuda', 'device')))}\n")

    @staticmethod
    def supported_export_stacks_metrics() -> list[str]:
        return [
            "self_cpu_time_total",
            "self_cuda_time_total",
            "self_xpu_time_total",
            "self_privateuse1_time_total",
        ]


def write_trace(path: Any, events: Iterable[FunctionEvent], metadata: dict[str, Any]) -> None:
    """A chrome trace of the events."""
    rows: list[dict[str, Any]] = []
    callers: dict[int, None] = {}
    others: dict[int, None] = {}
    for number, e in enumerate(events):
        callers[e.thread] = None
        kind = "user_annotation" if e.is_user_annotation else "cpu_op"
        arguments = {"Ev Idx": number, **_arguments(e)}
        rows.append(_row(kind, e.name, e.thread, e.start_ns, e.end_ns, arguments))
        for worker, (start, end) in enumerate(e.threads[1:], 1):
            others[worker] = None
            rows.append(_row("cpu_op", e.name, worker, start, end, {"Ev Idx": number}))
    names = [_named("process_name", 0, "python"), *(_named("thread_name", t, f"thread {t}") for t in callers)]
    names += [_named("thread_name", worker, f"rushlight-{worker}") for worker in others]
    text = json.dumps(
        {"schemaVersion": 1, "displayTimeUnit": "ms", **metadata, "traceEvents": [*names, *rows]}
    )
    opened = gzip.open(path, "wt") if str(path).endswith(".gz") else open(path, "w")
    with opened as file:
        file.write(text)


def _row(kind: str, name: str, thread: int, start: int, end: int, arguments: dict) -> dict[str, Any]:
    return {
        "ph": "X", "cat": kind, "name": name, "pid": os.getpid(), "tid": thread,
        "ts": start / 1000, "dur": (end - start) / 1000, "args": arguments,
    }  # fmt: skip


def _named(what: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": os.getpid(), "tid": thread, "ts": 0, "args": {"name": name}}


def _arguments(e: FunctionEvent) -> dict[str, Any]:
    """What a trace says of an event beside its times."""
    found: dict[str, Any] = {}
    if e.input_shapes:
        found["Input Dims"] = e.input_shapes
    if e.lines:
        found["Lines"] = [f"{file}:{number}" for file, number in e.lines]
    if e.stack:
        found["Call stack"] = ";".join(e.stack)
    if e.kernels:
        found["Kernels"] = list(e.kernels)
    if e.flops:
        found |= {"Flops": e.flops, "GFLOP/s": _rate(e.flops, e.cpu_time_total)}
    if e.bytes:
        found |= {
            "Bytes": e.bytes,
            "GB/s": _rate(e.bytes, e.cpu_time_total),
            "Executor": "cpu" if e.native else "NumPy",
        }
    limit = _limit(e)
    if limit:
        found["Of Limit"] = limit
    if e.threads:
        found["Waited us"] = (e.end_ns - e.threads[0][1]) / 1000
    return found


def _limit(e: Any) -> str:
    """Which part of the machine's limits a kernel reached, where `rushlight bench` has measured those."""
    limits = known(e.workers) if e.workers else None
    return "" if limits is None else f"{100 * limits.share(e.flops, e.bytes, e.cpu_time_total / 1e6):.0f}%"


def _rate(count: int, us: float) -> str:
    """Thousands of millions a second."""
    return f"{count / us / 1000:.2f}" if count and us else "--"


def _time(us: float, unit: str | None = None) -> str:
    if unit == "s" or (unit is None and us >= 1e6):
        return f"{us / 1e6:.3f}s"
    if unit == "ms" or (unit is None and us >= 1e3):
        return f"{us / 1e3:.3f}ms"
    return f"{us:.3f}us"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "NaN"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if abs(count) >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} B"


def _cut(text: str, width: int) -> str:
    return text if width < 0 or len(text) <= width else text[: width - 3] + "..."


def _ruled(names: list[str], cells: list[list[str]]) -> str:
    widths = [max([12, *(len(row[i]) for row in [names, *cells])]) + 2 for i in range(len(names))]
    rule = "  ".join("-" * w for w in widths) + "\n"
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths)) + "\n" for row in [names, *cells]]
    return rule + lines[0] + rule + "".join(lines[1:]) + rule
