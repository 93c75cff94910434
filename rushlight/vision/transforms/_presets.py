"""The preprocessing that goes with pretrained weights: what `Weights.transforms()` makes."""

from ...nn import Module
from ...tensor import Tensor
from . import functional as F
from .interpolation import InterpolationMode
from .sample import Transform


class ImageClassification(Transform):
    """Resize, cut out the middle, bring to [0, 1] and normalize.

    Takes a PIL image or a tensor (..., C, H, W); gives a float32 tensor (..., C, crop_size, crop_size).

    Source: torchvision.transforms._presets.ImageClassification
    """

    def __init__(
        self,
        *,
        crop_size,
        resize_size=256,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img):
        img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        return _normalized(img, self.mean, self.std)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(\n    crop_size={self.crop_size}\n    resize_size={self.resize_size}"
            f"\n    mean={self.mean}\n    std={self.std}\n    interpolation={self.interpolation}\n)"
        )

    def describe(self):
        """One sentence of what is done to a picture."""
        return (
            f"Accepts PIL images and tensors (C, H, W) or (B, C, H, W). The images are resized to "
            f"resize_size={self.resize_size} using interpolation={self.interpolation}, followed by a "
            "central crop of "
            f"crop_size={self.crop_size}. Finally the values are rescaled to [0.0, 1.0] and normalized using "
            f"mean={self.mean} and std={self.std}."
        )


class SemanticSegmentation(Module):
    """Resize, bring to [0, 1] and normalize.

    Source: torchvision.transforms._presets.SemanticSegmentation
    """

    def __init__(
        self,
        *,
        resize_size,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.resize_size = None if resize_size is None else [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img):
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        return _normalized(img, self.mean, self.std)


def _normalized(img, mean, std):
    if not isinstance(img, Tensor):
        img = F.pil_to_tensor(img)
    return F.normalize(F.convert_image_dtype(img), mean=mean, std=std)
