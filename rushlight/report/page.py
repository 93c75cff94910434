"""One self-contained HTML page about a model: what it can, how it was trained, where it errs.

The page needs no network, no script and no other file: its style is inline, its pictures are in it as
base64, and it forbids the browser to load anything else. It is written for readers without background:
every number has a sentence, and a glossary ends it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from . import glossary, pictures
from .classification import ClassificationReport
from .gallery import WrongExample, picture_file
from .learning import LearningCurves, learning_curves
from .page_parts import (
    Section,
    data_uri,
    details,
    escaped,
    paragraph,
    picture,
    png_size,
    settings_table,
    table,
    tiles,
)
from .page_results import (
    classification_sections,
    classification_tiles,
    regression_sections,
    regression_tiles,
)
from .page_style import style_sheet
from .regression import RegressionReport
from .words import count, percent

MOST_EXAMPLES = 60
SMALL_PICTURE = 96  # Pixels; smaller pictures are enlarged with sharp edges.

# The browser may show what is in the page, and load nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_page(
    report: ClassificationReport | RegressionReport,
    *,
    title: str = "Evaluation of the model",
    introduction: str = "",
    settings: Mapping[str, Any] | None = None,
    learning: LearningCurves | Iterable[Mapping[str, Any]] | None = None,
    wrong: Sequence[WrongExample | tuple[Any, ...]] = (),
    created: str | None = None,
) -> str:
    """The page as text.

    Args:
        report: what `classification()` or `regression()` returned.
        title: the heading.
        introduction: a paragraph before the results, in plain text: what the model is for, what data it
            was given.
        settings: how it was trained: names and values, for the settings table. Dicts in it are laid out flat.
        learning: the training's history: one dict an epoch (see `learning_curves`), or what that returned.
        wrong: wrong examples for the gallery: `WrongExample`s, or tuples (picture, true, predicted,
            probability); classes are names or indices. `wrong_examples()` makes them.
        created: when it was made, as it is to stand there; now if None, nothing if empty.
    Raises:
        TypeError: `report` is of another kind.
        ValueError: a picture that is none.
    Example:
        >>> from rushlight.report import classification, html_page
        >>> page = html_page(classification([0, 1, 1], [0, 1, 0]), title="Coins")
        >>> page.count("<section"), "://" in page
        (4, False)
    """
    if isinstance(report, ClassificationReport):
        numbers, results, words = (
            classification_tiles(report),
            classification_sections(report),
            glossary.CLASSIFICATION,
        )
    elif isinstance(report, RegressionReport):
        numbers, results, words = regression_tiles(report), regression_sections(report), glossary.REGRESSION
    else:
        raise TypeError(
            f"html_page: a ClassificationReport or RegressionReport is needed, got {type(report).__name__}"
        )
    curves = (
        learning if learning is None or isinstance(learning, LearningCurves) else learning_curves(learning)
    )
    sections = [
        *_training(settings, curves),
        *results,
        *_learning(curves),
        *_gallery(report, wrong),
        _glossary(words if curves is None else {**words, **glossary.TRAINING}),
    ]
    about = f"{count(report.total, 'test example')}"
    created = datetime.now().strftime("%Y-%m-%d %H:%M") if created is None else created
    return _document(
        title=title,
        about=" · ".join(part for part in (created, about) if part),
        summary=report.summary(),
        introduction=introduction,
        numbers=tiles(numbers),
        sections=sections,
    )


def save_page(
    path: str | os.PathLike[str], report: ClassificationReport | RegressionReport, **options: Any
) -> Path:
    """Write the page to a file, whole or not at all.

    Args:
        path: where to; the folder must exist.
        report: what `classification()` or `regression()` returned.
        options: those of `html_page`.
    Returns:
        The path.
    """
    path = Path(path)
    text = html_page(report, **options)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files for the owner alone; a page is made to be passed on.
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    return path


def _document(
    *, title: str, about: str, summary: str, introduction: str, numbers: str, sections: Sequence[Section]
) -> str:
    links = "".join(
        f'<li><a href="#{section.id}">{escaped(section.heading)}</a></li>' for section in sections
    )
    body = "\n".join(section.html() for section in sections)
    intro = paragraph(introduction) if introduction else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}">
<title>{escaped(title)}</title>
<style>
{style_sheet()}</style>
</head>
<body>
<header>
<p class="kind">Evaluation report</p>
<h1>{escaped(title)}</h1>
<p class="about">{escaped(about)}</p>
<p class="lead">{escaped(summary)}</p>
{intro}
{numbers}
<nav aria-label="Contents"><ol>{links}</ol></nav>
</header>
<main>
{body}
</main>
<footer><p>Made with rushlight. This page holds all it shows and loads nothing.</p></footer>
</body>
</html>
"""


