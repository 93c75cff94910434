"""Inception v3."""

from collections import namedtuple

from ... import functions as fn
from ...nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    init,
)
from ...nn import functional as nnf
from ._api import WeightsEnum, imagenet_weights, register_model
from .googlenet import BasicConv2d, halved_range, with_published_weights

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
_InceptionOutputs = InceptionOutputs


class InceptionA(Module):
    """Convolutions of 1, of 5, of 3 twice, and a pooling, side by side.

    Source: torchvision.models.inception.InceptionA
    """

    def __init__(self, in_channels, pool_features, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def _forward(self, x):
        single = self.branch1x1(x)
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = self.branch_pool(nnf.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return [single, five, double, pooled]

    def forward(self, x):
        return fn.cat(self._forward(x), 1)


class InceptionB(Module):
    """Half the size: a convolution of 3, of 3 twice, and a pooling.

    Source: torchvision.models.inception.InceptionB
    """

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def _forward(self, x):
        single = self.branch3x3(x)
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [single, double, nnf.max_pool2d(x, kernel_size=3, stride=2)]

    def forward(self, x):
        return fn.cat(self._forward(x), 1)


class InceptionC(Module):
    """Convolutions of 1, of 7 along each side once and twice, and a pooling.

    Source: torchvision.models.inception.InceptionC
    """

    def __init__(self, in_channels, channels_7x7, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        c7 = channels_7x7
        across = {"kernel_size": (1, 7), "padding": (0, 3)}
        down = {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7_2 = conv(c7, c7, **across)
        self.branch7x7_3 = conv(c7, 192, **down)
        self.branch7x7dbl_1 = conv(in_channels, c7, kernel_size=1)
        self.branch7x7dbl_2 = conv(c7, c7, **down)
        self.branch7x7dbl_3 = conv(c7, c7, **across)
        self.branch7x7dbl_4 = conv(c7, c7, **down)
        self.branch7x7dbl_5 = conv(c7, 192, **across)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def _forward(self, x):
        single = self.branch1x1(x)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        pooled = self.branch_pool(nnf.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return [single, seven, double, pooled]

    def forward(self, x):
        return fn.cat(self._forward(x), 1)


class InceptionD(Module):
    """Half the size: a convolution of 3, of 7 along each side and 3, and a pooling.

    Source: torchvision.models.inception.InceptionD
    """

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def _forward(self, x):
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return [three, self.branch7x7x3_4(seven), nnf.max_pool2d(x, kernel_size=3, stride=2)]

    def forward(self, x):
        return fn.cat(self._forward(x), 1)


class InceptionE(Module):
    """Convolutions of 1, of 3 split into its sides once and twice, and a pooling.

    Source: torchvision.models.inception.InceptionE
    """

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3_2b = conv(384, 384, kernel_size=(3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = conv(384, 384, kernel_size=(3, 1), padding=(1, 0))
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def _forward(self, x):
        single = self.branch1x1(x)
        three = self.branch3x3_1(x)
        three = fn.cat([self.branch3x3_2a(three), self.branch3x3_2b(three)], 1)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = fn.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], 1)
        pooled = self.branch_pool(nnf.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return [single, three, double, pooled]

    def forward(self, x):
        return fn.cat(self._forward(x), 1)


class InceptionAux(Module):
    """A classifier partway through the network, for training alone.

    Source: torchvision.models.inception.InceptionAux
    """

    def __init__(self, in_channels, num_classes, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc = Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x):
        x = self.conv1(self.conv0(nnf.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(fn.flatten(nnf.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inception3(Module):
    """Inception v3 for (N, 3, 299, 299); training with aux_logits it gives InceptionOutputs, else logits.

    Args:
        aux_logits: have the classifier partway.
        transform_input: the input is normalized as for ResNet; bring it to (-1, 1) as the published weights
            want it.
        inception_blocks: seven classes for the convolution, the modules A to E and the classifier.

    Source: torchvision.models.Inception3, after Szegedy et al. 2016.
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        transform_input=False,
        inception_blocks=None,
        init_weights=True,
        dropout=0.5,
    ):
        super().__init__()
        blocks = inception_blocks or [
            BasicConv2d,
            InceptionA,
            InceptionB,
            InceptionC,
            InceptionD,
            InceptionE,
            InceptionAux,
        ]
        if len(blocks) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        conv, A, B, C, D, E, aux = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = A(192, pool_features=32)
        self.Mixed_5c = A(256, pool_features=64)
        self.Mixed_5d = A(288, pool_features=64)
        self.Mixed_6a = B(288)
        self.Mixed_6b = C(768, channels_7x7=128)
        self.Mixed_6c = C(768, channels_7x7=160)
        self.Mixed_6d = C(768, channels_7x7=160)
        self.Mixed_6e = C(768, channels_7x7=192)
        self.AuxLogits = aux(768, num_classes) if aux_logits else None
        self.Mixed_7a = D(768)
        self.Mixed_7b = E(1280)
        self.Mixed_7c = E(2048)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.dropout = Dropout(p=dropout)
        self.fc = Linear(2048, num_classes)
        if init_weights or init_weights is None:
            self._initialize_weights()

    def _initialize_weights(self):
        for module in self.modules():
            if isinstance(module, (Conv2d, Linear)):
                std = float(getattr(module, "stddev", 0.1))
                init.trunc_normal_(module.weight, mean=0.0, std=std, a=-2, b=2)
            elif isinstance(module, BatchNorm2d):
                init.constant_(module.weight, 1)
                init.constant_(module.bias, 0)

    def forward(self, x):
        if self.transform_input:
            x = halved_range(x)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        aux = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(fn.flatten(self.dropout(self.avgpool(x)), 1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


def _without_aux(model):
    model.aux_logits = False
    model.AuxLogits = None


class Inception_V3_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights(
        "inception_v3_google-0cc3c7bd.pth", 27161264, crop_size=299, resize_size=342, min_size=(75, 75)
    )
    DEFAULT = IMAGENET1K_V1


@register_model(Inception_V3_Weights)
def inception_v3(weights, **settings):
    """Inception v3. `weights`: None, a path, or a member of its enum; `settings`: of `Inception3`.

    Published weights come with the auxiliary classifier dropped, unless aux_logits=True.
    """
    return with_published_weights(Inception3, weights, settings, _without_aux)
