"""MobileNet V2."""

from functools import partial

from ...nn import BatchNorm2d, Conv2d, Dropout, GroupNorm, Linear, Module, ReLU6, Sequential, init
from ...nn import functional as nnf
from ..ops.misc import Conv2dNormActivation
from ._api import WeightsEnum, imagenet_weights, loaded, register_model
from ._utils import _make_divisible

# (expansion, channels, blocks, stride of the first) of each stage.
_STAGES = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
]


class InvertedResidual(Module):
    """Widen, convolve each channel by itself, narrow; with a shortcut where the shape stays.

    Source: torchvision.models.mobilenetv2.InvertedResidual
    """

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        self.stride = stride
        norm_layer = norm_layer or BatchNorm2d
        hidden = int(round(inp * expand_ratio))
        self.use_res_connect = stride == 1 and inp == oup
        block = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=ReLU6)
        layers = [] if expand_ratio == 1 else [block(inp, hidden, kernel_size=1)]
        layers += [
            block(hidden, hidden, stride=stride, groups=hidden),
            Conv2d(hidden, oup, 1, 1, 0, bias=False),
            norm_layer(oup),
        ]
        self.conv = Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(Module):
    """Inverted residual blocks, the mean over the picture and a linear layer.

    Args:
        width_mult: factor of all channels.
        inverted_residual_setting: a list of [expansion, channels, blocks, stride].
        round_nearest: channels are whole multiples of this.

    Source: torchvision.models.MobileNetV2, after Sandler et al. 2018.
    """

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if not stages or len(stages[0]) != 4:
            raise ValueError(
                "inverted_residual_setting should be non-empty or a 4-element list, got "
                f"{inverted_residual_setting}"
            )
        in_channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layer = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=ReLU6)
        features = [layer(3, in_channels, stride=2)]
        for expansion, channels, count, first_stride in stages:
            out_channels = _make_divisible(channels * width_mult, round_nearest)
            for index in range(count):
                stride = first_stride if index == 0 else 1
                features.append(
                    block(in_channels, out_channels, stride, expand_ratio=expansion, norm_layer=norm_layer)
                )
                in_channels = out_channels
        features.append(layer(in_channels, self.last_channel, kernel_size=1))
        self.features = Sequential(*features)
        self.classifier = Sequential(Dropout(p=dropout), Linear(self.last_channel, num_classes))
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    init.zeros_(module.bias)
            elif isinstance(module, (BatchNorm2d, GroupNorm)):
                init.ones_(module.weight)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01)
                init.zeros_(module.bias)

    def forward(self, x):
        x = nnf.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


class MobileNet_V2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("mobilenet_v2-b0353104.pth", 3504872)
    IMAGENET1K_V2 = imagenet_weights("mobilenet_v2-7ebf99e0.pth", 3504872, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@register_model(MobileNet_V2_Weights)
def mobilenet_v2(weights, **settings):
    """MobileNet V2. `weights`: None, a path, or a member of its enum; `settings`: of `MobileNetV2`."""
    return loaded(MobileNetV2(**settings), weights)
