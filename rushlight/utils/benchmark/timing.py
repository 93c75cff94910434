"""`Timer`: how long a statement takes. Work that is recorded and not yet done is done before the clock is read."""

from __future__ import annotations

import textwrap
import timeit
from collections.abc import Callable
from enum import Enum
from typing import Any

from ...errors import UnsupportedError
from ...executors import queue
from .measurement import Measurement, TaskSpec


class Language(Enum):
    """Of the statement: Python."""

    PYTHON = 0
    CPP = 1


def timer() -> float:
    """Seconds, after all recorded work has been done."""
    queue.realize()
    return timeit.default_timer()


class Timer:
    """Times a statement.

    Args:
        stmt, setup: Python source; globals: the names it sees.
        label, sub_label, description: rows and columns in a Compare table.
    Source: torch.utils.benchmark.Timer.
    Example:
        >>> import rushlight as torch
        >>> t = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(2)})
        >>> t.timeit(3).number_per_run
        3
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if language not in (Language.PYTHON, "py", "python"):
            raise UnsupportedError("Timer: only Python statements are timed here")
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        names = dict(globals or {})
        if "torch" not in names:
            import rushlight

            names["torch"] = rushlight
        self._timer = timeit.Timer(_dedented(stmt), _dedented(setup), timer, names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _times(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Seconds of `number` calls, after a hundredth of them (at least two) to warm up."""
        self._times(max(number // 100, 2))
        return Measurement(number, [self._times(number)], self._task_spec)

    def _estimated(self, least: float) -> int:
        number = 1
        while True:
            taken = self._times(number)
            if taken >= least or number >= 10**9:
                return number
            number *= 10 if taken < least / 10 else 2

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Runs of equal length until `min_run_time` seconds have passed."""
        number = self._estimated(min_run_time / 1000)
        times: list[float] = []
        while sum(times) < min_run_time:
            times.append(self._times(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def autorange(self, callback: Callable[[int, float], Any] | None = None) -> Measurement:
        """As blocked_autorange, for at least 0.2 seconds."""
        return self.blocked_autorange(callback)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:  # fmt: skip
        """Runs until the times agree to `threshold` of the median, or `max_run_time` seconds have passed."""
        number = self._estimated(0.05 * min_run_time)
        times: list[float] = []
        while True:
            times.append(self._times(number))
            if callback is not None:
                callback(number, times[-1])
            found = Measurement(number, times, self._task_spec)
            enough = sum(times) >= min_run_time and len(times) > 3 and found.meets_confidence(threshold)
            if enough or sum(times) >= max_run_time:
                return found

    def collect_callgrind(self, *args: Any, **kwargs: Any) -> Any:
        """Not supported. Raises: UnsupportedError."""
        raise UnsupportedError(
            "Timer.collect_callgrind: instructions are not counted here; use blocked_autorange"
        )


def _dedented(text: str) -> str:
    return textwrap.dedent(text).strip() or "pass"


__all__ = ["Language", "Timer", "timer"]
