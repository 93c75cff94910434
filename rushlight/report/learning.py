"""Learning curves: what a training noted, epoch by epoch, and what can be read from it.

The history is a list of dicts, one an epoch, as a training loop writes it. Names that begin with `train_` and
`validation_` are two curves of one measure (`train_loss`, `validation_loss`); `learning_rate`, `seconds`
and `epoch` mean what they say; anything else is kept, but not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .inputs import json_number
from .text_table import Table, print_tables, table_text
from .words import count, duration, number

# What training loops also call them.
OTHER_NAMES = {
    "loss": "train_loss",
    "accuracy": "train_accuracy",
    "val_loss": "validation_loss",
    "val_accuracy": "validation_accuracy",
    "lr": "learning_rate",
}
LOWER_IS_BETTER = ("loss", "error", "mae", "mse", "rmse", "perplexity")


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """The history of a training of E epochs. Made by `learning_curves()`.

    Attributes:
        epochs: (E,) their numbers.
        series: name -> (E,) float64, NaN where an epoch has no such value.
    """

    epochs: np.ndarray
    series: dict[str, np.ndarray]

    @property
    def measures(self) -> list[str]:
        """What was measured on training or validation data, in order: 'loss', 'accuracy', ..."""
        found = [name.partition("_")[2] for name in self.series if name.startswith(("train_", "validation_"))]
        return list(dict.fromkeys(found))

    @property
    def watched(self) -> str:
        """The series that tells the best epoch: of validation data and a loss if possible; '' for none."""
        for start in ("validation_", "train_"):
            for measure in ["loss", *self.measures]:
                if start + measure in self.series:
                    return start + measure
        return ""

    @property
    def best_row(self) -> int | None:
        """The row of the best epoch; None if nothing was measured."""
        if not self.watched:
            return None
        values = self.series[self.watched]
        if np.isnan(values).all():
            return None
        lower = lower_is_better(self.watched)
        return int(np.nanargmin(values) if lower else np.nanargmax(values))

    @property
    def seconds(self) -> float | None:
        """How long it took, if it was noted."""
        return float(np.nansum(self.series["seconds"])) if "seconds" in self.series else None

    def to_dict(self) -> dict[str, Any]:
        """Everything, in values that JSON can hold (no NaN)."""
        best = self.best_row
        return {
            "kind": "learning_curves",
            "epochs": self.epochs.tolist(),
            "series": {
                name: [json_number(value) for value in values] for name, values in self.series.items()
            },
            "watched": self.watched or None,
            "best_epoch": None if best is None else int(self.epochs[best]),
            "seconds": self.seconds,
        }

    def summary(self) -> str:
        """How the training went, in a few sentences."""
        took = "" if self.seconds is None else f" in {duration(self.seconds)}"
        sentences = [f"The model was trained for {count(len(self.epochs), 'epoch')}{took}."]
        broken = self._diverged_at()
        if broken is not None:
            sentences.append(f"From epoch {broken} on the training loss was no finite number: it diverged.")
        best = self.best_row
        if best is not None and len(self.epochs) > 1:
            sentences.append(self._best_sentence(best))
            sentences.extend(self._trend(best))
        return " ".join(sentences)

    def _best_sentence(self, best: int) -> str:
        kind = "lowest" if lower_is_better(self.watched) else "highest"
        value = number(self.series[self.watched][best])
        return f"The {self.watched.replace('_', ' ')} was {kind} ({value}) after epoch {self.epochs[best]}."

    def _trend(self, best: int) -> list[str]:
        last = len(self.epochs) - 1
        if not self.watched.startswith("validation_"):
            return []
        if best == last:
            return ["It was still becoming better at the end: training for longer may help."]
        measure = self.watched.partition("_")[2]
        training = self.series.get(f"train_{measure}")
        if training is None or not self._better(training[last], training[best]):
            return []
        start, top, end = (self.series[self.watched][row] for row in (0, best, last))
        # A tenth of all that was gained, lost again, is more than the noise of most trainings.
        if abs(top - end) > 0.1 * abs(top - start) and self._better(top, end):
            return [
                f"After that it became worse while the training {measure} kept improving: the model began "
                "to learn its training examples by heart (overfitting)."
            ]
        return []

    def _better(self, first: float, second: float) -> bool:
        return first < second if lower_is_better(self.watched) else first > second

    def _diverged_at(self) -> int | None:
        # Of the training loss alone: a validation loss may be missing because it was not measured.
        broken = ~np.isfinite(self.series.get("train_loss", np.zeros(1)))
        if not broken[-1]:
            return None
        return int(self.epochs[np.flatnonzero(~broken)[-1] + 1]) if not broken.all() else int(self.epochs[0])

    def table(self) -> Table:
        """One row for each epoch, with all that was noted."""
        names = list(self.series)
        rows = []
        for row, epoch in enumerate(self.epochs):
            mark = " *" if row == self.best_row else ""
            rows.append([f"{epoch}{mark}", *(number(float(self.series[name][row])) for name in names)])
        columns = ["epoch", *(name.replace("_", " ") for name in names)]
        note = "" if self.best_row is None else f"* best {self.watched.replace('_', ' ')}"
        return Table("Training", columns, rows, note=note)

    def text(self, *, plain: bool = False) -> str:
        """The summary and the table as text."""
        return self.summary() + "\n\n" + table_text(self.table(), plain=plain)

    def show(self, file: Any = None) -> None:
        """Print the summary and the table; with colours on a terminal."""
        print(self.summary() + "\n", file=file)
        print_tables([self.table()], file)

    def __str__(self) -> str:
        return self.text()


def lower_is_better(name: str) -> bool:
    """True for losses and errors, by the last word of the name."""
    return name.rpartition("_")[2] in LOWER_IS_BETTER


def learning_curves(history: Iterable[Mapping[str, Any]]) -> LearningCurves:
    """Read a history: one dict an epoch, numbers or tensors of one element as values.

    Args:
        history: dicts with any of `epoch`, `train_loss`, `train_accuracy`, `validation_loss`,
            `validation_accuracy`, `learning_rate`, `seconds`, and others of the form `train_...` and
            `validation_...`. `loss`, `accuracy`, `val_loss`, `val_accuracy` and `lr` are understood too.
            An epoch may leave some out. None stands for NaN.
    Raises:
        ValueError: an empty history.
        TypeError: a value that is no number, naming its epoch and its name.
    Example:
        >>> from rushlight.report import learning_curves
        >>> history = [{"train_loss": 0.9, "val_loss": 1.0}, {"train_loss": 0.5, "val_loss": 0.8}]
        >>> curves = learning_curves(history)
        >>> curves.measures, int(curves.epochs[curves.best_row])
        (['loss'], 2)
    """
    rows = [_row(index, entry) for index, entry in enumerate(history, start=1)]
    if not rows:
        raise ValueError("learning_curves: the history is empty, it needs one dict for each epoch")
    names = list(dict.fromkeys(name for row in rows for name in row if name != "epoch"))
    epochs = np.array([int(row["epoch"]) for row in rows])
    series = {name: np.array([row.get(name, math.nan) for row in rows]) for name in names}
    return LearningCurves(epochs, series)


def _row(index: int, entry: Mapping[str, Any]) -> dict[str, float]:
    row: dict[str, float] = {"epoch": index}
    for given, value in entry.items():
        name = OTHER_NAMES.get(given, given)
        try:
            row[name] = math.nan if value is None else float(value)
        except (TypeError, ValueError):
            raise TypeError(f"learning_curves: {given!r} of epoch {index} is no number: {value!r}") from None
    return row
