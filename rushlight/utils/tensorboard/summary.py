"""`torch.utils.tensorboard.summary`: the summaries by themselves, handed on."""

from .summaries import audio, hparams, image, mesh, pr_curve, scalar, text, video
from .summaries import histogram as histogram
