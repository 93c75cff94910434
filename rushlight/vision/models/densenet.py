"""DenseNet with 121, 161, 169 and 201 layers."""

import re
from collections import OrderedDict

from ... import functions as fn
from ...nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Linear,
    MaxPool2d,
    Module,
    ModuleDict,
    ReLU,
    Sequential,
    init,
)
from ...nn import functional as nnf
from ...tensor import Tensor
from ._api import WeightsEnum, imagenet_weights, register_model, state_dict_of


class _DenseLayer(Module):
    """Norm, ReLU and convolution twice, on everything made so far in the block."""

    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate):
        super().__init__()
        self.norm1 = BatchNorm2d(num_input_features)
        self.relu1 = ReLU(inplace=True)
        self.conv1 = Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, stride=1, bias=False)
        self.norm2 = BatchNorm2d(bn_size * growth_rate)
        self.relu2 = ReLU(inplace=True)
        self.conv2 = Conv2d(
            bn_size * growth_rate, growth_rate, kernel_size=3, stride=1, padding=1, bias=False
        )
        self.drop_rate = float(drop_rate)

    def forward(self, input):
        features = [input] if isinstance(input, Tensor) else input
        narrow = self.conv1(self.relu1(self.norm1(fn.cat(features, 1))))
        new = self.conv2(self.relu2(self.norm2(narrow)))
        if self.drop_rate > 0:
            new = nnf.dropout(new, p=self.drop_rate, training=self.training)
        return new


class _DenseBlock(ModuleDict):
    """Layers that each see the outputs of all before them."""

    def __init__(self, num_layers, num_input_features, bn_size, growth_rate, drop_rate):
        super().__init__()
        for index in range(num_layers):
            layer = _DenseLayer(num_input_features + index * growth_rate, growth_rate, bn_size, drop_rate)
            self.add_module(f"denselayer{index + 1}", layer)

    def forward(self, init_features):
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return fn.cat(features, 1)


class _Transition(Sequential):
    """Half as many channels, half the size."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = BatchNorm2d(num_input_features)
        self.relu = ReLU(inplace=True)
        self.conv = Conv2d(num_input_features, num_output_features, kernel_size=1, stride=1, bias=False)
        self.pool = AvgPool2d(kernel_size=2, stride=2)


class DenseNet(Module):
    """Dense blocks with transitions between them, the mean over the picture and a linear layer.

    Args:
        growth_rate: channels that each layer adds.
        block_config: layers in each block.
        num_init_features: channels after the first convolution.
        bn_size: channels inside a layer, as a multiple of growth_rate.
        drop_rate: of the dropout after each layer.

    Source: torchvision.models.DenseNet, after Huang et al. 2017.
    """

    def __init__(
        self,
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        bn_size=4,
        drop_rate=0,
        num_classes=1000,
        memory_efficient=False,
    ):
        super().__init__()
        self.features = Sequential(
            OrderedDict(
                conv0=Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=BatchNorm2d(num_init_features),
                relu0=ReLU(inplace=True),
                pool0=MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        channels = num_init_features
        for index, num_layers in enumerate(block_config):
            block = _DenseBlock(num_layers, channels, bn_size, growth_rate, drop_rate)
            self.features.add_module(f"denseblock{index + 1}", block)
            channels += num_layers * growth_rate
            if index != len(block_config) - 1:
                self.features.add_module(f"transition{index + 1}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", BatchNorm2d(channels))
        self.classifier = Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight)
            elif isinstance(module, BatchNorm2d):
                init.constant_(module.weight, 1)
                init.constant_(module.bias, 0)
            elif isinstance(module, Linear):
                init.constant_(module.bias, 0)

    def forward(self, x):
        features = nnf.relu(self.features(x), inplace=True)
        pooled = nnf.adaptive_avg_pool2d(features, (1, 1))
        return self.classifier(fn.flatten(pooled, 1))


def _densenet(weights, growth_rate, block_config, num_init_features, settings):
    model = DenseNet(growth_rate, block_config, num_init_features, **settings)
    state_dict = state_dict_of(weights)
    if state_dict is not None:
        model.load_state_dict({_present_name(name): value for name, value in state_dict.items()})
    return model


def _present_name(name):
    """Published files say denselayer1.norm.1.weight where the module is denselayer1.norm1.weight."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", name)


class DenseNet121_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("densenet121-a639ec97.pth", 7978856, min_size=(29, 29))
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("densenet161-8d451a50.pth", 28681000, min_size=(29, 29))
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("densenet169-b2777c0a.pth", 14149480, min_size=(29, 29))
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("densenet201-c1103571.pth", 20013928, min_size=(29, 29))
    DEFAULT = IMAGENET1K_V1


@register_model(DenseNet121_Weights)
def densenet121(weights, **settings):
    """DenseNet with 121 layers. `weights`: None, a path, or a member of its enum; `settings`: of DenseNet."""
    return _densenet(weights, 32, (6, 12, 24, 16), 64, settings)


@register_model(DenseNet161_Weights)
def densenet161(weights, **settings):
    """DenseNet with 161 layers."""
    return _densenet(weights, 48, (6, 12, 36, 24), 96, settings)


@register_model(DenseNet169_Weights)
def densenet169(weights, **settings):
    """DenseNet with 169 layers."""
    return _densenet(weights, 32, (6, 12, 32, 32), 64, settings)


@register_model(DenseNet201_Weights)
def densenet201(weights, **settings):
    """DenseNet with 201 layers."""
    return _densenet(weights, 32, (6, 12, 48, 32), 64, settings)
