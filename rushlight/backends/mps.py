"""`torch.backends.mps`: Apple's GPUs are not used."""


def is_available() -> bool:
    """Whether an Apple GPU can be used: False."""
    return False


def is_built() -> bool:
    """Whether this was built for Apple GPUs: False."""
    return False


def is_macos_or_newer(major: int = 13, minor: int = 0) -> bool:
    """Whether this is macOS of at least this version, with Apple's GPUs in use: False."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """As is_macos_or_newer(13, minor): False."""
    return False
