"""DeepLab v3 on a ResNet with 50 or 101 layers."""

from .... import functions as fn
from ....nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Module,
    ModuleList,
    ReLU,
    Sequential,
)
from ....nn import functional as nnf
from .._api import WeightsEnum, register_model
from ._segmentation import SegmentationModel, build, coco_weights
from .fcn import FCNHead


class DeepLabV3(SegmentationModel):
    """A ResNet with a DeepLabHead.

    Source: torchvision.models.segmentation.DeepLabV3, after Chen et al. 2017.
    """


class DeepLabHead(Sequential):
    """ASPP, a convolution of 3 by 3, and a convolution of 1 by 1 to the classes."""

    def __init__(self, in_channels, num_classes, atrous_rates=(12, 24, 36)):
        super().__init__(
            ASPP(in_channels, atrous_rates),
            Conv2d(256, 256, 3, padding=1, bias=False),
            BatchNorm2d(256),
            ReLU(),
            Conv2d(256, num_classes, 1),
        )


class ASPPConv(Sequential):
    """A dilated convolution of 3 by 3, norm and ReLU."""

    def __init__(self, in_channels, out_channels, dilation):
        super().__init__(
            Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False),
            BatchNorm2d(out_channels),
            ReLU(),
        )


class ASPPPooling(Sequential):
    """The mean over the picture through a convolution of 1 by 1, spread over the picture again."""

    def __init__(self, in_channels, out_channels):
        super().__init__(
            AdaptiveAvgPool2d(1),
            Conv2d(in_channels, out_channels, 1, bias=False),
            BatchNorm2d(out_channels),
            ReLU(),
        )

    def forward(self, x):
        return nnf.interpolate(super().forward(x), size=x.shape[-2:], mode="bilinear", align_corners=False)


class ASPP(Module):
    """Atrous spatial pyramid pooling: convolutions of several dilations and the mean, side by side."""

    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        first = Sequential(
            Conv2d(in_channels, out_channels, 1, bias=False), BatchNorm2d(out_channels), ReLU()
        )
        dilated = [ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates]
        self.convs = ModuleList([first, *dilated, ASPPPooling(in_channels, out_channels)])
        self.project = Sequential(
            Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False),
            BatchNorm2d(out_channels),
            ReLU(),
            Dropout(0.5),
        )

    def forward(self, x):
        return self.project(fn.cat([conv(x) for conv in self.convs], dim=1))


class DeepLabV3_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco_weights("deeplabv3_resnet50_coco-cd0a2569.pth", 42004074)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco_weights("deeplabv3_resnet101_coco-586e9e4e.pth", 60996202)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def _deeplabv3(name, weights, num_classes, aux_loss, weights_backbone):
    classes = 21 if num_classes is None else num_classes

    def assemble(backbone, aux):
        second = FCNHead(1024, classes) if aux else None
        return DeepLabV3(backbone, DeepLabHead(2048, classes), second)

    return build(name, weights, weights_backbone, aux_loss, assemble)


@register_model(DeepLabV3_ResNet50_Weights)
def deeplabv3_resnet50(weights, num_classes=None, aux_loss=None, weights_backbone="published"):
    """DeepLab v3 on a ResNet with 50 layers.

    Args:
        weights: None, a path, or a member of DeepLabV3_ResNet50_Weights.
        num_classes: 21 by default.
        aux_loss: have a second head for training.
        weights_backbone: of the ResNet: None, a path, or a member of ResNet50_Weights; published ones by
            default.
    """
    return _deeplabv3("resnet50", weights, num_classes, aux_loss, weights_backbone)


@register_model(DeepLabV3_ResNet101_Weights)
def deeplabv3_resnet101(weights, num_classes=None, aux_loss=None, weights_backbone="published"):
    """DeepLab v3 on a ResNet with 101 layers; arguments as for `deeplabv3_resnet50`."""
    return _deeplabv3("resnet101", weights, num_classes, aux_loss, weights_backbone)
