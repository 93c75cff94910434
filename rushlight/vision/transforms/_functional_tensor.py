"""The picture operations on tensors: geometry here, colour in `_tensor_color`, ranges in `_tensor_image`.

`functional` chooses between these and `_functional_pil`. The name and its place are torchvision's, which
programs import in spite of the underscore. Warps build a grid of sampling positions and leave the rest to
grid_sample.
"""

import math

from ... import functions as fn
from ...dtypes import float32, float64, uint8
from ...nn import functional as nnf
from ._functional_pil import PADDING_MODES, parse_padding
from ._tensor_color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    blend,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
)
from ._tensor_image import (
    as_batch,
    as_given,
    check_tensor,
    convert_image_dtype,
    floating_dtype,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    max_value,
)

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "blend",
    "convert_image_dtype",
    "crop",
    "displace",
    "equalize",
    "erase",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "is_whole_turn",
    "max_value",
    "normalize",
    "pad",
    "perspective",
    "posterize",
    "resize",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "turn",
    "vflip",
]


def hflip(img):
    check_tensor(img)
    return img.flip(-1)


def vflip(img):
    check_tensor(img)
    return img.flip(-2)


def crop(img, top, left, height, width):
    _, image_height, image_width = get_dimensions(img)
    right = left + width
    bottom = top + height
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= image_width and bottom <= image_height:
        return inside
    padding = [
        max(min(right, 0) - left, 0),
        max(min(bottom, 0) - top, 0),
        max(right - max(image_width, left), 0),
        max(bottom - max(image_height, top), 0),
    ]
    return pad(inside, padding)


def pad(img, padding, fill=0, padding_mode="constant"):
    check_tensor(img)
    fill = 0 if fill is None else fill
    if not isinstance(fill, (int, float)):
        raise TypeError(f"Got inappropriate fill arg: {fill!r}; a tensor is padded with one number")
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"Padding mode should be one of {PADDING_MODES}, got {padding_mode!r}")
    left, top, right, bottom = parse_padding(padding)
    if padding_mode == "symmetric":
        return _pad_symmetric(img, left, top, right, bottom)
    sides = [left, right, top, bottom]
    if padding_mode == "constant":
        return nnf.pad(img, sides, mode="constant", value=float(fill))
    dtype = img.dtype if img.dtype in (float32, float64) else float32
    mode = "replicate" if padding_mode == "edge" else "reflect"
    return as_given(nnf.pad(as_batch(img, dtype), sides, mode=mode), img)


def _pad_symmetric(img, left, top, right, bottom):
    rows = _mirrored(img.shape[-2], top, bottom)
    columns = _mirrored(img.shape[-1], left, right)
    img = img.index_select(-2, fn.tensor(rows, device=img.device))
    return img.index_select(-1, fn.tensor(columns, device=img.device))


def _mirrored(size, before, after):
    """Indices 0..size-1 continued by reflection that repeats the edge, or cut where a side is negative."""
    inner = list(range(max(-before, 0), size - max(-after, 0)))
    return inner[: max(before, 0)][::-1] + inner + inner[::-1][: max(after, 0)]


def resize(img, size, interpolation="bilinear", antialias=True):
    check_tensor(img)
    smooth = interpolation in ("bilinear", "bicubic")
    dtype = img.dtype if img.dtype in (float32, float64) else float32
    result = nnf.interpolate(
        as_batch(img, dtype),
        size=list(size),
        mode=interpolation,
        align_corners=False if smooth else None,
        antialias=bool(antialias) and smooth,
    )
    if interpolation == "bicubic" and img.dtype == uint8:
        result = result.clamp(min=0, max=255)
    return as_given(result, img)


def affine(img, matrix, interpolation="nearest", fill=None):
    _check_warp(img, interpolation, fill)
    height, width = img.shape[-2:]
    grid = _affine_grid(img, matrix, width, height)
    return _sample(img, grid, interpolation, fill)


