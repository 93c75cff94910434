"""ResNet with 18 to 152 layers, ResNeXt and wide ResNet.

Modules are made in torchvision's order and under its names: a seed gives the same weights, a state dict fits
both ways.
"""

from ... import functions as fn
from ...nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    GroupNorm,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)
from ._api import WeightsEnum, imagenet_weights, loaded, register_model


def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
    """A convolution of 3 by 3 that keeps the size at stride 1."""
    return Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes, out_planes, stride=1):
    """A convolution of 1 by 1."""
    return Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(Module):
    """Two convolutions of 3 by 3 beside a shortcut.

    Source: torchvision.models.resnet.BasicBlock
    """

    expansion = 1

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock only supports groups=1 and base_width=64, got groups={groups}, "
                f"base_width={base_width}"
            )
        if dilation > 1:
            raise NotImplementedError(
                f"Dilation > 1 not supported in BasicBlock, got {dilation}; Bottleneck has it"
            )
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class Bottleneck(Module):
    """Convolutions of 1, 3 and 1 beside a shortcut; the middle one has the stride (ResNet V1.5).

    Source: torchvision.models.resnet.Bottleneck
    """

    expansion = 4

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class ResNet(Module):
    """A stem, four stages of blocks, the mean over the picture and a linear layer.

    Args:
        block: BasicBlock, Bottleneck or a class with their constructor.
        layers: number of blocks in each of the four stages.
        zero_init_residual: start each block as the identity, its last norm's weight being 0.
        groups, width_per_group: of ResNeXt and wide ResNet.
        replace_stride_with_dilation: for stages 2 to 4, whether to dilate and keep the size instead of
            striding.
        norm_layer: BatchNorm2d by default.

    Source: torchvision.models.ResNet, after He et al. 2016.
    """

    def __init__(
        self,
        block,
        layers,
        num_classes=1000,
        zero_init_residual=False,
        groups=1,
        width_per_group=64,
        replace_stride_with_dilation=None,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or BatchNorm2d
        self._norm_layer = norm_layer
        self.inplanes = 64
        self.dilation = 1
        dilate = replace_stride_with_dilation or [False, False, False]
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None or a 3-element tuple, got "
                f"{replace_stride_with_dilation}"
            )
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = norm_layer(self.inplanes)
        self.relu = ReLU(inplace=True)
        self.maxpool = MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(512 * block.expansion, num_classes)
        self._initialize_weights(zero_init_residual)

    def _initialize_weights(self, zero_init_residual):
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (BatchNorm2d, GroupNorm)):
                init.constant_(module.weight, 1)
                init.constant_(module.bias, 0)
        if not zero_init_residual:
            return
        for module in self.modules():
            if isinstance(module, Bottleneck) and module.bn3.weight is not None:
                init.constant_(module.bn3.weight, 0)
            elif isinstance(module, BasicBlock) and module.bn2.weight is not None:
                init.constant_(module.bn2.weight, 0)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        norm_layer = self._norm_layer
        downsample = None
        previous_dilation = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = Sequential(
                conv1x1(self.inplanes, planes * block.expansion, stride),
                norm_layer(planes * block.expansion),
            )
        first = block(
            self.inplanes,
            planes,
            stride,
            downsample,
            self.groups,
            self.base_width,
            previous_dilation,
            norm_layer,
        )
        self.inplanes = planes * block.expansion
        others = [
            block(
                self.inplanes,
                planes,
                groups=self.groups,
                base_width=self.base_width,
                dilation=self.dilation,
                norm_layer=norm_layer,
            )
            for _ in range(1, blocks)
        ]
        return Sequential(first, *others)

    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(fn.flatten(self.avgpool(x), 1))

    def forward(self, x):
        return self._forward_impl(x)


