"""What the words of a report mean, for readers who meet them for the first time."""

from __future__ import annotations

CLASSIFICATION = {
    "Accuracy": "The share of all examples for which the model named the right class.",
    "Class": "One of the kinds between which the model chooses, such as “cat” or the digit 7.",
    "Confidence interval": "The accuracy was measured on a limited number of examples, so chance plays a "
    "part. With 95% confidence the accuracy on very many examples of the same kind lies in this range.",
    "Confusion matrix": "A table of counts: a row for each true class, a column for each class the model "
    "named. Right answers stand on the diagonal, everything else is a mistake.",
    "F1": "Precision and recall in one number (their harmonic mean). It is high only if both are.",
    "Macro average": "The mean over the classes, in which a rare class counts as much as a common one.",
    "Precision": "Of the examples that the model took for a class, the share that really are of it. "
    "Low precision means many false alarms.",
    "Probability": "How sure the model says it is, from 0% to 100%. It is its own opinion and may be wrong.",
    "Recall": "Of the examples that are of a class, the share that the model found. Low recall means many "
    "misses.",
    "ROC curve": "Instead of taking the most probable class, one can set a bar and say “yes” to a class "
    "wherever its probability is above the bar. A low bar finds more, and gives more false alarms. The "
    "curve shows both for every bar.",
    "ROC area": "The area under the ROC curve. Take one example of the class and one of another at "
    "random: this is how often the model gives the first the higher probability. 1 is perfect, 0.5 is "
    "guessing.",
    "Support": "How many of the examples are of a class. With little support numbers are uncertain.",
    "Weighted average": "The mean over the classes, in which each counts by its number of examples.",
}
REGRESSION = {
    "Error": "How far a prediction is from the true value, in the units of that value.",
    "MAE": "Mean absolute error: how far off a prediction is on average.",
    "Median error": "Half of the errors are smaller, half larger. A few very large errors do not change it.",
    "Residual": "True value minus prediction. Above zero the model said too little, below zero too much.",
    "R²": "How much of the differences between the true values the model explains. 1 is perfect; 0 is no "
    "better than always saying their mean; below 0 is worse than that.",
    "RMSE": "Root of the mean squared error: like the MAE, but large errors count more.",
}
TRAINING = {
    "Epoch": "One pass through all the training examples.",
    "Learning rate": "How large a step the model takes when it corrects itself.",
    "Loss": "The number that training makes smaller: how far the model's answers are from the right ones.",
    "Overfitting": "Learning the training examples by heart instead of what they have in common. The "
    "training loss goes on falling while the validation loss rises.",
    "Training data": "The examples the model learns from.",
    "Validation data": "Examples the model does not learn from, with which it is tested during training.",
}
