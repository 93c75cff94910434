"""VGG with 11, 13, 16 and 19 layers, with and without batch norm."""

from ... import functions as fn
from ...nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from ._api import Weights, WeightsEnum, imagenet_weights, loaded, register_model

# Output channels of each convolution; "M" is a pooling.
cfgs = {
    "A": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "B": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "D": [64, 64, "M", 128, 128, "M"] + ([256] * 3 + ["M"]) + ([512] * 3 + ["M"]) * 2,
    "E": [64, 64, "M", 128, 128, "M"] + ([256] * 4 + ["M"]) + ([512] * 4 + ["M"]) * 2,
}


class VGG(Module):
    """Convolutions of 3 by 3, pooled five times, and three linear layers.

    Args:
        features: the convolutional part, as `make_layers` builds it.

    Source: torchvision.models.VGG, after Simonyan and Zisserman 2015.
    """

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = AdaptiveAvgPool2d((7, 7))
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096),
            ReLU(True),
            Dropout(p=dropout),
            Linear(4096, 4096),
            ReLU(True),
            Dropout(p=dropout),
            Linear(4096, num_classes),
        )
        if init_weights:
            self._initialize_weights()

    def _initialize_weights(self):
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    init.constant_(module.bias, 0)
            elif isinstance(module, BatchNorm2d):
                init.constant_(module.weight, 1)
                init.constant_(module.bias, 0)
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01)
                init.constant_(module.bias, 0)

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(fn.flatten(x, 1))


def make_layers(cfg, batch_norm=False):
    """The convolutional part for a list such as those in `cfgs`."""
    layers = []
    in_channels = 3
    for entry in cfg:
        if entry == "M":
            layers.append(MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(Conv2d(in_channels, entry, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(BatchNorm2d(entry))
        layers.append(ReLU(inplace=True))
        in_channels = entry
    return Sequential(*layers)


def _vgg(weights, cfg, batch_norm, settings):
    if weights is not None:
        settings["init_weights"] = False
    return loaded(VGG(make_layers(cfgs[cfg], batch_norm), **settings), weights)


class VGG11_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg11-8a719046.pth", 132863336, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg11_bn-6002323d.pth", 132868840, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg13-19584684.pth", 133047848, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg13_bn-abd245e5.pth", 133053736, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


def _features_only():
    """VGG16 trained by the authors of SSD; its preprocessing leaves values in 0 to 255."""
    scaled = {"mean": (0.48235, 0.45882, 0.40784), "std": (1.0 / 255.0,) * 3}
    published = imagenet_weights(
        "vgg16_features-amdegroot-88682ab5.pth", 138357544, min_size=(32, 32), **scaled
    )
    return Weights(published.url, published.transforms, dict(published.meta, categories=None))


class VGG16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg16-397923af.pth", 138357544, min_size=(32, 32))
    IMAGENET1K_FEATURES = _features_only()
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg16_bn-6c64b313.pth", 138365992, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg19-dcbb9e9d.pth", 143667240, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("vgg19_bn-c79401a0.pth", 143678248, min_size=(32, 32))
    DEFAULT = IMAGENET1K_V1


@register_model(VGG11_Weights)
def vgg11(weights, **settings):
    """VGG with 11 layers. `weights`: None, a path, or a member of its enum; `settings`: of `VGG`."""
    return _vgg(weights, "A", False, settings)


@register_model(VGG11_BN_Weights)
def vgg11_bn(weights, **settings):
    """VGG with 11 layers and batch norm."""
    return _vgg(weights, "A", True, settings)


@register_model(VGG13_Weights)
def vgg13(weights, **settings):
    """VGG with 13 layers."""
    return _vgg(weights, "B", False, settings)


@register_model(VGG13_BN_Weights)
def vgg13_bn(weights, **settings):
    """VGG with 13 layers and batch norm."""
    return _vgg(weights, "B", True, settings)


@register_model(VGG16_Weights)
def vgg16(weights, **settings):
    """VGG with 16 layers."""
    return _vgg(weights, "D", False, settings)


@register_model(VGG16_BN_Weights)
def vgg16_bn(weights, **settings):
    """VGG with 16 layers and batch norm."""
    return _vgg(weights, "D", True, settings)


@register_model(VGG19_Weights)
def vgg19(weights, **settings):
    """VGG with 19 layers."""
    return _vgg(weights, "E", False, settings)


@register_model(VGG19_BN_Weights)
def vgg19_bn(weights, **settings):
    """VGG with 19 layers and batch norm."""
    return _vgg(weights, "E", True, settings)
