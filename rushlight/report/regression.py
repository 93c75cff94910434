"""The evaluation of a model that predicts numbers: how far off it is, and in which direction.

`regression()` computes everything once, with scikit-learn, and returns a `RegressionReport`. A residual
is target minus prediction: positive where the model said too little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .inputs import as_array, json_number, require_finite, require_same_length
from .text_table import Table, print_tables, table_text
from .words import count, number, percent


@dataclass(frozen=True)
class OutputScores:
    """How one output fared; lengths are in the units of the target.

    Attributes:
        name: the output.
        mae: mean absolute error.
        mse: mean squared error, in squared units.
        rmse: its root.
        r2: share of the targets' variance that is explained; 1 is perfect, 0 no better than their mean.
            NaN for a single example.
        bias: mean residual.
        median_error: half of the errors are no larger.
        largest_error: the largest error.
        baseline_rmse: the RMSE of always saying the targets' mean.
    """

    name: str
    mae: float
    mse: float
    rmse: float
    r2: float
    bias: float
    median_error: float
    largest_error: float
    baseline_rmse: float


@dataclass(frozen=True, eq=False)
class RegressionReport:
    """The evaluation of D outputs on N examples. Made by `regression()`.

    Attributes:
        names: D names of the outputs.
        targets: (N, D) float64.
        predictions: (N, D) float64.
        mae: mean absolute error, the mean over the outputs.
        mse: mean squared error, likewise.
        rmse: the mean of the outputs' RMSE.
        r2: the mean of the outputs' R².
        per_output: one entry for each output.
    """

    names: tuple[str, ...]
    targets: np.ndarray
    predictions: np.ndarray
    mae: float
    mse: float
    rmse: float
    r2: float
    per_output: tuple[OutputScores, ...]

    @property
    def residuals(self) -> np.ndarray:
        """(N, D): target minus prediction."""
        return self.targets - self.predictions

    @property
    def total(self) -> int:
        """How many examples there are."""
        return len(self.targets)

    def worst(self, limit: int = 10) -> np.ndarray:
        """The rows with the largest errors (of any output), the worst first."""
        errors = abs(self.residuals).max(axis=1)
        return np.argsort(-errors, kind="stable")[:limit]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the examples themselves, in values that JSON can hold (no NaN)."""
        overall = {key: json_number(getattr(self, key)) for key in ("mae", "mse", "rmse", "r2")}
        rows = [asdict(scores) for scores in self.per_output]
        outputs = [
            {key: value if key == "name" else json_number(value) for key, value in row.items()}
            for row in rows
        ]
        return {
            "kind": "regression",
            "names": list(self.names),
            "examples": self.total,
            **overall,
            "outputs": outputs,
        }

    def summary(self) -> str:
        """The result in one or two sentences."""
        first = self.per_output[0]
        if len(self.per_output) > 1:
            off = f"On {count(self.total, 'example')} the model is {number(self.mae)} off on average"
            return f"{off} over its outputs; R² is {number(self.r2, 3)}."
        off = f"On {count(self.total, 'example')} the model is {number(first.mae)} off on average"
        half = f"half of its errors are below {number(first.median_error)}, the largest is "
        text = f"{off}; {half}{number(first.largest_error)}."
        if first.baseline_rmse == 0:
            text += " All true values are the same, so that R² says nothing."
        elif first.r2 > 0:
            text += f" It explains {percent(first.r2)} of what varies from one target to the next."
        elif first.r2 <= 0:
            text += " It does no better than always saying the targets' mean."
        return text

    def tables(self) -> list[Table]:
        """One table, with a row for each output."""
        columns = [
            "output",
            "MAE",
            "RMSE",
            "R²",
            "median error",
            "largest error",
            "mean residual",
            "RMSE of the mean",
        ]
        rows = [_cells(scores) for scores in self.per_output]
        if len(rows) > 1:
            rows.append(["mean", number(self.mae), number(self.rmse), number(self.r2), "", "", "", ""])
        return [Table("Results", columns, rows)]

    def text(self, *, plain: bool = False) -> str:
        """The tables as text, with rich's lines where it is installed."""
        return "\n\n".join([self.summary(), *(table_text(table, plain=plain) for table in self.tables())])

    def show(self, file: Any = None) -> None:
        """Print the summary and the tables; with colours on a terminal."""
        print(self.summary() + "\n", file=file)
        print_tables(self.tables(), file)

    def __str__(self) -> str:
        return self.text()


