"""FCN: a fully convolutional network on a ResNet with 50 or 101 layers."""

from ....nn import BatchNorm2d, Conv2d, Dropout, ReLU, Sequential
from .._api import WeightsEnum, register_model
from ._segmentation import SegmentationModel, build, coco_weights


class FCN(SegmentationModel):
    """A ResNet with an FCNHead.

    Source: torchvision.models.segmentation.FCN, after Long et al. 2015.
    """


class FCNHead(Sequential):
    """A convolution of 3 by 3, norm, ReLU and dropout, and a convolution of 1 by 1 to the classes."""

    def __init__(self, in_channels, channels):
        inner = in_channels // 4
        super().__init__(
            Conv2d(in_channels, inner, 3, padding=1, bias=False),
            BatchNorm2d(inner),
            ReLU(),
            Dropout(0.1),
            Conv2d(inner, channels, 1),
        )


class FCN_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco_weights("fcn_resnet50_coco-1167a1af.pth", 35322218)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class FCN_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = coco_weights("fcn_resnet101_coco-7ecb50ca.pth", 54314346)
    DEFAULT = COCO_WITH_VOC_LABELS_V1


def _fcn(name, weights, num_classes, aux_loss, weights_backbone):
    classes = 21 if num_classes is None else num_classes

    def assemble(backbone, aux):
        second = FCNHead(1024, classes) if aux else None
        return FCN(backbone, FCNHead(2048, classes), second)

    return build(name, weights, weights_backbone, aux_loss, assemble)


@register_model(FCN_ResNet50_Weights)
def fcn_resnet50(weights, num_classes=None, aux_loss=None, weights_backbone="published"):
    """FCN on a ResNet with 50 layers.

    Args:
        weights: None, a path, or a member of FCN_ResNet50_Weights.
        num_classes: 21 by default.
        aux_loss: have a second head for training.
        weights_backbone: of the ResNet: None, a path, or a member of ResNet50_Weights; published ones by
            default.
    """
    return _fcn("resnet50", weights, num_classes, aux_loss, weights_backbone)


@register_model(FCN_ResNet101_Weights)
def fcn_resnet101(weights, num_classes=None, aux_loss=None, weights_backbone="published"):
    """FCN on a ResNet with 101 layers; arguments as for `fcn_resnet50`."""
    return _fcn("resnet101", weights, num_classes, aux_loss, weights_backbone)
