"""The building blocks of the page: sections, tables, tiles and pictures as HTML text.

Every text that comes from outside goes through `escaped`; pictures go in as base64, so that the page
needs no other file.
"""

from __future__ import annotations

import base64
import html
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .text_table import Table


@dataclass(frozen=True)
class Section:
    """One card of the page: an id for links, a heading, and its HTML."""

    id: str
    heading: str
    body: str

    def html(self) -> str:
        """The section element."""
        return f'<section id="{self.id}">\n<h2>{escaped(self.heading)}</h2>\n{self.body}\n</section>'


@dataclass(frozen=True)
class Tile:
    """One large number, with its name and what it means."""

    name: str
    value: str
    meaning: str


def escaped(text: object) -> str:
    """Text as it may stand in HTML, in attributes too."""
    return html.escape(str(text), quote=True)


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escaped(text)}</p>"


def tiles(entries: Sequence[Tile]) -> str:
    """The large numbers in a row."""
    parts = [
        f'<div class="tile"><dt>{escaped(tile.name)}</dt><dd class="value">{escaped(tile.value)}</dd>'
        f'<dd class="meaning">{escaped(tile.meaning)}</dd></div>'
        for tile in entries
    ]
    return '<dl class="tiles">\n' + "\n".join(parts) + "\n</dl>"


def table(data: Table, caption: str = "") -> str:
    """A table whose first column holds the rows' headings; the caption and the table's note stand below."""
    columns = [(name, data.is_number(index)) for index, name in enumerate(data.columns)]
    rows = []
    for row in data.rows:
        cells = zip(row, columns, strict=True)
        rows.append([(cell, "number" if right else "") for cell, (_, right) in cells])
    below = " ".join(text for text in (caption, data.note and f"{data.note}.") if text)
    return rows_and_columns(columns, rows, caption=below)


def explained_numbers(rows: Sequence[tuple[str, str, str]]) -> str:
    """A table of numbers and what each says."""
    columns = [("number", False), ("value", True), ("what it says", False)]
    cells = [[(name, ""), (value, "number"), (meaning, "meaning")] for name, value, meaning in rows]
    return rows_and_columns(columns, cells, kind="explained")


def settings_table(rows: Sequence[tuple[str, str]]) -> str:
    """A table of names and values."""
    cells = [[(name, ""), (value, "value")] for name, value in rows]
    return rows_and_columns([("setting", False), ("value", False)], cells, kind="settings")


def rows_and_columns(
    columns: Sequence[tuple[str, bool]],
    rows: Sequence[Sequence[tuple[str, str]]],
    *,
    kind: str = "",
    caption: str = "",
) -> str:
    """A table of cells that each have a text and a class (of the style sheet).

    Args:
        columns: headings, and whether they stand at the right.
        rows: the cells; the first of a row is its heading.
        kind: the table's class.
        caption: what stands below.
    """
    head = "".join(_cell("th", name, "number" if right else "", "col") for name, right in columns)
    lines = []
    for (name, style), *rest in rows:
        cells = "".join(_cell("td", text, style) for text, style in rest)
        lines.append(f"<tr>{_cell('th', name, style, 'row')}{cells}</tr>")
    opening = f'<table class="{kind}">' if kind else "<table>"
    below = f"<caption>{escaped(caption)}</caption>" if caption else ""
    body = "\n".join(lines)
    return (
        f'<div class="wide">{opening}{below}\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def details(summary: str, body: str) -> str:
    """Something that is folded away at first."""
    return f"<details><summary>{escaped(summary)}</summary>\n{body}\n</details>"


def picture(draw: Callable[..., bytes], alt: str, caption: str) -> str:
    """A picture in both colourings, of which the browser takes the one that suits.

    Args:
        draw: called with `dark=False` and `dark=True`, returns a PNG.
        alt: what there is to see, for those who cannot.
        caption: how to read it.
    """
    light, dark = draw(dark=False), draw(dark=True)
    width, height = png_size(light)
    # Pictures are drawn with half as many dots again as they take on the page, for sharp text on fine
    # screens.
    size = f'width="{width * 2 // 3}" height="{height * 2 // 3}"'
    return (
        '<figure>\n<picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{data_uri("image/png", dark)}">'
        f'<img src="{data_uri("image/png", light)}" {size} alt="{escaped(alt)}"></picture>\n'
        f"<figcaption>{escaped(caption)}</figcaption>\n</figure>"
    )


def data_uri(kind: str, data: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels, which stand at the beginning of the file."""
    return struct.unpack(">II", data[16:24])


def _cell(element: str, text: str, style: str, scope: str = "") -> str:
    attributes = f' scope="{scope}"' if scope else ""
    if style:
        attributes += f' class="{style}"'
    return f"<{element}{attributes}>{escaped(text)}</{element}>"