def regression(targets: Any, predictions: Any, names: Sequence[str] | None = None) -> RegressionReport:
    """Evaluate a model that predicts numbers.

    Args:
        targets: (N,) or (N, D), the right values.
        predictions: the model's values, of the same shape; (N, 1) goes with (N,).
        names: D names of the outputs; 'target', or 'output 0', 'output 1', ... if None.
    Raises:
        TypeError: text or objects where numbers are needed.
        ValueError: shapes that do not fit, NaN, no examples.
    Example:
        >>> from rushlight.report import regression
        >>> result = regression([1.0, 2.0, 3.0], [1.0, 2.0, 4.5])
        >>> result.mae, round(result.rmse, 4), result.r2
        (0.5, 0.866, -0.125)
    """
    targets, predictions = _columns(targets, "targets"), _columns(predictions, "predictions")
    require_same_length(targets, "targets", predictions, "predictions")
    if targets.shape != predictions.shape:
        raise ValueError(
            f"targets have shape {targets.shape}, predictions {predictions.shape}; they must agree"
        )
    outputs = targets.shape[1]
    if names is None:
        names = ["target"] if outputs == 1 else [f"output {index}" for index in range(outputs)]
    if len(names) != outputs:
        raise ValueError(f"names: {outputs} outputs need as many names, got {len(names)}")
    rows = tuple(
        _scores(str(name), targets[:, index], predictions[:, index]) for index, name in enumerate(names)
    )
    return RegressionReport(
        names=tuple(row.name for row in rows),
        targets=targets,
        predictions=predictions,
        mae=float(np.mean([row.mae for row in rows])),
        mse=float(np.mean([row.mse for row in rows])),
        rmse=float(np.mean([row.rmse for row in rows])),
        r2=float(np.mean([row.r2 for row in rows])),
        per_output=rows,
    )


def _columns(value: Any, name: str) -> np.ndarray:
    array = as_array(value, name).astype(np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name}: values of shape (N,) or (N, D) are needed, got shape {array.shape}")
    if len(array) == 0:
        raise ValueError(f"{name}: there is nothing to evaluate, the array is empty")
    require_finite(array, name)
    return array


def _scores(name: str, targets: np.ndarray, predictions: np.ndarray) -> OutputScores:
    from sklearn.metrics import (
        max_error,
        mean_absolute_error,
        mean_squared_error,
        median_absolute_error,
        r2_score,
    )

    mse = float(mean_squared_error(targets, predictions))
    return OutputScores(
        name=name,
        mae=float(mean_absolute_error(targets, predictions)),
        mse=mse,
        rmse=math.sqrt(mse),
        # Of one example scikit-learn only warns: there is no variance to explain.
        r2=float(r2_score(targets, predictions)) if len(targets) > 1 else float("nan"),
        bias=float(np.mean(targets - predictions)),
        median_error=float(median_absolute_error(targets, predictions)),
        largest_error=float(max_error(targets, predictions)),
        baseline_rmse=float(np.std(targets)),
    )


def _cells(scores: OutputScores) -> list[str]:
    # Rounding errors of a mean that is zero would read like a finding.
    bias = 0.0 if abs(scores.bias) < 1e-9 * scores.rmse else scores.bias
    values = [scores.mae, scores.rmse, scores.r2, scores.median_error, scores.largest_error, bias]
    return [scores.name, *(number(value) for value in values), number(scores.baseline_rmse)]
