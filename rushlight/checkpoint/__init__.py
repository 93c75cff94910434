"""Saving and loading: PyTorch's checkpoint files, both ways, and safetensors.

`save` and `load` are in saving.py and loading.py. A file is a container (zip_format.py, legacy_format.py)
around a pickle. Written by pickler.py under PyTorch's names; read by unpickler.py, a machine that runs
nothing, which asks building.py what each name means. tensors.py is the only file that knows how a tensor is
kept.
"""

from .errors import ClassNotFoundError, CorruptFileError, RefusedError
from .loading import load
from .safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .saving import save

__all__ = [
    "ClassNotFoundError",
    "CorruptFileError",
    "RefusedError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]
