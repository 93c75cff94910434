"""The picture operations as functions, on PIL images and on tensors alike.

Each function settles its arguments and hands the picture to `_functional_pil` or `_functional_tensor`. Sizes
are (height, width), positions (top, left), except where an argument is documented as x before y. Conversions
between the kinds of picture are in `conversion`.

Source: torchvision.transforms.functional
Example:
    >>> import rushlight as torch
    >>> from rushlight.vision.transforms import functional as F
    >>> F.center_crop(torch.rand(3, 6, 8), [4, 4]).shape
    torch.Size([3, 4, 4])
"""

import math
import numbers
import warnings

import numpy as np

from ...dtypes import float32
from ...tensor import Tensor
from . import _functional_pil as F_pil
from . import _functional_tensor as F_t
from .conversion import pil_to_tensor, to_pil_image, to_tensor
from .interpolation import InterpolationMode, as_mode, pil_modes_mapping

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def _ops(img):
    """The module that works on pictures of this kind."""
    if isinstance(img, Tensor):
        return F_t
    if isinstance(img, np.ndarray):
        raise TypeError(
            f"Unexpected type {type(img)}: ToPILImage() or ToTensor() turns an array into a picture."
        )
    if not isinstance(img, F_pil.Image.Image):
        raise TypeError(f"Unexpected type {type(img)}, expected a PIL image or a tensor.")
    return F_pil


def get_dimensions(img):
    """[channels, height, width] of a picture."""
    return _ops(img).get_dimensions(img)


def get_image_size(img):
    """[width, height] of a picture."""
    return _ops(img).get_image_size(img)


def get_image_num_channels(img):
    """The number of channels of a picture."""
    return _ops(img).get_image_num_channels(img)


def convert_image_dtype(image, dtype=float32):
    """A tensor picture in another dtype, its values rescaled to that dtype's range.

    Floating pictures run from 0 to 1, integer ones to the largest number of their dtype.

    Raises:
        RuntimeError: float32 to int32 or int64, float64 to int64, which cannot be exact.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.transforms import functional as F
        >>> F.convert_image_dtype(torch.tensor([[[0, 51, 255]]], dtype=torch.uint8))
        tensor([[[0.0000, 0.2000, 1.0000]]])
    """
    return F_t.convert_image_dtype(image, dtype)


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, channel by channel, of a floating tensor (..., C, H, W).

    Raises:
        TypeError: no floating tensor. ValueError: fewer than three dimensions, or a std of zero.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return F_t.normalize(tensor, mean=mean, std=std, inplace=inplace)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """The picture resized.

    Args:
        size: (height, width), or one number for the smaller edge, the other following in proportion. None
            with `max_size`: the larger edge becomes max_size.
        interpolation: an InterpolationMode or Pillow's constant.
        max_size: upper limit of the larger edge, when size is one number.
        antialias: smooth before shrinking tensors by bilinear or bicubic; PIL images always are.
    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import functional as F
        >>> F.resize(Image.new("RGB", (640, 480)), 256).size
        (341, 256)
    """
    mode = as_mode(interpolation)
    _, height, width = get_dimensions(img)
    output_size = _resized_size(height, width, size, max_size)
    if [height, width] == output_size:
        return img
    if isinstance(img, Tensor):
        return F_t.resize(img, size=output_size, interpolation=mode.value, antialias=antialias)
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored."
        )
    return F_pil.resize(img, size=output_size, interpolation=pil_modes_mapping[mode])


def _resized_size(height, width, size, max_size):
    edges = [size] if size is None or isinstance(size, int) else list(size)
    if len(edges) not in (1, 2):
        raise ValueError(
            f"Size must be an int or a 1 or 2 element tuple/list, not a {len(edges)} element tuple/list"
        )
    if len(edges) == 2:
        if max_size is not None:
            raise ValueError(
                f"max_size ({max_size}) should only be passed if size specifies the length of the smaller "
                "edge, "
                f"i.e. is one number; got size={size}"
            )
        return [int(edge) for edge in edges]
    short, long = sorted((height, width))
    new_short, new_long = _resized_edges(short, long, edges[0], max_size)
    return [new_short, new_long] if height <= width else [new_long, new_short]


