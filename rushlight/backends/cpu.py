"""`torch.backends.cpu`: what the processor can do."""


def get_cpu_capability() -> str:
    """The vector instructions in use, by PyTorch's names: NumPy chooses its own, so "DEFAULT"."""
    return "DEFAULT"
