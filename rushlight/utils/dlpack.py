"""`torch.utils.dlpack`: tensors to and from other libraries, sharing memory."""

from typing import Any

from ..functions import FUNCTIONS as _FUNCTIONS
from ..tensor import Tensor

from_dlpack = _FUNCTIONS["from_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """The DLPack capsule of a tensor. Source: torch.utils.dlpack.to_dlpack."""
    return tensor.__dlpack__()