def _resized_edges(short, long, requested, max_size):
    if requested is None:
        if max_size is None:
            raise ValueError("max_size must be an integer when size is None")
        return int(max_size * short / long), max_size
    new_short, new_long = requested, int(requested * long / short)
    if max_size is None:
        return new_short, new_long
    if max_size <= requested:
        raise ValueError(
            f"max_size = {max_size} must be strictly greater than the requested "
            f"size for the smaller edge size = {requested}"
        )
    if new_long > max_size:
        return int(max_size * new_short / new_long), max_size
    return new_short, new_long


def pad(img, padding, fill=0, padding_mode="constant"):
    """The picture with a border.

    Args:
        padding: one number for all sides, (left/right, top/bottom), or (left, top, right, bottom), in pixels.
        fill: the border's value, for PIL images also one value a channel.
        padding_mode: "constant", "edge", "reflect" (without the edge) or "symmetric" (with it).
    """
    return _ops(img).pad(img, padding=padding, fill=fill, padding_mode=padding_mode)


def crop(img, top, left, height, width):
    """The rectangle of a picture that starts at (top, left); what lies outside the picture is 0."""
    return _ops(img).crop(img, top, left, height, width)


def center_crop(img, output_size):
    """The middle of a picture; a picture smaller than output_size is padded with 0 first.

    Args:
        output_size: (height, width), or one number for both.
    """
    crop_height, crop_width = as_size(output_size)
    _, height, width = get_dimensions(img)
    if crop_height > height or crop_width > width:
        down, across = max(crop_height - height, 0), max(crop_width - width, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2], fill=0)
        _, height, width = get_dimensions(img)
    top = int(round((height - crop_height) / 2.0))
    left = int(round((width - crop_width) / 2.0))
    return crop(img, top, left, crop_height, crop_width)


def as_size(size, error_msg="Please provide only two dimensions (h, w) for size."):
    """The two numbers (height, width) of a size given as a number or as a sequence of one or two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if isinstance(size, (list, tuple)) and len(size) == 1:
        return size[0], size[0]
    if not hasattr(size, "__len__") or len(size) != 2:
        raise ValueError(f"{error_msg} Got {size!r}.")
    return size


def resized_crop(
    img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """A rectangle of the picture, resized to `size`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """The picture with left and right exchanged."""
    return _ops(img).hflip(img)


def vflip(img):
    """The picture with top and bottom exchanged."""
    return _ops(img).vflip(img)


def five_crop(img, size):
    """Top left, top right, bottom left, bottom right and centre of a picture.

    Raises:
        ValueError: size is larger than the picture.
    """
    crop_height, crop_width = as_size(size)
    _, height, width = get_dimensions(img)
    if crop_height > height or crop_width > width:
        raise ValueError(
            f"Requested crop size {(crop_height, crop_width)} is bigger than input size {(height, width)}"
        )
    bottom, right = height - crop_height, width - crop_width
    corners = ((0, 0), (0, right), (bottom, 0), (bottom, right))
    crops = [crop(img, top, left, crop_height, crop_width) for top, left in corners]
    return (*crops, center_crop(img, [crop_height, crop_width]))


