"""Augmentation policies: AutoAugment, RandAugment, TrivialAugmentWide and AugMix.

All four pick operations by name from a table of magnitudes and apply them through `apply_operation`. They
work on PIL images (L or RGB) and on uint8 tensors (..., 1 or 3, H, W), and draw from the library's own stream
in torchvision's order.
"""

import math
from enum import Enum

from ... import functions as fn
from ...tensor import Tensor
from . import functional as F
from .geometry import channel_fill
from .interpolation import InterpolationMode
from .sample import Transform


class AutoAugmentPolicy(Enum):
    """The three learned policies of AutoAugment.

    Source: torchvision.transforms.AutoAugmentPolicy
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# The policies of Cubuk et al. 2019. A line is a sub-policy: twice an operation, its chance and its level.
_SUB_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8, Rotate 0.6 9
        Solarize 0.6 5, AutoContrast 0.6 -
        Equalize 0.8 -, Equalize 0.6 -
        Posterize 0.6 7, Posterize 0.6 6
        Equalize 0.4 -, Solarize 0.2 4
        Equalize 0.4 -, Rotate 0.8 8
        Solarize 0.6 3, Equalize 0.6 -
        Posterize 0.8 5, Equalize 1.0 -
        Rotate 0.2 3, Solarize 0.6 8
        Equalize 0.6 -, Posterize 0.4 6
        Rotate 0.8 8, Color 0.4 0
        Rotate 0.4 9, Equalize 0.6 -
        Equalize 0.0 -, Equalize 0.8 -
        Invert 0.6 -, Equalize 1.0 -
        Color 0.6 4, Contrast 1.0 8
        Rotate 0.8 8, Color 1.0 2
        Color 0.8 8, Solarize 0.8 7
        Sharpness 0.4 7, Invert 0.6 -
        ShearX 0.6 5, Equalize 1.0 -
        Color 0.4 0, Equalize 0.6 -
        Equalize 0.4 -, Solarize 0.2 4
        Solarize 0.6 5, AutoContrast 0.6 -
        Invert 0.6 -, Equalize 1.0 -
        Color 0.6 4, Contrast 1.0 8
        Equalize 0.8 -, Equalize 0.6 -
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 -, Contrast 0.2 6
        Rotate 0.7 2, TranslateX 0.3 9
        Sharpness 0.8 1, Sharpness 0.9 3
        ShearY 0.5 8, TranslateY 0.7 9
        AutoContrast 0.5 -, Equalize 0.9 -
        ShearY 0.2 7, Posterize 0.3 7
        Color 0.4 3, Brightness 0.6 7
        Sharpness 0.3 9, Brightness 0.7 9
        Equalize 0.6 -, Equalize 0.5 -
        Contrast 0.6 7, Sharpness 0.6 5
        Color 0.7 7, TranslateX 0.5 8
        Equalize 0.3 -, AutoContrast 0.4 -
        TranslateY 0.4 3, Sharpness 0.2 6
        Brightness 0.9 6, Color 0.2 8
        Solarize 0.5 2, Invert 0.0 -
        Equalize 0.2 -, AutoContrast 0.6 -
        Equalize 0.2 -, Equalize 0.6 -
        Color 0.9 9, Equalize 0.6 -
        AutoContrast 0.8 -, Solarize 0.2 8
        Brightness 0.1 3, Color 0.7 0
        Solarize 0.4 5, AutoContrast 0.9 -
        TranslateY 0.9 9, TranslateY 0.7 9
        AutoContrast 0.9 -, Solarize 0.8 3
        Equalize 0.8 -, Invert 0.1 -
        TranslateY 0.7 9, AutoContrast 0.9 -
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4, Invert 0.2 -
        ShearY 0.9 8, Invert 0.7 -
        Equalize 0.6 -, Solarize 0.6 6
        Invert 0.9 -, Equalize 0.6 -
        Equalize 0.6 -, Rotate 0.9 3
        ShearX 0.9 4, AutoContrast 0.8 -
        ShearY 0.9 8, Invert 0.4 -
        ShearY 0.9 5, Solarize 0.2 6
        Invert 0.9 -, AutoContrast 0.8 -
        Equalize 0.6 -, Rotate 0.9 3
        ShearX 0.9 4, Solarize 0.3 3
        ShearY 0.8 8, Invert 0.7 -
        Equalize 0.9 -, TranslateY 0.6 6
        Invert 0.9 -, Equalize 0.6 -
        Contrast 0.3 3, Rotate 0.8 4
        Invert 0.8 -, TranslateY 0.0 2
        ShearY 0.7 6, Solarize 0.4 8
        Invert 0.6 -, Rotate 0.8 4
        ShearY 0.3 7, TranslateX 0.9 3
        ShearX 0.1 6, Invert 0.6 -
        Solarize 0.7 2, TranslateY 0.6 7
        ShearY 0.8 4, Invert 0.8 -
        ShearX 0.7 9, TranslateY 0.8 3
        ShearY 0.8 5, AutoContrast 0.7 -
        ShearX 0.7 2, Invert 0.1 -
    """,
}


