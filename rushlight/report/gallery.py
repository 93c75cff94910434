"""The gallery of wrong examples: pictures beside what they are and what they were taken for.

Pictures come as PNG or JPEG files (bytes) or as arrays: (H, W), (H, W, C) or (C, H, W) with one, three
or four channels, uint8 or floats. Floats within [0, 1] are taken as they are; others (a normalized
picture) are stretched from their lowest to their highest value.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .classification import ClassificationReport
from .inputs import as_array

SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class WrongExample:
    """One example for the gallery.

    Attributes:
        image: a PNG or JPEG file as bytes, an array, or None.
        true: the class it is of: a name or an index.
        predicted: the class it was taken for: a name or an index.
        probability: how sure the model was, in [0, 1]; None if that is not known.
    """

    image: Any
    true: str | int
    predicted: str | int
    probability: float | None = None


def wrong_examples(
    report: ClassificationReport, images: Sequence[Any], limit: int = 24
) -> list[WrongExample]:
    """The surest mistakes of a report, with their pictures.

    Args:
        report: the evaluation of the examples.
        images: the pictures of all its examples, in the same order; only those needed are looked at.
        limit: no more than so many.
    Raises:
        ValueError: another number of pictures than there are examples.
    """
    if len(images) != report.total:
        raise ValueError(
            f"wrong_examples: the report is of {report.total} examples, got {len(images)} pictures"
        )
    examples = []
    for row in report.wrong(limit):
        predicted = int(report.predictions[row])
        sure = None if report.probabilities is None else float(report.probabilities[row, predicted])
        names = report.class_names
        examples.append(WrongExample(images[row], names[report.labels[row]], names[predicted], sure))
    return examples


def picture_file(image: Any) -> tuple[str, bytes]:
    """A picture as a file: its media type and its bytes.

    Raises:
        ValueError: bytes of another format, or an array that is no picture.
    """
    if isinstance(image, (bytes, bytearray, memoryview)):
        data = bytes(image)
        for signature, kind in SIGNATURES.items():
            if data.startswith(signature):
                return kind, data
        raise ValueError(f"picture: neither a PNG nor a JPEG file, it begins with {data[:8]!r}")
    return "image/png", _encoded(_pixels(image))


def _pixels(image: Any) -> np.ndarray:
    """(H, W) or (H, W, 3 or 4) uint8."""
    array = as_array(image, "picture")
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        raise ValueError(
            f"picture: (H, W), (H, W, C) or (C, H, W) with C of 1, 3 or 4 is needed, got {array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    values = np.nan_to_num(array.astype(np.float64))
    low, high = values.min(), values.max()
    if low < 0 or high > 1:
        values = (values - low) / ((high - low) or 1.0)
    return np.round(255 * values).astype(np.uint8)


def _encoded(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
