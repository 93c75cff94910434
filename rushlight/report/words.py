"""Numbers and amounts in words, as the reports' sentences and tables write them."""

from __future__ import annotations

import math


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage; never '100%' or '0%' for a share that is not.

    Example:
        >>> from rushlight.report.words import percent
        >>> percent(0.9333), percent(1.0), percent(0.99999)
        ('93.3%', '100%', '>99.9%')
    """
    if math.isnan(share):
        return "–"
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    text = f"{share:.{digits}%}"
    smallest = 10.0**-digits
    if float(text[:-1]) == 100.0:
        return f">{100 - smallest:.{digits}f}%"
    if float(text[:-1]) == 0.0:
        return f"<{smallest:.{digits}f}%"
    return text


def number(value: float, digits: int = 4) -> str:
    """A number with `digits` significant figures, without an exponent where it can be read without one.

    Example:
        >>> from rushlight.report.words import number
        >>> number(0.123456), number(1234567.0), number(0.0000012), number(2.0)
        ('0.1235', '1,234,567', '1.2e-06', '2')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 10**digits and size < 1e15:
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-5 <= size < 1:
        text = f"{value:.{digits - 1 - math.floor(math.log10(size))}f}"
    return text


def count(amount: int, one: str, many: str | None = None) -> str:
    """An amount with its noun: '1 epoch', '1,200 epochs'."""
    noun = one if amount == 1 else (many or one + "s")
    return f"{amount:,} {noun}"


def duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> from rushlight.report.words import duration
        >>> duration(0.5), duration(42), duration(200), duration(7300)
        ('0.5 seconds', '42 seconds', '3 min 20 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.2g} seconds"
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def listed(items: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]
