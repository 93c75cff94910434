"""InterpolationMode, and how it maps to Pillow's constants."""

from enum import Enum

from PIL import Image


class InterpolationMode(Enum):
    """How a resized, rotated or warped picture is sampled.

    Tensors know NEAREST, NEAREST_EXACT, BILINEAR and BICUBIC; BOX, HAMMING and LANCZOS are Pillow's alone.

    Source: torchvision.transforms.InterpolationMode
    Example:
        >>> from rushlight.vision.transforms import InterpolationMode
        >>> InterpolationMode.BILINEAR.value
        'bilinear'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


pil_modes_mapping = {
    InterpolationMode.NEAREST: Image.Resampling.NEAREST,
    InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
    InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    InterpolationMode.NEAREST_EXACT: Image.Resampling.NEAREST,
    InterpolationMode.BOX: Image.Resampling.BOX,
    InterpolationMode.HAMMING: Image.Resampling.HAMMING,
    InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
}

_MODE_OF_CONSTANT = {
    int(constant): mode
    for mode, constant in pil_modes_mapping.items()
    if mode is not InterpolationMode.NEAREST_EXACT
}


def as_mode(interpolation):
    """The InterpolationMode of a mode or of a Pillow constant; TypeError for anything else."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    if isinstance(interpolation, int) and interpolation in _MODE_OF_CONSTANT:
        return _MODE_OF_CONSTANT[interpolation]
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant, "
        f"got {interpolation!r}"
    )
