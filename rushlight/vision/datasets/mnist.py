"""MNIST and the data sets in its format: FashionMNIST, KMNIST, EMNIST and QMNIST.

The files are IDX arrays in `root/<class name>/raw`, gzipped or not. `data` is a uint8 tensor (N, 28, 28),
`targets` an int64 tensor (N,); an item is a PIL image of mode L and an int.
"""

import os
import string

import numpy as np
from PIL import Image

from ... import functions as fn
from ...tensor import Tensor
from .files import existing, missing_files, read_idx
from .vision import VisionDataset


class MNIST(VisionDataset):
    """Handwritten digits, 60,000 to train and 10,000 to test, 28 by 28 gray pixels.

    Args:
        root: the folder that holds `MNIST/raw` with the four IDX files, gzipped or not.
        train: the training files, or the test files.
        download: rushlight does not download; with True, missing files give an error that says what to put
            where.

    Raises:
        RuntimeError: files are missing or damaged.
    Source: torchvision.datasets.MNIST, after LeCun et al. 1998.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/"]
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(
                f"Dataset not found: there is no {self._missing()[0]}[.gz] in {self.raw_folder}. "
                "download=True says where to get it."
            )
        self.data, self.targets = self._load_data()

    @property
    def raw_folder(self):
        return os.path.join(self.root, self.__class__.__name__, "raw")

    @property
    def processed_folder(self):
        return os.path.join(self.root, self.__class__.__name__, "processed")

    @property
    def class_to_idx(self):
        return {name: index for index, name in enumerate(self.classes)}

    @property
    def train_labels(self):
        return self.targets

    @property
    def test_labels(self):
        return self.targets

    @property
    def train_data(self):
        return self.data

    @property
    def test_data(self):
        return self.data

    def download(self):
        """Nothing when the files are there; else the error that says what to put where."""
        missing = self._missing()
        if missing:
            names = [f"{name}.gz" for name in missing]
            raise missing_files(self.__class__.__name__, self.raw_folder, names, self.mirrors[0])

    def _check_exists(self):
        return not self._missing()

    def _missing(self):
        return [name for name in self._files() if existing(self.raw_folder, name) is None]

    def _files(self):
        """Names of the image file and the label file of this split."""
        part = "train" if self.train else "t10k"
        return [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]

    def _load_data(self):
        images_path, labels_path = (existing(self.raw_folder, name) for name in self._files())
        images, labels = read_idx(images_path), read_idx(labels_path)
        if images.ndim != 3 or images.dtype != np.uint8:
            raise RuntimeError(
                f"{images_path}: images should be 8-bit values (N, H, W), found {images.dtype} {images.shape}"
            )
        if labels.shape[0] != images.shape[0]:
            raise RuntimeError(f"{labels_path}: {labels.shape[0]} labels for {images.shape[0]} images")
        return fn.from_numpy(images), self._targets(labels, labels_path)

    def _targets(self, labels, path):
        if labels.ndim != 1:
            raise RuntimeError(f"{path}: labels should be (N,), found {labels.shape}")
        return fn.from_numpy(labels.astype(np.int64))

    def __getitem__(self, index):
        picture = Image.fromarray(row_of(self.data, index))
        return self.transformed(picture, int(row_of(self.targets, index)))

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


def row_of(values, index):
    """One entry of a tensor or an array as NumPy's: programs put either into `data` and `targets`."""
    return values.numpy()[index] if isinstance(values, Tensor) else values[index]


class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's format.

    Source: torchvision.datasets.FashionMNIST, after Xiao et al. 2017.
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Cursive Japanese characters in MNIST's format.

    Source: torchvision.datasets.KMNIST, after Clanuwat et al. 2018.
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class EMNIST(MNIST):
    """Handwritten letters and digits in MNIST's format; the pictures lie on their side, as in the files.

    Args:
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".

    Source: torchvision.datasets.EMNIST, after Cohen et al. 2017.
    """

    mirrors = ["https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"]
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    _merged_classes = {"c", "i", "j", "k", "l", "m", "o", "p", "s", "u", "v", "w", "x", "y", "z"}
    _all_classes = set(string.digits + string.ascii_letters)
    classes_split_dict = {
        "byclass": sorted(_all_classes),
        "bymerge": sorted(_all_classes - _merged_classes),
        "balanced": sorted(_all_classes - _merged_classes),
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root, split, **kwargs):
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {self.splits}.")
        self.split = split
        self.classes = self.classes_split_dict[split]
        super().__init__(root, **kwargs)

    def _files(self):
        part = "train" if self.train else "test"
        return [
            f"emnist-{self.split}-{part}-images-idx3-ubyte",
            f"emnist-{self.split}-{part}-labels-idx1-ubyte",
        ]


class QMNIST(MNIST):
    """MNIST with its full test set and, with `compat=False`, the provenance of every digit.

    Args:
        what: "train", "test" (60,000), "test10k", "test50k" or "nist"; by default "train" or "test" by
            `train`.
        compat: targets are classes; otherwise tensors of eight numbers, the class first.

    Source: torchvision.datasets.QMNIST, after Yadav and Bottou 2019.
    """

    mirrors = ["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"]
    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist"}

    def __init__(self, root, what=None, compat=True, train=True, **kwargs):
        self.what = what if what is not None else ("train" if train else "test")
        if self.what not in self.subsets:
            raise ValueError(
                f"Unknown value '{what}' for argument what. Valid values are {tuple(self.subsets)}."
            )
        self.compat = compat
        super().__init__(root, train, **kwargs)

    def _files(self):
        if self.what == "nist":
            return ["xnist-images-idx3-ubyte", "xnist-labels-idx2-int"]
        subset = self.subsets[self.what]
        return [f"qmnist-{subset}-images-idx3-ubyte", f"qmnist-{subset}-labels-idx2-int"]

    def _load_data(self):
        data, targets = super()._load_data()
        if self.what == "test10k":
            return data[:10000], targets[:10000]
        if self.what == "test50k":
            return data[10000:], targets[10000:]
        return data, targets

    def _targets(self, labels, path):
        if labels.ndim != 2:
            raise RuntimeError(f"{path}: labels should be (N, 8), found {labels.shape}")
        return fn.from_numpy(labels.astype(np.int64))

    def __getitem__(self, index):
        picture = Image.fromarray(row_of(self.data, index))
        target = int(row_of(self.targets, index)[0]) if self.compat else self.targets[index]
        return self.transformed(picture, target)

    def extra_repr(self):
        return f"Split: {self.what}"