def sub_policies(policy):
    """A policy as a list of pairs of (operation, probability, magnitude level or None)."""
    if policy not in _SUB_POLICIES:
        raise ValueError(f"The provided policy {policy} is not recognized.")
    lines = _SUB_POLICIES[policy].strip().splitlines()
    return [tuple(_parsed_step(step) for step in line.split(",")) for line in lines]


def _parsed_step(step):
    name, probability, level = step.split()
    return name, float(probability), None if level == "-" else int(level)


def apply_operation(img, name, magnitude, interpolation, fill):
    """One operation on one picture; ValueError for a name that is none."""
    if name not in _OPERATIONS:
        raise ValueError(f"The provided operator {name} is not recognized.")
    return _OPERATIONS[name](img, magnitude, {"interpolation": interpolation, "fill": fill})


def _sheared(img, x, y, options):
    # The papers shear by the magnitude itself, about the top left corner; affine takes the angle.
    shear = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return F.affine(img, angle=0.0, translate=[0, 0], scale=1.0, shear=shear, center=[0, 0], **options)


def _shifted(img, x, y, options):
    return F.affine(img, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=[0.0, 0.0], **options)


_OPERATIONS = {
    "Identity": lambda img, magnitude, options: img,
    "ShearX": lambda img, magnitude, options: _sheared(img, magnitude, 0.0, options),
    "ShearY": lambda img, magnitude, options: _sheared(img, 0.0, magnitude, options),
    "TranslateX": lambda img, magnitude, options: _shifted(img, magnitude, 0, options),
    "TranslateY": lambda img, magnitude, options: _shifted(img, 0, magnitude, options),
    "Rotate": lambda img, magnitude, options: F.rotate(img, magnitude, **options),
    "Brightness": lambda img, magnitude, options: F.adjust_brightness(img, 1.0 + magnitude),
    "Color": lambda img, magnitude, options: F.adjust_saturation(img, 1.0 + magnitude),
    "Contrast": lambda img, magnitude, options: F.adjust_contrast(img, 1.0 + magnitude),
    "Sharpness": lambda img, magnitude, options: F.adjust_sharpness(img, 1.0 + magnitude),
    "Posterize": lambda img, magnitude, options: F.posterize(img, int(magnitude)),
    "Solarize": lambda img, magnitude, options: F.solarize(img, magnitude),
    "AutoContrast": lambda img, magnitude, options: F.autocontrast(img),
    "Equalize": lambda img, magnitude, options: F.equalize(img),
    "Invert": lambda img, magnitude, options: F.invert(img),
}


