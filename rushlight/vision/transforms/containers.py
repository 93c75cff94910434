"""Transforms made of other transforms, and of the user's own function.

They pass on whatever they are given, dictionaries included: each library transform inside finds the picture
for itself, and a function of the user's sees the sample exactly as the dataset made it.
"""

import random
from collections.abc import Sequence

from ... import functions as fn
from ...nn import Module


class Compose:
    """Transforms applied one after the other.

    Source: torchvision.transforms.Compose
    Example:
        >>> from rushlight.vision import transforms
        >>> transforms.Compose([transforms.CenterCrop(10), transforms.ToTensor()])
        Compose(
            CenterCrop(size=(10, 10))
            ToTensor()
        )
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        return _listing(self, self.transforms)


class Lambda:
    """A function of the user's as a transform. It gets the sample itself, even where that is a dictionary.

    Source: torchvision.transforms.Lambda
    """

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class RandomTransforms:
    """The base of containers that draw which of their transforms to apply."""

    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError(f"Argument transforms should be a sequence, got {type(transforms).__name__}")
        self.transforms = transforms

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")

    def __repr__(self):
        return _listing(self, self.transforms)


class RandomOrder(RandomTransforms):
    """All of the transforms, in an order drawn from Python's `random`, as in torchvision.

    Source: torchvision.transforms.RandomOrder
    """

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for index in order:
            img = self.transforms[index](img)
        return img


class RandomChoice(RandomTransforms):
    """One of the transforms, drawn with weights `p` from Python's `random`, as in torchvision.

    Source: torchvision.transforms.RandomChoice
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError(f"Argument p should be a sequence, got {type(p).__name__}")
        self.p = p

    def __call__(self, *args):
        chosen = random.choices(self.transforms, weights=self.p)[0]
        return chosen(*args)

    def __repr__(self):
        return f"{super().__repr__()}(p={self.p})"


class RandomApply(Module):
    """All of the transforms with probability p, none of them otherwise.

    Source: torchvision.transforms.RandomApply
    """

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img):
        if self.p < fn.rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        lines = [f"p={self.p}", *(str(transform) for transform in self.transforms)]
        return _listing(self, lines)


def _listing(container, entries):
    lines = "".join(f"\n    {entry}" for entry in entries)
    return f"{container.__class__.__name__}({lines}\n)"
