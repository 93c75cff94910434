"""Reading a training's history."""

import json
import math

import pytest

from rushlight.report import learning_curves


def history(validation, training=None):
    training = training or [1 / (epoch + 1) for epoch in range(len(validation))]
    rows = zip(training, validation, strict=True)
    return [{"train_loss": first, "validation_loss": second, "seconds": 2.0} for first, second in rows]


def test_reading():
    curves = learning_curves(
        [
            {"epoch": 5, "loss": 0.9, "val_loss": 1.0, "accuracy": 0.5, "val_accuracy": 0.4, "lr": 0.1},
            {"epoch": 6, "loss": 0.7, "val_loss": 0.8, "accuracy": 0.6, "val_accuracy": 0.5, "lr": 0.01},
        ]
    )
    assert curves.epochs.tolist() == [5, 6] and curves.measures == ["loss", "accuracy"]
    assert curves.series["validation_accuracy"].tolist() == [0.4, 0.5]
    assert curves.series["learning_rate"].tolist() == [0.1, 0.01]
    assert curves.watched == "validation_loss" and curves.best_row == 1 and curves.seconds is None


def test_tensors_missing_values_and_other_names():
    import rushlight

    rows = [{"train_loss": rushlight.tensor(0.5), "grad_norm": 3.0}, {"train_loss": None}]
    curves = learning_curves(rows)
    assert curves.series["train_loss"][0] == 0.5 and math.isnan(curves.series["train_loss"][1])
    assert curves.measures == ["loss"] and math.isnan(curves.series["grad_norm"][1])
    assert curves.to_dict()["series"]["grad_norm"] == [3.0, None]


def test_best_epoch_by_what_there_is():
    assert learning_curves([{"train_loss": 1.0}, {"train_loss": 2.0}]).best_row == 0
    accuracies = [{"train_accuracy": 1.0, "validation_accuracy": value} for value in (0.5, 0.9, 0.7)]
    curves = learning_curves(accuracies)
    assert curves.watched == "validation_accuracy" and curves.best_row == 1
    assert learning_curves([{"seconds": 1.0}]).best_row is None


def test_summary_tells_the_trend():
    assert "longer may help" in learning_curves(history([1.0, 0.8, 0.6])).summary()
    falling = learning_curves(history([1.0, 0.5, 0.6, 0.8])).summary()
    assert "lowest (0.5) after epoch 2" in falling and "overfitting" in falling
    assert "4 epochs in 8 seconds" in falling
    flat = learning_curves(history([1.0, 0.5, 0.51])).summary()
    assert "overfitting" not in flat and "longer" not in flat
    broken = learning_curves(history([1.0, math.nan, math.nan], [1.0, math.inf, math.nan])).summary()
    assert "From epoch 2 on" in broken


def test_errors():
    with pytest.raises(ValueError, match="history is empty"):
        learning_curves([])
    with pytest.raises(TypeError, match="'loss' of epoch 2 is no number: 'high'"):
        learning_curves([{"loss": 1.0}, {"loss": "high"}])


def test_to_dict_is_json_and_table_marks_the_best():
    curves = learning_curves(history([1.0, 0.5, math.nan]))
    values = curves.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values and values["best_epoch"] == 2
    assert "2 *" in curves.text(plain=True) and "* best validation loss" in curves.text(plain=True)