def magnitudes(bins, shear, x_shift, y_shift, degrees, enhance, posterize_from, posterize_bits):
    """Name -> (magnitudes, whether the sign is drawn), in torchvision's order, Identity and Invert aside.

    Args:
        bins: how many levels of magnitude there are.
        shear, x_shift, y_shift, degrees, enhance: the largest magnitude of each kind.
        posterize_from, posterize_bits: bits left at the lowest level, and how many fewer at the highest.
    """
    bits = (fn.arange(bins) / ((bins - 1) / posterize_bits)).round().int()
    table = {
        "ShearX": (fn.linspace(0.0, shear, bins), True),
        "ShearY": (fn.linspace(0.0, shear, bins), True),
        "TranslateX": (fn.linspace(0.0, x_shift, bins), True),
        "TranslateY": (fn.linspace(0.0, y_shift, bins), True),
        "Rotate": (fn.linspace(0.0, degrees, bins), True),
    }
    if enhance is not None:
        for name in ("Brightness", "Color", "Contrast", "Sharpness"):
            table[name] = (fn.linspace(0.0, enhance, bins), True)
    table["Posterize"] = (posterize_from - bits, False)
    table["Solarize"] = (fn.linspace(255.0, 0.0, bins), False)
    table["AutoContrast"] = (fn.tensor(0.0), False)
    table["Equalize"] = (fn.tensor(0.0), False)
    return table


def _learned_magnitudes(bins, image_size):
    height, width = image_size
    share = 150.0 / 331.0
    return magnitudes(bins, 0.3, share * width, share * height, 30.0, 0.9, 8, 4)


class AutoAugment(Transform):
    """Two operations of a learned sub-policy, drawn anew for each picture.

    Source: torchvision.transforms.AutoAugment, after Cubuk et al. 2019.
    Example:
        >>> from rushlight.vision.transforms import AutoAugment
        >>> AutoAugment()
        AutoAugment(policy=AutoAugmentPolicy.IMAGENET, fill=None)
    """

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = sub_policies(policy)

    def _augmentation_space(self, num_bins, image_size):
        return {**_learned_magnitudes(num_bins, image_size), "Invert": (fn.tensor(0.0), False)}

    @staticmethod
    def get_params(transform_num):
        """(index of the sub-policy, two numbers in [0, 1), two signs as 0 or 1)."""
        policy_id = int(fn.randint(transform_num, (1,)).item())
        probs = fn.rand((2,))
        signs = fn.randint(2, (2,))
        return policy_id, probs, signs

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        _, height, width = F.get_dimensions(img)
        policy_id, probs, signs = self.get_params(len(self.policies))
        probs, signs = probs.tolist(), signs.tolist()
        for step, (name, p, level) in enumerate(self.policies[policy_id]):
            if probs[step] <= p:
                values, signed = self._augmentation_space(10, (height, width))[name]
                magnitude = float(values[level].item()) if level is not None else 0.0
                if signed and signs[step] == 0:
                    magnitude *= -1.0
                img = apply_operation(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self):
        return f"{self.__class__.__name__}(policy={self.policy}, fill={self.fill})"


