"""Pictures of a report as PNG files: confusion matrix, ROC curves, class bars, learning curves,
regression plots.

Every function returns the bytes of a PNG. matplotlib is used through its objects (Figure and the Agg
canvas), never through pyplot: no window, no global state, nothing to close, and threads may draw at the
same time. Each picture comes in two colourings, for light and for dark surroundings.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .classification import ClassificationReport
from .learning import LearningCurves
from .regression import RegressionReport
from .roc import RocCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 30
MOST_CURVES = 10
MOST_POINTS = 4000

# Fonts that hold Chinese, Japanese and Korean, tried where a name needs them.
EAST_ASIAN_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Arial Unicode MS",
)


@dataclass(frozen=True)
class Colours:
    """The colours of a picture; `page.py` uses the same ones for the text around it."""

    surface: str
    text: str
    muted: str
    grid: str
    right: str
    wrong: str
    lines: tuple[str, ...]


# Lines differ in brightness as well as in hue, so that they can be told apart without seeing colours.
LIGHT = Colours(
    surface="#ffffff",
    text="#1b2330",
    muted="#5b6678",
    grid="#e4e8ee",
    right="#1f6feb",
    wrong="#d9480f",
    lines=(
        "#1f6feb",
        "#d9480f",
        "#0b8a6a",
        "#8a3ffc",
        "#b7791f",
        "#c2255c",
        "#0c8599",
        "#5c6770",
        "#74a309",
        "#364fc7",
    ),
)
DARK = Colours(
    surface="#171d27",
    text="#e7ecf4",
    muted="#9aa7ba",
    grid="#2c3644",
    right="#6ea8ff",
    wrong="#ff9a62",
    lines=(
        "#6ea8ff",
        "#ff9a62",
        "#4fd1a5",
        "#c39bff",
        "#f2c14e",
        "#ff7eb0",
        "#5cd3e6",
        "#a3aebb",
        "#b4dd4b",
        "#91a7ff",
    ),
)


def confusion_matrix(report: ClassificationReport, *, dark: bool = False, dpi: int = 150) -> bytes:
    """The confusion matrix: rows are true classes, columns what they were taken for; counts where they fit.

    The diagonal (right) is as strong as the share of the class that was found; the mistakes as strong as
    their share beside that of the most frequent one.
    """
    colours = _colours(dark)
    classes = len(report.class_names)
    size = min(8.5, max(4.2, 1.9 + 0.5 * classes))
    figure = _figure(colours, (size, size))
    axes = figure.subplots()
    axes.imshow(_confusion_colours(report, colours), interpolation="nearest")
    _class_ticks(axes, class_labels(report.class_names))
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _lines_between_cells(axes, classes, colours)
    if classes <= 30:
        _cell_counts(axes, report, colours)
    return _png(figure, colours, dpi)


def roc_curves(report: ClassificationReport, *, dark: bool = False, dpi: int = 150) -> bytes:
    """The ROC curves, with their mean; of many classes the ten with the least area. A corner is drawn larger.

    Raises:
        ValueError: the report has none: it was made without scores, or from examples of one class.
    """
    if not report.roc:
        raise ValueError(
            "roc_curves: the report has no ROC curves; they need scores, and examples of several classes"
        )
    colours = _colours(dark)
    figure = _figure(colours, (8.8, 3.7))
    whole, corner, names = figure.subplots(1, 3, width_ratios=(1, 1, 0.62))
    shown = sorted(report.roc, key=lambda curve: curve.area)[:MOST_CURVES]
    shown = [curve for curve in report.roc if any(curve is one for one in shown)]
    labels = dict(zip(report.class_names, class_labels(report.class_names), strict=True))
    for axes in (whole, corner):
        _draw_curves(axes, shown, report.roc_macro, labels, colours)
        axes.set_xlabel("false alarms")
    whole.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    whole.set_ylabel("found")
    _title(whole, "The whole curve", colours)
    edge = _corner_size(shown)
    corner.set(xlim=(-0.01 * edge, edge), ylim=(1 - edge, 1 + 0.01 * edge), aspect="equal")
    _title(corner, f"Upper left, {1 / edge:.0f} × larger", colours)
    names.set_axis_off()
    names.legend(
        *whole.get_legend_handles_labels(), loc="upper left", borderaxespad=0, **_legend_style(colours)
    )
    return _png(figure, colours, dpi)


def class_bars(report: ClassificationReport, *, dark: bool = False, dpi: int = 150) -> bytes:
    """F1 of each class as a bar, precision and recall as marks on it; of many classes the thirty weakest."""
    colours = _colours(dark)
    rows = list(report.per_class)
    labels = dict(zip(report.class_names, class_labels(report.class_names), strict=True))
    if len(rows) > MOST_BARS:
        rows = sorted(rows, key=lambda scores: scores.f1)[:MOST_BARS]
    places = np.arange(len(rows))
    figure = _figure(colours, (8.8, 1.1 + 0.34 * len(rows)))
    axes = figure.subplots()
    axes.barh(places, [row.f1 for row in rows], height=0.62, color=colours.right, alpha=0.35, label="F1")
    for name, marker, colour in [("precision", "D", colours.wrong), ("recall", "o", colours.right)]:
        values = [getattr(row, name) for row in rows]
        axes.scatter(values, places, s=26, marker=marker, color=colour, label=name, zorder=3, clip_on=False)
    axes.set_yticks(places, [labels[row.name] for row in rows])
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(_percent_formatter())
    _plain_axes(axes, colours, grid="x")
    figure.legend(loc="outside upper left", ncols=3, **_legend_style(colours))
    return _png(figure, colours, dpi)


def learning_curves(curves: LearningCurves, *, dark: bool = False, dpi: int = 150) -> bytes:
    """One field for each measure, training and validation together, and one for the learning rate.

    Raises:
        ValueError: the history holds nothing that could be drawn.
    """
    fields = [*curves.measures, *(["learning_rate"] if "learning_rate" in curves.series else [])]
    if not fields:
        raise ValueError(
            "learning_curves: the history has no train_..., validation_... or learning_rate to draw"
        )
    colours = _colours(dark)
    columns = 3 if len(fields) % 3 == 0 else min(2, len(fields))
    rows = -(-len(fields) // columns)
    figure = _figure(colours, (8.8 if columns > 1 else 5.6, 0.5 + 2.6 * rows))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, field in zip(grid, fields, strict=False):
        _draw_field(axes, curves, field, colours)
    for axes in grid[len(fields) :]:
        axes.set_visible(False)
    handles = {
        label: handle
        for axes in grid
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(handles.values(), handles, loc="outside upper left", ncols=3, **_legend_style(colours))
    return _png(figure, colours, dpi)


def regression_scatter(
    report: RegressionReport, output: int = 0, *, dark: bool = False, dpi: int = 150
) -> bytes:
    """Predictions against targets; on the diagonal they agree. Of very many examples a regular selection."""
    colours = _colours(dark)
    rows = _selection(report.total)
    targets, predictions = report.targets[rows, output], report.predictions[rows, output]
    figure = _figure(colours, (5.6, 5.2))
    axes = figure.subplots()
    low, high = _padded(np.concatenate([targets, predictions]))
    axes.plot([low, high], [low, high], color=colours.muted, linestyle=(0, (4, 3)), linewidth=1.2)
    axes.scatter(targets, predictions, **_dots(len(rows), colours))
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_xlabel(f"true value ({report.names[output]})")
    axes.set_ylabel("predicted value")
    _plain_axes(axes, colours, grid="both")
    return _png(figure, colours, dpi)


def regression_residuals(
    report: RegressionReport, output: int = 0, *, dark: bool = False, dpi: int = 150
) -> bytes:
    """Residuals (target minus prediction) against predictions, and how often each size occurs."""
    colours = _colours(dark)
    rows = _selection(report.total)
    residuals = report.residuals[:, output]
    figure = _figure(colours, (8.4, 3.6))
    cloud, bars = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    cloud.axhline(0, color=colours.muted, linewidth=1.2, linestyle=(0, (4, 3)))
    cloud.scatter(report.predictions[rows, output], residuals[rows], **_dots(len(rows), colours))
    cloud.set_xlabel("predicted value")
    cloud.set_ylabel("true minus predicted")
    bars.axhline(0, color=colours.muted, linewidth=1.2, linestyle=(0, (4, 3)))
    low, high = _padded(residuals)
    bins = max(8, min(40, int(len(residuals) ** 0.5)))
    bars.hist(
        residuals, bins=bins, range=(low, high), orientation="horizontal", color=colours.right, alpha=0.55
    )
    bars.set_xlabel("number of examples")
    _whole_ticks(bars)
    for axes in (cloud, bars):
        _plain_axes(axes, colours, grid="both")
    return _png(figure, colours, dpi)


def class_labels(names: Sequence[str]) -> list[str]:
    """The names as pictures show them: cut where they are long, '#3' where no font here can draw one."""
    return [_shortened(name) if _can_be_drawn(name) else f"#{index}" for index, name in enumerate(names)]


# Parts of the pictures


def _confusion_colours(report: ClassificationReport, colours: Colours) -> np.ndarray:
    """(C, C, 3) in [0, 1]."""
    totals = report.confusion.sum(axis=1, keepdims=True)
    shares = report.confusion / np.maximum(totals, 1)
    right = np.eye(len(shares), dtype=bool)
    worst = shares[~right].max(initial=0.0)
    strength = np.where(right, 0.12 + 0.88 * shares, 0.0)
    if worst > 0:
        strength = np.where(right, strength, 0.9 * np.sqrt(shares / worst) * (shares > 0))
    strength = np.where(totals > 0, strength, 0.0)[..., None]
    hue = np.where(right[..., None], _rgb(colours.right), _rgb(colours.wrong))
    return _rgb(colours.surface) * (1 - strength) + hue * strength


def _cell_counts(axes: Axes, report: ClassificationReport, colours: Colours) -> None:
    classes = len(report.class_names)
    cells = _confusion_colours(report, colours)
    size = 10 if classes <= 12 else max(5, 120 / classes)
    for row, column in np.argwhere(report.confusion):
        bright = float(cells[row, column] @ np.array([0.299, 0.587, 0.114])) > 0.55
        colour = "#10151d" if bright else "#ffffff"
        weight = "bold" if row == column else "normal"
        text = f"{report.confusion[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour, fontweight=weight)


def _lines_between_cells(axes: Axes, classes: int, colours: Colours) -> None:
    width = 1.5 if classes <= 30 else 0.4
    edges = np.arange(classes + 1) - 0.5
    axes.vlines(edges, -0.5, classes - 0.5, color=colours.grid, linewidth=width)
    axes.hlines(edges, -0.5, classes - 0.5, color=colours.grid, linewidth=width)


def _class_ticks(axes: Axes, names: Sequence[str]) -> None:
    every = -(-len(names) // 40)
    places = list(range(0, len(names), every))
    shown = [names[place] for place in places]
    long = max(len(name) for name in shown) > 3
    axes.set_xticks(
        places, shown, rotation=45 if long else 0, ha="right" if long else "center", rotation_mode="anchor"
    )
    axes.set_yticks(places, shown)


def _draw_curves(
    axes: Axes,
    curves: Sequence[RocCurve],
    macro: RocCurve | None,
    labels: dict[str, str],
    colours: Colours,
) -> None:
    axes.plot([0, 1], [0, 1], color=colours.muted, linestyle=(0, (4, 3)), linewidth=1, label="guessing (0.5)")
    width = 1.3 if len(curves) > 1 else 2.2
    for curve, colour in zip(curves, colours.lines, strict=False):
        label = f"{labels[curve.name]} ({curve.area:.4f})"
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, color=colour, linewidth=width, label=label
        )
    if macro is not None:
        label = f"mean of classes ({macro.area:.4f})"
        axes.plot(
            macro.false_positive_rate,
            macro.true_positive_rate,
            color=colours.text,
            linewidth=2.4,
            label=label,
        )
    axes.xaxis.set_major_formatter(_percent_formatter())
    axes.yaxis.set_major_formatter(_percent_formatter())
    _plain_axes(axes, colours, grid="both")


def _corner_size(curves: Sequence[RocCurve]) -> float:
    """The side of a corner in which the curves can be told apart, from how low the lowest area is."""
    fall = 1 - min(curve.area for curve in curves)
    for edge in (0.02, 0.05, 0.1, 0.2):
        if fall * 20 < edge:
            return edge
    return 0.5


def _draw_field(axes: Axes, curves: LearningCurves, field: str, colours: Colours) -> None:
    if field == "learning_rate":
        rates = curves.series[field]
        axes.step(curves.epochs, rates, where="mid", color=colours.lines[2], linewidth=1.8)
        positive = rates[rates > 0]
        if len(positive) == len(rates) and positive.max() > 20 * positive.min():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(_number_formatter())
        elif len(positive) == len(rates):
            axes.set_ylim(0, 1.1 * positive.max())
    else:
        for start, name, colour in [
            ("train_", "training", colours.right),
            ("validation_", "validation", colours.wrong),
        ]:
            if start + field in curves.series:
                _draw_line(axes, curves.epochs, curves.series[start + field], name, colour)
        if curves.watched == f"validation_{field}" or curves.watched == f"train_{field}":
            _mark_best(axes, curves, colours)
        if field == "accuracy":
            axes.yaxis.set_major_formatter(_percent_formatter())
    _title(axes, field.replace("_", " ").capitalize(), colours)
    axes.set_xlabel("epoch")
    _whole_ticks(axes)
    _plain_axes(axes, colours, grid="y" if field == "learning_rate" else "both")


def _draw_line(axes: Axes, epochs: np.ndarray, values: np.ndarray, name: str, colour: str) -> None:
    there = np.isfinite(values)
    marker = "o" if there.sum() < 4 else None
    axes.plot(
        epochs[there], values[there], color=colour, linewidth=1.8, label=name, marker=marker, markersize=4
    )


def _mark_best(axes: Axes, curves: LearningCurves, colours: Colours) -> None:
    row = curves.best_row
    if row is None or len(curves.epochs) < 2:
        return
    value = curves.series[curves.watched][row]
    axes.scatter(
        [curves.epochs[row]], [value], s=48, facecolor="none", edgecolor=colours.text, zorder=4, label="best"
    )


def _dots(amount: int, colours: Colours) -> dict[str, Any]:
    faint = 0.75 if amount < 200 else 0.45 if amount < 1000 else 0.25
    return {"s": 16, "color": colours.right, "alpha": faint, "linewidth": 0}


def _selection(total: int) -> np.ndarray:
    if total <= MOST_POINTS:
        return np.arange(total)
    return np.linspace(0, total - 1, MOST_POINTS).round().astype(int)


def _padded(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or max(0.5, 0.05 * abs(high))
    return low - room, high + room


# What all pictures share


def _colours(dark: bool) -> Colours:
    return DARK if dark else LIGHT


def _figure(colours: Colours, size: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor=colours.surface)
    FigureCanvasAgg(figure)
    return figure


def _plain_axes(axes: Axes, colours: Colours, grid: Literal["both", "x", "y"]) -> None:
    axes.grid(visible=True, axis=grid, color=colours.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colours.grid)
    axes.tick_params(which="both", length=0)


def _legend_style(colours: Colours) -> dict[str, Any]:
    return {"frameon": False, "fontsize": 9, "labelcolor": colours.text}


def _title(axes: Axes, text: str, colours: Colours) -> None:
    axes.set_title(text, loc="left", color=colours.text, fontsize=10.5, fontweight="bold")


def _whole_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def _number_formatter() -> Any:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value:g}")


def _percent_formatter() -> Any:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{100 * value:g}%")


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255


def _shortened(name: str, length: int = 18) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _can_be_drawn(name: str) -> bool:
    return all(ord(character) in _characters() for character in name)


@functools.cache
def _characters() -> frozenset[int]:
    """All characters that one of the fonts has."""
    from matplotlib import font_manager

    found: set[int] = set()
    for family in _font_families():
        font = font_manager.get_font(font_manager.findfont(family))
        found.update(font.get_charmap())
    return frozenset(found)


@functools.cache
def _font_families() -> tuple[str, ...]:
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in EAST_ASIAN_FONTS if name in there))


def _png(figure: Figure, colours: Colours, dpi: int) -> bytes:
    """The finished picture. Texts get their fonts here, and lose the meaning that '$' has in matplotlib."""
    from matplotlib.text import Text

    for axes in figure.axes:
        axes.set_facecolor(colours.surface)
        axes.tick_params(which="both", colors=colours.muted, labelsize=9)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(color=colours.text, fontsize=9.5)
    for text in figure.findobj(Text):
        text.set_fontfamily(list(_font_families()))
        text.set_parse_math(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()
