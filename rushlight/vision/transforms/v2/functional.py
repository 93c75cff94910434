"""The functions of torchvision.transforms.v2: those of the first version, and a few of its own.

The first argument is called `inpt` there and may be given by that name; a picture is a PIL image or a tensor,
as in the first version.
"""

import functools

import numpy as np
from PIL import Image

from .... import functions as fn
from ....dtypes import float32
from ....tensor import Tensor
from .. import functional as F
from ..conversion import pil_to_tensor


def _named_inpt(function):
    """The function, its picture also accepted under the name `inpt`."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        if "inpt" in kwargs:
            args = (kwargs.pop("inpt"), *args)
        return function(*args, **kwargs)

    return call


adjust_brightness = _named_inpt(F.adjust_brightness)
adjust_contrast = _named_inpt(F.adjust_contrast)
adjust_gamma = _named_inpt(F.adjust_gamma)
adjust_hue = _named_inpt(F.adjust_hue)
adjust_saturation = _named_inpt(F.adjust_saturation)
adjust_sharpness = _named_inpt(F.adjust_sharpness)
affine = _named_inpt(F.affine)
autocontrast = _named_inpt(F.autocontrast)
center_crop = _named_inpt(F.center_crop)
convert_image_dtype = _named_inpt(F.convert_image_dtype)
crop = _named_inpt(F.crop)
elastic = _named_inpt(F.elastic_transform)
elastic_transform = elastic
equalize = _named_inpt(F.equalize)
erase = _named_inpt(F.erase)
five_crop = _named_inpt(F.five_crop)
gaussian_blur = _named_inpt(F.gaussian_blur)
get_dimensions = _named_inpt(F.get_dimensions)
get_image_size = _named_inpt(F.get_image_size)
get_num_channels = _named_inpt(F.get_image_num_channels)
get_image_num_channels = get_num_channels
horizontal_flip = _named_inpt(F.hflip)
hflip = horizontal_flip
invert = _named_inpt(F.invert)
normalize = _named_inpt(F.normalize)
pad = _named_inpt(F.pad)
perspective = _named_inpt(F.perspective)
posterize = _named_inpt(F.posterize)
resize = _named_inpt(F.resize)
resized_crop = _named_inpt(F.resized_crop)
rgb_to_grayscale = _named_inpt(F.rgb_to_grayscale)
to_grayscale = rgb_to_grayscale
rotate = _named_inpt(F.rotate)
solarize = _named_inpt(F.solarize)
ten_crop = _named_inpt(F.ten_crop)
vertical_flip = _named_inpt(F.vflip)
vflip = vertical_flip


def get_size(inpt):
    """[height, width] of a picture."""
    return get_dimensions(inpt)[1:]


def to_image(inpt):
    """A PIL image, an array (H, W[, C]) or a tensor as a tensor (C, H, W) of the same values.

    Raises:
        TypeError: none of the three.
    Source: torchvision.transforms.v2.functional.to_image
    """
    if isinstance(inpt, np.ndarray):
        pixels = inpt if inpt.ndim > 2 else np.atleast_2d(inpt)[:, :, None]
        return fn.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3)))
    if isinstance(inpt, Image.Image):
        return pil_to_tensor(inpt)
    if isinstance(inpt, Tensor):
        return inpt
    raise TypeError(
        f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
    )


def to_dtype(inpt, dtype=float32, scale=False):
    """A tensor in another dtype; with `scale` its values go to that dtype's range, else they stay."""
    return F.convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


def gaussian_noise(inpt, mean=0.0, sigma=0.1, clip=True):
    """A floating tensor with normal noise added, cut to [0, 1] when `clip`."""
    if not isinstance(inpt, Tensor) or not inpt.is_floating_point():
        kind = inpt.dtype if isinstance(inpt, Tensor) else type(inpt)
        raise ValueError(f"Input tensor is expected to be in float dtype, got {kind}")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    noisy = inpt + (mean + fn.randn_like(inpt) * sigma)
    return fn.clamp(noisy, 0, 1) if clip else noisy


def grayscale_to_rgb(inpt):
    """A picture in gray with its channel repeated three times; a coloured one stays as it is."""
    if isinstance(inpt, Tensor):
        if inpt.ndim > 2 and inpt.shape[-3] >= 3:
            return inpt
        return F.rgb_to_grayscale(inpt if inpt.ndim > 2 else inpt.unsqueeze(0), num_output_channels=3)
    return inpt.convert("RGB")


grayscale_to_rgb_image = grayscale_to_rgb
