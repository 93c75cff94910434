"""`torch.backends.opt_einsum`: whether einsum looks for a good order. It goes from left to right here."""

enabled = False
strategy = None


def is_available() -> bool:
    """Whether opt_einsum is used: False."""
    return False
