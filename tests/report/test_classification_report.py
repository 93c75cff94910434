"""Evaluation of classifiers: against scikit-learn, and against cases computed by hand."""

import json
import math

import numpy as np
import pytest

from rushlight.report import classification
from rushlight.report.roc import RocCurve, macro_average

metrics = pytest.importorskip("sklearn.metrics")


def random_case(classes=5, rows=400, seed=0):
    """Labels and probabilities of a fair model, with ties."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = random.normal(size=(rows, classes)).round(1)
    logits[np.arange(rows), labels] += 1.5
    powers = np.exp(logits)
    return labels, powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_numbers_are_those_of_scikit_learn(classes):
    labels, scores = random_case(classes)
    predicted = scores.argmax(axis=1)
    report = classification(labels, scores)
    assert report.accuracy == metrics.accuracy_score(labels, predicted)
    assert np.array_equal(report.confusion, metrics.confusion_matrix(labels, predicted))
    for name in ("macro", "weighted"):
        expected = metrics.precision_recall_fscore_support(labels, predicted, average=name)[:3]
        average = getattr(report, name)
        assert (average.precision, average.recall, average.f1) == pytest.approx(expected, abs=1e-15)
    columns = metrics.precision_recall_fscore_support(labels, predicted)
    for index, row in enumerate(report.per_class):
        assert (row.precision, row.recall, row.f1) == pytest.approx([column[index] for column in columns[:3]])
        assert row.support == columns[3][index] and row.predicted == (predicted == index).sum()


def test_roc_areas_are_those_of_scikit_learn():
    labels, scores = random_case(4)
    report = classification(labels, scores)
    for index, curve in enumerate(report.roc):
        assert curve.area == pytest.approx(metrics.roc_auc_score(labels == index, scores[:, index]))
    mean = metrics.roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    assert report.roc_area == pytest.approx(mean, abs=1e-15)
    drawn = report.roc_macro
    area = np.trapezoid(drawn.true_positive_rate, drawn.false_positive_rate)
    assert area == pytest.approx(mean, abs=1e-12)


def test_by_hand():
    report = classification([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], ["cat", "dog", "fox"])
    assert report.accuracy == pytest.approx(4 / 6) and report.correct == 4 and report.baseline == 0.5
    assert report.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    cat, dog, fox = report.per_class
    assert (cat.precision, cat.recall, cat.f1) == pytest.approx((1, 2 / 3, 0.8))
    assert (dog.precision, dog.recall, dog.f1) == pytest.approx((0.5, 0.5, 0.5))
    assert (fox.precision, fox.recall, fox.f1) == pytest.approx((0.5, 1, 2 / 3))
    assert report.macro.f1 == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert report.weighted.recall == pytest.approx(report.accuracy)
    pairs = [(pair.true, pair.predicted, pair.count, pair.support) for pair in report.most_confused]
    assert pairs == [("dog", "fox", 1, 2), ("cat", "dog", 1, 3)]
    assert report.most_confused[0].sentence() == "1 of 2 examples of “dog” (50.0%) were taken for “fox”."
    assert report.roc == () and report.roc_macro is None and report.roc_area is None
    assert list(report.wrong()) == [2, 4] and list(report.wrong(1)) == [2]


def test_binary_scores_of_one_column():
    labels = [0, 0, 1, 1]
    report = classification(labels, [0.1, 0.4, 0.35, 0.8], ["no", "yes"])
    assert report.predictions.tolist() == [0, 0, 0, 1]
    assert [curve.name for curve in report.roc] == ["yes"] and report.roc_macro is None
    # Three of the four pairs (one yes, one no) are in the right order.
    assert report.roc_area == pytest.approx(0.75)
    column = classification(labels, np.array([[0.1], [0.4], [0.35], [0.8]]))
    assert column.roc_area == report.roc_area
    both = classification(labels, np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]]))
    assert both.roc_area == pytest.approx(0.75) and both.predictions.tolist() == [0, 0, 0, 1]


def test_logits_are_told_from_probabilities():
    labels = [0, 1, 2, 1]
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 1.0, 5.0], [1000.0, 0.0, 0.0]])
    report = classification(labels, logits)
    assert report.probabilities.sum(axis=1) == pytest.approx(1.0)
    assert report.probabilities[0] == pytest.approx(np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum())
    same = classification(labels, report.probabilities)
    assert np.array_equal(same.probabilities, report.probabilities)
    logarithms = classification(labels[:3], np.log(report.probabilities[:3]))
    assert logarithms.probabilities == pytest.approx(report.probabilities[:3])
    second = classification([0, 1], [-800.0, 2.5]).probabilities[:, 1]
    assert second == pytest.approx([0, 1 / (1 + math.exp(-2.5))])
    whole = classification([0, 1], [-3, 2], logits=True)
    assert whole.predictions.tolist() == [0, 1] and whole.roc_area == 1.0
    with pytest.raises(ValueError, match="row 0 is no probability"):
        classification(labels, logits, logits=False)


def test_a_class_that_is_missing():
    labels, predicted = [0, 0, 2, 2], [0, 3, 2, 2]
    report = classification(labels, predicted, ["a", "b", "c", "d"])
    assert [row.remark for row in report.per_class] == ["", "does not occur", "", "no examples"]
    assert report.per_class[1].precision == report.per_class[1].recall == report.per_class[1].f1 == 0
    # As scikit-learn: of the four classes the three that occur count.
    assert report.macro.recall == pytest.approx((0.5 + 1 + 0) / 3)
    assert report.macro.recall == metrics.recall_score(labels, predicted, average="macro", zero_division=0)
    assert "b: does not occur" in report.class_table().note
    scores = np.eye(4)[predicted] * 0.9 + 0.025
    curves = classification(labels, scores, ["a", "b", "c", "d"]).roc
    assert [curve.name for curve in curves] == ["a", "c"]


def test_a_single_class():
    report = classification([0, 0, 0], [0, 0, 0])
    assert report.accuracy == report.baseline == report.macro.f1 == 1.0
    assert report.confusion.tolist() == [[3]] and report.most_confused == ()
    assert classification([1, 1], [0.2, 0.9]).roc == ()
    assert "made no mistake" not in report.summary()


def test_never_predicted():
    report = classification([0, 1, 1], [0, 0, 0])
    assert report.per_class[1].remark == "never predicted" and report.per_class[1].precision == 0


def test_interval_is_wilsons():
    report = classification([0] * 100, [0] * 90 + [1] * 10)
    assert report.accuracy_interval == pytest.approx((0.82563, 0.94477), abs=1e-5)
    assert classification([0], [0]).accuracy_interval[1] == 1.0


@pytest.mark.parametrize(
    "labels, outputs, names, message",
    [
        ([0, 1], [[0.5, 0.5], [math.nan, 1.0]], None, r"scores: 1 of 4 values are NaN.*row 1, column 0"),
        ([0, 1], [0.3, math.inf], None, "scores: 1 of 2 values are NaN or infinite.*row 1"),
        ([0, math.nan], [0, 1], None, "labels: 1 of 2 values are NaN"),
        ([0, 1, 1], [0, 1], None, "labels has 3 rows, predictions has 2"),
        ([0, 1, 1], [[0.5, 0.5]] * 2, None, "labels has 3 rows, scores has 2"),
        ([], [], None, "labels: there is nothing to evaluate"),
        ([0, -1], [0, 1], None, "labels: class indices start at 0, got -1 at row 1"),
        ([0, 0.5], [0, 1], None, "labels: class indices are whole numbers, got 0.5 at row 1"),
        ([0, 3], [0, 1], ["a", "b"], "labels: class 3 has no name; class_names has 2"),
        ([0, 1], [0, 5], ["a", "b"], "predictions: class 5 has no name"),
        ([0, 2], [[0.5, 0.5]] * 2, None, "scores have 2 columns.*labels go up to 2"),
        ([0, 1], [[0.5, 0.5]] * 2, ["a", "b", "c"], "scores have 2 columns.*class_names has 3"),
        ([0, 1], [0, 1], ["a", "a"], "'a' stands there more than once"),
        ([0, 2], [0.5, 0.25], None, r"scores of shape \(N,\) are of two classes, but there are 3"),
        ([0, 1], np.zeros((2, 2, 2)), None, r"got shape \(2, 2, 2\)"),
        (np.zeros((2, 2)), [0, 1], None, r"labels: class indices of shape \(N,\).*\(2, 2\)"),
        ([0, 100_000], [0, 1], None, "100001 classes"),
    ],
)
def test_errors_say_what_is_wrong(labels, outputs, names, message):
    with pytest.raises(ValueError, match=message):
        classification(labels, outputs, names)


def test_text_is_refused():
    with pytest.raises(TypeError, match="labels: numbers are needed"):
        classification(["cat", "dog"], [0, 1])


def test_tensors_with_history_are_taken():
    import rushlight

    scores = rushlight.tensor([[2.0, 1.0], [0.0, 3.0]], requires_grad=True) * 2
    report = classification(rushlight.tensor([0, 1]), scores)
    assert report.accuracy == 1.0
    floats = classification(rushlight.tensor([[0.0], [1.0]]), rushlight.tensor([[0.2], [0.7]]))
    assert floats.predictions.tolist() == [0, 1]


def test_wrong_examples_start_with_the_surest():
    report = classification([0, 0, 0], [[0.4, 0.6], [0.1, 0.9], [0.8, 0.2]])
    assert list(report.wrong()) == [1, 0]


def test_to_dict_is_json():
    labels, scores = random_case(3, 5000)
    values = classification(labels, scores, ["a", "b", "c"]).to_dict(curve_points=50)
    read = json.loads(json.dumps(values, allow_nan=False))
    assert read == values
    assert read["kind"] == "classification" and read["examples"] == 5000
    assert read["per_class"][1]["name"] == "b" and sum(map(sum, read["confusion"])) == 5000
    curve = read["roc"][0]
    assert len(curve["true_positive_rate"]) <= 50 and curve["thresholds"][0] is None
    assert curve["false_positive_rate"][0] == 0 and curve["false_positive_rate"][-1] == 1


def test_text_and_summary():
    report = classification([0, 0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], ["hen", "egg"])
    text = report.text(plain=True)
    assert report.summary().startswith("The model named the right class for 3 of 4 examples: 75.0%.")
    assert "weakest on “egg”, of whose examples it found 50.0%" in report.summary()
    assert text.startswith(report.summary())
    for part in ("Results", "Class by class", "Most confused", "hen", "egg", "ROC area"):
        assert part in text
    assert str(report) == report.text()


def test_macro_curve_by_hand():
    steep = RocCurve("steep", np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]), None, 1.0)
    guess = RocCurve("guess", np.array([0.0, 1.0]), np.array([0.0, 1.0]), None, 0.5)
    mean = macro_average([steep, guess])
    assert mean.area == 0.75
    assert mean.false_positive_rate.tolist() == [0, 0, 1, 1]
    assert mean.true_positive_rate.tolist() == [0, 0.5, 1, 1]
    assert macro_average([steep]) is None
