"""torchvision.transforms.v2: the transforms of the first version, called on whole samples (see `calls`).

`transform(image, label)`, `transform((image, label))` and `transform({"image": image, "label": label})` all
transform the picture and hand the rest back. Boxes and masks as kinds of their own (tv_tensors) do not exist
here.
"""

import numpy as np
from PIL import Image

from .... import functions as fn
from ....dtypes import float32
from ....nn import Module
from ....tensor import Tensor
from .. import autoaugment as _autoaugment
from .. import color as _color
from .. import converting as _converting
from .. import geometry as _geometry
from ..autoaugment import AutoAugmentPolicy
from ..interpolation import InterpolationMode, as_mode
from . import functional
from .calls import SampleTransform


class Transform(SampleTransform):
    """The base of a user's own: define `transform(inpt, params)`, and `make_params(flat_inputs)` for draws.

    Source: torchvision.transforms.v2.Transform
    """

    def make_params(self, flat_inputs):
        return {}

    def transform(self, inpt, params):
        raise NotImplementedError(f"{type(self).__name__} does not define transform")

    def forward(self, picture):
        return self.transform(picture, self.make_params([picture]))


class CenterCrop(SampleTransform, _geometry.CenterCrop): ...


class ElasticTransform(SampleTransform, _geometry.ElasticTransform): ...


class FiveCrop(SampleTransform, _geometry.FiveCrop): ...


class Pad(SampleTransform, _geometry.Pad): ...


class RandomAffine(SampleTransform, _geometry.RandomAffine): ...


class RandomCrop(SampleTransform, _geometry.RandomCrop): ...


class RandomHorizontalFlip(SampleTransform, _geometry.RandomHorizontalFlip): ...


class RandomPerspective(SampleTransform, _geometry.RandomPerspective): ...


class RandomResizedCrop(SampleTransform, _geometry.RandomResizedCrop): ...


class RandomRotation(SampleTransform, _geometry.RandomRotation): ...


class RandomVerticalFlip(SampleTransform, _geometry.RandomVerticalFlip): ...


class Resize(SampleTransform, _geometry.Resize): ...


class TenCrop(SampleTransform, _geometry.TenCrop): ...


class ColorJitter(SampleTransform, _color.ColorJitter): ...


class GaussianBlur(SampleTransform, _color.GaussianBlur): ...


class Grayscale(SampleTransform, _color.Grayscale): ...


class RandomAdjustSharpness(SampleTransform, _color.RandomAdjustSharpness): ...


class RandomAutocontrast(SampleTransform, _color.RandomAutocontrast): ...


class RandomEqualize(SampleTransform, _color.RandomEqualize): ...


class RandomErasing(SampleTransform, _color.RandomErasing):
    accepts = Tensor


class RandomGrayscale(SampleTransform, _color.RandomGrayscale): ...


class RandomInvert(SampleTransform, _color.RandomInvert): ...


class RandomPosterize(SampleTransform, _color.RandomPosterize): ...


class RandomSolarize(SampleTransform, _color.RandomSolarize): ...


class AugMix(SampleTransform, _autoaugment.AugMix): ...


class AutoAugment(SampleTransform, _autoaugment.AutoAugment): ...


class RandAugment(SampleTransform, _autoaugment.RandAugment): ...


class TrivialAugmentWide(SampleTransform, _autoaugment.TrivialAugmentWide): ...


class ConvertImageDtype(SampleTransform, _converting.ConvertImageDtype):
    accepts = Tensor


class LinearTransformation(SampleTransform, _converting.LinearTransformation):
    accepts = Tensor


class Normalize(SampleTransform, _converting.Normalize):
    accepts = Tensor

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(mean={list(self.mean)}, std={list(self.std)}, inplace={self.inplace})"
        )


class _Conversion(SampleTransform):
    """The base of transforms without parameters of the module kind: one function, applied to the picture."""

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class ToTensor(_Conversion):
    """A PIL image or an array to a tensor (C, H, W) scaled to [0, 1].

    Source: torchvision.transforms.v2.ToTensor
    """

    accepts = (Image.Image, np.ndarray)

    def forward(self, inpt):
        return functional.to_tensor(inpt)


class PILToTensor(_Conversion):
    """A PIL image to a tensor (C, H, W) of the same values.

    Source: torchvision.transforms.v2.PILToTensor
    """

    accepts = Image.Image

    def forward(self, inpt):
        return functional.pil_to_tensor(inpt)


class ToImage(_Conversion):
    """A PIL image, an array (H, W[, C]) or a tensor to a tensor (C, H, W) of the same values.

    Source: torchvision.transforms.v2.ToImage
    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import v2
        >>> image, label = v2.ToImage()(Image.new("RGB", (4, 2)), 7)
        >>> image.shape, label
        (torch.Size([3, 2, 4]), 7)
    """

    accepts = (Image.Image, np.ndarray, Tensor)

    def forward(self, inpt):
        return functional.to_image(inpt)


class ToPILImage(_Conversion):
    """A tensor (C, H, W) or an array (H, W, C) to a PIL image.

    Source: torchvision.transforms.v2.ToPILImage
    """

    accepts = (Tensor, np.ndarray)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def forward(self, inpt):
        return functional.to_pil_image(inpt, self.mode)