def rotate(img, matrix, interpolation="nearest", expand=False, fill=None):
    _check_warp(img, interpolation, fill)
    height, width = img.shape[-2:]
    if expand:
        width, height = _turned_size(matrix, width, height)
    grid = _affine_grid(img, matrix, width, height)
    return _sample(img, grid, interpolation, fill)


def is_whole_turn(img, angle, expand):
    """Whether turning by `angle` degrees only moves pixels to other places, as Pillow decides it.

    torchvision samples these turns like any other; with `expand` and sides of different parity it then adds
    an empty row and column, which Pillow and rushlight do not.
    """
    square = img.shape[-1] == img.shape[-2]
    return angle % 180 == 0 or (angle % 90 == 0 and (expand or square))


def turn(img, angle):
    """The picture turned counter-clockwise by a multiple of 90 degrees."""
    check_tensor(img)
    return fn.rot90(img, int(angle // 90) % 4, (-2, -1))


def perspective(img, perspective_coeffs, interpolation="bilinear", fill=None):
    if len(perspective_coeffs) != 8:
        raise ValueError(f"Argument coeffs should have 8 float values, got {len(perspective_coeffs)}")
    _check_warp(img, interpolation, fill)
    return _sample(img, _perspective_grid(img, perspective_coeffs), interpolation, fill)


def _check_warp(img, interpolation, fill):
    channels = get_dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f"Interpolation mode '{interpolation}' is unsupported with Tensor input; "
            "a tensor is warped with 'nearest' or 'bilinear'"
        )


def _pixel_centres(img, width, height, x_start, y_start):
    """Positions (1, height * width, 3) of the pixels' centres, with a 1 for the constant term."""
    options = {"dtype": floating_dtype(img), "device": img.device}
    x = fn.linspace(x_start, x_start + width - 1.0, width, **options)
    y = fn.linspace(y_start, y_start + height - 1.0, height, **options)
    columns = x.view(1, width).expand(height, width)
    rows = y.view(height, 1).expand(height, width)
    return fn.stack((columns, rows, fn.ones(height, width, **options)), dim=-1).view(1, height * width, 3)


def _affine_grid(img, matrix, width, height):
    """Sampling positions (1, height, width, 2) in grid_sample's [-1, 1] for an inverse affine matrix.

    The matrix maps output pixels, counted from the picture's centre, to input pixels. The output may be
    larger than the input (a rotation that expands), positions are always in units of the input.
    """
    dtype = floating_dtype(img)
    theta = fn.tensor(matrix, dtype=dtype, device=img.device).reshape(1, 2, 3)
    half = fn.tensor([0.5 * img.shape[-1], 0.5 * img.shape[-2]], dtype=dtype, device=img.device)
    centres = _pixel_centres(img, width, height, 0.5 - 0.5 * width, 0.5 - 0.5 * height)
    return centres.bmm(theta.transpose(1, 2) / half).view(1, height, width, 2)


def _perspective_grid(img, coeffs):
    """Sampling positions for x = (a X + b Y + c) / (g X + h Y + 1), and y likewise with d, e and f."""
    dtype = floating_dtype(img)
    height, width = img.shape[-2:]
    numerator = fn.tensor(coeffs[:6], dtype=dtype, device=img.device).reshape(1, 2, 3)
    denominator = fn.tensor([[*coeffs[6:], 1.0]] * 2, dtype=dtype, device=img.device).unsqueeze(0)
    half = fn.tensor([0.5 * width, 0.5 * height], dtype=dtype, device=img.device)
    centres = _pixel_centres(img, width, height, 0.5, 0.5)
    positions = centres.bmm(numerator.transpose(1, 2) / half) / centres.bmm(denominator.transpose(1, 2)) - 1.0
    return positions.view(1, height, width, 2)


def _turned_size(matrix, width, height):
    """Width and height of the picture that holds all of a turned one, as Pillow computes them."""
    x_reach = [
        matrix[0] * x + matrix[1] * y + matrix[2] + 0.5 * width
        for x in (-0.5 * width, 0.5 * width)
        for y in (-0.5 * height, 0.5 * height)
    ]
    y_reach = [
        matrix[3] * x + matrix[4] * y + matrix[5] + 0.5 * height
        for x in (-0.5 * width, 0.5 * width)
        for y in (-0.5 * height, 0.5 * height)
    ]
    return _whole_extent(x_reach), _whole_extent(y_reach)


def _whole_extent(positions):
    # Cut to four decimals first, else a rounding error of 1e-15 would count as one more pixel.
    highest = math.ceil(math.trunc(max(positions) * 1e4) * 1e-4)
    lowest = math.floor(math.trunc(min(positions) * 1e4) * 1e-4)
    return highest - lowest


def _sample(img, grid, mode, fill):
    """The picture read at the grid's positions; `fill` (a number or one a channel) outside."""
    batch = as_batch(img, grid.dtype)
    N, C, H, W = batch.shape
    grid = grid.expand(N, *grid.shape[1:])
    if fill is None:
        return as_given(nnf.grid_sample(batch, grid, mode, "zeros", align_corners=False), img)
    # One more channel of ones is sampled along: it tells how much of a pixel lies inside.
    inside = fn.ones(N, 1, H, W, dtype=batch.dtype, device=batch.device)
    both = nnf.grid_sample(fn.cat((batch, inside), dim=1), grid, mode, "zeros", align_corners=False)
    result, share = both[:, :C], both[:, C:]
    values = [float(value) for value in fill] if isinstance(fill, (tuple, list)) else [float(fill)]
    colour = fn.tensor(values, dtype=batch.dtype, device=batch.device).view(1, -1, 1, 1)
    if mode == "nearest":
        return as_given(fn.where(share < 0.5, colour, result), img)
    return as_given(result * share + (1.0 - share) * colour, img)


def gaussian_blur(img, kernel_size, sigma):
    check_tensor(img)
    dtype = floating_dtype(img)
    across = _gaussian(kernel_size[0], sigma[0], dtype, img.device)
    down = _gaussian(kernel_size[1], sigma[1], dtype, img.device)
    channels = img.shape[-3]
    kernel = (down[:, None] * across[None, :]).expand(channels, 1, kernel_size[1], kernel_size[0])
    x_half, y_half = kernel_size[0] // 2, kernel_size[1] // 2
    batch = nnf.pad(as_batch(img, dtype), [x_half, x_half, y_half, y_half], mode="reflect")
    return as_given(nnf.conv2d(batch, kernel, groups=channels), img)


def _gaussian(size, sigma, dtype, device):
    reach = (size - 1) * 0.5
    positions = fn.linspace(-reach, reach, size, dtype=dtype, device=device)
    weights = fn.exp(-0.5 * (positions / sigma) ** 2)
    return weights / weights.sum()


def normalize(tensor, mean, std, inplace=False):
    check_tensor(tensor)
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    mean = fn.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    std = fn.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if bool((std == 0).any()):
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero."
        )
    if mean.ndim == 1:
        mean = mean.view(-1, 1, 1)
    if std.ndim == 1:
        std = std.view(-1, 1, 1)
    if inplace:
        return tensor.sub_(mean).div_(std)
    return tensor.sub(mean).div(std)


def erase(img, i, j, h, w, v, inplace=False):
    check_tensor(img)
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img


def displace(img, displacement, interpolation="bilinear", fill=None):
    """The picture with each pixel read `displacement` (1, H, W, 2) away, in grid_sample's units."""
    _check_warp(img, interpolation, fill)
    height, width = img.shape[-2:]
    grid = displacement.to(floating_dtype(img)).to(img.device)
    x = fn.linspace((1.0 - width) / width, (width - 1.0) / width, width, dtype=grid.dtype, device=img.device)
    y = fn.linspace(
        (1.0 - height) / height, (height - 1.0) / height, height, dtype=grid.dtype, device=img.device
    )
    identity = fn.stack(
        (x.view(1, width).expand(height, width), y.view(height, 1).expand(height, width)), dim=-1
    )
    return _sample(img, identity.unsqueeze(0) + grid, interpolation, fill)
