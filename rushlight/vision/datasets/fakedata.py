"""FakeData: pictures of noise with random labels, the same for an index every time."""

from ... import functions as fn
from ..transforms.functional import to_pil_image
from .vision import VisionDataset


class FakeData(VisionDataset):
    """`size` pictures of noise; an item is a PIL image and an int, made from a seed of its own.

    Args:
        image_size: (C, H, W).
        random_offset: added to the index to give the seed.

    Source: torchvision.datasets.FakeData
    Example:
        >>> from rushlight.vision.datasets import FakeData
        >>> picture, label = FakeData(size=10, image_size=(3, 8, 8))[0]
        >>> picture.size
        (8, 8)
    """

    def __init__(
        self,
        size=1000,
        image_size=(3, 224, 224),
        num_classes=10,
        transform=None,
        target_transform=None,
        random_offset=0,
    ):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{self.__class__.__name__} index out of range: {index} of {len(self)}")
        # A generator of its own draws what the global one would after manual_seed, and leaves that one alone.
        generator = fn.Generator()
        generator.manual_seed(index + self.random_offset)
        noise = fn.randn(*self.image_size, generator=generator)
        target = int(fn.randint(0, self.num_classes, size=(1,), generator=generator).item())
        return self.transformed(to_pil_image(noise), target)

    def __len__(self):
        return self.size
