"""`torch.functional`: the older path of functions in the top namespace."""

from .functions import FUNCTIONS as _FUNCTIONS

globals().update(_FUNCTIONS)
