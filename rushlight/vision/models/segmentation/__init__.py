"""Networks that give a class for each pixel: FCN and DeepLab v3 on a ResNet.

Source: torchvision.models.segmentation
"""

from . import deeplabv3, fcn
from .deeplabv3 import (
    DeepLabV3,
    DeepLabV3_ResNet50_Weights,
    DeepLabV3_ResNet101_Weights,
    deeplabv3_resnet50,
    deeplabv3_resnet101,
)
from .fcn import FCN, FCN_ResNet50_Weights, FCN_ResNet101_Weights, fcn_resnet50, fcn_resnet101
