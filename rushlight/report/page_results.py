"""What the page says about results: the large numbers, and the sections that explain them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import pictures
from .classification import ClassificationReport
from .page_parts import (
    Section,
    Tile,
    details,
    escaped,
    explained_numbers,
    paragraph,
    picture,
    rows_and_columns,
    table,
)
from .regression import OutputScores, RegressionReport
from .text_table import Table
from .words import count, number, percent

MOST_MISTAKES = 8
MOST_OUTPUTS = 6
MOST_COUNTED = 30


def classification_tiles(report: ClassificationReport) -> list[Tile]:
    """The large numbers of a classifier."""
    entries = [
        Tile(
            "Accuracy", percent(report.accuracy), f"{report.correct:,} of {report.total:,} answers are right"
        ),
        Tile("To compare", percent(report.baseline), "if one always said the commonest class"),
        Tile(
            "F1, mean of the classes",
            percent(report.macro.f1),
            "high only with few misses and few false alarms",
        ),
    ]
    if report.roc_area is not None:
        entries.append(Tile("ROC area", f"{report.roc_area:.4f}", "1 is perfect, 0.5 is guessing"))
    return entries


def classification_sections(report: ClassificationReport) -> list[Section]:
    """Results, classes, confusions and ROC curves."""
    sections = [_classification_results(report), _classes(report), _confusions(report)]
    if report.roc:
        sections.append(_roc(report))
    return sections


def regression_tiles(report: RegressionReport) -> list[Tile]:
    """The large numbers of a model that predicts numbers."""
    entries = [
        Tile("Off on average (MAE)", number(report.mae), f"on {count(report.total, 'example')}"),
        Tile("RMSE", number(report.rmse), "the same, large errors counting more"),
        Tile("R²", number(report.r2, 3), "1 is perfect, 0 is no better than always saying the mean"),
    ]
    if len(report.per_output) == 1:
        entries.append(Tile("Largest error", number(report.per_output[0].largest_error), "of any example"))
    return entries


def regression_sections(report: RegressionReport) -> list[Section]:
    """Results, predictions against targets, residuals and the worst examples."""
    return [_regression_results(report), _agreement(report), _residuals(report), _worst(report)]


def _classification_results(report: ClassificationReport) -> Section:
    low, high = report.accuracy_interval
    rows = [
        (
            "Accuracy",
            percent(report.accuracy, 2),
            "The share of examples for which the model named the right class.",
        ),
        (
            "… with 95% confidence",
            f"{percent(low, 1)} – {percent(high, 1)}",
            "Chance plays a part in every test. On very many examples of the same kind the accuracy would "
            "very likely lie in this range.",
        ),
        (
            "Commonest class",
            percent(report.baseline, 2),
            "The accuracy of always saying the commonest class. A useful model is well above it.",
        ),
        (
            "Precision",
            percent(report.macro.precision, 2),
            "When the model names a class, how often that is right; the mean over the classes.",
        ),
        (
            "Recall",
            percent(report.macro.recall, 2),
            "How much of a class the model finds; the mean over the classes.",
        ),
        ("F1", percent(report.macro.f1, 2), "Precision and recall in one number; the mean over the classes."),
        (
            "Precision, weighted",
            percent(report.weighted.precision, 2),
            "As above, but classes with more examples count more.",
        ),
        (
            "Recall, weighted",
            percent(report.weighted.recall, 2),
            "The same for recall; it equals the accuracy.",
        ),
        ("F1, weighted", percent(report.weighted.f1, 2), "The same for F1."),
    ]
    if report.roc_area is not None:
        meaning = (
            "How often the model gives an example of a class a higher probability for it than one of another."
        )
        rows.append(("ROC area", f"{report.roc_area:.4f}", meaning + " 1 is perfect, 0.5 is guessing."))
    return Section("results", "Results", explained_numbers(rows))


def _classes(report: ClassificationReport) -> Section:
    many = len(report.per_class) > pictures.MOST_BARS
    shown = f" The {pictures.MOST_BARS} weakest classes are shown." if many else ""
    image = picture(
        partial(pictures.class_bars, report),
        f"Bars of the F1 of {count(len(report.per_class), 'class', 'classes')}; the numbers are in the "
        "table below.",
        "The longer the bar, the better the class is recognized (F1). The blue dot is recall: how much of "
        "the class was found. The orange diamond is precision: how often the model was right when it "
        "named the class." + shown + _numbered(report),
    )
    caption = (
        "Precision: when the model named this class, how often it was right. Recall: how much of this "
        "class it found. F1: both in one number. Support: examples of this class. Predicted: how often "
        "the model named it."
    )
    return Section("classes", "Class by class", image + table(report.class_table(), caption))


def _numbered(report: ClassificationReport) -> str:
    """A sentence for the captions of pictures that could not show every name."""
    labels = pictures.class_labels(report.class_names)
    numbered = [label for index, label in enumerate(labels) if label == f"#{index}"]
    if not numbered:
        return ""
    return f" {numbered[0]} and the like: classes in the table's order, from #0, whose names no font has."


def _confusions(report: ClassificationReport) -> Section:
    worst = report.most_confused[0].sentence() if report.most_confused else "There are no mistakes."
    image = picture(
        partial(pictures.confusion_matrix, report),
        f"Confusion matrix: {report.correct:,} of {report.total:,} examples are on the diagonal. {worst}",
        "Each row is a true class, each column what the model took it for. Blue, on the diagonal: right "
        "answers, the stronger the larger their share. Orange: mistakes, the stronger the more frequent; "
        "empty fields are zero." + _numbered(report),
    )
    parts = [image, "<h3>The most frequent mistakes in words</h3>"]
    if report.most_confused:
        sentences = [f"<li>{escaped(pair.sentence())}</li>" for pair in report.most_confused[:MOST_MISTAKES]]
        parts.append('<ol class="mistakes">\n' + "\n".join(sentences) + "\n</ol>")
        rest = report.most_confused[MOST_MISTAKES:]
        if rest:
            amount = sum(pair.count for pair in rest)
            parts.append(
                paragraph(
                    f"{count(amount, 'other mistake')} fall on {count(len(rest), 'other pair')} of classes."
                )
            )
    else:
        parts.append(paragraph("The model made no mistake on these examples."))
    if len(report.class_names) <= MOST_COUNTED:
        parts.append(details("All counts as a table", _counts(report)))
    return Section("confusions", "What it takes for what", "\n".join(parts))


def _counts(report: ClassificationReport) -> str:
    columns = [("true class", False), *((name, True) for name in report.class_names)]
    rows = []
    for index, (name, counts) in enumerate(zip(report.class_names, report.confusion.tolist(), strict=True)):
        cells = [(f"{amount:,}", _cell_style(index == at, amount)) for at, amount in enumerate(counts)]
        rows.append([(name, ""), *cells])
    caption = "Rows: true classes. Columns: what they were taken for."
    return rows_and_columns(columns, rows, caption=caption)


def _cell_style(right: bool, amount: int) -> str:
    if right:
        return "number right"
    return "number none" if amount == 0 else "number"


def _roc(report: ClassificationReport) -> Section:
    if len(report.class_names) == 2:
        first, second = report.class_names
        what = f"The curve is of “{second}” against “{first}”."
    else:
        what = "Each thin line is one class against all the others; the thick one is their mean."
        if len(report.roc) > pictures.MOST_CURVES:
            what += f" Of the classes the {pictures.MOST_CURVES} with the smallest area are drawn."
    intro = (
        "For every example the model says how probable each class is. One can set a bar, and count as "
        "“yes” to a class whatever is above it. With a lower bar more of the class is found (upwards), "
        "but there are more false alarms (to the right). A good curve goes steeply up at the left edge; "
        "the dashed line is guessing."
    )
    area = report.roc_area
    image = picture(
        partial(pictures.roc_curves, report),
        f"ROC curves. Area under the curve: {area:.4f}. The areas of the classes are in the table “Class "
        "by class”.",
        f"{what} “Found” is the share of the class's examples above the bar, “false alarms” the share of "
        "all other examples above it. The number beside each name is the area under its curve: 1 is "
        "perfect, 0.5 is guessing.",
    )
    return Section("roc", "ROC curves", paragraph(intro) + image)


def _regression_results(report: RegressionReport) -> Section:
    if len(report.per_output) == 1:
        return Section("results", "Results", explained_numbers(_regression_rows(report.per_output[0])))
    caption = (
        "One row for each output. MAE: how far off it is on average. RMSE: the same, large errors "
        "counting more. R²: 1 is perfect, 0 is no better than always saying the mean, whose RMSE is in "
        "the last column. The mean residual is above zero if the model says too little on the whole."
    )
    return Section("results", "Results", table(report.tables()[0], caption))


def _regression_rows(scores: OutputScores) -> list[tuple[str, str, str]]:
    lean = "too little" if scores.bias > 0 else "too much"
    slight = abs(scores.bias) < 1e-9 * scores.rmse
    bias = (
        "The model says neither too much nor too little on the whole."
        if slight
        else f"On the whole it says {lean}."
    )
    return [
        ("MAE", number(scores.mae), "How far off a prediction is on average (mean absolute error)."),
        (
            "RMSE",
            number(scores.rmse),
            "The same, but large errors count more (root of the mean squared error).",
        ),
        (
            "RMSE of the mean",
            number(scores.baseline_rmse),
            "The RMSE of always saying the mean of the true values.",
        ),
        (
            "R²",
            number(scores.r2),
            "How much of the differences between the true values it explains; 1 is all.",
        ),
        ("Median error", number(scores.median_error), "Half of the errors are smaller than this."),
        ("Largest error", number(scores.largest_error), "The worst prediction is this far off."),
        ("Mean residual", "0" if slight else number(scores.bias), "True minus predicted. " + bias),
    ]


def _each_output(report: RegressionReport, draw: Callable[..., bytes], alt: str, caption: str) -> str:
    parts = []
    for index, name in enumerate(report.names[:MOST_OUTPUTS]):
        if len(report.names) > 1:
            parts.append(f"<h3>{escaped(name)}</h3>")
        parts.append(
            picture(partial(draw, report, index), alt.format(name=name), caption if index == 0 else "")
        )
    if len(report.names) > MOST_OUTPUTS:
        parts.append(paragraph(f"The first {MOST_OUTPUTS} of {len(report.names)} outputs are drawn."))
    return "\n".join(parts)


def _agreement(report: RegressionReport) -> Section:
    caption = (
        "Each dot is one example: to the right its true value, upwards what the model predicted. On the "
        "dashed line they agree; the farther from it, the larger the error."
    )
    alt = "Predicted against true values of {name}; the numbers are in the table of results."
    return Section(
        "agreement", "Predicted and true", _each_output(report, pictures.regression_scatter, alt, caption)
    )


def _residuals(report: RegressionReport) -> Section:
    caption = (
        "Left: each dot is one example, upwards what is missing from its prediction to the true value. If "
        "the model is good, the dots lie around the dashed zero line without a pattern; a bend or a slope "
        "is something it has not learned. Right: how many examples have errors of each size."
    )
    alt = "Residuals of {name} against predictions, and how often each size occurs."
    return Section("residuals", "Errors", _each_output(report, pictures.regression_residuals, alt, caption))


def _worst(report: RegressionReport) -> Section:
    columns = [
        "example",
        *(f"{name}: {what}" for name in report.names for what in ("true", "predicted", "error")),
    ]
    if len(report.names) == 1:
        columns = ["example", "true", "predicted", "error"]
    rows = []
    for row in report.worst(10):
        values = zip(report.targets[row], report.predictions[row], report.residuals[row], strict=True)
        rows.append([str(row), *(number(float(value)) for triple in values for value in triple)])
    caption = "The largest errors. Example: its place in the data, from 0. Error: true minus predicted."
    return Section("worst", "The worst examples", table(Table("", columns, rows), caption))
