"""The transforms that change a picture's size, place or shape.

Random ones draw from the library's own stream, in torchvision's order: the same seed gives the same pictures.
`get_params` holds the draws, so that a program can apply one draw to several pictures through `functional`.
"""

import math
import numbers
import warnings

from ... import functions as fn
from ...tensor import Tensor
from . import functional as F
from .interpolation import InterpolationMode, as_mode
from .sample import Transform


class Resize(Transform):
    """The picture resized: to (h, w), or its smaller edge to one number, the other in proportion.

    Source: torchvision.transforms.Resize
    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import Resize
        >>> Resize(256)(Image.new("RGB", (300, 600))).size
        (256, 512)
    """

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if size is not None and not isinstance(size, (int, list, tuple)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, (list, tuple)) and len(size) not in (1, 2):
            raise ValueError(f"If size is a sequence, it should have 1 or 2 values, got {size}")
        self.size = size
        self.max_size = max_size
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    def forward(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class CenterCrop(Transform):
    """The middle (h, w) of the picture; a smaller picture is padded with 0.

    Source: torchvision.transforms.CenterCrop
    """

    def __init__(self, size):
        super().__init__()
        self.size = F.as_size(size)

    def forward(self, img):
        return F.center_crop(img, self.size)

    def __repr__(self):
        return f"{self.__class__.__name__}(size={self.size})"


class Pad(Transform):
    """The picture with a border; see `functional.pad`.

    Source: torchvision.transforms.Pad
    """

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        if not isinstance(padding, (numbers.Number, tuple, list)):
            raise TypeError(f"Got inappropriate padding arg: {padding!r}")
        if not isinstance(fill, (numbers.Number, tuple, list)):
            raise TypeError(f"Got inappropriate fill arg: {fill!r}")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(
                f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}"
            )
        if isinstance(padding, (tuple, list)) and len(padding) not in (1, 2, 4):
            raise ValueError(
                f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
            )
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode})"
        )


