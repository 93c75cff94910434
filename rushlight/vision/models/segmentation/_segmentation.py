"""What the segmentation networks share: a backbone, one or two heads, the way back to full size."""

from collections import OrderedDict
from functools import partial

from ....nn import Module
from ....nn import functional as nnf
from ...transforms._presets import SemanticSegmentation
from .._api import Weights, get_model_weights, state_dict_of
from .._utils import IntermediateLayerGetter
from ..resnet import resnet50, resnet101

_RESNETS = {"resnet50": resnet50, "resnet101": resnet101}


class SegmentationModel(Module):
    """A backbone whose features a head turns into classes, resized to the input.

    The output is a dictionary with "out" and, with a second head, "aux", each (N, num_classes, H, W).
    """

    def __init__(self, backbone, classifier, aux_classifier=None):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x):
        size = x.shape[-2:]
        features = self.backbone(x)
        result = OrderedDict(out=_resized(self.classifier(features["out"]), size))
        if self.aux_classifier is not None:
            result["aux"] = _resized(self.aux_classifier(features["aux"]), size)
        return result


def _resized(x, size):
    return nnf.interpolate(x, size=size, mode="bilinear", align_corners=False)


def coco_weights(filename, num_params):
    """Weights trained on COCO with the 21 classes of Pascal VOC."""
    return Weights(
        url=f"https://download.pytorch.org/models/{filename}",
        transforms=partial(SemanticSegmentation, resize_size=520),
        meta={"num_params": num_params, "num_classes": 21, "min_size": (1, 1)},
    )


def build(name, weights, weights_backbone, aux_loss, assemble):
    """The model `assemble(backbone, aux)` makes, with weights for all of it, for its backbone, or for none.

    Args:
        weights: None, a path, or a member of the model's enum; then the backbone needs none of its own.
        weights_backbone: None, or what the ResNet takes; its DEFAULT unless told otherwise.
        aux_loss: have a second head; by default, when there are weights for the whole model.
    """
    if weights is not None:
        weights_backbone = None
        aux_loss = True if aux_loss is None else aux_loss
    elif weights_backbone == "published":
        weights_backbone = get_model_weights(name).IMAGENET1K_V1
    backbone = _RESNETS[name](weights=weights_backbone, replace_stride_with_dilation=[False, True, True])
    layers = {"layer4": "out"}
    if aux_loss:
        layers["layer3"] = "aux"
    model = assemble(IntermediateLayerGetter(backbone, layers), bool(aux_loss))
    state_dict = state_dict_of(weights)
    if state_dict is not None:
        model.load_state_dict(state_dict)
    return model
