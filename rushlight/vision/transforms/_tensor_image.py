"""What every operation on tensor pictures needs: sizes, the range of a dtype, conversion between dtypes.

A tensor picture has shape (..., H, W) or (..., C, H, W). Its values run from 0 to 1 when the dtype is
floating, from 0 to the dtype's largest number otherwise.
"""

from ... import functions as fn
from ...dtypes import float32, float64, int8, int16, int32, int64, uint8, uint16
from ...tensor import Tensor

_LARGEST = {
    uint8: 255,
    int8: 127,
    int16: 32767,
    uint16: 65535,
    int32: 2147483647,
    int64: 9223372036854775807,
}


def max_value(dtype):
    """The value of white: 1 for floating dtypes, the largest number of an integer dtype."""
    return _LARGEST.get(dtype, 1)


def check_tensor(img):
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor. Got {type(img)}")
    if img.ndim < 2:
        raise TypeError(f"Tensor is not a picture: it should have 2 or more dimensions, got {img.ndim}.")


def check_channels(img, permitted):
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(permitted)}, but found {channels}"
        )


def check_has_channels(img):
    check_tensor(img)
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")


def get_dimensions(img):
    check_tensor(img)
    channels = 1 if img.ndim == 2 else img.shape[-3]
    return [channels, img.shape[-2], img.shape[-1]]


def get_image_size(img):
    check_tensor(img)
    return [img.shape[-1], img.shape[-2]]


def get_image_num_channels(img):
    return get_dimensions(img)[0]


def floating_dtype(img):
    """The dtype in which a picture's arithmetic is done: its own when floating, else float32."""
    return img.dtype if img.is_floating_point() else float32


def convert_image_dtype(image, dtype=float32):
    if not isinstance(image, Tensor):
        raise TypeError(f"Input img should be Tensor Image. Got {type(image)}")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        return image.to(dtype) if dtype.is_floating_point else _floating_to_integer(image, dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / float(max_value(image.dtype))
    return _integer_to_integer(image, dtype)


def _floating_to_integer(image, dtype):
    unsafe = {float32: (int32, int64), float64: (int64,)}
    if dtype in unsafe.get(image.dtype, ()):
        raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
    # Just under one more than the largest value: each integer then stands for an equal share of [0, 1].
    return image.mul(float(max_value(dtype)) + 1.0 - 1e-3).to(dtype)


def _integer_to_integer(image, dtype):
    input_levels = max_value(image.dtype) + 1
    output_levels = max_value(dtype) + 1
    if input_levels > output_levels:
        return fn.div(image, input_levels // output_levels, rounding_mode="floor").to(dtype)
    return image.to(dtype) * (output_levels // input_levels)


def as_batch(img, dtype):
    """The picture as (N, C, H, W) of `dtype`, for the operations of nn.functional; `as_given` undoes it."""
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    return batch.to(dtype)


def as_given(batch, img):
    """A result of `as_batch` back in the rank and dtype of the picture it came from, rounded for integers."""
    if img.ndim < 4:
        batch = batch.squeeze(0)
    if batch.dtype != img.dtype:
        if not img.is_floating_point():
            batch = fn.round(batch)
        batch = batch.to(img.dtype)
    return batch
