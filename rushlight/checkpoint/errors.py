"""What goes wrong with checkpoint files, as kinds of what PyTorch raises in the same places.

pickle.UnpicklingError
├── RefusedError            the file asks for something that loading does not do, such as running code
├── ClassNotFoundError      the file holds an object whose class the program does not have (AttributeError
too) └── CorruptFileError        the file is cut short, changed or no checkpoint at all (RuntimeError too)
"""

from pickle import UnpicklingError


class RefusedError(UnpicklingError):
    """The file asks for something that loading never does; the message names it and what to do."""


class ClassNotFoundError(UnpicklingError, AttributeError):
    """The file holds an object of a class that the running program has not defined or imported."""


class CorruptFileError(UnpicklingError, RuntimeError):
    """The file is cut short, was changed, or is no checkpoint."""


__all__ = ["RefusedError", "ClassNotFoundError", "CorruptFileError"]
