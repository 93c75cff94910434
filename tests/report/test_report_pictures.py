"""The pictures: PNG files of the right colouring, for every kind of report, that leave no state behind."""

import io
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
Image = pytest.importorskip("PIL.Image")

from rushlight.report import classification, learning_curves, pictures, regression  # noqa: E402


def opened(data):
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def fair(classes, rows=200, names=None):
    random = np.random.default_rng(0)
    labels = np.arange(rows) % classes
    scores = random.normal(size=(rows, classes))
    scores[np.arange(rows), labels] += 2
    return classification(labels, scores, names)


def surface(dark):
    colours = pictures.DARK if dark else pictures.LIGHT
    return [int(colours.surface[place : place + 2], 16) for place in (1, 3, 5)]


@pytest.mark.parametrize("draw", [pictures.confusion_matrix, pictures.roc_curves, pictures.class_bars])
@pytest.mark.parametrize("dark", [False, True])
def test_classifier(draw, dark):
    pixels = opened(draw(fair(3), dark=dark, dpi=60))
    assert pixels[0, 0].tolist() == surface(dark)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_confusion_colours_tell_right_from_wrong():
    report = classification([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1])
    cells = pictures._confusion_colours(report, pictures.LIGHT)
    assert cells[1, 1] == pytest.approx(pictures._rgb(pictures.LIGHT.right))
    assert cells[1, 0] == pytest.approx(pictures._rgb(pictures.LIGHT.surface))
    red, _, blue = cells[0, 1]
    assert red > blue and cells[0, 0][2] > cells[0, 0][0]


@pytest.mark.parametrize("classes", [1, 2, 45])
def test_few_and_many_classes(classes):
    report = fair(classes, 300)
    assert opened(pictures.confusion_matrix(report, dpi=40)).shape[2] == 3
    assert opened(pictures.class_bars(report, dpi=40)).shape[2] == 3
    if classes == 1:
        with pytest.raises(ValueError, match="no ROC curves"):
            pictures.roc_curves(report)
    else:
        opened(pictures.roc_curves(report, dpi=40))


def test_names_that_fonts_or_formulas_could_upset():
    names = ["$x_", "a very long name that would fill the whole picture", "\U00013080"]
    assert pictures.class_labels(names) == ["$x_", "a very long name …", "#2"]
    report = fair(3, names=names)
    for draw in (pictures.confusion_matrix, pictures.class_bars, pictures.roc_curves):
        opened(draw(report, dpi=40))


def test_learning_curves():
    rows = [{"train_loss": 1 / n, "validation_loss": 2 / n, "lr": 0.1**n} for n in range(1, 6)]
    opened(pictures.learning_curves(learning_curves(rows), dpi=40))
    full = [{**row, "train_accuracy": 0.5, "val_accuracy": None} for row in rows]
    opened(pictures.learning_curves(learning_curves(full), dark=True, dpi=40))
    opened(pictures.learning_curves(learning_curves(rows[:1]), dpi=40))
    with pytest.raises(ValueError, match="to draw"):
        pictures.learning_curves(learning_curves([{"seconds": 1.0}]))


@pytest.mark.parametrize("rows", [1, 50, 6000])
def test_regression(rows):
    targets = np.linspace(-1, 1, rows)
    report = regression(targets, targets**2)
    for draw in (pictures.regression_scatter, pictures.regression_residuals):
        opened(draw(report, dpi=40))
        opened(draw(report, dark=True, dpi=40))


def test_pyplot_is_not_touched():
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_the_same_report_gives_the_same_bytes():
    assert pictures.class_bars(fair(2), dpi=40) == pictures.class_bars(fair(2), dpi=40)
