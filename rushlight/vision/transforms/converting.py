"""The transforms that change what a picture is, or its dtype and scale, and none of its shape or colours."""

import numpy as np
from PIL import Image

from ... import functions as fn
from ...tensor import Tensor
from . import functional as F
from .sample import Transform, on_picture


class ToTensor:
    """A PIL image or an array (H, W, C) to a tensor (C, H, W), 8-bit values scaled to [0, 1].

    Source: torchvision.transforms.ToTensor
    Example:
        >>> from PIL import Image
        >>> from rushlight.vision.transforms import ToTensor
        >>> sample = ToTensor()({"image": Image.new("RGB", (4, 2)), "label": 1})
        >>> sample["image"].shape, sample["label"]
        (torch.Size([3, 2, 4]), 1)
    """

    def __call__(self, pic):
        return on_picture(pic, F.to_tensor, (Image.Image, np.ndarray))

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class PILToTensor:
    """A PIL image to a tensor (C, H, W) of the same values.

    Source: torchvision.transforms.PILToTensor
    """

    def __call__(self, pic):
        return on_picture(pic, F.pil_to_tensor, Image.Image)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) to a PIL image; see `functional.to_pil_image` for modes.

    Source: torchvision.transforms.ToPILImage
    """

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return on_picture(pic, lambda picture: F.to_pil_image(picture, self.mode), (Tensor, np.ndarray))

    def __repr__(self):
        mode = "" if self.mode is None else f"mode={self.mode}"
        return f"{self.__class__.__name__}({mode})"


class ConvertImageDtype(Transform):
    """A tensor picture to another dtype, rescaled to its range.

    Source: torchvision.transforms.ConvertImageDtype
    """

    accepts = Tensor

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(picture - mean) / std, channel by channel, of a floating tensor (..., C, H, W).

    Source: torchvision.transforms.Normalize
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.transforms import Normalize
        >>> Normalize(mean=[0.5], std=[0.5])(torch.ones(1, 1, 2))
        tensor([[[1., 1.]]])
    """

    accepts = Tensor

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self):
        return f"{self.__class__.__name__}(mean={self.mean}, std={self.std})"


class LinearTransformation(Transform):
    """A tensor picture flattened, less `mean_vector`, times `transformation_matrix`, in its own shape again.

    With D = C H W, the matrix is (D, D) and the vector (D,); whitening is the usual use.

    Source: torchvision.transforms.LinearTransformation
    """

    accepts = Tensor

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                f"transformation_matrix should be square. Got {rows} x {columns} rectangular matrix."
            )
        if mean_vector.shape[0] != rows:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the "
                "dimensions of "
                f"the transformation_matrix [{rows} x {columns}]"
            )
        if transformation_matrix.device != mean_vector.device:
            raise ValueError(
                "Input tensors should be on the same device. Got "
                f"{transformation_matrix.device} and {mean_vector.device}"
            )
        if transformation_matrix.dtype != mean_vector.dtype:
            raise ValueError(
                "Input tensors should have the same dtype. Got "
                f"{transformation_matrix.dtype} and {mean_vector.dtype}"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def forward(self, tensor):
        shape = tensor.shape
        size = shape[-3] * shape[-2] * shape[-1]
        if size != self.transformation_matrix.shape[0]:
            raise ValueError(
                f"Input tensor and transformation matrix have incompatible shape: [{shape[-3]} x "
                f"{shape[-2]} x "
                f"{shape[-1]}] is {size} values, the matrix takes {self.transformation_matrix.shape[0]}"
            )
        if tensor.device != self.mean_vector.device:
            raise ValueError(
                "Input tensor should be on the same device as transformation matrix and mean vector. Got "
                f"{tensor.device} vs {self.mean_vector.device}"
            )
        centred = tensor.reshape(-1, size) - self.mean_vector
        return fn.mm(centred, self.transformation_matrix).reshape(shape)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )
