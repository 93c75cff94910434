"""Pictures for the eye: grids of them, files of them, boxes and masks drawn into them.

The module's name is torchvision's.
"""

import math
import numbers

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .. import functions as fn
from ..dtypes import bool as bool_dtype
from ..dtypes import int64, uint8
from ..tensor import Tensor
from .transforms.functional import convert_image_dtype, to_pil_image

__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "make_grid", "save_image"]


@fn.no_grad()
def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """A batch of pictures side by side in one.

    Args:
        tensor: (B, C, H, W), one picture of two or three dimensions, or a list of pictures of one size. One
            channel becomes three.
        nrow: pictures in a row.
        padding: pixels around each.
        normalize: shift and scale to [0, 1], by the smallest and largest value or by value_range (min, max).
        scale_each: normalize each picture by its own smallest and largest value.
        pad_value: value of the padding.
    Returns:
        (3 or C, height, width).
    Source: torchvision.utils.make_grid
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.utils import make_grid
        >>> make_grid(torch.rand(10, 1, 28, 28), nrow=5).shape
        torch.Size([3, 62, 152])
    """
    pictures = _batch(tensor)
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(
            "value_range has to be a tuple (min, max) if specified. min and max are numbers, got "
            f"{value_range!r}"
        )
    if normalize and scale_each:
        pictures = fn.stack([_normalized(picture, value_range) for picture in pictures])
    elif normalize:
        pictures = _normalized(pictures, value_range)
    if pictures.shape[0] == 1:
        return pictures.squeeze(0)
    B, C, H, W = pictures.shape
    across = min(nrow, B)
    down = math.ceil(B / across)
    height, width = H + padding, W + padding
    grid = pictures.new_full((C, height * down + padding, width * across + padding), pad_value)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, across)
        top, left = row * height + padding, column * width + padding
        grid[:, top : top + H, left : left + W] = picture
    return grid


def _batch(tensor):
    if isinstance(tensor, list):
        for element in tensor:
            if not isinstance(element, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(element)}")
        tensor = fn.stack(tensor, dim=0)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if tensor.ndim == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim == 3:
        tensor = tensor.unsqueeze(0)
    return tensor.expand(-1, 3, -1, -1) if tensor.shape[1] == 1 else tensor


def _normalized(picture, value_range):
    low, high = value_range if value_range is not None else (float(picture.min()), float(picture.max()))
    return (picture.clamp(min=low, max=high) - low) / max(high - low, 1e-5)


@fn.no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """A picture, or the grid that `make_grid` makes of a batch, into a file.

    Args:
        tensor: values in [0, 1], as `make_grid` takes it; kwargs are passed on to it.
        fp: a path, or a file to write to, then with `format`.

    Source: torchvision.utils.save_image
    """
    grid = make_grid(tensor, **kwargs)
    levels = (grid * 255 + 0.5).clamp(0, 255).permute(1, 2, 0).to("cpu").to(uint8)
    pixels = np.ascontiguousarray(levels.numpy())
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(fp, format=format)


