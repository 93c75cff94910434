"""GoogLeNet (Inception v1, with batch norm)."""

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
    Sequential,
    init,
)
from ...nn import functional as nnf
from ._api import WeightsEnum, imagenet_weights, register_model, state_dict_of

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])
_GoogLeNetOutputs = GoogLeNetOutputs


class BasicConv2d(Module):
    """A convolution without bias, batch norm and ReLU.

    Source: torchvision.models.googlenet.BasicConv2d
    """

    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__()
        self.conv = Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return nnf.relu(self.bn(self.conv(x)), inplace=True)


class Inception(Module):
    """Four branches side by side: convolutions of 1, of 3, of 3 again (5 in the paper), and a pooling.

    Source: torchvision.models.googlenet.Inception
    """

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, conv_block=None):
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        # Kernels of 3 where the paper has 5: the published weights were trained so.
        self.branch3 = Sequential(
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = Sequential(
            MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x):
        return fn.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(Module):
    """A classifier halfway through the network, for training alone.

    Source: torchvision.models.googlenet.InceptionAux
    """

    def __init__(self, in_channels, num_classes, conv_block=None, dropout=0.7):
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = Linear(2048, 1024)
        self.fc2 = Linear(1024, num_classes)
        self.dropout = Dropout(p=dropout)

    def forward(self, x):
        x = self.conv(nnf.adaptive_avg_pool2d(x, (4, 4)))
        x = nnf.relu(self.fc1(fn.flatten(x, 1)), inplace=True)
        return self.fc2(self.dropout(x))


class GoogLeNet(Module):
    """Nine inception modules; while training with aux_logits it gives GoogLeNetOutputs, else the logits.

    Args:
        aux_logits: have the two classifiers halfway.
        transform_input: the input is normalized as for ResNet; bring it to (-1, 1) as the published weights
            want it.

    Source: torchvision.models.GoogLeNet, after Szegedy et al. 2015.
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        transform_input=False,
        init_weights=True,
        blocks=None,
        dropout=0.2,
        dropout_aux=0.7,
    ):
        super().__init__()
        conv, inception, aux = blocks or (BasicConv2d, Inception, InceptionAux)
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = aux(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = aux(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.dropout = Dropout(p=dropout)
        self.fc = Linear(1024, num_classes)
        if init_weights or init_weights is None:
            for module in self.modules():
                if isinstance(module, (Conv2d, Linear)):
                    init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)
                elif isinstance(module, BatchNorm2d):
                    init.constant_(module.weight, 1)
                    init.constant_(module.bias, 0)

    def forward(self, x):
        if self.transform_input:
            x = halved_range(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        helping = self.training and self.aux1 is not None
        aux1 = self.aux1(x) if helping else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if helping else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(fn.flatten(self.avgpool(x), 1)))
        return GoogLeNetOutputs(x, aux2, aux1) if self.training and self.aux_logits else x


def halved_range(x):
    """An input normalized with ImageNet's mean and std, normalized with 0.5 and 0.5 instead."""
    channels = [
        x[:, index : index + 1] * (std / 0.5) + (mean - 0.5) / 0.5
        for index, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)])
    ]
    return fn.cat(channels, 1)


def with_published_weights(model_class, weights, settings, drop_aux):
    """A model with auxiliary classifiers, as the published weights want it built.

    They come with the auxiliary classifiers, which `drop_aux(model)` removes when they were not asked for.
    """
    aux_logits = settings.pop("aux_logits", None)
    if weights is None:
        return model_class(aux_logits=True if aux_logits is None else aux_logits, **settings)
    state_dict = state_dict_of(weights)
    published = isinstance(weights, WeightsEnum)
    if published:
        settings.setdefault("transform_input", True)
    settings["init_weights"] = False
    has_aux = any(name.lower().startswith("aux") for name in state_dict)
    model = model_class(aux_logits=has_aux, **settings)
    model.load_state_dict(state_dict)
    if has_aux and not aux_logits and (published or aux_logits is False):
        drop_aux(model)
    return model


def _without_aux(model):
    model.aux_logits = False
    model.aux1 = None
    model.aux2 = None


class GoogLeNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("googlenet-1378be20.pth", 6624904, min_size=(15, 15))
    DEFAULT = IMAGENET1K_V1


@register_model(GoogLeNet_Weights)
def googlenet(weights, **settings):
    """GoogLeNet. `weights`: None, a path, or a member of GoogLeNet_Weights; `settings`: of `GoogLeNet`.

    Published weights come with the auxiliary classifiers dropped, unless aux_logits=True.
    """
    return with_published_weights(GoogLeNet, weights, settings, _without_aux)