def ten_crop(img, size, vertical_flip=False):
    """`five_crop` of the picture, and of its mirror image (upside down when vertical_flip)."""
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """The picture turned by `angle` degrees, counter-clockwise.

    Args:
        expand: make the picture large enough to hold all of the turned one.
        center: (x, y) in pixels from the top left corner; the middle by default.
        fill: value of what comes from outside, one number or one a channel; 0 by default.
    """
    mode = as_mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError(f"Argument angle should be int or float, got {angle!r}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError(f"Argument center should be a sequence, got {center!r}")
    if not isinstance(img, Tensor):
        return F_pil.rotate(img, angle, pil_modes_mapping[mode], expand, center, fill)
    if center is None and F_t.is_whole_turn(img, angle, expand):
        return F_t.turn(img, angle)
    centre = _from_middle(img, center)
    # Pillow turns counter-clockwise, the affine matrix clockwise.
    matrix = inverse_affine_matrix(centre, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return F_t.rotate(img, matrix, mode.value, expand, fill)


def affine(
    img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None
):
    """The picture turned, shifted, scaled and sheared about its middle.

    Args:
        angle: degrees, clockwise.
        translate: (x, y) in pixels, after the turn.
        scale: a factor above 0.
        shear: degrees along x, or (along x, along y).
        center: (x, y) in pixels from the top left corner; the middle by default.
    """
    mode = as_mode(interpolation)
    angle, translate, scale, shear = _affine_arguments(angle, translate, scale, shear)
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError(f"Argument center should be a sequence, got {center!r}")
    if isinstance(img, Tensor):
        matrix = inverse_affine_matrix(_from_middle(img, center), angle, translate, scale, shear)
        return F_t.affine(img, matrix, mode.value, fill)
    _, height, width = get_dimensions(img)
    centre = [width * 0.5, height * 0.5] if center is None else center
    matrix = inverse_affine_matrix(centre, angle, translate, scale, shear)
    return F_pil.affine(img, matrix, pil_modes_mapping[mode], fill)


def _affine_arguments(angle, translate, scale, shear):
    if not isinstance(angle, (int, float)):
        raise TypeError(f"Argument angle should be int or float, got {angle!r}")
    if not isinstance(translate, (list, tuple)):
        raise TypeError(f"Argument translate should be a sequence, got {translate!r}")
    if len(translate) != 2:
        raise ValueError(f"Argument translate should be a sequence of length 2, got {translate!r}")
    if scale <= 0.0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    if isinstance(shear, numbers.Number):
        shear = [shear, 0.0]
    if not isinstance(shear, (list, tuple)):
        raise TypeError(f"Shear should be either a single value or a sequence of two values, got {shear!r}")
    shear = list(shear) * 2 if len(shear) == 1 else list(shear)
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return float(angle), list(translate), scale, shear


def _from_middle(img, center):
    """A centre of rotation counted from the picture's middle, as tensors' warps count."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = get_dimensions(img)
    return [1.0 * (center[0] - width * 0.5), 1.0 * (center[1] - height * 0.5)]


def inverse_affine_matrix(center, angle, translate, scale, shear):
    """The six numbers that map a point of the output to the point of the input it shows.

    The forward map is T C R S C^-1: to the centre, shear and scale, turn (clockwise in pixels, where y points
    down), back from the centre, shift. With L = R S = scale [[a, b], [c, d]], whose determinant is scale
    squared, the inverse of L is [[d, -b], [-c, a]] / scale.
    """
    turn = math.radians(angle)
    shear_x, shear_y = (math.radians(value) for value in shear)
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -a * math.tan(shear_x) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -c * math.tan(shear_x) + math.cos(turn)
    xx, xy, yx, yy = (value / scale for value in (d, -b, -c, a))
    x_back, y_back = -center[0] - translate[0], -center[1] - translate[1]
    x_shift = xx * x_back + xy * y_back + center[0]
    y_shift = yx * x_back + yy * y_back + center[1]
    return [xx, xy, x_shift, yx, yy, y_shift]


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The picture warped so that four points move to four others.

    Args:
        startpoints: [[x, y], ...] in pixels of the input: top left, top right, bottom right, bottom left.
        endpoints: where they are to be in the output.
    """
    mode = as_mode(interpolation)
    coeffs = perspective_coefficients(startpoints, endpoints)
    if isinstance(img, Tensor):
        return F_t.perspective(img, coeffs, mode.value, fill)
    return F_pil.perspective(img, coeffs, pil_modes_mapping[mode], fill)


def perspective_coefficients(startpoints, endpoints):
    """The numbers a .. h that take points (X, Y) of the output to points (x, y) of the input.

    x = (a X + b Y + c) / (g X + h Y + 1) and y = (d X + e Y + f) / (g X + h Y + 1).
    """
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (X, Y) in zip(startpoints, endpoints, strict=True):
        rows.append([X, Y, 1, 0, 0, 0, -x * X, -x * Y])
        rows.append([0, 0, 0, X, Y, 1, -y * X, -y * Y])
    targets = np.asarray(startpoints, dtype=np.float64).reshape(8)
    solution = np.linalg.lstsq(np.asarray(rows, dtype=np.float64), targets, rcond=None)[0]
    return solution.astype(np.float32).tolist()


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The picture with each pixel read from a displaced place.

    Args:
        displacement: tensor (1, H, W, 2), x before y, in the [-1, 1] units of grid_sample.
    """
    mode = as_mode(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError(f"Argument displacement should be a Tensor, got {type(displacement)}")
    picture = img if isinstance(img, Tensor) else pil_to_tensor(img)
    expected = (1, *picture.shape[-2:], 2)
    if tuple(displacement.shape) != expected:
        raise ValueError(
            f"Argument displacement shape should be {expected}, but given {tuple(displacement.shape)}"
        )
    moved = F_t.displace(picture, displacement, mode.value, fill)
    return moved if isinstance(img, Tensor) else to_pil_image(moved, mode=img.mode)


def gaussian_blur(img, kernel_size, sigma=None):
    """The picture blurred by a Gaussian, its edges reflected.

    Args:
        kernel_size: an odd number of pixels, or (across, down).
        sigma: standard deviation in pixels, or (across, down); 0.15 kernel_size + 0.35 by default.
    """
    kernel_size = _pair("kernel_size", kernel_size, int)
    if any(size <= 0 or size % 2 == 0 for size in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in kernel_size]
    sigma = _pair("sigma", sigma, (int, float))
    if any(value <= 0.0 for value in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    if isinstance(img, Tensor):
        return F_t.gaussian_blur(img, kernel_size, sigma)
    blurred = F_t.gaussian_blur(pil_to_tensor(img), kernel_size, sigma)
    return to_pil_image(blurred, mode=img.mode)


def _pair(name, value, kinds):
    if isinstance(value, kinds):
        return [value, value]
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} should be a number or a sequence of two. Got {type(value)}")
    if len(value) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 1 or 2. Got {len(value)}")
    return list(value) * (2 // len(value))


def adjust_brightness(img, brightness_factor):
    """The picture's values times a factor: 0 is black, 1 the picture, 2 twice as bright."""
    return _ops(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img, contrast_factor):
    """The picture mixed with its mean gray: 0 is gray, 1 the picture, 2 twice the contrast."""
    return _ops(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img, saturation_factor):
    """The picture mixed with its gray version: 0 is black and white, 1 the picture."""
    return _ops(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img, hue_factor):
    """The picture's hues turned by a share of the colour circle, in [-0.5, 0.5]; 0 is the picture."""
    return _ops(img).adjust_hue(img, hue_factor)


def adjust_gamma(img, gamma, gain=1):
    """gain * value ** gamma, on values in [0, 1]."""
    return _ops(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img, sharpness_factor):
    """The picture mixed with a blurred one: 0 is blurred, 1 the picture, 2 sharpened."""
    return _ops(img).adjust_sharpness(img, sharpness_factor)


def to_grayscale(img, num_output_channels=1):
    """A PIL image in gray, of one channel or three equal ones."""
    if isinstance(img, F_pil.Image.Image):
        return F_pil.to_grayscale(img, num_output_channels)
    raise TypeError(f"Input should be PIL Image, got {type(img)}; rgb_to_grayscale takes tensors too")


def rgb_to_grayscale(img, num_output_channels=1):
    """A picture in gray (0.2989 red + 0.587 green + 0.114 blue), of one channel or three equal ones."""
    if isinstance(img, Tensor):
        return F_t.rgb_to_grayscale(img, num_output_channels)
    return F_pil.to_grayscale(img, num_output_channels)


def erase(img, i, j, h, w, v, inplace=False):
    """A tensor picture whose rectangle from row i and column j, h by w, is set to v."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return F_t.erase(img, i, j, h, w, v, inplace=inplace)


def invert(img):
    """The negative of a picture."""
    return _ops(img).invert(img)


def posterize(img, bits):
    """The picture with its values cut to their `bits` leading bits, 0 to 8."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number of bits should be between 0 and 8. Got {bits}")
    return _ops(img).posterize(img, bits)


def solarize(img, threshold):
    """The picture with values of threshold and above inverted."""
    return _ops(img).solarize(img, threshold)


def autocontrast(img):
    """The picture with each channel stretched over the whole range."""
    return _ops(img).autocontrast(img)


def equalize(img):
    """The picture with each channel's levels used about equally often."""
    return _ops(img).equalize(img)
