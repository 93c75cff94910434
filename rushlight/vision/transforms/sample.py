"""The seam between a transform and what a dataset hands it.

A transform works on one picture: a PIL image, or a tensor (..., H, W). Datasets may hand over a dictionary
instead; then its picture is transformed and every other entry is left alone. Which entry is the picture is
decided here and nowhere else. `Transform` is the base of the transforms that are modules, `on_picture` serves
the few that are plain callables.
"""

import copy
from collections.abc import MutableMapping

import numpy as np
from PIL import Image

from ...nn import Module
from ...tensor import Tensor

PICTURE_KEYS = ("image", "img", "picture", "data", "input")


class Transform(Module):
    """A module whose call accepts a picture or a dictionary that holds one.

    Subclasses write `forward(picture)` as for any module and never see the dictionary. `accepts` narrows the
    types among which the picture is looked for, e.g. to tensors alone where a mask may still be a PIL image.
    """

    accepts: type | tuple[type, ...] = (Image.Image, Tensor)

    def __call__(self, *inputs, **kwargs):
        if len(inputs) == 1 and not kwargs:
            return on_picture(inputs[0], super().__call__, self.accepts)
        return super().__call__(*inputs, **kwargs)


def on_picture(sample, transform, accepts):
    """`transform(sample)`, or a copy of the dictionary `sample` with its picture transformed."""
    if not isinstance(sample, MutableMapping):
        return transform(sample)
    key = picture_key(sample, accepts)
    transformed = copy.copy(sample)
    transformed[key] = transform(sample[key])
    return transformed


def picture_key(sample, accepts):
    """The key under which a dictionary holds its picture.

    Candidates are PIL images, and arrays and tensors of two dimensions or more; those of an accepted type go
    first. Of several candidates the one under a telling name is taken (`PICTURE_KEYS`, in that order: the
    name stays while the type changes along a pipeline), then the first PIL image.

    Raises:
        TypeError: no candidate, or several that nothing tells apart.
    """
    candidates = [key for key, value in sample.items() if is_picture(value)]
    suitable = [key for key in candidates if isinstance(sample[key], accepts)] or candidates
    if len(suitable) == 1:
        return suitable[0]
    for key in PICTURE_KEYS:
        if key in suitable:
            return key
    for key in suitable:
        if isinstance(sample[key], Image.Image):
            return key
    kinds = ", ".join(f"{key!r}: {type(value).__name__}" for key, value in sample.items())
    found = "several arrays could be the picture" if suitable else "there is no picture"
    names = ", ".join(repr(key) for key in PICTURE_KEYS)
    raise TypeError(
        f"transforms: {found} in the sample {{{kinds}}}. Give a PIL image, or put the array or tensor under "
        "one of "
        f"{names}."
    )


def is_picture(value):
    """Whether a value can be a picture: a PIL image, or an array or tensor of two dimensions or more."""
    if isinstance(value, Image.Image):
        return True
    return isinstance(value, (Tensor, np.ndarray)) and value.ndim >= 2
