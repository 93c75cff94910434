"""The colour operations on tensor pictures: blending, hue, gamma, histogram and bit operations.

Shapes and places are changed in `_functional_tensor`, which also hands these names on.
"""

from ... import functions as fn
from ...dtypes import float32, int32, int64, uint8
from ...nn import functional as nnf
from ._tensor_image import (
    as_batch,
    as_given,
    check_channels,
    check_has_channels,
    check_tensor,
    convert_image_dtype,
    floating_dtype,
    get_dimensions,
    max_value,
)


def rgb_to_grayscale(img, num_output_channels=1):
    check_has_channels(img)
    check_channels(img, (1, 3))
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(dim=-3)
        luma = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype)
        gray = luma.unsqueeze(dim=-3)
    else:
        gray = img.clone()
    if num_output_channels == 1:
        return gray
    return gray.expand(*img.shape[:-3], 3, *img.shape[-2:])


def adjust_brightness(img, brightness_factor):
    _check_factor("brightness_factor", brightness_factor)
    check_channels(img, (1, 3))
    return blend(img, fn.zeros_like(img), brightness_factor)


def adjust_contrast(img, contrast_factor):
    _check_factor("contrast_factor", contrast_factor)
    check_channels(img, (3, 1))
    gray = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    mean = fn.mean(gray.to(floating_dtype(img)), dim=(-3, -2, -1), keepdim=True)
    return blend(img, mean, contrast_factor)


def adjust_saturation(img, saturation_factor):
    _check_factor("saturation_factor", saturation_factor)
    check_channels(img, (1, 3))
    if get_dimensions(img)[0] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img, hue_factor):
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    check_channels(img, (1, 3))
    if get_dimensions(img)[0] == 1:
        return img
    hue, saturation, value = _hsv_of_rgb(convert_image_dtype(img, float32))
    turned = (hue + hue_factor) % 1.0
    return convert_image_dtype(_rgb_of_hsv(turned, saturation, value), img.dtype)


def adjust_gamma(img, gamma, gain=1.0):
    check_channels(img, (1, 3))
    if gamma < 0:
        raise ValueError(f"Gamma should be a non-negative real number, got {gamma}")
    values = img if img.is_floating_point() else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * values**gamma).clamp(0, 1), img.dtype)


def adjust_sharpness(img, sharpness_factor):
    _check_factor("sharpness_factor", sharpness_factor)
    check_channels(img, (1, 3))
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    return blend(img, _softened(img), sharpness_factor)


def invert(img):
    check_has_channels(img)
    check_channels(img, (1, 3))
    return max_value(img.dtype) - img


def posterize(img, bits):
    check_has_channels(img)
    _check_uint8(img)
    check_channels(img, (1, 3))
    return img & (256 - 2 ** (8 - bits))


def solarize(img, threshold):
    check_has_channels(img)
    check_channels(img, (1, 3))
    bound = max_value(img.dtype)
    if threshold > bound:
        raise TypeError(
            f"Threshold should be less than bound of img: got {threshold} for a bound of {bound}."
        )
    return fn.where(img >= threshold, invert(img), img)


def autocontrast(img):
    check_has_channels(img)
    check_channels(img, (1, 3))
    bound = max_value(img.dtype)
    dtype = floating_dtype(img)
    lowest = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    highest = img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    scale = bound / (highest - lowest)
    usable = fn.isfinite(scale)  # a channel of one value stays as it is
    lowest = fn.where(usable, lowest, fn.zeros_like(lowest))
    scale = fn.where(usable, scale, fn.ones_like(scale))
    return ((img - lowest) * scale).clamp(0, bound).to(img.dtype)


def equalize(img):
    check_tensor(img)
    if img.ndim not in (3, 4):
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _check_uint8(img)
    check_channels(img, (1, 3))
    channels = img.reshape(-1, *img.shape[-2:])
    return fn.stack([_equalize_channel(channel) for channel in channels]).reshape(img.shape)


def _equalize_channel(channel):
    """One channel (H, W) with the levels spread so that each is used about equally often."""
    histogram = fn.bincount(channel.reshape(-1), minlength=256)
    used = histogram[histogram != 0]
    step = int(used[:-1].sum()) // 255
    if step == 0:
        return channel
    table = fn.div(fn.cumsum(histogram, 0) + step // 2, step, rounding_mode="floor")
    table = nnf.pad(table, [1, 0])[:-1].clamp(0, 255)
    return table[channel.to(int64)].to(uint8)


def blend(img, other, ratio):
    """ratio * img + (1 - ratio) * other, kept in the range of img's dtype."""
    ratio = float(ratio)
    mixed = ratio * img + (1.0 - ratio) * other
    return mixed.clamp(0, max_value(img.dtype)).to(img.dtype)


def _softened(img):
    """Each inner pixel averaged with its eight neighbours, itself counting five times; the edge stays."""
    dtype = floating_dtype(img)
    kernel = fn.ones(3, 3, dtype=dtype, device=img.device)
    kernel[1, 1] = 5.0
    kernel = (kernel / kernel.sum()).expand(img.shape[-3], 1, 3, 3)
    inner = nnf.conv2d(as_batch(img, dtype), kernel, groups=img.shape[-3])
    result = img.clone()
    result[..., 1:-1, 1:-1] = as_given(inner, img)
    return result


def _hsv_of_rgb(img):
    """Hue in [0, 1), saturation and value, each (..., H, W), of a floating picture (..., 3, H, W).

    Where the three channels agree, hue and saturation are 0: the divisors are replaced by 1 there, so that no
    NaN arises that would have to be repaired.
    """
    red, green, blue = img.unbind(dim=-3)
    highest = img.amax(dim=-3)
    lowest = img.amin(dim=-3)
    gray = highest == lowest
    spread = highest - lowest
    one = fn.ones_like(highest)
    saturation = spread / fn.where(gray, one, highest)
    divisor = fn.where(gray, one, spread)
    from_red = (highest - red) / divisor
    from_green = (highest - green) / divisor
    from_blue = (highest - blue) / divisor
    red_leads = highest == red
    green_leads = (highest == green) & ~red_leads
    sector = fn.where(
        red_leads,
        from_blue - from_green,
        fn.where(green_leads, 2.0 + from_red - from_blue, 4.0 + from_green - from_red),
    )
    return fn.fmod(sector / 6.0 + 1.0, 1.0), saturation, highest


def _rgb_of_hsv(hue, saturation, value):
    """The picture (..., 3, H, W) of hue, saturation and value: a sixth of the circle orders four levels."""
    sector = fn.floor(hue * 6.0)
    fraction = hue * 6.0 - sector
    low = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * fraction)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - fraction))).clamp(0.0, 1.0)
    index = (sector.to(int32) % 6).to(int64).unsqueeze(0)

    def choose(*levels):
        return fn.gather(fn.stack(levels), 0, index).squeeze(0)

    red = choose(value, falling, low, low, rising, value)
    green = choose(rising, value, value, falling, low, low)
    blue = choose(low, low, rising, value, value, falling)
    return fn.stack((red, green, blue), dim=-3)


def _check_factor(name, factor):
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def _check_uint8(img):
    if img.dtype != uint8:
        raise TypeError(f"Only uint8 image tensors are supported, but found {img.dtype}")
