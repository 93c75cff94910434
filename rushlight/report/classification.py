"""The evaluation of a classifier: what it got right, what it took for what, and how sure it was.

`classification()` computes everything once, with scikit-learn, and returns a `ClassificationReport`,
which holds plain values and arrays and knows its own tables. Pictures of it are drawn in pictures.py,
the page in page.py. Averages are scikit-learn's defaults: over the classes that occur among the labels
or the predictions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .inputs import (
    as_array,
    class_indices,
    json_number,
    require_finite,
    require_same_length,
    without_last_one,
)
from .roc import RocCurve, macro_average, roc_curves
from .text_table import Table, print_tables, table_text
from .words import count, percent

MOST_CLASSES = 4096  # A confusion matrix of more is no use to anyone, and labels above it are rarely classes.


@dataclass(frozen=True)
class ClassScores:
    """How one class fared.

    Attributes:
        name: the class.
        precision: share of the examples taken for it that are of it; 0 if none was.
        recall: share of its examples that were found; 0 if it has none.
        f1: harmonic mean of the two.
        support: its examples among the labels.
        predicted: examples taken for it.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int

    @property
    def remark(self) -> str:
        """Why a number is 0 that could not be computed; empty where all could."""
        if self.support == 0 and self.predicted == 0:
            return "does not occur"
        if self.support == 0:
            return "no examples"
        return "never predicted" if self.predicted == 0 else ""


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 averaged over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ConfusedPair:
    """How often one class was taken for another.

    Attributes:
        true: the class the examples are of.
        predicted: the class they were taken for.
        count: how many.
        support: all examples of the true class.
    """

    true: str
    predicted: str
    count: int
    support: int

    @property
    def share(self) -> float:
        """Share of the true class's examples."""
        return self.count / self.support

    def sentence(self) -> str:
        """The pair in words."""
        some = f"{self.count:,} of {count(self.support, 'example')}"
        return f"{some} of “{self.true}” ({percent(self.share)}) were taken for “{self.predicted}”."


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """The evaluation of a classifier on N examples of C classes. Made by `classification()`.

    Attributes:
        class_names: C names.
        labels: (N,) int64, what the examples are.
        predictions: (N,) int64, what they were taken for.
        probabilities: (N, C), or None if only predictions were given.
        accuracy: share of right predictions.
        accuracy_interval: where the accuracy on ever more such examples would be, with 95 % confidence
            (Wilson).
        baseline: the accuracy of always saying the commonest class.
        macro: averages in which every class counts the same.
        weighted: averages in which every class counts by its examples.
        per_class: one entry for each class.
        confusion: (C, C) counts; rows are labels, columns predictions.
        most_confused: pairs of classes, the most frequent mistake first.
        roc: one curve for each class against the rest; for two classes that of the second. Empty without
            scores.
        roc_macro: the mean of the curves, if there are several.
    """

    class_names: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray | None
    accuracy: float
    accuracy_interval: tuple[float, float]
    baseline: float
    macro: Average
    weighted: Average
    per_class: tuple[ClassScores, ...]
    confusion: np.ndarray
    most_confused: tuple[ConfusedPair, ...]
    roc: tuple[RocCurve, ...]
    roc_macro: RocCurve | None

    @property
    def correct(self) -> int:
        """How many predictions are right."""
        return int(np.trace(self.confusion))

    @property
    def total(self) -> int:
        """How many examples there are."""
        return len(self.labels)

    @property
    def roc_area(self) -> float | None:
        """Area under the ROC curve: the classes' mean, or that of the second of two; None without curves."""
        if self.roc_macro is not None:
            return self.roc_macro.area
        return self.roc[0].area if self.roc else None

    def wrong(self, limit: int | None = None) -> np.ndarray:
        """Which examples were taken for something else: their rows, the surest mistakes first.

        Args:
            limit: no more than so many.
        """
        rows = np.flatnonzero(self.labels != self.predictions)
        if self.probabilities is not None:
            sureness = self.probabilities[rows, self.predictions[rows]]
            rows = rows[np.argsort(-sureness, kind="stable")]
        return rows[:limit]

    def to_dict(self, curve_points: int = 201) -> dict[str, Any]:
        """Everything but the examples themselves, in values that JSON can hold (no NaN).

        Args:
            curve_points: no more points than about that in each ROC curve.
        """
        return {
            "kind": "classification",
            "class_names": list(self.class_names),
            "examples": self.total,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "baseline": self.baseline,
            "macro": asdict(self.macro),
            "weighted": asdict(self.weighted),
            "per_class": [asdict(scores) for scores in self.per_class],
            "confusion": self.confusion.tolist(),
            "most_confused": [asdict(pair) for pair in self.most_confused],
            "roc_area": json_number(self.roc_area),
            "roc": [curve.thinned(curve_points).to_dict() for curve in self.roc],
            "roc_macro": None if self.roc_macro is None else self.roc_macro.thinned(curve_points).to_dict(),
        }

    def summary(self) -> str:
        """The result in two or three sentences."""
        right = f"The model named the right class for {self.correct:,} of {count(self.total, 'example')}"
        sentences = [f"{right}: {percent(self.accuracy)}."]
        present = [scores for scores in self.per_class if scores.support > 0]
        if len(present) > 1:
            sentences.append(
                f"Always saying the commonest class would be right for {percent(self.baseline)} of them."
            )
            weakest = min(present, key=lambda scores: scores.recall)
            if self.correct == self.total:
                sentences.append("It made no mistake on these examples.")
            else:
                found = percent(weakest.recall)
                sentences.append(f"It is weakest on “{weakest.name}”, of whose examples it found {found}.")
        return " ".join(sentences)

    def tables(self) -> list[Table]:
        """The overall numbers, the classes and the most confused pairs, as tables."""
        tables = [self._overall_table(), self.class_table()]
        if self.most_confused:
            tables.append(self._confused_table())
        return tables

    def class_table(self) -> Table:
        """One row for each class."""
        areas = {curve.name: curve.area for curve in self.roc}
        columns = ["class", "precision", "recall", "F1", "support", "predicted"]
        rows = [[scores.name, *_class_cells(scores)] for scores in self.per_class]
        if len(self.roc) > 1:
            columns.append("ROC area")
            rows = [[*row, f"{areas[row[0]]:.4f}" if row[0] in areas else "–"] for row in rows]
        remarks = [f"{scores.name}: {scores.remark}" for scores in self.per_class if scores.remark]
        note = "; ".join(remarks) + " (numbers that cannot be computed are 0)" if remarks else ""
        return Table("Class by class", columns, rows, note=note)

    def _overall_table(self) -> Table:
        low, high = self.accuracy_interval
        rows = [
            ["accuracy", percent(self.accuracy, 2), f"{self.correct:,} of {self.total:,} right"],
            ["", "", f"95% confidence: {percent(low, 2)} to {percent(high, 2)}"],
            ["commonest class", percent(self.baseline, 2), "accuracy of always saying it"],
        ]
        for name, average in [("macro", self.macro), ("weighted", self.weighted)]:
            meaning = "every class counts the same" if name == "macro" else "classes count by their examples"
            rows.append([f"precision, {name}", percent(average.precision, 2), meaning])
            rows.append([f"recall, {name}", percent(average.recall, 2), meaning])
            rows.append([f"F1, {name}", percent(average.f1, 2), meaning])
        if self.roc_area is not None:
            rows.append(["ROC area", f"{self.roc_area:.4f}", "1 is perfect, 0.5 is guessing"])
        return Table("Results", ["measure", "value", "meaning"], rows, numbers=[1])

    def _confused_table(self) -> Table:
        rows = [
            [pair.true, pair.predicted, f"{pair.count:,}", percent(pair.share)]
            for pair in self.most_confused[:10]
        ]
        columns = ["true class", "taken for", "examples", "share of class"]
        return Table("Most confused", columns, rows, numbers=[2, 3])

    def text(self, *, plain: bool = False) -> str:
        """The tables as text, with rich's lines where it is installed."""
        parts = [self.summary(), *(table_text(table, plain=plain) for table in self.tables())]
        return "\n\n".join(parts)

    def show(self, file: Any = None) -> None:
        """Print the summary and the tables; with colours on a terminal."""
        print(self.summary() + "\n", file=file)
        print_tables(self.tables(), file)

    def __str__(self) -> str:
        return self.text()


