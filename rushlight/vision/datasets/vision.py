"""VisionDataset, the base of the picture datasets: a root folder, two transforms, a readable repr."""

import os

from ...data import Dataset


class VisionDataset(Dataset):
    """A dataset of (picture, target) pairs kept under `root`.

    Args:
        root: folder of the files.
        transforms: function of (picture, target), giving both back.
        transform, target_transform: functions of one of them, instead of `transforms`.

    Raises:
        ValueError: both `transforms` and one of the others are given.
    Source: torchvision.datasets.VisionDataset
    """

    _repr_indent = 4

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        apart = transform is not None or target_transform is not None
        if transforms is not None and apart:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform = transform
        self.target_transform = target_transform
        if apart:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def transformed(self, picture, target):
        """A pair after `transform` and `target_transform`."""
        if self.transform is not None:
            picture = self.transform(picture)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return picture, target

    def __repr__(self):
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body.append(repr(self.transforms))
        indent = " " * self._repr_indent
        return "\n".join([f"Dataset {self.__class__.__name__}", *(indent + line for line in body)])

    def extra_repr(self):
        return ""


class StandardTransform:
    """A transform of the picture and one of the target as one function of both."""

    def __init__(self, transform=None, target_transform=None):
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input, target):
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self):
        lines = [self.__class__.__name__]
        if self.transform is not None:
            lines += _headed("Transform: ", self.transform)
        if self.target_transform is not None:
            lines += _headed("Target transform: ", self.target_transform)
        return "\n".join(lines)


def _headed(head, transform):
    first, *others = repr(transform).splitlines()
    return [head + first, *(" " * len(head) + line for line in others)]
