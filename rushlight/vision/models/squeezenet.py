"""SqueezeNet 1.0 and 1.1."""

from ... import functions as fn
from ...nn import AdaptiveAvgPool2d, Conv2d, Dropout, MaxPool2d, Module, ReLU, Sequential, init
from ._api import WeightsEnum, imagenet_weights, loaded, register_model


class Fire(Module):
    """A narrow convolution of 1 by 1, then convolutions of 1 by 1 and 3 by 3 side by side.

    Source: torchvision.models.squeezenet.Fire
    """

    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = ReLU(inplace=True)
        self.expand1x1 = Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = ReLU(inplace=True)
        self.expand3x3 = Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        wide = self.expand1x1_activation(self.expand1x1(x))
        deep = self.expand3x3_activation(self.expand3x3(x))
        return fn.cat([wide, deep], 1)


class SqueezeNet(Module):
    """Fire modules between poolings, and a convolution as classifier.

    Args:
        version: "1_0" or "1_1".

    Source: torchvision.models.SqueezeNet, after Iandola et al. 2016.
    """

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        self.num_classes = num_classes
        if version == "1_0":
            self.features = Sequential(
                Conv2d(3, 96, kernel_size=7, stride=2),
                ReLU(inplace=True),
                _pooling(),
                Fire(96, 16, 64, 64),
                Fire(128, 16, 64, 64),
                Fire(128, 32, 128, 128),
                _pooling(),
                Fire(256, 32, 128, 128),
                Fire(256, 48, 192, 192),
                Fire(384, 48, 192, 192),
                Fire(384, 64, 256, 256),
                _pooling(),
                Fire(512, 64, 256, 256),
            )
        elif version == "1_1":
            self.features = Sequential(
                Conv2d(3, 64, kernel_size=3, stride=2),
                ReLU(inplace=True),
                _pooling(),
                Fire(64, 16, 64, 64),
                Fire(128, 16, 64, 64),
                _pooling(),
                Fire(128, 32, 128, 128),
                Fire(256, 32, 128, 128),
                _pooling(),
                Fire(256, 48, 192, 192),
                Fire(384, 48, 192, 192),
                Fire(384, 64, 256, 256),
                Fire(512, 64, 256, 256),
            )
        else:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        final_conv = Conv2d(512, self.num_classes, kernel_size=1)
        self.classifier = Sequential(
            Dropout(p=dropout), final_conv, ReLU(inplace=True), AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, Conv2d):
                if module is final_conv:
                    init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    init.kaiming_uniform_(module.weight)
                if module.bias is not None:
                    init.constant_(module.bias, 0)

    def forward(self, x):
        return fn.flatten(self.classifier(self.features(x)), 1)


def _pooling():
    return MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


class SqueezeNet1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("squeezenet1_0-b66bff10.pth", 1248424, min_size=(21, 21))
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("squeezenet1_1-b8a52dc0.pth", 1235496, min_size=(17, 17))
    DEFAULT = IMAGENET1K_V1


@register_model(SqueezeNet1_0_Weights)
def squeezenet1_0(weights, **settings):
    """SqueezeNet 1.0. `weights`: None, a path, or a member of its enum; `settings`: of `SqueezeNet`."""
    return loaded(SqueezeNet("1_0", **settings), weights)


@register_model(SqueezeNet1_1_Weights)
def squeezenet1_1(weights, **settings):
    """SqueezeNet 1.1, as accurate with less than half of the work."""
    return loaded(SqueezeNet("1_1", **settings), weights)