class RandomCrop(Transform):
    """A piece (h, w) of the picture at a random place.

    Args:
        size: (h, w), or one number for both.
        padding: a border added first, as in `Pad`.
        pad_if_needed: enlarge a picture that is smaller than size by a border on both sides.

    Raises:
        ValueError: the picture is smaller than size; the message has both.
    Source: torchvision.transforms.RandomCrop
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.transforms import RandomCrop
        >>> RandomCrop(32, padding=4)(torch.rand(3, 32, 32)).shape
        torch.Size([3, 32, 32])
    """

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width) of a random piece of a picture."""
        _, height, width = F.get_dimensions(img)
        crop_height, crop_width = output_size
        if height < crop_height or width < crop_width:
            raise ValueError(
                f"Required crop size {(crop_height, crop_width)} is larger than input image size "
                f"{(height, width)}"
            )
        if (height, width) == (crop_height, crop_width):
            return 0, 0, height, width
        top = fn.randint(0, height - crop_height + 1, size=(1,)).item()
        left = fn.randint(0, width - crop_width + 1, size=(1,)).item()
        return top, left, crop_height, crop_width

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(F.as_size(size))
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self):
        return f"{self.__class__.__name__}(size={self.size}, padding={self.padding})"


class RandomHorizontalFlip(Transform):
    """The picture, with left and right exchanged with probability p.

    Source: torchvision.transforms.RandomHorizontalFlip
    """

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return F.hflip(img) if fn.rand(1).item() < self.p else img

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p})"


class RandomVerticalFlip(Transform):
    """The picture, with top and bottom exchanged with probability p.

    Source: torchvision.transforms.RandomVerticalFlip
    """

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return F.vflip(img) if fn.rand(1).item() < self.p else img

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p})"


class RandomResizedCrop(Transform):
    """A piece of random area and proportions, resized to (h, w).

    Args:
        scale: bounds of the piece's share of the picture's area.
        ratio: bounds of the piece's width over its height, drawn evenly in the logarithm.

    Source: torchvision.transforms.RandomResizedCrop
    """

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        if not isinstance(scale, (tuple, list)):
            raise TypeError(f"Scale should be a sequence, got {scale!r}")
        if not isinstance(ratio, (tuple, list)):
            raise TypeError(f"Ratio should be a sequence, got {ratio!r}")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)")
        self.size = F.as_size(size)
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias
        self.scale = scale
        self.ratio = ratio

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width) of a random piece; after ten misfits, the largest central one."""
        _, height, width = F.get_dimensions(img)
        area = height * width
        log_ratio = fn.log(fn.tensor(ratio))
        for _ in range(10):
            target_area = area * fn.empty(1).uniform_(scale[0], scale[1]).item()
            drawn = fn.empty(1).uniform_(log_ratio[0].item(), log_ratio[1].item())
            aspect_ratio = fn.exp(drawn).item()
            w = int(round(math.sqrt(target_area * aspect_ratio)))
            h = int(round(math.sqrt(target_area / aspect_ratio)))
            if 0 < w <= width and 0 < h <= height:
                top = fn.randint(0, height - h + 1, size=(1,)).item()
                left = fn.randint(0, width - w + 1, size=(1,)).item()
                return top, left, h, w
        h, w = height, width
        if width / height < min(ratio):
            h = int(round(width / min(ratio)))
        elif width / height > max(ratio):
            w = int(round(height * max(ratio)))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img):
        top, left, h, w = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, top, left, h, w, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self):
        scale = tuple(round(bound, 4) for bound in self.scale)
        ratio = tuple(round(bound, 4) for bound in self.ratio)
        return (
            f"{self.__class__.__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


class FiveCrop(Transform):
    """A tuple of the four corners and the middle of the picture.

    Source: torchvision.transforms.FiveCrop
    """

    def __init__(self, size):
        super().__init__()
        self.size = F.as_size(size)

    def forward(self, img):
        return F.five_crop(img, self.size)

    def __repr__(self):
        return f"{self.__class__.__name__}(size={self.size})"


class TenCrop(Transform):
    """A tuple of the five crops of the picture and of its mirror image.

    Source: torchvision.transforms.TenCrop
    """

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size = F.as_size(size)
        self.vertical_flip = vertical_flip

    def forward(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self):
        return f"{self.__class__.__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class RandomRotation(Transform):
    """The picture turned by an angle drawn from `degrees`: (min, max), or d for (-d, d), counter-clockwise.

    Source: torchvision.transforms.RandomRotation
    """

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = _angle_range("degrees", degrees, (2,))
        if center is not None:
            _check_sequence("center", center, (2,))
        self.center = center
        self.interpolation = as_mode(interpolation)
        self.expand = expand
        self.fill = _checked_fill(fill)

    @staticmethod
    def get_params(degrees):
        """An angle in degrees."""
        return float(fn.empty(1).uniform_(float(degrees[0]), float(degrees[1])).item())

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self):
        center = "" if self.center is None else f", center={self.center}"
        fill = "" if self.fill is None else f", fill={self.fill}"
        return (
            f"{self.__class__.__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}{fill})"
        )


