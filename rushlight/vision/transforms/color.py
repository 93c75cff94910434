"""The transforms that change a picture's values and none of its shape.

Random ones draw from the library's own stream, in torchvision's order.
"""

import math
import numbers
import warnings

from ... import functions as fn
from ...dtypes import float32
from ...tensor import Tensor
from . import functional as F
from .sample import Transform


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by random amounts, in random order.

    Args:
        brightness, contrast, saturation: (min, max) of the factor, or j for (max(0, 1 - j), 1 + j).
        hue: (min, max) of the turn within [-0.5, 0.5], or j for (-j, j).

    Source: torchvision.transforms.ColorJitter
    Example:
        >>> from rushlight.vision.transforms import ColorJitter
        >>> ColorJitter(brightness=0.5, hue=0.1)
        ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=(-0.1, 0.1))
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = _jitter_range("brightness", brightness)
        self.contrast = _jitter_range("contrast", contrast)
        self.saturation = _jitter_range("saturation", saturation)
        self.hue = _jitter_range("hue", hue, center=0, bounds=(-0.5, 0.5), clip_below=False)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """(order, brightness, contrast, saturation, hue): four indices, then a factor or None each."""
        order = fn.randperm(4)
        factors = [
            None if bounds is None else float(fn.empty(1).uniform_(bounds[0], bounds[1]))
            for bounds in (brightness, contrast, saturation, hue)
        ]
        return order, *factors

    def forward(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for index in order.tolist():
            if factors[index] is not None:
                img = adjust[index](img, factors[index])
        return img

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _jitter_range(name, value, center=1, bounds=(0, float("inf")), clip_below=True):
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative, got {value}")
        low, high = center - float(value), center + float(value)
        value = (max(low, 0.0) if clip_below else low, high)
    elif not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2, got {value!r}")
    value = tuple(float(bound) for bound in value)
    if not bounds[0] <= value[0] <= value[1] <= bounds[1]:
        raise ValueError(f"{name} values should be between {bounds}, but got {value}.")
    return None if value[0] == value[1] == center else value


class Grayscale(Transform):
    """The picture in gray, of one channel or three equal ones.

    Source: torchvision.transforms.Grayscale
    """

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, num_output_channels=self.num_output_channels)

    def __repr__(self):
        return f"{self.__class__.__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(Transform):
    """The picture, in gray with probability p; the number of channels stays.

    Source: torchvision.transforms.RandomGrayscale
    """

    def __init__(self, p=0.1):
        super().__init__()
        self.p = p

    def forward(self, img):
        channels = F.get_image_num_channels(img)
        if fn.rand(1).item() < self.p:
            return F.rgb_to_grayscale(img, num_output_channels=channels)
        return img

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p})"


