"""How the transforms of the second version are called: on any sample, however nested.

A sample may be a picture, several arguments, or tuples, lists and dictionaries of anything. All PIL images in
it are transformed alike; where there is none, the first tensor is the picture. What is drawn at random is
drawn once a call and used again for each further picture.
"""

from collections.abc import Mapping

from PIL import Image

from .... import functions as fn
from ....nn import Module
from ....tensor import Tensor
from ..sample import picture_key


class SampleTransform(Module):
    """Mixed in before a transform of the first version: its call takes any sample."""

    accepts: type | tuple[type, ...] = (Image.Image, Tensor)

    def __call__(self, *inputs):
        sample = inputs if len(inputs) > 1 else inputs[0]
        if isinstance(sample, self.accepts):
            return Module.__call__(self, sample)
        return on_pictures(sample, lambda picture: Module.__call__(self, picture), self.accepts)


def on_pictures(sample, transform, accepts):
    """The sample with `transform` applied to its pictures, each with the same random draws.

    Raises:
        TypeError: the sample holds no picture of an accepted type.
    """
    chosen = _pictures(sample, accepts)
    if not chosen:
        raise TypeError(f"transforms: there is no picture in a sample of type {type(sample).__name__}")
    state = fn.get_rng_state() if len(chosen) > 1 else None
    transformed = {}
    for position, picture in enumerate(chosen):
        if position > 0:
            fn.set_rng_state(state)
        transformed[id(picture)] = transform(picture)
    return _replaced(sample, transformed)


def _pictures(sample, accepts):
    leaves = list(_leaves(sample))
    images = [leaf for leaf in leaves if isinstance(leaf, Image.Image) and isinstance(leaf, accepts)]
    if images:
        return images
    if isinstance(sample, Mapping):
        return [sample[picture_key(sample, accepts)]]
    return [leaf for leaf in leaves if isinstance(leaf, accepts) and not isinstance(leaf, Image.Image)][:1]


def _leaves(sample):
    if isinstance(sample, Mapping):
        sample = list(sample.values())
    if isinstance(sample, (tuple, list)):
        for element in sample:
            yield from _leaves(element)
    else:
        yield sample


def _replaced(sample, transformed):
    if isinstance(sample, Mapping):
        return type(sample)({key: _replaced(value, transformed) for key, value in sample.items()})
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*(_replaced(element, transformed) for element in sample))
    if isinstance(sample, (tuple, list)):
        return type(sample)(_replaced(element, transformed) for element in sample)
    return transformed.get(id(sample), sample)
