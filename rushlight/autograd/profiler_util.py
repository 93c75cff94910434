"""What a profile gives: events, their averages by name, and the table of them.

Times are microseconds. An event of a named range, or of one primitive of a program that ran; names of primitives are
rushlight's ("matmul"), not ATen's. There is one device here, so device times are zero.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any


class FunctionEvent:
    """One range or one primitive that ran: `name`, times in us, `cpu_children`, `input_shapes`, bytes made."""

    def __init__(self, name: str, start_ns: int, thread: int, user: bool) -> None:
        self.name = self.key = name
        self.start_ns, self.end_ns, self.thread = start_ns, start_ns, thread
        self.is_user_annotation = user
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.input_shapes: list = []
        self.stack: list[str] = []
        self.cpu_memory_usage = 0
        self.flops = 0
        self.count = 1

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
        self.flops = 0
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
            "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage", "self_cpu_memory_usage", "flops",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(event, name))
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
            names.append("Total MFLOPs")
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
    rows = []
    for e in events:
        row: dict[str, Any] = {
            "ph": "X", "cat": "user_annotation" if e.is_user_annotation else "cpu_op", "name": e.name, "pid": 0,
            "tid": e.thread, "ts": e.start_ns / 1000, "dur": e.cpu_time_total,
        }  # fmt: skip
        if e.input_shapes:
            row["args"] = {"Input Dims": e.input_shapes}
        rows.append(row)
    text = json.dumps({"schemaVersion": 1, "displayTimeUnit": "ms", **metadata, "traceEvents": rows})
    opened = gzip.open(path, "wt") if str(path).endswith(".gz") else open(path, "w")
    with opened as file:
        file.write(text)


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
