"""EfficientNet B0 to B7 and V2."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ... import functions as fn
from ...nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    GroupNorm,
    Linear,
    Module,
    Sequential,
    SiLU,
    init,
)
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.regularization import StochasticDepth
from ..transforms.interpolation import InterpolationMode
from ._api import WeightsEnum, imagenet_weights, loaded, register_model
from ._utils import _make_divisible


@dataclass
class _MBConvConfig:
    """One stage: how its blocks are built, and how many there are."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Callable[..., Module]

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A stage of MBConv blocks, its widths and its depth scaled."""

    def __init__(
        self,
        expand_ratio,
        kernel,
        stride,
        input_channels,
        out_channels,
        num_layers,
        width_mult=1.0,
        depth_mult=1.0,
        block=None,
    ):
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            int(math.ceil(num_layers * depth_mult)),
            block or MBConv,
        )


class FusedMBConvConfig(_MBConvConfig):
    """A stage of FusedMBConv blocks."""

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None):
        super().__init__(
            expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block or FusedMBConv
        )


class _Residual(Module):
    """A block with stochastic depth and, where the shape stays, a shortcut."""

    def __init__(self, cnf, layers, stochastic_depth_prob):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError(f"illegal stride value {cnf.stride}")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result


class MBConv(_Residual):
    """Widen, convolve each channel by itself, weight the channels, narrow.

    Source: torchvision.models.efficientnet.MBConv
    """

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        wide = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layer = partial(Conv2dNormActivation, norm_layer=norm_layer)
        layers = []
        if wide != cnf.input_channels:
            layers.append(layer(cnf.input_channels, wide, kernel_size=1, activation_layer=SiLU))
        layers.append(
            layer(
                wide,
                wide,
                kernel_size=cnf.kernel,
                stride=cnf.stride,
                groups=wide,
                activation_layer=SiLU,
            )
        )
        squeezed = max(1, cnf.input_channels // 4)
        layers.append(se_layer(wide, squeezed, activation=partial(SiLU, inplace=True)))
        layers.append(layer(wide, cnf.out_channels, kernel_size=1, activation_layer=None))
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """Widen by a whole convolution, narrow.

    Source: torchvision.models.efficientnet.FusedMBConv
    """

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        wide = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        narrow = wide == cnf.input_channels
        layer = partial(Conv2dNormActivation, norm_layer=norm_layer)
        first_out = cnf.out_channels if narrow else wide
        layers = [
            layer(
                cnf.input_channels,
                first_out,
                kernel_size=cnf.kernel,
                stride=cnf.stride,
                activation_layer=SiLU,
            )
        ]
        if not narrow:
            layers.append(layer(wide, cnf.out_channels, kernel_size=1, activation_layer=None))
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(Module):
    """Stages of MBConv or FusedMBConv blocks, the mean over the picture and a linear layer.

    Args:
        inverted_residual_setting: a list of MBConvConfig and FusedMBConvConfig.
        dropout: before the linear layer.
        stochastic_depth_prob: of the last block; it grows from 0 block by block.
        last_channel: channels after the last convolution, by default four times those before it.

    Source: torchvision.models.EfficientNet, after Tan and Le 2019 and 2021.
    """

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(stage, _MBConvConfig) for stage in inverted_residual_setting):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or BatchNorm2d
        layer = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=SiLU)
        layers = [layer(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2)]
        layers += _stages(inverted_residual_setting, stochastic_depth_prob, norm_layer)
        last_in = inverted_residual_setting[-1].out_channels
        last_out = 4 * last_in if last_channel is None else last_channel
        layers.append(layer(last_in, last_out, kernel_size=1))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = Sequential(Dropout(p=dropout, inplace=True), Linear(last_out, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    init.zeros_(module.bias)
            elif isinstance(module, (BatchNorm2d, GroupNorm)):
                init.ones_(module.weight)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                bound = 1.0 / math.sqrt(module.out_features)
                init.uniform_(module.weight, -bound, bound)
                init.zeros_(module.bias)

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(fn.flatten(x, 1))


def _stages(settings, stochastic_depth_prob, norm_layer):
    total = sum(stage.num_layers for stage in settings)
    built = 0
    stages = []
    for setting in settings:
        blocks = []
        for index in range(setting.num_layers):
            cnf = copy.copy(setting)
            if index > 0:
                cnf.input_channels = cnf.out_channels
                cnf.stride = 1
            blocks.append(cnf.block(cnf, stochastic_depth_prob * float(built) / total, norm_layer))
            built += 1
        stages.append(Sequential(*blocks))
    return stages


# (expand_ratio, kernel, stride, input_channels, out_channels, num_layers) of each stage.
_B_STAGES = [
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
]
# Fused stages, then the others.
_V2_STAGES = {
    "s": (
        [(1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)],
        [(4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)],
    ),
    "m": (
        [(1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)],
        [(4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)],
    ),
    "l": (
        [(1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)],
        [(4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)],
    ),
}


def _b(weights, width_mult, depth_mult, dropout, settings, norm_layer=None):
    stages = [MBConvConfig(*stage, width_mult=width_mult, depth_mult=depth_mult) for stage in _B_STAGES]
    dropout = settings.pop("dropout", dropout)
    settings.setdefault("norm_layer", norm_layer)
    return loaded(EfficientNet(stages, dropout, **settings), weights)


def _v2(weights, size, dropout, settings):
    fused, others = _V2_STAGES[size]
    stages = [FusedMBConvConfig(*stage) for stage in fused] + [MBConvConfig(*stage) for stage in others]
    dropout = settings.pop("dropout", dropout)
    settings.setdefault("norm_layer", partial(BatchNorm2d, eps=1e-03))
    settings.setdefault("last_channel", 1280)
    return loaded(EfficientNet(stages, dropout, **settings), weights)


def _published(filename, num_params, crop_size, resize_size, interpolation="bicubic", **preset):
    mode = InterpolationMode(interpolation)
    return imagenet_weights(filename, num_params, crop_size, resize_size, interpolation=mode, **preset)


class EfficientNet_B0_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b0_rwightman-7f5810bc.pth", 5288548, 224, 256)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B1_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b1_rwightman-bac287d4.pth", 7794184, 240, 256)
    IMAGENET1K_V2 = _published("efficientnet_b1-c27df63c.pth", 7794184, 240, 255, "bilinear")
    DEFAULT = IMAGENET1K_V2


class EfficientNet_B2_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b2_rwightman-c35c1473.pth", 9109994, 288, 288)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B3_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b3_rwightman-b3899882.pth", 12233232, 300, 320)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B4_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b4_rwightman-23ab8bcd.pth", 19341616, 380, 384)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B5_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b5_lukemelas-1a07897c.pth", 30389784, 456, 456)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B6_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b6_lukemelas-24a108a5.pth", 43040704, 528, 528)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_B7_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_b7_lukemelas-c5b4e57e.pth", 66347960, 600, 600)
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_S_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_v2_s-dd5fe13b.pth", 21458488, 384, 384, "bilinear")
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_M_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published("efficientnet_v2_m-dc08266a.pth", 54139356, 480, 480, "bilinear")
    DEFAULT = IMAGENET1K_V1


class EfficientNet_V2_L_Weights(WeightsEnum):
    IMAGENET1K_V1 = _published(
        "efficientnet_v2_l-59c71312.pth", 118515272, 480, 480, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    )
    DEFAULT = IMAGENET1K_V1


@register_model(EfficientNet_B0_Weights)
def efficientnet_b0(weights, **settings):
    """EfficientNet B0. `weights`: None, a path, or a member of its enum; `settings`: of `EfficientNet`."""
    return _b(weights, 1.0, 1.0, 0.2, settings)


@register_model(EfficientNet_B1_Weights)
def efficientnet_b1(weights, **settings):
    """EfficientNet B1."""
    return _b(weights, 1.0, 1.1, 0.2, settings)


@register_model(EfficientNet_B2_Weights)
def efficientnet_b2(weights, **settings):
    """EfficientNet B2."""
    return _b(weights, 1.1, 1.2, 0.3, settings)


@register_model(EfficientNet_B3_Weights)
def efficientnet_b3(weights, **settings):
    """EfficientNet B3."""
    return _b(weights, 1.2, 1.4, 0.3, settings)


@register_model(EfficientNet_B4_Weights)
def efficientnet_b4(weights, **settings):
    """EfficientNet B4."""
    return _b(weights, 1.4, 1.8, 0.4, settings)


_LARGE_NORM = partial(BatchNorm2d, eps=0.001, momentum=0.01)


@register_model(EfficientNet_B5_Weights)
def efficientnet_b5(weights, **settings):
    """EfficientNet B5."""
    return _b(weights, 1.6, 2.2, 0.4, settings, _LARGE_NORM)


@register_model(EfficientNet_B6_Weights)
def efficientnet_b6(weights, **settings):
    """EfficientNet B6."""
    return _b(weights, 1.8, 2.6, 0.5, settings, _LARGE_NORM)


@register_model(EfficientNet_B7_Weights)
def efficientnet_b7(weights, **settings):
    """EfficientNet B7."""
    return _b(weights, 2.0, 3.1, 0.5, settings, _LARGE_NORM)


@register_model(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(weights, **settings):
    """EfficientNet V2, small."""
    return _v2(weights, "s", 0.2, settings)


@register_model(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(weights, **settings):
    """EfficientNet V2, medium."""
    return _v2(weights, "m", 0.3, settings)


@register_model(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(weights, **settings):
    """EfficientNet V2, large."""
    return _v2(weights, "l", 0.4, settings)