class ResNet18_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnet18-f37072fd.pth", 11689512)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnet34-b627a593.pth", 21797672)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnet50-0676ba61.pth", 25557032)
    IMAGENET1K_V2 = imagenet_weights("resnet50-11ad3fa6.pth", 25557032, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnet101-63fe2227.pth", 44549160)
    IMAGENET1K_V2 = imagenet_weights("resnet101-cd907fc2.pth", 44549160, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnet152-394f9c45.pth", 60192808)
    IMAGENET1K_V2 = imagenet_weights("resnet152-f82ba261.pth", 60192808, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt50_32X4D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnext50_32x4d-7cdf4587.pth", 25028904)
    IMAGENET1K_V2 = imagenet_weights("resnext50_32x4d-1a0047aa.pth", 25028904, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_32X8D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnext101_32x8d-8ba56ff5.pth", 88791336)
    IMAGENET1K_V2 = imagenet_weights("resnext101_32x8d-110c445d.pth", 88791336, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt101_64X4D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("resnext101_64x4d-173b62eb.pth", 83455272, resize_size=232)
    DEFAULT = IMAGENET1K_V1


class Wide_ResNet50_2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("wide_resnet50_2-95faca4d.pth", 68883240)
    IMAGENET1K_V2 = imagenet_weights("wide_resnet50_2-9ba9bcbe.pth", 68883240, resize_size=232)
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet101_2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet_weights("wide_resnet101_2-32ee1156.pth", 126886696)
    IMAGENET1K_V2 = imagenet_weights("wide_resnet101_2-d733dc28.pth", 126886696, resize_size=232)
    DEFAULT = IMAGENET1K_V2


@register_model(ResNet18_Weights)
def resnet18(weights, **settings):
    """ResNet with 18 layers. `weights`: None, a path, or a member of its enum; `settings`: of `ResNet`."""
    return loaded(ResNet(BasicBlock, [2, 2, 2, 2], **settings), weights)


@register_model(ResNet34_Weights)
def resnet34(weights, **settings):
    """ResNet with 34 layers."""
    return loaded(ResNet(BasicBlock, [3, 4, 6, 3], **settings), weights)


@register_model(ResNet50_Weights)
def resnet50(weights, **settings):
    """ResNet with 50 layers."""
    return loaded(ResNet(Bottleneck, [3, 4, 6, 3], **settings), weights)


@register_model(ResNet101_Weights)
def resnet101(weights, **settings):
    """ResNet with 101 layers."""
    return loaded(ResNet(Bottleneck, [3, 4, 23, 3], **settings), weights)


@register_model(ResNet152_Weights)
def resnet152(weights, **settings):
    """ResNet with 152 layers."""
    return loaded(ResNet(Bottleneck, [3, 8, 36, 3], **settings), weights)


@register_model(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(weights, **settings):
    """ResNeXt with 50 layers, 32 groups of width 4, after Xie et al. 2017."""
    settings.update(groups=32, width_per_group=4)
    return loaded(ResNet(Bottleneck, [3, 4, 6, 3], **settings), weights)


@register_model(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(weights, **settings):
    """ResNeXt with 101 layers, 32 groups of width 8."""
    settings.update(groups=32, width_per_group=8)
    return loaded(ResNet(Bottleneck, [3, 4, 23, 3], **settings), weights)


@register_model(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(weights, **settings):
    """ResNeXt with 101 layers, 64 groups of width 4."""
    settings.update(groups=64, width_per_group=4)
    return loaded(ResNet(Bottleneck, [3, 4, 23, 3], **settings), weights)


@register_model(Wide_ResNet50_2_Weights)
def wide_resnet50_2(weights, **settings):
    """ResNet with 50 layers whose blocks are twice as wide inside, after Zagoruyko and Komodakis 2016."""
    settings.update(width_per_group=64 * 2)
    return loaded(ResNet(Bottleneck, [3, 4, 6, 3], **settings), weights)


@register_model(Wide_ResNet101_2_Weights)
def wide_resnet101_2(weights, **settings):
    """ResNet with 101 layers whose blocks are twice as wide inside."""
    settings.update(width_per_group=64 * 2)
    return loaded(ResNet(Bottleneck, [3, 4, 23, 3], **settings), weights)
