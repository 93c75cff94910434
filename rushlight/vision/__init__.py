"""rushlight's torchvision: transforms, datasets, models, box operations, pictures in and out of files.

`import rushlight` does not load this package; it needs Pillow, which the extra `vision` installs. Pictures
are PIL images or tensors (..., C, H, W).

Source: torchvision 0.28
"""

try:
    import PIL
except ImportError as missing:
    raise ImportError("rushlight.vision needs Pillow: pip install rushlight[vision]") from missing

from . import datasets, io, models, ops, transforms, utils
from .backend import get_image_backend, set_image_backend

__version__ = "0.28.0"
