"""STL10 from its binary files."""

import os

import numpy as np
from PIL import Image

from .files import missing_files
from .vision import VisionDataset


class STL10(VisionDataset):
    """Coloured pictures of ten kinds, 96 by 96 pixels, and many without a label.

    Args:
        root: the folder that holds the unpacked `stl10_binary`.
        split: "train", "test", "unlabeled" or "train+unlabeled"; pictures without a label have the target -1.
        folds: one of the ten predefined folds, 0 to 9, or all of them.
        download: rushlight does not download; with True, missing files give an error that says what to put
            where.

    Source: torchvision.datasets.STL10, after Coates et al. 2011.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self, root, split="train", folds=None, transform=None, target_transform=None, download=False
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {self.splits}.")
        if folds is not None and folds not in range(10):
            raise ValueError(f"Value for argument folds should be None or 0 to 9, got {folds!r}.")
        self.split = split
        self.folds = folds
        parts = [self._part(name, download) for name in split.split("+")]
        self.data = np.concatenate([pixels for pixels, _ in parts])
        self.labels = np.concatenate([labels for _, labels in parts])
        self.classes = self._text("class_names.txt", download).splitlines()

    def _part(self, name, download):
        pixels = self._pixels(f"{name}_X.bin", download)
        if name == "unlabeled":
            return pixels, np.full(len(pixels), -1)
        path = self._path(f"{name}_y.bin", download)
        labels = np.fromfile(path, dtype=np.uint8).astype(np.int64) - 1
        if len(labels) != len(pixels):
            raise RuntimeError(f"{path}: {len(labels)} labels for {len(pixels)} pictures")
        if name == "train" and self.folds is not None:
            fold = self._text("fold_indices.txt", download).splitlines()[self.folds]
            chosen = np.array(fold.split(), dtype=np.int64)
            return pixels[chosen], labels[chosen]
        return pixels, labels

    def _pixels(self, name, download):
        path = self._path(name, download)
        values = np.fromfile(path, dtype=np.uint8)
        if values.size % (3 * 96 * 96):
            raise RuntimeError(
                f"{path}: damaged: {values.size} bytes are no whole number of 3 x 96 x 96 pictures"
            )
        return values.reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)  # each plane is stored by columns

    def _text(self, name, download):
        with open(self._path(name, download)) as file:
            return file.read()

    def _path(self, name, download):
        folder = os.path.join(self.root, self.base_folder)
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
        if download:
            raise missing_files("STL10", folder, [name], self.url)
        raise RuntimeError(
            f"Dataset not found or corrupted: there is no {path}. download=True says where to get it."
        )

    def __getitem__(self, index):
        picture = Image.fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self.transformed(picture, int(self.labels[index]))

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {self.split}"
