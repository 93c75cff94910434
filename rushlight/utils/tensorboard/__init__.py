"""`torch.utils.tensorboard`: event files for TensorBoard, written with the `tensorboard` package (extra)."""

from .writer import FileWriter, SummaryWriter
