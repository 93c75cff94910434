"""Datasets from a folder tree: one folder a class, any files in it that a loader can read."""

import os

from PIL import Image

from ..backend import get_image_backend
from .vision import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename, extensions):
    """Whether a file's name ends in one of the extensions (one, or a tuple), whatever its case."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename):
    """Whether a file's name is that of a picture."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory):
    """(names of the folders in a directory, sorted; name -> index).

    Raises:
        FileNotFoundError: there are none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: index for index, name in enumerate(classes)}


def make_dataset(directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty=False):
    """[(path, class index), ...] of the files below each class's folder, in sorted order.

    Args:
        class_to_idx: name -> index; the folders themselves by default.
        extensions: which files count, by the end of their names; or
        is_valid_file: a function of the path that tells.
        allow_empty: a class without files is fine.

    Raises:
        ValueError: both or neither of the two ways to choose files.
        FileNotFoundError: a class has no file that counts.
    Source: torchvision.datasets.folder.make_dataset
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    if is_valid_file is None:
        chosen = (extensions,) if isinstance(extensions, str) else tuple(extensions)
        is_valid_file = lambda path: has_file_allowed_extension(path, chosen)

    instances = []
    without_files = []
    for name in sorted(class_to_idx):
        paths = [path for path in _files_below(os.path.join(directory, name)) if is_valid_file(path)]
        instances += [(path, class_to_idx[name]) for path in paths]
        if not paths:
            without_files.append(name)
    if without_files and not allow_empty:
        supported = "" if extensions is None else f" Supported extensions are: {', '.join(chosen)}"
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(without_files)}.{supported}")
    return instances


def _files_below(folder):
    for parent, _, names in sorted(os.walk(folder, followlinks=True)):
        for name in sorted(names):
            yield os.path.join(parent, name)


class DatasetFolder(VisionDataset):
    """The files under `root/<class>/...`: an item is what `loader` makes of one, and the class's index.

    Args:
        loader: function of a path.
        extensions, is_valid_file: which files count; one of the two.
        allow_empty: a class without files is fine.

    Source: torchvision.datasets.DatasetFolder
    """

    def __init__(
        self,
        root,
        loader,
        extensions=None,
        transform=None,
        target_transform=None,
        is_valid_file=None,
        allow_empty=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.loader = loader
        self.extensions = extensions
        self.samples = self.make_dataset(
            self.root,
            class_to_idx=self.class_to_idx,
            extensions=extensions,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.targets = [index for _, index in self.samples]

    @staticmethod
    def make_dataset(directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty=False):
        """`make_dataset` of this module; a subclass may choose its files otherwise."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory):
        """`find_classes` of this module; a subclass may name its classes otherwise."""
        return find_classes(directory)

    def __getitem__(self, index):
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)

    def __len__(self):
        return len(self.samples)


def pil_loader(path):
    """A picture file as a PIL image of mode RGB.

    Raises:
        OSError: the file is no picture or is damaged; the message has its path.
    """
    with open(path, "rb") as file:
        try:
            return Image.open(file).convert("RGB")
        except (OSError, SyntaxError, ValueError) as fault:
            raise OSError(f"{path}: not readable as a picture: {fault}") from fault


def default_loader(path):
    """The loader of the chosen image backend; there is one, Pillow."""
    get_image_backend()
    return pil_loader(path)


class ImageFolder(DatasetFolder):
    """The pictures under `root/<class>/...`; an item is a PIL image of mode RGB and the class's index.

    Source: torchvision.datasets.ImageFolder
    """

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=default_loader,
        is_valid_file=None,
        allow_empty=False,
    ):
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform=transform,
            target_transform=target_transform,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.imgs = self.samples
