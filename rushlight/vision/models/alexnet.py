"""AlexNet."""

from ... import functions as fn
from ...nn import AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, Module, ReLU, Sequential
from ._api import WeightsEnum, imagenet_weights, loaded, register_model


class AlexNet(Module):
    """Five convolutions and three linear layers, for inputs (N, 3, H, W) of 63 pixels or more.

    Source: torchvision.models.AlexNet, after Krizhevsky 2014.
    """

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = Sequential(
            Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            ReLU(inplace=True),
            MaxPool2d(kernel_size=3, stride=2),
            Conv2d(64, 192, kernel_size=5, padding=2),
            ReLU(inplace=True),
            MaxPool2d(kernel_size=3, stride=2),
            Conv2d(192, 384, kernel_size=3, padding=1),
            ReLU(inplace=True),
            Conv2d(384, 256, kernel_size=3, padding=1),
            ReLU(inplace=True),
            Conv2d(256, 256, kernel_size=3, padding=1),
            ReLU(inplace=True),
            MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = AdaptiveAvgPool2d((6, 6))
        self.classifier = Sequential(
            Dropout(p=dropout),
            Linear(256 * 6 * 6, 4096),
            ReLU(inplace=True),
            Dropout(p=dropout),
            Linear(4096, 4096),
            ReLU(inplace=True),
            Linear(4096, num_classes),
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(fn.flatten(x, 1))


class AlexNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("alexnet-owt-7be5be79.pth", 61100840, min_size=(63, 63))
    DEFAULT = IMAGENET1K_V1


@register_model(AlexNet_Weights)
def alexnet(weights, **settings):
    """AlexNet.

    Args:
        weights: None, a path, or a member of AlexNet_Weights.
        settings: of `AlexNet`.
    """
    return loaded(AlexNet(**settings), weights)
