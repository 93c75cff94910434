"""The picture operations on PIL images.

`functional` chooses between these and `_functional_tensor`. The name and its place are torchvision's, which
programs import in spite of the underscore.
"""

import numbers

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def check_pil(img):
    if not isinstance(img, Image.Image):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")


def get_dimensions(img):
    check_pil(img)
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img):
    check_pil(img)
    return [img.width, img.height]


def get_image_num_channels(img):
    check_pil(img)
    return len(img.getbands())


def hflip(img):
    check_pil(img)
    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img):
    check_pil(img)
    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def crop(img, top, left, height, width):
    check_pil(img)
    return img.crop((left, top, left + width, top + height))


def resize(img, size, interpolation=Image.Resampling.BILINEAR):
    check_pil(img)
    if not (isinstance(size, (list, tuple)) and len(size) == 2):
        raise TypeError(f"Got inappropriate size arg: {size}")
    height, width = size
    return img.resize((width, height), interpolation)


def pad(img, padding, fill=0, padding_mode="constant"):
    check_pil(img)
    if not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError(f"Got inappropriate fill arg: {fill!r}")
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"Padding mode should be one of {PADDING_MODES}, got {padding_mode!r}")
    left, top, right, bottom = parse_padding(padding)
    if padding_mode == "constant":
        border = (left, top, right, bottom)
        return _with_palette_of(img, ImageOps.expand(img, border=border, fill=parse_fill(fill, img)))
    img = img.crop((max(-left, 0), max(-top, 0), img.width - max(-right, 0), img.height - max(-bottom, 0)))
    widths = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    pixels = np.asarray(img)
    widths += [(0, 0)] * (pixels.ndim - 2)
    return _with_palette_of(img, Image.fromarray(np.pad(pixels, widths, mode=padding_mode)))


def _with_palette_of(img, padded):
    if img.mode == "P":
        padded.putpalette(img.getpalette())
    return padded


def parse_padding(padding):
    """Left, top, right and bottom of a padding given as a number or as 1, 2 or 4 of them."""
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError(f"Got inappropriate padding arg: {padding!r}")
    if isinstance(padding, int):
        return [padding] * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
        )
    return list(padding) * (4 // len(padding))


def parse_fill(fill, img):
    """A fill colour in the form Pillow wants for the image's bands: whole numbers, and one for each band."""
    bands = len(img.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = list(fill) * bands
        elif len(fill) != bands:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of bands of the image "
                f"({len(fill)} != {bands})"
            )
    elif bands > 1:
        fill = [fill] * bands
    whole = img.mode != "F"
    if isinstance(fill, (list, tuple)):
        values = tuple(int(value) if whole else value for value in fill)
        return values if bands > 1 else values[0]
    return int(fill) if whole and isinstance(fill, numbers.Number) else fill


def affine(img, matrix, interpolation=Image.Resampling.NEAREST, fill=None):
    check_pil(img)
    return img.transform(
        img.size, Image.Transform.AFFINE, matrix, interpolation, fillcolor=parse_fill(fill, img)
    )


def rotate(img, angle, interpolation=Image.Resampling.NEAREST, expand=False, center=None, fill=None):
    check_pil(img)
    center = None if center is None else tuple(center)
    return img.rotate(angle, interpolation, expand, center, fillcolor=parse_fill(fill, img))


def perspective(img, perspective_coeffs, interpolation=Image.Resampling.BICUBIC, fill=None):
    check_pil(img)
    return img.transform(
        img.size,
        Image.Transform.PERSPECTIVE,
        perspective_coeffs,
        interpolation,
        fillcolor=parse_fill(fill, img),
    )


def to_grayscale(img, num_output_channels):
    check_pil(img)
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    gray = img.convert("L")
    if num_output_channels == 1:
        return gray
    return Image.merge("RGB", (gray, gray, gray))


def adjust_brightness(img, brightness_factor):
    check_pil(img)
    return ImageEnhance.Brightness(img).enhance(brightness_factor)


def adjust_contrast(img, contrast_factor):
    check_pil(img)
    return ImageEnhance.Contrast(img).enhance(contrast_factor)


def adjust_saturation(img, saturation_factor):
    check_pil(img)
    return ImageEnhance.Color(img).enhance(saturation_factor)


def adjust_sharpness(img, sharpness_factor):
    check_pil(img)
    return ImageEnhance.Sharpness(img).enhance(sharpness_factor)


def adjust_hue(img, hue_factor):
    check_pil(img)
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if img.mode in {"L", "1", "I", "F"}:
        return img
    hue, saturation, value = img.convert("HSV").split()
    shift = int(hue_factor * 255) % 256
    turned = np.asarray(hue) + np.uint8(shift)  # wraps around, as hue does
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert(img.mode)


def adjust_gamma(img, gamma, gain=1.0):
    check_pil(img)
    if gamma < 0:
        raise ValueError(f"Gamma should be a non-negative real number, got {gamma}")
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)]
    return img.convert("RGB").point(table * 3).convert(img.mode)


def invert(img):
    check_pil(img)
    return ImageOps.invert(img)


def posterize(img, bits):
    check_pil(img)
    return ImageOps.posterize(img, bits)


def solarize(img, threshold):
    check_pil(img)
    return ImageOps.solarize(img, threshold)


def autocontrast(img):
    check_pil(img)
    return ImageOps.autocontrast(img)


def equalize(img):
    check_pil(img)
    return ImageOps.equalize(img)