def classification(
    labels: Any,
    outputs: Any,
    class_names: Sequence[str] | None = None,
    *,
    logits: bool | None = None,
) -> ClassificationReport:
    """Evaluate a classifier.

    Args:
        labels: (N,), the right classes as indices from 0.
        outputs: what the model gave. (N, C) scores: probabilities, logits or log-probabilities, the
            highest is the prediction. (N,) scores of two classes: the probability, or logit, of the
                second; above 0.5, or 0, is a
            prediction of it. (N,) whole numbers: the predictions themselves, and there will be no ROC curves.
        class_names: C names; '0', '1', ... if None.
        logits: True if the scores are not probabilities and softmax (or sigmoid) has yet to be taken,
            False if they are; None looks at them. True also makes (N,) whole numbers scores.
    Raises:
        TypeError: text or objects where numbers are needed.
        ValueError: shapes or lengths that do not fit, NaN, a label that is no class.
    Example:
        >>> from rushlight.report import classification
        >>> result = classification([0, 1, 2, 2], [0, 1, 2, 1], class_names=["cat", "dog", "fox"])
        >>> result.accuracy, result.most_confused[0].sentence()
        (0.75, '1 of 2 examples of “fox” (50.0%) were taken for “dog”.')
    """
    labels = class_indices(labels, "labels")
    scores = _scores(outputs, labels, class_names, logits)
    if scores is None:
        predictions, probabilities = class_indices(outputs, "predictions"), None
        require_same_length(labels, "labels", predictions, "predictions")
    else:
        require_same_length(labels, "labels", scores, "scores")
        probabilities = _probabilities(scores, logits)
        predictions = _most_probable(scores, probabilities)
    names = _class_names(class_names, labels, predictions, probabilities)
    return _evaluate(labels, predictions, probabilities, names)