class ToDtype(SampleTransform):
    """The picture in another dtype; with `scale` its values go to that dtype's range, else they stay.

    Args:
        dtype: a dtype, or a dictionary from type to dtype or None, of which the entry for Tensor (or
            "others") counts.

    Source: torchvision.transforms.v2.ToDtype
    """

    accepts = Tensor

    def __init__(self, dtype, scale=False):
        super().__init__()
        self.dtype = dtype
        self.scale = scale

    def forward(self, inpt):
        dtype = self.dtype
        if isinstance(dtype, dict):
            dtype = dtype.get(Tensor, dtype.get("others"))
        return inpt if dtype is None else functional.to_dtype(inpt, dtype=dtype, scale=self.scale)

    def __repr__(self):
        return f"{self.__class__.__name__}(scale={self.scale})"


class ToPureTensor(Module):
    """The sample itself: pictures are plain tensors here already.

    Source: torchvision.transforms.v2.ToPureTensor
    """

    def forward(self, *inputs):
        return inputs if len(inputs) > 1 else inputs[0]


class Identity(ToPureTensor):
    """The sample itself.

    Source: torchvision.transforms.v2.Identity
    """


class GaussianNoise(SampleTransform):
    """A floating tensor with normal noise added, cut to [0, 1] when `clip`.

    Source: torchvision.transforms.v2.GaussianNoise
    """

    accepts = Tensor

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean = mean
        self.sigma = sigma
        self.clip = clip

    def forward(self, inpt):
        return functional.gaussian_noise(inpt, self.mean, self.sigma, self.clip)

    def __repr__(self):
        return f"{self.__class__.__name__}(mean={self.mean}, sigma={self.sigma}, clip={self.clip})"


class RGB(_Conversion):
    """The picture with three channels; gray is repeated.

    Source: torchvision.transforms.v2.RGB
    """

    def forward(self, inpt):
        return functional.grayscale_to_rgb(inpt)


class RandomResize(SampleTransform):
    """The picture with its smaller edge at a length drawn from [min_size, max_size).

    Source: torchvision.transforms.v2.RandomResize
    """

    def __init__(self, min_size, max_size, interpolation=InterpolationMode.BILINEAR, antialias=True):
        super().__init__()
        self.min_size = min_size
        self.max_size = max_size
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    def forward(self, inpt):
        size = int(fn.randint(self.min_size, self.max_size, ()))
        return functional.resize(inpt, [size], self.interpolation, antialias=self.antialias)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(min_size={self.min_size}, max_size={self.max_size}, "
            f"interpolation={self.interpolation}, antialias={self.antialias})"
        )


class Lambda(Module):
    """A function applied to each entry of a sample whose type is among `types`, by default to all.

    Source: torchvision.transforms.v2.Lambda
    """

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def forward(self, *inputs):
        return self._mapped(inputs if len(inputs) > 1 else inputs[0])

    def _mapped(self, sample):
        if isinstance(sample, dict):
            return {key: self._mapped(value) for key, value in sample.items()}
        if isinstance(sample, (tuple, list)):
            return type(sample)(self._mapped(element) for element in sample)
        return self.lambd(sample) if isinstance(sample, self.types) else sample

    def __repr__(self):
        types = [kind.__name__ for kind in self.types]
        return f"{self.__class__.__name__}({getattr(self.lambd, '__name__', self.lambd)}, types={types})"


class _Container(Module):
    """The base of transforms made of others, which are called on the sample as it is."""

    def __init__(self, transforms):
        super().__init__()
        if not isinstance(transforms, (list, tuple)) and not callable(getattr(transforms, "__iter__", None)):
            raise TypeError(
                f"Argument transforms should be a sequence of callables, got {type(transforms).__name__}"
            )
        self.transforms = transforms

    def _applied(self, transforms, inputs):
        several = len(inputs) > 1
        for transform in transforms:
            outputs = transform(*inputs)
            inputs = outputs if several else (outputs,)
        return inputs if several else inputs[0]

    def extra_repr(self):
        return "\n".join(str(transform) for transform in self.transforms)


class Compose(_Container):
    """Transforms applied one after the other to a sample, which may be several arguments.

    Source: torchvision.transforms.v2.Compose
    """

    def __init__(self, transforms):
        super().__init__(transforms)
        if not self.transforms:
            raise ValueError("Pass at least one transform")

    def forward(self, *inputs):
        return self._applied(self.transforms, inputs)


class RandomApply(_Container):
    """All of the transforms with probability p, none of them otherwise.

    Source: torchvision.transforms.v2.RandomApply
    """

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"`p` should be a floating point value in the interval [0.0, 1.0], got {p}")
        self.p = p

    def forward(self, *inputs):
        if fn.rand(1).item() >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self._applied(self.transforms, inputs)


class RandomChoice(_Container):
    """One of the transforms, drawn with weights `p`, equal by default.

    Source: torchvision.transforms.v2.RandomChoice
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        weights = [1.0] * len(transforms) if p is None else list(p)
        if len(weights) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(weights)} != {len(transforms)}"
            )
        self.p = [weight / sum(weights) for weight in weights]

    def forward(self, *inputs):
        index = int(fn.multinomial(fn.tensor(self.p), 1))
        return self.transforms[index](*inputs)


class RandomOrder(_Container):
    """All of the transforms in random order.

    Source: torchvision.transforms.v2.RandomOrder
    """

    def forward(self, *inputs):
        order = fn.randperm(len(self.transforms)).tolist()
        return self._applied([self.transforms[index] for index in order], inputs)
