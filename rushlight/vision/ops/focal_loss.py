"""The focal loss for dense detection."""

from ... import functions as fn
from ...nn import functional as nnf


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Binary cross-entropy, weighted down where the prediction is already right.

    loss = alpha_t (1 - p_t)^gamma BCE, with p_t the probability given to the true class and alpha_t = alpha
    for positives, 1 - alpha for negatives.

    Args:
        inputs: logits of any shape.
        targets: 0 or 1, of the same shape.
        alpha: in [0, 1], or -1 for no weighting by class.
        reduction: "none", "mean" or "sum".

    Source: torchvision.ops.sigmoid_focal_loss, after Lin et al. 2017.
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = fn.sigmoid(inputs)
    cross_entropy = nnf.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    p_true = p * targets + (1 - p) * (1 - targets)
    loss = cross_entropy * (1 - p_true) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction}'. Supported reduction modes: 'none', 'mean', 'sum'"
    )