@fn.no_grad()
def draw_bounding_boxes(
    image,
    boxes,
    labels=None,
    colors=None,
    fill=False,
    width=1,
    font=None,
    font_size=None,
    label_colors=None,
):
    """A picture with boxes drawn into it.

    Args:
        image: uint8, or floating in [0, 1], (3 or 1, H, W).
        boxes: (N, 4), (x1, y1, x2, y2) in pixels.
        labels: a text for each box, or None.
        colors: one colour, or one for each box: a name, "#rrggbb", or (r, g, b).
        fill: fill the boxes, half transparent.
        width: of the lines in pixels.
        font, font_size: a TrueType file and its size; Pillow's own font by default.
        label_colors: colours of the texts; those of the boxes by default.
    Returns:
        A tensor (3, H, W) of the picture's dtype.
    Source: torchvision.utils.draw_bounding_boxes
    """
    _check_drawable(image)
    if len(boxes) and (boxes[:, 0] > boxes[:, 2]).any():
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use ops.box_convert to convert them"
        )
    if labels is not None and len(labels) != len(boxes):
        raise ValueError(
            f"The number of boxes ({len(boxes)}) and labels ({len(labels)}) mismatch. Please specify labels "
            "for each box."
        )
    if len(boxes) == 0:
        return image
    colors = _colors(colors, len(boxes))
    label_colors = _colors(label_colors, len(boxes)) if label_colors is not None else colors
    canvas = _canvas(image)
    draw = ImageDraw.Draw(canvas, "RGBA" if fill else "RGB")
    font = _font(font, font_size)
    for index, box in enumerate(boxes.to(int64).tolist()):
        inside = (*colors[index], 100) if fill else None
        draw.rectangle(box, width=width, outline=colors[index], fill=inside)
        if labels is not None and labels[index] is not None:
            corner = (box[0] + width + 1, box[1] + width + 1)
            draw.text(corner, labels[index], fill=label_colors[index], font=font)
    return _as_given(canvas, image)


@fn.no_grad()
def draw_segmentation_masks(image, masks, alpha=0.8, colors=None):
    """A picture with masks laid over it.

    Args:
        image: uint8, or floating in [0, 1], (3, H, W).
        masks: bool (H, W) or (N, H, W).
        alpha: opacity of the colours, in [0, 1].

    Source: torchvision.utils.draw_segmentation_masks
    """
    _check_drawable(image)
    if masks.ndim == 2:
        masks = masks[None]
    if masks.ndim != 3 or masks.dtype != bool_dtype or masks.shape[-2:] != image.shape[-2:]:
        raise ValueError(
            "masks must be bool and of shape (H, W) or (N, H, W) with the picture's (H, W); got "
            f"{masks.dtype} "
            f"{tuple(masks.shape)} for a picture {tuple(image.shape)}"
        )
    colors = _colors(colors, masks.shape[0])
    original = np.array(_canvas(image))
    painted = original.copy()
    for mask, color in zip(masks.cpu().numpy(), colors, strict=True):
        painted[mask] = color
    mixed = original * (1 - alpha) + painted * alpha
    return _as_given(Image.fromarray(mixed.astype(np.uint8)), image)


def _check_drawable(image):
    if not isinstance(image, Tensor):
        raise TypeError(f"Tensor expected, got {type(image)}")
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3:
        raise ValueError(f"Pass individual images, not batches: expected 3 dimensions, got {image.ndim}")
    if image.shape[0] not in (1, 3):
        raise ValueError(f"Only grayscale and RGB images are supported, got {image.shape[0]} channels")


def _canvas(image):
    return to_pil_image(convert_image_dtype(image, uint8)).convert("RGB")


def _as_given(canvas, image):
    drawn = fn.from_numpy(np.ascontiguousarray(np.array(canvas).transpose(2, 0, 1)))
    return convert_image_dtype(drawn, image.dtype).to(image.device)


def _font(font, font_size):
    if font is None:
        return ImageFont.load_default() if font_size is None else ImageFont.load_default(font_size)
    return ImageFont.truetype(font=font, size=font_size or 10)


def _colors(colors, count):
    """`count` colours as (r, g, b), from one, from a list, or by default all different."""
    if colors is None:
        palette = (2**25 - 1, 2**15 - 1, 2**21 - 1)
        return [tuple((index * step) % 255 for step in palette) for index in range(count)]
    if isinstance(colors, str) or (isinstance(colors, tuple) and isinstance(colors[0], numbers.Number)):
        colors = [colors] * count
    if len(colors) < count:
        raise ValueError(
            f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < "
            f"{count}."
        )
    from_name = lambda color: _rgb(color) if isinstance(color, str) else tuple(color)
    return [from_name(color) for color in colors[:count]]


def _rgb(name):
    return Image.new("RGB", (1, 1), name).getpixel((0, 0))