class GaussianBlur(Transform):
    """The picture blurred by a Gaussian whose standard deviation is drawn from `sigma`, in pixels.

    Args:
        kernel_size: an odd number of pixels, or (across, down).
        sigma: (min, max), or one number for no draw.

    Source: torchvision.transforms.GaussianBlur
    """

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = F.as_size(
            kernel_size, error_msg="Kernel size should be a tuple/list of two integers."
        )
        for size in self.kernel_size:
            if size <= 0 or size % 2 == 0:
                raise ValueError(
                    f"Kernel size value should be an odd and positive number. Got {self.kernel_size}."
                )
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:
                raise ValueError(f"If sigma is a single number, it must be positive, got {sigma}.")
            sigma = (sigma, sigma)
        elif isinstance(sigma, (tuple, list)) and len(sigma) == 2:
            if not 0.0 < sigma[0] <= sigma[1]:
                raise ValueError(f"sigma values should be positive and of the form (min, max). Got {sigma}")
        else:
            raise ValueError(f"sigma should be a single number or a list/tuple with length 2, got {sigma!r}.")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A standard deviation in pixels."""
        return fn.empty(1).uniform_(sigma_min, sigma_max).item()

    def forward(self, img):
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, list(self.kernel_size), [sigma, sigma])

    def __repr__(self):
        return f"{self.__class__.__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class _WithProbability(Transform):
    """The base of transforms that apply one function with probability p and else do nothing."""

    shown: tuple[str, ...] = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def change(self, img):
        raise NotImplementedError(f"{type(self).__name__} does not define change")

    def forward(self, img):
        return self.change(img) if fn.rand(1).item() < self.p else img

    def __repr__(self):
        shown = ",".join(f"{name}={getattr(self, name)}" for name in self.shown)
        return f"{self.__class__.__name__}({shown})"


class RandomInvert(_WithProbability):
    """The picture's negative with probability p.

    Source: torchvision.transforms.RandomInvert
    """

    def change(self, img):
        return F.invert(img)


class RandomPosterize(_WithProbability):
    """The picture cut to its `bits` leading bits with probability p.

    Source: torchvision.transforms.RandomPosterize
    """

    shown = ("bits", "p")

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, img):
        return F.posterize(img, self.bits)


class RandomSolarize(_WithProbability):
    """The picture with its values of `threshold` and above inverted, with probability p.

    Source: torchvision.transforms.RandomSolarize
    """

    shown = ("threshold", "p")

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, img):
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_WithProbability):
    """The picture sharpened (above 1) or blurred (below 1) with probability p.

    Source: torchvision.transforms.RandomAdjustSharpness
    """

    shown = ("sharpness_factor", "p")

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomAutocontrast(_WithProbability):
    """The picture with each channel stretched over the whole range, with probability p.

    Source: torchvision.transforms.RandomAutocontrast
    """

    def change(self, img):
        return F.autocontrast(img)


class RandomEqualize(_WithProbability):
    """The picture with its levels used about equally often, with probability p.

    Source: torchvision.transforms.RandomEqualize
    """

    def change(self, img):
        return F.equalize(img)


class RandomErasing(Transform):
    """A tensor picture with, with probability p, one rectangle overwritten.

    Args:
        scale: bounds of the rectangle's share of the picture's area.
        ratio: bounds of its height over its width.
        value: a number, one number a channel, or "random" for normal noise.

    Source: torchvision.transforms.RandomErasing, after Zhong et al. 2017.
    """

    accepts = Tensor

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError(
                f"Argument value should be either a number or str or a sequence, got {type(value).__name__}"
            )
        if isinstance(value, str) and value != "random":
            raise ValueError(f"If value is str, it should be 'random', got {value!r}")
        if not isinstance(scale, (tuple, list)):
            raise TypeError(f"Scale should be a sequence, got {scale!r}")
        if not isinstance(ratio, (tuple, list)):
            raise TypeError(f"Ratio should be a sequence, got {ratio!r}")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)")
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError(f"Scale should be between 0 and 1, got {scale}")
        if p < 0 or p > 1:
            raise ValueError(f"Random erasing probability should be between 0 and 1, got {p}")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, values) of a rectangle; after ten misfits, the picture itself."""
        channels, height, width = img.shape[-3], img.shape[-2], img.shape[-1]
        log_ratio = fn.log(fn.tensor(ratio))
        for _ in range(10):
            erase_area = height * width * fn.empty(1).uniform_(scale[0], scale[1]).item()
            drawn = fn.empty(1).uniform_(log_ratio[0].item(), log_ratio[1].item())
            aspect_ratio = fn.exp(drawn).item()
            h = int(round(math.sqrt(erase_area * aspect_ratio)))
            w = int(round(math.sqrt(erase_area / aspect_ratio)))
            if not (h < height and w < width):
                continue
            if value is None:
                values = fn.empty([channels, h, w], dtype=float32).normal_()
            else:
                values = fn.tensor(value)[:, None, None]
            top = fn.randint(0, height - h + 1, size=(1,)).item()
            left = fn.randint(0, width - w + 1, size=(1,)).item()
            return top, left, h, w, values
        return 0, 0, height, width, img

    def forward(self, img):
        if fn.rand(1).item() >= self.p:
            return img
        if isinstance(self.value, (int, float)):
            value = [float(self.value)]
        elif isinstance(self.value, str):
            value = None
        else:
            value = [float(element) for element in self.value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {img.shape[-3]} (number "
                "of input "
                f"channels), got {len(value)}"
            )
        top, left, h, w, values = self.get_params(img, self.scale, self.ratio, value)
        return F.erase(img, top, left, h, w, values, self.inplace)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, "
            f"value={self.value}, inplace={self.inplace})"
        )
