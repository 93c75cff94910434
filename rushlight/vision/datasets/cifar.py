"""CIFAR10 and CIFAR100 from their Python archives, packed or unpacked.

The batches are pickles; they are read by an unpickler that builds plain data and nothing else. `data` is a
uint8 array (N, 32, 32, 3), `targets` a list of int; an item is a PIL image of mode RGB and an int.
"""

import os

import numpy as np
from PIL import Image

from .files import load_pickled_data, missing_files, read_members
from .vision import VisionDataset


class CIFAR10(VisionDataset):
    """Small coloured pictures of ten kinds, 50,000 to train and 10,000 to test, 32 by 32 pixels.

    Args:
        root: the folder that holds `cifar-10-python.tar.gz` or the unpacked `cifar-10-batches-py`.
        train: the training batches, or the test batch.
        download: rushlight does not download; with True, missing files give an error that says what to put
            where.

    Raises:
        RuntimeError: files are missing or damaged.
    Source: torchvision.datasets.CIFAR10, after Krizhevsky 2009.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    train_list = [f"data_batch_{number}" for number in range(1, 6)]
    test_list = ["test_batch"]
    meta = {"filename": "batches.meta", "key": "label_names"}

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        names = [_name(entry) for entry in (self.train_list if train else self.test_list)]
        *batches, meta = self._contents([*names, self.meta["filename"]], download)
        pieces = [self._parsed_batch(content, name) for content, name in zip(batches, names, strict=True)]
        self.data = np.concatenate([pixels for pixels, _ in pieces])
        self.targets = [label for _, labels in pieces for label in labels]
        self.classes = self._class_names(meta)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    def _contents(self, names, download):
        folder = os.path.join(self.root, self.base_folder)
        archive = os.path.join(self.root, self.filename)
        paths = [os.path.join(folder, name) for name in names]
        if all(os.path.isfile(path) for path in paths):
            return [_read(path) for path in paths]
        if os.path.isfile(archive):
            return read_members(archive, [f"{self.base_folder}/{name}" for name in names])
        if download:
            raise missing_files(self.__class__.__name__, self.root, [self.filename], self.url)
        raise RuntimeError(
            f"Dataset not found or corrupted: there is neither {archive} nor a complete {folder}. "
            "download=True says where to get it."
        )

    def _parsed_batch(self, content, name):
        batch = load_pickled_data(content, name)
        pixels = batch.get("data")
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != 3072:
            found = pixels.shape if isinstance(pixels, np.ndarray) else type(pixels).__name__
            raise RuntimeError(f"{name}: damaged: 'data' should be an array (N, 3072), found {found}")
        labels = batch.get("labels", batch.get("fine_labels"))
        if labels is None or len(labels) != len(pixels):
            found = "none" if labels is None else len(labels)
            raise RuntimeError(f"{name}: damaged: {len(pixels)} labels expected, found {found}")
        pictures = pixels.astype(np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return pictures, [int(label) for label in labels]

    def _class_names(self, content):
        names = load_pickled_data(content, self.meta["filename"]).get(self.meta["key"])
        if names is None:
            raise RuntimeError(f"{self.meta['filename']}: damaged: there is no {self.meta['key']!r} in it")
        return [name.decode() if isinstance(name, bytes) else name for name in names]

    def __getitem__(self, index):
        return self.transformed(Image.fromarray(self.data[index]), self.targets[index])

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """Small coloured pictures of a hundred kinds, otherwise as CIFAR10.

    Source: torchvision.datasets.CIFAR100
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    train_list = ["train"]
    test_list = ["test"]
    meta = {"filename": "meta", "key": "fine_label_names"}


def _name(entry):
    """The file's name in an entry of `train_list`; programs give pairs of name and checksum there as well."""
    return entry if isinstance(entry, str) else entry[0]


def _read(path):
    with open(path, "rb") as file:
        return file.read()
