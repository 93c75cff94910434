"""Picture files to tensors (C, H, W) and back, through Pillow.

Values are uint8, or uint16 for 16-bit files read as they are. Every fault in a file is a RuntimeError that
names it.
"""

import io
import os
from enum import Enum

import numpy as np
from PIL import Image, ImageOps

from ... import functions as fn
from ...dtypes import uint8
from ...tensor import Tensor
from ..transforms.functional import to_pil_image

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(Enum):
    """What a file's channels are turned into.

    Source: torchvision.io.ImageReadMode
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_PIL_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def read_file(path):
    """The bytes of a file as a uint8 tensor of one dimension.

    Source: torchvision.io.read_file
    """
    return fn.from_numpy(np.fromfile(_existing(path), dtype=np.uint8))


def write_file(filename, data):
    """A uint8 tensor of one dimension as the bytes of a file.

    Source: torchvision.io.write_file
    """
    data.cpu().numpy().tofile(filename)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """A picture file as a tensor (C, H, W).

    Args:
        path: of a file in a format Pillow reads.
        mode: what the channels are turned into, an ImageReadMode or its name.
        apply_exif_orientation: turn the picture as its EXIF data says.

    Raises:
        RuntimeError: there is no such file, or it is no picture or damaged.
    Source: torchvision.io.read_image
    """
    with open(_existing(path), "rb") as file:
        return _decoded(file, mode, apply_exif_orientation, name=os.fspath(path))


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """As `read_image`, from the file's bytes in a uint8 tensor of one dimension, or from a path.

    Source: torchvision.io.decode_image
    """
    if isinstance(input, (str, os.PathLike)):
        return read_image(input, mode, apply_exif_orientation)
    if not isinstance(input, Tensor) or input.dtype != uint8 or input.ndim != 1:
        kind = f"{input.dtype} {tuple(input.shape)}" if isinstance(input, Tensor) else type(input).__name__
        raise RuntimeError(f"decode_image: expected a path or a uint8 tensor of one dimension, got {kind}")
    file = io.BytesIO(input.cpu().numpy().tobytes())
    return _decoded(file, mode, apply_exif_orientation, name="decode_image")


decode_jpeg = decode_image
decode_png = decode_image


def _existing(path):
    if not os.path.isfile(path):
        raise RuntimeError(f"{os.fspath(path)}: no such file")
    return path


def _decoded(file, mode, apply_exif_orientation, name):
    mode = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    try:
        picture = Image.open(file)
        if apply_exif_orientation:
            picture = ImageOps.exif_transpose(picture)
        picture = picture.convert(_PIL_MODES[mode]) if mode in _PIL_MODES else _without_palette(picture)
        pixels = np.array(picture)
    except (OSError, SyntaxError, ValueError) as fault:
        raise RuntimeError(f"{name}: not readable as a picture: {fault}") from fault
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return fn.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _without_palette(picture):
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "P":
        return picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    return picture


def encode_png(input, compression_level=6):
    """A uint8 picture (1 or 3, H, W) as the bytes of a PNG file, in a uint8 tensor.

    Source: torchvision.io.encode_png
    """
    return _encoded(input, "PNG", compress_level=compression_level)


def encode_jpeg(input, quality=75):
    """A uint8 picture (1 or 3, H, W) as the bytes of a JPEG file, in a uint8 tensor; quality is 1 to 100.

    Source: torchvision.io.encode_jpeg
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"Image quality should be a positive number between 1 and 100, got {quality}")
    return _encoded(input, "JPEG", quality=quality)


def _encoded(input, format, **options):
    if not isinstance(input, Tensor) or input.dtype != uint8:
        kind = input.dtype if isinstance(input, Tensor) else type(input).__name__
        raise RuntimeError(f"encode_{format.lower()}: input should be a uint8 tensor, got {kind}")
    if input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"encode_{format.lower()}: input should be (1 or 3, H, W), got {tuple(input.shape)}"
        )
    file = io.BytesIO()
    to_pil_image(input).save(file, format=format, **options)
    return fn.from_numpy(np.frombuffer(file.getvalue(), dtype=np.uint8).copy())


def write_png(input, filename, compression_level=6):
    """A uint8 picture (1 or 3, H, W) into a PNG file.

    Source: torchvision.io.write_png
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input, filename, quality=75):
    """A uint8 picture (1 or 3, H, W) into a JPEG file; quality is 1 to 100.

    Source: torchvision.io.write_jpeg
    """
    write_file(filename, encode_jpeg(input, quality))