class RandomAffine(Transform):
    """The picture turned, shifted, scaled and sheared at random about its middle.

    Args:
        degrees: (min, max) of the angle, or d for (-d, d).
        translate: largest shifts (x, y), as shares of width and height in [0, 1].
        scale: (min, max) of the factor.
        shear: degrees: s for x in (-s, s), (min, max) for x, or (x min, x max, y min, y max).

    Source: torchvision.transforms.RandomAffine
    """

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        super().__init__()
        self.degrees = _angle_range("degrees", degrees, (2,))
        if translate is not None:
            _check_sequence("translate", translate, (2,))
            if not all(0.0 <= share <= 1.0 for share in translate):
                raise ValueError(f"translation values should be between 0 and 1, got {translate}")
        if scale is not None:
            _check_sequence("scale", scale, (2,))
            if not all(factor > 0 for factor in scale):
                raise ValueError(f"scale values should be positive, got {scale}")
        if center is not None:
            _check_sequence("center", center, (2,))
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _angle_range("shear", shear, (2, 4))
        self.interpolation = as_mode(interpolation)
        self.fill = _checked_fill(fill)
        self.center = center

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, (x, y) in pixels, scale, (x, y) shear in degrees); img_size is (width, height)."""
        angle = float(_uniform(degrees[0], degrees[1]))
        shift = (0, 0)
        if translate is not None:
            furthest = (float(translate[0] * img_size[0]), float(translate[1] * img_size[1]))
            shift = tuple(int(round(_uniform(-limit, limit))) for limit in furthest)
        scale = 1.0 if scale_ranges is None else float(_uniform(scale_ranges[0], scale_ranges[1]))
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = float(_uniform(shears[0], shears[1]))
            if len(shears) == 4:
                shear_y = float(_uniform(shears[2], shears[3]))
        return angle, shift, scale, (shear_x, shear_y)

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        size = F.get_image_size(img)
        params = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *params, interpolation=self.interpolation, fill=fill, center=self.center)

    def __repr__(self):
        parts = [f"degrees={self.degrees}"]
        for name in ("translate", "scale", "shear"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name}={value}")
        if self.interpolation != InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{self.__class__.__name__}({', '.join(parts)})"


class RandomPerspective(Transform):
    """With probability p, the picture with its corners moved inwards at random.

    Args:
        distortion_scale: how far, as a share of half the picture, in [0, 1].

    Source: torchvision.transforms.RandomPerspective
    """

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.p = p
        self.interpolation = as_mode(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = _checked_fill(fill)

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        _, height, width = F.get_dimensions(img)
        if fn.rand(1).item() >= self.p:
            return img
        startpoints, endpoints = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, startpoints, endpoints, self.interpolation, fill)

    @staticmethod
    def get_params(width, height, distortion_scale):
        """Where the corners are and where they go, as [[x, y], ...] clockwise from the top left."""
        x_reach = int(distortion_scale * (width // 2))
        y_reach = int(distortion_scale * (height // 2))
        left, right = (0, x_reach + 1), (width - x_reach - 1, width)
        top, bottom = (0, y_reach + 1), (height - y_reach - 1, height)
        endpoints = [
            [int(fn.randint(*bounds, size=(1,)).item()) for bounds in corner]
            for corner in ((left, top), (right, top), (right, bottom), (left, bottom))
        ]
        startpoints = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        return startpoints, endpoints

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p})"


class ElasticTransform(Transform):
    """The picture with its pixels displaced by a smooth random field.

    Args:
        alpha: strength of the displacement, one number or (x, y).
        sigma: smoothness: standard deviation in pixels of the field's blur, one number or (x, y).

    Source: torchvision.transforms.ElasticTransform
    """

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha = _two_floats("alpha", alpha)
        self.sigma = _two_floats("sigma", sigma)
        self.interpolation = as_mode(interpolation)
        fill = _checked_fill(fill)
        self.fill = [float(value) for value in fill] if isinstance(fill, (tuple, list)) else [float(fill)]

    @staticmethod
    def get_params(alpha, sigma, size):
        """A displacement (1, H, W, 2) for a picture of size [H, W]."""
        planes = []
        for axis in (0, 1):
            noise = fn.rand([1, 1, *size]) * 2 - 1
            if sigma[axis] > 0.0:
                reach = int(8 * sigma[axis] + 1)
                reach += 1 - reach % 2
                noise = F.gaussian_blur(noise, [reach, reach], sigma)
            planes.append(noise * alpha[axis] / size[axis])
        return fn.cat(planes, 1).permute([0, 2, 3, 1])

    def forward(self, tensor):
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


def channel_fill(fill, img):
    """A fill for warping: for a tensor one number a channel, for a PIL image as given."""
    if not isinstance(img, Tensor):
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * F.get_image_num_channels(img)
    return None if fill is None else [float(value) for value in fill]


def _checked_fill(fill):
    if fill is None:
        return 0
    if not isinstance(fill, (tuple, list, numbers.Number)):
        raise TypeError(f"Fill should be either a sequence or a number, got {fill!r}")
    return fill


def _angle_range(name, value, lengths):
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive, got {value}")
        value = [-value, value]
    _check_sequence(name, value, lengths)
    return [float(bound) for bound in value]


def _check_sequence(name, value, lengths):
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} should be a sequence of length {_either(lengths)}, got {value!r}")
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {_either(lengths)}, got {value!r}")


def _either(lengths):
    return " or ".join(str(length) for length in lengths)


def _two_floats(name, value):
    if isinstance(value, (int, float)):
        return [float(value)] * 2
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} should be a number or a sequence of numbers. Got {type(value)}")
    if len(value) not in (1, 2):
        raise ValueError(f"{name} is a sequence its length should be 1 or 2. Got {len(value)}")
    if not all(isinstance(element, (int, float)) for element in value):
        raise TypeError(f"{name} should be a sequence of numbers. Got {value}")
    return [float(element) for element in value] * (2 // len(value))


def _uniform(low, high):
    return fn.empty(1).uniform_(float(low), float(high)).item()