def _evaluate(
    labels: np.ndarray, predictions: np.ndarray, probabilities: np.ndarray | None, names: tuple[str, ...]
) -> ClassificationReport:
    confusion = _confusion(labels, predictions, len(names))
    correct, total = int(np.trace(confusion)), len(labels)
    curves = () if probabilities is None else roc_curves(labels, probabilities, names)
    return ClassificationReport(
        class_names=names,
        labels=labels,
        predictions=predictions,
        probabilities=probabilities,
        accuracy=correct / total,
        accuracy_interval=wilson_interval(correct, total),
        baseline=int(confusion.sum(axis=1).max()) / total,
        macro=_average(labels, predictions, "macro"),
        weighted=_average(labels, predictions, "weighted"),
        per_class=_per_class(labels, predictions, names, confusion),
        confusion=confusion,
        most_confused=_confused_pairs(confusion, names),
        roc=curves,
        roc_macro=macro_average(curves),
    )


def _confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    from sklearn.metrics import confusion_matrix

    if classes == 1:
        # scikit-learn would warn that one class is hardly a matrix.
        return np.array([[len(labels)]])
    return confusion_matrix(labels, predictions, labels=range(classes))


def wilson_interval(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Where a share lies that was `correct` of `total` in a sample: 95 % confidence for the default z.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    Example:
        >>> from rushlight.report.classification import wilson_interval
        >>> [round(end, 3) for end in wilson_interval(90, 100)]
        [0.826, 0.945]
    """
    share = correct / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    centre = share + z * z / (2 * total)
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _most_probable(scores: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    # By the scores themselves, where there is one for each class: softmax may round two of them to the same.
    if scores.ndim == 2:
        return scores.argmax(axis=1)
    return (probabilities[:, 1] > 0.5).astype(np.int64)


def _scores(
    outputs: Any, labels: np.ndarray, class_names: Sequence[str] | None, logits: bool | None
) -> np.ndarray | None:
    """The outputs as (N, C) or (N,) scores; None if they are predictions."""
    array = without_last_one(as_array(outputs, "outputs"))
    if array.ndim not in (1, 2):
        raise ValueError(f"outputs: scores (N, C) or predictions (N,) are needed, got shape {array.shape}")
    require_finite(array, "scores")
    if array.ndim == 2:
        return array
    whole = array.dtype.kind != "f" or np.array_equal(array, np.floor(array))
    if whole and logits is None:
        return None
    named = 2 if class_names is None else len(class_names)
    if named != 2 or labels.max() > 1:
        classes = max(named, int(labels.max()) + 1)
        raise ValueError(
            f"outputs: scores of shape (N,) are of two classes, but there are {classes}; give scores of "
            f"shape (N, {classes}) or the predictions as whole numbers"
        )
    return array


def _probabilities(scores: np.ndarray, logits: bool | None) -> np.ndarray:
    """(N, C) probabilities from (N, C) scores or from (N,) scores of the second of two classes."""
    fits = _are_probabilities(scores)
    if logits is False and not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(f"scores: row {row} is no probability distribution: {scores[row]}; pass logits=True")
    scores = scores.astype(np.float64)
    taken = fits.all() if logits is None else not logits
    if scores.ndim == 1:
        second = scores if taken else _sigmoid(scores)
        return np.stack([1 - second, second], axis=1)
    if taken:
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _are_probabilities(scores: np.ndarray) -> np.ndarray:
    """For each row whether it is a probability, or a distribution (to 0.01, which bfloat16 needs)."""
    if scores.ndim == 1:
        return (scores >= 0) & (scores <= 1)
    return (scores >= 0).all(axis=1) & (abs(scores.sum(axis=1) - 1) < 0.01)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # Either form alone would overflow at one end.
    small = np.exp(-abs(values))
    return np.where(values >= 0, 1 / (1 + small), small / (1 + small))


def _class_names(
    given: Sequence[str] | None,
    labels: np.ndarray,
    predictions: np.ndarray,
    probabilities: np.ndarray | None,
) -> tuple[str, ...]:
    if given is not None and len(set(given)) < len(given):
        double = next(name for name in given if list(given).count(name) > 1)
        raise ValueError(f"class_names: {double!r} stands there more than once")
    highest = max(int(labels.max()), int(predictions.max()))
    scored = 0 if probabilities is None else probabilities.shape[1]
    if given is None:
        classes = max(highest + 1, scored)
    else:
        classes = len(given)
    if classes > MOST_CLASSES:
        raise ValueError(f"labels: {classes} classes are more than the {MOST_CLASSES} a report can show")
    if scored and scored != classes:
        named = "the labels go up to" if given is None else "class_names has"
        found = highest if given is None else classes
        raise ValueError(f"scores have {scored} columns, one a class, but {named} {found}")
    if highest >= classes:
        name = "labels" if labels.max() == highest else "predictions"
        raise ValueError(
            f"{name}: class {highest} has no name; class_names has {classes}, for 0 to {classes - 1}"
        )
    return tuple(str(name) for name in (range(classes) if given is None else given))


def _average(labels: np.ndarray, predictions: np.ndarray, average: str) -> Average:
    from sklearn.metrics import precision_recall_fscore_support

    values = precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
    return Average(*(float(value) for value in values[:3]))


def _per_class(
    labels: np.ndarray, predictions: np.ndarray, names: tuple[str, ...], confusion: np.ndarray
) -> tuple[ClassScores, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, predictions, labels=range(len(names)), zero_division=0)
    predicted = confusion.sum(axis=0)
    return tuple(
        ClassScores(name, float(precision), float(recall), float(f1), int(support), int(taken))
        for name, precision, recall, f1, support, taken in zip(names, *columns, predicted, strict=True)
    )


def _confused_pairs(confusion: np.ndarray, names: tuple[str, ...]) -> tuple[ConfusedPair, ...]:
    support = confusion.sum(axis=1)
    pairs = [
        ConfusedPair(names[row], names[column], int(confusion[row, column]), int(support[row]))
        for row, column in np.argwhere(confusion)
        if row != column
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.share)))


def _class_cells(scores: ClassScores) -> list[str]:
    shares = [percent(value) for value in (scores.precision, scores.recall, scores.f1)]
    return [*shares, f"{scores.support:,}", f"{scores.predicted:,}"]
