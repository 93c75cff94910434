"""Evaluation reports: numbers, text tables, pictures and one self-contained HTML page.

`classification()` and `regression()` evaluate a model's outputs, `learning_curves()` reads a training's
history; what they return has `to_dict()` (for JSON), `text()` and `show()` (tables), and can be drawn
(pictures) and written as a page (`save_page`). Nothing here knows tensors: anything `numpy.asarray`
takes will do.
"""

from . import pictures
from .classification import (
    Average,
    ClassificationReport,
    ClassScores,
    ConfusedPair,
    classification,
)
from .gallery import WrongExample, wrong_examples
from .learning import LearningCurves, learning_curves
from .page import html_page, save_page
from .regression import OutputScores, RegressionReport, regression
from .roc import RocCurve
from .text_table import Table, print_tables, table_text

__all__ = [
    "Average",
    "ClassScores",
    "ClassificationReport",
    "ConfusedPair",
    "LearningCurves",
    "OutputScores",
    "RegressionReport",
    "RocCurve",
    "Table",
    "WrongExample",
    "classification",
    "html_page",
    "learning_curves",
    "pictures",
    "print_tables",
    "regression",
    "save_page",
    "table_text",
    "wrong_examples",
]
