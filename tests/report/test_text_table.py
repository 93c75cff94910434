"""Tables as text, with rich and without, and numbers in words."""

import io
import sys

import pytest

from rushlight.report import Table, print_tables, table_text
from rushlight.report.words import count, duration, listed, number, percent

FRUIT = Table("Fruit", ["name", "count"], [["apple", "3"], ["梨", "12"]], note="counted by hand")


def test_plain():
    assert table_text(FRUIT, plain=True).split("\n") == [
        "Fruit",
        "name   count",
        "-----  -----",
        "apple      3",
        "梨        12",
        "counted by hand",
    ]


def test_rich_has_lines_and_no_colours():
    pytest.importorskip("rich")
    text = table_text(FRUIT)
    assert "│ apple │" in text and "counted by hand" in text and "\x1b" not in text
    assert table_text(Table("[bold]", ["[red]"], [["[x]"]])).count("[") == 3


def test_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert table_text(FRUIT) == table_text(FRUIT, plain=True)
    file = io.StringIO()
    print_tables([FRUIT, FRUIT], file)
    assert file.getvalue() == "\n\n".join([table_text(FRUIT, plain=True)] * 2) + "\n"


def test_colours_on_a_terminal():
    pytest.importorskip("rich")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    file = Terminal()
    print_tables([FRUIT], file)
    assert "apple" in file.getvalue()


@pytest.mark.parametrize(
    "share, text",
    [(0.0, "0%"), (1.0, "100%"), (0.5, "50.0%"), (0.99999, ">99.9%"), (1e-6, "<0.1%"), (float("nan"), "–")],
)
def test_percent_never_rounds_to_all_or_nothing(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (0.0, "0"),
        (0.123456, "0.1235"),
        (-12.34567, "-12.35"),
        (123456.7, "123,457"),
        (0.00012345, "0.0001234"),
        (1.5e-9, "1.5e-09"),
        (1e20, "1e+20"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_words():
    assert count(1, "class", "classes") == "1 class" and count(1200, "epoch") == "1,200 epochs"
    assert duration(59) == "59 seconds" and duration(3599.7) == "1 h 0 min"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