def _training(settings: Mapping[str, Any] | None, curves: LearningCurves | None) -> list[Section]:
    if not settings and curves is None:
        return []
    parts = [] if curves is None else [paragraph(curves.summary())]
    if settings:
        parts.append(settings_table(_flat(settings)))
    return [Section("training", "How it was trained", "\n".join(parts))]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            rows.extend(_flat(value, f"{prefix}{name} · "))
        else:
            rows.append((f"{prefix}{name}", _setting(value)))
    return rows


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(item) for item in value)
    return "–" if value is None else str(value)


def _learning(curves: LearningCurves | None) -> list[Section]:
    if curves is None or not (curves.measures or "learning_rate" in curves.series):
        return []
    caption = (
        "From left to right the epochs: each is one pass through the training examples. Training: "
        "measured on the examples the model learns from. Validation: on examples it does not learn from, "
        "which is what counts. Loss is better the lower it is. "
    )
    if "accuracy" in curves.measures:
        caption += "Accuracy, the share of right answers, is better the higher it is. "
    if curves.best_row is not None:
        caption += "The circle marks the best epoch. "
    if "learning_rate" in curves.series:
        caption += "The learning rate is how large a step the model takes when it corrects itself."
    alt = f"Learning curves. {curves.summary()} All values are in the table below."
    image = picture(partial(pictures.learning_curves, curves), alt, caption.strip())
    return [
        Section(
            "learning", "Learning curves", image + details("All epochs as a table", table(curves.table()))
        )
    ]


def _gallery(
    report: ClassificationReport | RegressionReport, wrong: Sequence[WrongExample | tuple[Any, ...]]
) -> list[Section]:
    examples = [entry if isinstance(entry, WrongExample) else WrongExample(*entry) for entry in wrong]
    if not examples:
        return []
    names = report.class_names if isinstance(report, ClassificationReport) else ()
    shown = examples[:MOST_EXAMPLES]
    intro = "Examples for which the model named the wrong class"
    if any(example.probability is not None for example in shown):
        intro += ", with the probability it gave its answer: the higher, the surer it was of the mistake"
    total = report.total - report.correct if isinstance(report, ClassificationReport) else len(examples)
    if len(shown) < total:
        intro += f". {len(shown)} of {total:,} are shown"
    items = "\n".join(_gallery_item(example, names) for example in shown)
    body = f'{paragraph(intro + ".")}\n<ul class="gallery">\n{items}\n</ul>'
    return [Section("wrong", "Wrong examples", body)]


def _gallery_item(example: WrongExample, names: Sequence[str]) -> str:
    true, predicted = _class_name(example.true, names), _class_name(example.predicted, names)
    image = ""
    if example.image is not None:
        kind, data = picture_file(example.image)
        small = kind == "image/png" and max(png_size(data)) <= SMALL_PICTURE
        style = ' class="small"' if small else ""
        image = f'<img{style} src="{data_uri(kind, data)}" alt="{escaped(f"an example of {true}")}">'
    sure = ""
    if example.probability is not None:
        sure = f'<br><span class="sure">{percent(float(example.probability))} sure</span>'
    taken = f'<span class="taken">taken for {escaped(predicted)}</span>'
    return f"<li>{image}<p>is {escaped(true)}<br>{taken}{sure}</p></li>"


def _class_name(given: Any, names: Sequence[str]) -> str:
    if isinstance(given, str):
        return given
    index = int(given)
    return names[index] if 0 <= index < len(names) else str(index)


def _glossary(words: Mapping[str, str]) -> Section:
    entries = sorted(words.items(), key=lambda entry: entry[0].lower())
    rows = "\n".join(f"<dt>{escaped(word)}</dt><dd>{escaped(meaning)}</dd>" for word, meaning in entries)
    return Section("glossary", "Glossary", f'<dl class="glossary">\n{rows}\n</dl>')


def _umask() -> int:
    # There is no way to read it but to set it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
