"""Evaluation of models that predict numbers: against scikit-learn and by hand."""

import json

import numpy as np
import pytest

from rushlight.report import regression

metrics = pytest.importorskip("sklearn.metrics")


def test_by_hand():
    report = regression([1.0, 2.0, 3.0, 6.0], [1.0, 3.0, 3.0, 4.0])
    assert report.mae == 0.75
    assert report.mse == 1.25 and report.rmse == pytest.approx(1.25**0.5)
    assert report.r2 == pytest.approx(1 - 5 / 14)
    assert report.residuals.ravel().tolist() == [0, -1, 0, 2]
    scores = report.per_output[0]
    assert (scores.bias, scores.median_error, scores.largest_error) == (0.25, 0.5, 2.0)
    assert scores.baseline_rmse == pytest.approx(3.5**0.5)
    assert report.worst(2).tolist() == [3, 1]


@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers_are_those_of_scikit_learn(outputs):
    random = np.random.default_rng(0)
    targets = random.normal(size=(200, outputs)) * [1, 10, 100][:outputs]
    predictions = targets + random.normal(size=(200, outputs))
    report = regression(targets, predictions)
    assert report.mae == pytest.approx(metrics.mean_absolute_error(targets, predictions))
    assert report.mse == pytest.approx(metrics.mean_squared_error(targets, predictions))
    assert report.rmse == pytest.approx(metrics.root_mean_squared_error(targets, predictions))
    assert report.r2 == pytest.approx(metrics.r2_score(targets, predictions))
    assert len(report.per_output) == outputs and report.residuals.shape == (200, outputs)


def test_what_cannot_be_explained():
    single = regression([1.0], [3.0])
    assert np.isnan(single.r2) and single.to_dict()["r2"] is None
    same = regression([2.0, 2.0], [2.0, 2.0])
    assert same.r2 == 1.0 and "R² says nothing" in same.summary()
    worse = regression([1.0, 2.0], [5.0, 0.0])
    assert worse.r2 < 0 and "no better" in worse.summary()


@pytest.mark.parametrize(
    "targets, predictions, names, message",
    [
        ([1.0, 2.0], [1.0], None, "targets has 2 rows, predictions has 1"),
        ([[1.0, 2.0]], [[1.0]], None, r"\(1, 2\), predictions \(1, 1\)"),
        (
            [1.0, np.nan],
            [1.0, 2.0],
            None,
            "targets: 1 of 2 values are NaN or infinite.*at row 1",
        ),
        ([1.0, 2.0], [np.inf, 2.0], None, "predictions: 1 of 2"),
        ([], [], None, "nothing to evaluate"),
        ([1.0], [1.0], ["a", "b"], "1 outputs need as many names, got 2"),
        (np.zeros((1, 1, 1)), [1.0], None, r"got shape \(1, 1, 1\)"),
    ],
)
def test_errors_say_what_is_wrong(targets, predictions, names, message):
    with pytest.raises(ValueError, match=message):
        regression(targets, predictions, names)


def test_column_goes_with_flat_and_tensors_are_taken():
    import rushlight

    report = regression(rushlight.tensor([1.0, 2.0]), rushlight.tensor([[1.5], [2.5]], requires_grad=True))
    assert report.mae == 0.5 and report.names == ("target",)


def test_to_dict_is_json_and_text_names_outputs():
    report = regression([[1.0, 10.0], [2.0, 30.0]], [[1.0, 11.0], [2.5, 30.0]], ["width", "height"])
    values = report.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert [row["name"] for row in values["outputs"]] == ["width", "height"]
    text = report.text(plain=True)
    assert "width" in text and "height" in text and "mean" in text and text.startswith(report.summary())
