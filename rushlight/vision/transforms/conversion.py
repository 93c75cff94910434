"""Pictures between PIL, NumPy and tensors.

PIL and NumPy keep channels last, (H, W, C); tensors keep them first, (C, H, W). The pixel work is done in
NumPy, so that a data loader's worker compiles nothing. Values are rescaled only where the name says so:
`to_tensor` brings 0..255 to 0..1 and `to_pil_image` back.
"""

import sys

import numpy as np
from PIL import Image

from ... import functions as fn
from ...dtypes import get_default_dtype
from ...tensor import Tensor

_MODES_OF_CHANNELS = {
    2: ("LA",),
    3: ("RGB", "YCbCr", "HSV"),
    4: ("RGBA", "CMYK", "RGBX"),
}

_INT16_MODE = "I;16" if sys.byteorder == "little" else "I;16B"
_MODE_OF_DTYPE = {"uint8": "L", "int16": _INT16_MODE, "int32": "I", "float32": "F"}


def to_tensor(pic):
    """A PIL image or an array (H, W[, C]) as a tensor (C, H, W), 8-bit values scaled to [0, 1].

    Args:
        pic: a PIL image, or an ndarray of two or three dimensions, channels last.
    Returns:
        A tensor of the default dtype when the values are 8-bit (or mode "1"), else of the input's own dtype,
        unscaled.
    Raises:
        TypeError: neither of the two. ValueError: an array of another number of dimensions.
    Source: torchvision.transforms.functional.to_tensor
    Example:
        >>> import numpy as np
        >>> from rushlight.vision.transforms.functional import to_tensor
        >>> to_tensor(np.full((2, 3), 255, dtype=np.uint8))
        tensor([[[1., 1., 1.],
                 [1., 1., 1.]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic
    elif isinstance(pic, Image.Image):
        pixels = _pixels(pic)
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    planes = _channels_first(pixels)
    if planes.dtype != np.uint8:
        return fn.from_numpy(planes.copy() if planes.base is not None else planes)
    scaled = planes.astype(np.float32) / np.float32(255)
    return fn.from_numpy(scaled).to(get_default_dtype())


def pil_to_tensor(pic):
    """A PIL image as a tensor (C, H, W) of the same values and, where there is one, the same dtype.

    Source: torchvision.transforms.functional.pil_to_tensor
    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms.functional import pil_to_tensor
        >>> pil_to_tensor(Image.new("RGB", (4, 2), "white")).shape
        torch.Size([3, 2, 4])
    """
    if not isinstance(pic, Image.Image):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return fn.from_numpy(_channels_first(np.array(pic)).copy())


def _pixels(pic):
    if pic.mode == "I":
        return np.array(pic, np.int32)
    if pic.mode.startswith("I;16"):
        return np.array(pic).astype(np.int16)
    if pic.mode == "F":
        return np.array(pic, np.float32)
    if pic.mode == "1":
        return np.array(pic, np.uint8) * np.uint8(255)
    return np.asarray(pic)


def _channels_first(pixels):
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image.

    Args:
        pic: two or three dimensions, 1 to 4 channels. Floating tensors are multiplied by 255 and cut to whole
            numbers.
        mode: Pillow's mode; by default L, LA, RGB or RGBA by the number of channels, for one channel also
            I;16, I or F by the dtype.
    Raises:
        TypeError: not a tensor or array, or a dtype without a mode. ValueError: the wrong shape, or a mode
            that does not fit the channels.
    Source: torchvision.transforms.functional.to_pil_image
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.transforms.functional import to_pil_image
        >>> to_pil_image(torch.ones(3, 2, 4)).getpixel((0, 0))
        (255, 255, 255)
    """
    pixels = _channels_last(pic, mode)
    channels = pixels.shape[2]
    if channels == 1:
        mode = _one_channel_mode(pixels.dtype, mode)
        pixels = pixels[:, :, 0]
    else:
        mode = _mode_of_channels(channels, pixels.dtype, mode)
    return _image(pixels, mode)


def _channels_last(pic, mode):
    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        planes = pic.detach().cpu()
        floating = planes.is_floating_point()
        values = (planes.float() if floating and planes.dtype.itemsize < 4 else planes).numpy()
        if floating and mode != "F":
            # Through int64, so that values outside 0..255 wrap around as a conversion to bytes does.
            values = (values * values.dtype.type(255)).astype(np.int64).astype(np.uint8)
        planes = values[None] if values.ndim == 2 else values
        pixels = planes.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if not 1 <= pixels.shape[2] <= 4:
        raise ValueError(f"pic should have 1 to 4 channels. Got {pixels.shape[2]} channels.")
    return pixels


def _one_channel_mode(dtype, mode):
    expected = _MODE_OF_DTYPE.get(dtype.name)
    if mode is not None and mode != expected:
        raise ValueError(f"Incorrect mode ({mode}) supplied for input type {dtype}. Should be {expected}")
    if expected is None:
        raise TypeError(f"Input type {dtype} is not supported")
    return expected


def _mode_of_channels(channels, dtype, mode):
    permitted = _MODES_OF_CHANNELS[channels]
    if mode is not None and mode not in permitted:
        raise ValueError(f"Only modes {list(permitted)} are supported for {channels} channels, got {mode}")
    if dtype != np.uint8:
        raise TypeError(f"Input type {dtype} is not supported for {channels} channels, only uint8 is")
    return mode or permitted[0]


def _image(pixels, mode):
    pixels = np.ascontiguousarray(pixels)
    if mode.startswith("I;16"):
        pixels = pixels.astype(np.uint16)  # Pillow's 16 bits are unsigned; the bits stay as they are
    height, width = pixels.shape[:2]
    return Image.frombytes(mode, (width, height), pixels.tobytes())
