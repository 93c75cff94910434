"""Which library reads pictures: Pillow, the only one here. Kept for the programs that ask or choose."""

_BACKENDS = ("PIL",)
_chosen = ["PIL"]


def set_image_backend(backend):
    """Choose the library that reads pictures; ValueError for any but "PIL".

    Source: torchvision.set_image_backend
    """
    if backend not in _BACKENDS:
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL'; accimage is not supported.")
    _chosen[0] = backend


def get_image_backend():
    """The name of the library that reads pictures.

    Source: torchvision.get_image_backend
    Example:
        >>> from rushlight.vision import get_image_backend
        >>> get_image_backend()
        'PIL'
    """
    return _chosen[0]
