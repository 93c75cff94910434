"""ROC curves: how the share found and the share of false alarms go together as the bar is moved.

One curve for each class against all others (for two classes: for the second, "positive" one), and their
mean. The area under a curve is the share of pairs (one example of the class, one of another) which the
scores put in the right order, a tie counting half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .inputs import json_number


@dataclass(frozen=True, eq=False)
class RocCurve:
    """One ROC curve, from (0, 0) to (1, 1).

    Attributes:
        name: the class it is of, or 'macro average'.
        false_positive_rate: (K,), share of the other examples taken for the class.
        true_positive_rate: (K,), share of the class's examples found.
        thresholds: (K,), the bar on the probability at each point (the first is infinite); None for the
            mean curve.
        area: area under the curve; 1 is perfect, 0.5 is guessing.
    """

    name: str
    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray | None
    area: float

    def thinned(self, points: int) -> RocCurve:
        """The same curve with at most about `points` points; its area is kept as it was."""
        total = len(self.false_positive_rate)
        if total <= points:
            return self
        keep = np.unique(np.linspace(0, total - 1, points).round().astype(int))
        thresholds = None if self.thresholds is None else self.thresholds[keep]
        return RocCurve(
            self.name, self.false_positive_rate[keep], self.true_positive_rate[keep], thresholds, self.area
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        thresholds = None if self.thresholds is None else [json_number(value) for value in self.thresholds]
        return {
            "name": self.name,
            "area": json_number(self.area),
            "false_positive_rate": self.false_positive_rate.tolist(),
            "true_positive_rate": self.true_positive_rate.tolist(),
            "thresholds": thresholds,
        }


def roc_curves(
    labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str]
) -> tuple[RocCurve, ...]:
    """The curve of each class against the rest; for two classes of the second alone, the first's being
    its mirror.

    A class with no examples, or with all of them, has no curve and is left out.

    Args:
        labels: (N,) class indices.
        probabilities: (N, C).
        class_names: C names.
    """
    from sklearn.metrics import auc, roc_curve

    curves = []
    for index in [1] if len(class_names) == 2 else range(len(class_names)):
        positive = labels == index
        if positive.all() or not positive.any():
            continue
        found_wrongly, found, thresholds = roc_curve(positive, probabilities[:, index])
        area = float(auc(found_wrongly, found))
        curves.append(RocCurve(class_names[index], found_wrongly, found, thresholds, area))
    return tuple(curves)


def macro_average(curves: Sequence[RocCurve]) -> RocCurve | None:
    """The mean of the curves, taken upwards at every share of false alarms; None if there are fewer than two.

    Its area is the mean of the areas. Both ends of every vertical piece are kept, so that this holds exactly.
    """
    if len(curves) < 2:
        return None
    places = np.unique(np.concatenate([curve.false_positive_rate for curve in curves]))
    ends = [_lower_and_upper(curve, places) for curve in curves]
    lower = np.mean([low for low, _ in ends], axis=0)
    upper = np.mean([high for _, high in ends], axis=0)
    false_positive_rate = np.repeat(places, 2)
    true_positive_rate = np.stack([lower, upper], axis=1).ravel()
    area = float(np.mean([curve.area for curve in curves]))
    return RocCurve("macro average", false_positive_rate, true_positive_rate, None, area)


def _lower_and_upper(curve: RocCurve, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve's least and greatest height at each place; they differ where it goes straight up."""
    corners, first = np.unique(curve.false_positive_rate, return_index=True)
    last = np.append(first[1:], len(curve.false_positive_rate)) - 1
    low, high = curve.true_positive_rate[first], curve.true_positive_rate[last]
    before = np.searchsorted(corners, places, side="right") - 1
    after = np.minimum(before + 1, len(corners) - 1)
    width = np.where(after > before, corners[after] - corners[before], 1.0)
    between = high[before] + (places - corners[before]) / width * (low[after] - high[before])
    at_corner = corners[before] == places
    return np.where(at_corner, low[before], between), np.where(at_corner, high[before], between)
