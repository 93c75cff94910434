"""`Measurement`: repeated times of one statement, and how they are shown."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_NAMES = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """What was timed, apart from the times."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement, with the sub-label."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt + (f": {self.sub_label}" if self.sub_label else "")
        return f"stmt:{' (' + self.sub_label + ')' if self.sub_label else ''}\n{self.stmt}"

    def summarize(self) -> str:
        """What was timed, as text."""
        parts = [self.description, f"setup: {self.setup}" if self.setup and self.setup != "pass" else None]
        return "\n".join([self.title, *(p for p in parts if p)])


@dataclasses.dataclass(init=True, repr=False)
class Measurement:
    """Times, in seconds, of `number_per_run` calls each. Source: torch.utils.benchmark.Measurement."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    @property
    def times(self) -> list[float]:
        """Seconds a call, one a run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """Seconds a call."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """Seconds a call."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """Seconds between the first and the third quarter of the times."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    @property
    def significant_figures(self) -> int:
        """How many digits the spread leaves meaning."""
        if len(self.times) < 2 or self.iqr == 0:
            return 2
        spread = self.iqr / 1.35 / math.sqrt(len(self.times)) * 2 * 1.645
        return max(1, min(5, 1 + math.floor(math.log10(self.median) - math.log10(spread))))

    @property
    def has_warnings(self) -> bool:
        """Whether the times differ by more than a tenth, or are too few."""
        return len(self.times) < 2 or self.iqr / self.median > 0.1

    def meets_confidence(self, threshold: float = 0.1) -> bool:
        """Whether the spread is below this share of the median."""
        return self.iqr / self.median < threshold

    def __getattr__(self, name: str) -> Any:
        if name in TaskSpec.__dataclass_fields__ or name == "title":
            return getattr(self.task_spec, name)
        raise AttributeError(name)

    def __repr__(self) -> str:
        unit, scale = select_unit(self.median)
        count = f"{len(self.times)} measurement{'s' if len(self.times) > 1 else ''}"
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        lines = [f"<{__name__}.Measurement>", self.task_spec.summarize()]
        if len(self.times) > 1:
            lines.append(f"  Median: {self.median / scale:.2f} {unit}")
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit}")
        else:
            lines.append(f"  {self.median / scale:.2f} {unit}")
        return "\n".join([*lines, f"  {count}, {self.number_per_run} runs per measurement, {threads}"])

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One measurement for each task, of all its times."""
        groups: dict[TaskSpec, list[Measurement]] = defaultdict(list)
        for m in measurements:
            groups[m.task_spec].append(m)
        return [Measurement(1, [t for m in group for t in m.times], spec) for spec, group in groups.items()]


def select_unit(t: float) -> tuple[str, float]:
    """(unit, its length in seconds) in which a time of t seconds reads well."""
    for unit in ("ns", "us", "ms"):
        if t < 1000 * _UNITS[unit]:
            return unit, _UNITS[unit]
    return "s", 1.0


def unit_to_english(u: str) -> str:
    """The unit's whole name."""
    return _NAMES[u]


def trim_sigfig(x: float, n: int) -> float:
    """x with n digits that mean something."""
    if x == 0:
        return 0.0
    magnitude = math.ceil(math.log10(abs(x)))
    scale = 10.0 ** (magnitude - n)
    return float(round(x / scale) * scale)


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """Each once, as first met."""
    return list(dict.fromkeys(elements))


__all__ = ["Measurement", "TaskSpec", "ordered_unique", "select_unit", "trim_sigfig", "unit_to_english"]