class RandAugment(Transform):
    """`num_ops` operations, drawn evenly, all at one magnitude.

    Source: torchvision.transforms.RandAugment, after Cubuk et al. 2020.
    """

    def __init__(
        self,
        num_ops=2,
        magnitude=9,
        num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _augmentation_space(self, num_bins, image_size):
        return {"Identity": (fn.tensor(0.0), False), **_learned_magnitudes(num_bins, image_size)}

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        _, height, width = F.get_dimensions(img)
        table = self._augmentation_space(self.num_magnitude_bins, (height, width))
        for _ in range(self.num_ops):
            name, values, signed = _drawn_operation(table)
            magnitude = float(values[self.magnitude].item()) if values.ndim > 0 else 0.0
            magnitude = _with_drawn_sign(magnitude, signed)
            img = apply_operation(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, "
            f"fill={self.fill})"
        )


class TrivialAugmentWide(Transform):
    """One operation at one magnitude, both drawn evenly, from a wide range of magnitudes.

    Source: torchvision.transforms.TrivialAugmentWide, after Mueller and Hutter 2021.
    """

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def _augmentation_space(self, num_bins):
        wide = magnitudes(num_bins, 0.99, 32.0, 32.0, 135.0, 0.99, 8, 6)
        return {"Identity": (fn.tensor(0.0), False), **wide}

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        name, values, signed = _drawn_operation(self._augmentation_space(self.num_magnitude_bins))
        magnitude = _drawn_magnitude(values, len(values) if values.ndim > 0 else 0)
        return apply_operation(img, name, _with_drawn_sign(magnitude, signed), self.interpolation, fill)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class AugMix(Transform):
    """The picture mixed with chains of operations on it, the shares drawn from Dirichlet distributions.

    Args:
        severity: how strong the operations may be, 1 to 10.
        mixture_width: how many chains.
        chain_depth: how many operations in a chain; drawn from 1 to 3 for each when 0 or less.
        alpha: parameter of the Dirichlet distributions.
        all_ops: also use brightness, contrast, colour and sharpness.

    Source: torchvision.transforms.AugMix, after Hendrycks et al. 2020.
    """

    _LEVELS = 10

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation=InterpolationMode.BILINEAR,
        fill=None,
    ):
        super().__init__()
        if not 1 <= severity <= self._LEVELS:
            raise ValueError(f"The severity must be between [1, {self._LEVELS}]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self.fill = fill

    def _augmentation_space(self, num_bins, image_size):
        height, width = image_size
        table = magnitudes(num_bins, 0.3, width / 3.0, height / 3.0, 30.0, None, 4, 4)
        if self.all_ops:
            for name in ("Brightness", "Color", "Contrast", "Sharpness"):
                table[name] = (fn.linspace(0.0, 0.9, num_bins), True)
        return table

    def _sample_dirichlet(self, params):
        return fn._sample_dirichlet(params)

    def forward(self, orig_img):
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        fill = channel_fill(self.fill, img)
        table = self._augmentation_space(self._LEVELS, tuple(img.shape[-2:]))
        batch = img.view([1] * max(4 - img.ndim, 0) + list(img.shape))
        mixed = self._mixture(batch, table, fill).view(img.shape).to(img.dtype)
        return mixed if isinstance(orig_img, Tensor) else F.to_pil_image(mixed)

    def _mixture(self, batch, table, fill):
        each = [batch.shape[0]] + [1] * (batch.ndim - 1)
        shares = self._sample_dirichlet(fn.tensor([self.alpha, self.alpha]).expand(each[0], -1))
        weights = self._sample_dirichlet(fn.tensor([self.alpha] * self.mixture_width).expand(each[0], -1))
        weights = weights * shares[:, 1].view([each[0], -1])
        mixture = shares[:, 0].view(each) * batch
        for chain in range(self.mixture_width):
            augmented = self._chain(batch, table, fill)
            mixture = mixture + weights[:, chain].view(each) * augmented
        return mixture

    def _chain(self, batch, table, fill):
        depth = self.chain_depth
        if depth <= 0:
            depth = int(fn.randint(low=1, high=4, size=(1,)).item())
        for _ in range(depth):
            name, values, signed = _drawn_operation(table)
            magnitude = _with_drawn_sign(_drawn_magnitude(values, self.severity), signed)
            batch = apply_operation(batch, name, magnitude, self.interpolation, fill)
        return batch

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(severity={self.severity}, mixture_width={self.mixture_width}, "
            f"chain_depth={self.chain_depth}, alpha={self.alpha}, all_ops={self.all_ops}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


def _drawn_operation(table):
    names = list(table)
    name = names[int(fn.randint(len(names), (1,)).item())]
    return name, *table[name]


def _drawn_magnitude(values, levels):
    if values.ndim == 0:
        return 0.0
    return float(values[fn.randint(levels, (1,)).item()].item())


def _with_drawn_sign(magnitude, signed):
    return -magnitude if signed and fn.randint(2, (1,)).item() else magnitude
