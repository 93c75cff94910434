"""Tables as text: with rich where it is installed, plain characters where it is not.

A `Table` is only data, and knows nothing of what it is about; page.py writes the same tables as HTML.
"""

from __future__ import annotations

import io
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO


@dataclass(frozen=True)
class Table:
    """A table of finished text.

    Args:
        title: one line above it.
        columns: the headings.
        rows: one text for each column, each.
        numbers: which columns hold numbers, which stand at the right; all but the first if None.
        note: a line below it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] | None = field(default=None)
    note: str = ""

    def is_number(self, column: int) -> bool:
        """True if the column stands at the right."""
        if self.numbers is None:
            return column > 0
        return column in self.numbers


def table_text(table: Table, *, plain: bool = False) -> str:
    """The table as lines of text, without colours.

    Args:
        table: what to write.
        plain: do without rich even if it is there.
    Example:
        >>> from rushlight.report import Table, table_text
        >>> print(table_text(Table("Fruit", ["name", "count"], [["apple", "3"], ["fig", "12"]]), plain=True))
        Fruit
        name   count
        -----  -----
        apple      3
        fig       12
    """
    rich_table = None if plain else _rich_table(table)
    if rich_table is None:
        return _plain(table)
    from rich.console import Console

    # Wide enough that rich never has to break a word: a file or a test should not depend on the window.
    buffer = io.StringIO()
    console = Console(file=buffer, width=400, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(rich_table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip("\n").split("\n"))


def print_tables(tables: Sequence[Table], file: TextIO | None = None) -> None:
    """Write tables to `file` (standard output if None): with colours on a terminal, plain text otherwise."""
    file = sys.stdout if file is None else file
    on_terminal = getattr(file, "isatty", lambda: False)()
    for index, table in enumerate(tables):
        if index:
            print(file=file)
        rich_table = _rich_table(table) if on_terminal else None
        if rich_table is None:
            print(table_text(table), file=file)
            continue
        from rich.console import Console

        Console(file=file, width=shutil.get_terminal_size().columns).print(rich_table)


def _rich_table(table: Table) -> Any | None:
    try:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text
    except ModuleNotFoundError:
        return None
    made = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        caption=Text(table.note) if table.note else None,
        caption_justify="left",
        box=box.ROUNDED,
        header_style="bold",
    )
    for index, name in enumerate(table.columns):
        made.add_column(Text(name), justify="right" if table.is_number(index) else "left", overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def _plain(table: Table) -> str:
    columns = range(len(table.columns))
    widths = [max(_width(row[column]) for row in [table.columns, *table.rows]) for column in columns]
    lines = [table.title] if table.title else []
    lines.append(_plain_line(table, table.columns, widths))
    lines.append("  ".join("-" * width for width in widths))
    lines.extend(_plain_line(table, row, widths) for row in table.rows)
    if table.note:
        lines.append(table.note)
    return "\n".join(lines)


def _plain_line(table: Table, row: Sequence[str], widths: list[int]) -> str:
    cells = []
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - _width(cell))
        cells.append(space + cell if table.is_number(column) else cell + space)
    return "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Places the text takes on a terminal: two for a wide (East Asian) character, none for an accent."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    combining = sum(unicodedata.combining(character) != 0 for character in text)
    return len(text) + wide - combining
