"""SVHN from its Matlab files."""

import os

import numpy as np
from PIL import Image

from .files import missing_files
from .vision import VisionDataset


class SVHN(VisionDataset):
    """House numbers photographed from the street, 32 by 32 coloured pixels a digit.

    Args:
        root: the folder that holds `train_32x32.mat`, `test_32x32.mat` or `extra_32x32.mat`.
        split: "train", "test" or "extra".
        download: rushlight does not download; with True, missing files give an error that says what to put
            where.

    Source: torchvision.datasets.SVHN, after Netzer et al. 2011.
    """

    url = "http://ufldl.stanford.edu/housenumbers/"
    splits = ("train", "test", "extra")

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {self.splits}.")
        self.split = split
        name = f"{split}_32x32.mat"
        path = os.path.join(self.root, name)
        if not os.path.isfile(path):
            if download:
                raise missing_files("SVHN", self.root, [name], self.url)
            raise RuntimeError(
                f"Dataset not found or corrupted: there is no {path}. download=True says where to get it."
            )
        self.data, self.labels = _read_mat(path)

    def __getitem__(self, index):
        picture = Image.fromarray(np.ascontiguousarray(self.data[index].transpose(1, 2, 0)))
        return self.transformed(picture, int(self.labels[index]))

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {self.split}"


def _read_mat(path):
    """Pictures (N, 3, 32, 32) and labels (N,) of one file; the digit 0 has the label 10 there."""
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except Exception as fault:  # scipy raises whatever the broken bytes lead to
        raise RuntimeError(f"{path}: not readable as a Matlab file: {fault}") from fault
    if "X" not in content or "y" not in content:
        raise RuntimeError(f"{path}: damaged: it should hold 'X' and 'y', found {sorted(content)}")
    labels = content["y"].astype(np.int64).reshape(-1)
    return content["X"].transpose(3, 2, 0, 1), labels % 10
