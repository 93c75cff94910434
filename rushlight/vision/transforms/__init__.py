"""Picture transforms: classes to compose here, functions in `functional`, the second version in `v2`.

Every transform takes a PIL image or a tensor (..., C, H, W); one that is given a dictionary transforms the
picture in it and leaves the rest alone (see `sample`).

Source: torchvision.transforms
"""

from . import functional
from .autoaugment import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from .transforms import *
