"""`Compare`: measurements as a table, a column each description, a row each statement."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from .measurement import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english


class Colorize(Enum):
    """Which fastest entries are marked."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """Shows measurements beside each other. Source: torch.utils.benchmark.Compare."""

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim = False
        self._colorize = Colorize.NONE
        self._highlight = False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """More measurements."""
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
            self._results.append(r)

    def trim_significant_figures(self) -> None:
        """Show only the digits that the spread leaves meaning."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Mark the fastest of each column, or row, with a star."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Mark times that differ much with (!)."""
        self._highlight = True

    def print(self) -> None:
        """Show the table."""
        print(str(self))

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        labels = ordered_unique(r.label for r in merged)
        return "\n".join(self._table(label, [r for r in merged if r.label == label]) for label in labels)

    def _table(self, label: str | None, results: list[Measurement]) -> str:
        columns = ordered_unique(r.description or "" for r in results)
        keys = ordered_unique((r.num_threads, r.env or "", r.sub_label or r.stmt) for r in results)
        unit, scale = select_unit(min(r.median for r in results))
        cells = {
            ((r.num_threads, r.env or "", r.sub_label or r.stmt), r.description or ""): r for r in results
        }
        head = max(len(f"{env} {name}".strip()) for _, env, name in keys)
        width = max(12, *(len(c) for c in columns)) + 2
        lines = [
            f"[{'-' * 2} {label or ''} {'-' * 2}]",
            " " * (head + 6) + "".join(f"|{c:^{width}}" for c in columns),
        ]
        threads = None
        for key in keys:
            if key[0] != threads:
                threads = key[0]
                lines.append(f"{threads} threads: " + "-" * (head + width * len(columns) - 6))
            row = "".join(f"|{self._cell(cells, key, c, keys, columns, scale):>{width}}" for c in columns)
            lines.append(f"      {f'{key[1]} {key[2]}'.strip():<{head}}{row}")
        return "\n".join([*lines, "", f"Times are in {unit_to_english(unit)}s ({unit}).", ""])

    def _cell(self, cells: dict, key: tuple, column: str, keys: list, columns: list, scale: float) -> str:
        found = cells.get((key, column))
        if found is None:
            return " "
        value = found.median / scale
        text = f"{trim_sigfig(value, found.significant_figures) if self._trim else value:.1f}"
        beside = []
        if self._colorize is Colorize.COLUMNWISE:
            beside = [cells[k, column].median for k in keys if (k, column) in cells]
        elif self._colorize is Colorize.ROWWISE:
            beside = [cells[key, c].median for c in columns if (key, c) in cells]
        if len(beside) > 1 and found.median == min(beside):
            text += " *"
        return f"(!) {text}" if self._highlight and found.has_warnings else text


__all__ = ["Colorize", "Compare"]
