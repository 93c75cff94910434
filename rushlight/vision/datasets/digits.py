"""Digits: scikit-learn's small handwritten digits, a data set that needs no files."""

import numpy as np
from PIL import Image

from ... import functions as fn
from .mnist import row_of
from .vision import VisionDataset


class Digits(VisionDataset):
    """1,797 handwritten digits of 8 by 8 gray pixels, four fifths to train and one fifth to test.

    The split is the same every time: of each class, every fifth digit is for testing. rushlight's own, for
    examples and tests on a machine without a network; scikit-learn carries the data.

    Args:
        root, download: accepted for the other data sets' sake and not used.
        train: the training part, or the test part.

    Raises:
        ImportError: scikit-learn is not installed.
    Example:
        >>> from rushlight.vision.datasets import Digits
        >>> picture, label = Digits(train=True)[0]
        >>> picture.size, picture.mode, label
        ((8, 8), 'L', 0)
    """

    classes = [str(digit) for digit in range(10)]

    def __init__(self, root=None, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        images, labels = _load_digits()
        chosen = _part(labels, train)
        levels = np.round(images[chosen] * (255.0 / 16.0)).astype(np.uint8)
        self.data = fn.from_numpy(levels)
        self.targets = fn.from_numpy(labels[chosen].astype(np.int64))

    @property
    def class_to_idx(self):
        return {name: index for index, name in enumerate(self.classes)}

    def __getitem__(self, index):
        picture = Image.fromarray(row_of(self.data, index))
        return self.transformed(picture, int(row_of(self.targets, index)))

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


def _load_digits():
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        raise ImportError(
            "Digits needs scikit-learn, which carries the data: pip install scikit-learn"
        ) from missing
    bunch = load_digits()
    return bunch.images, bunch.target


def _part(labels, train):
    """Indices, in order, of the training or the test part: within each class, every fifth is for testing."""
    for_testing = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        for_testing[np.flatnonzero(labels == label)[4::5]] = True
    return np.flatnonzero(for_testing != train)
