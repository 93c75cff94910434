"""The exceptions that rushlight raises, as one tree.

Each is a kind of what PyTorch raises in the same place, so `except RuntimeError` and `except IndexError`
written for PyTorch go on working.

    RuntimeError
    ├── ShapeError            sizes that do not fit
    ├── DTypeError            number types that do not fit
    ├── DeviceError           a device that is not there, or tensors on different ones
    ├── GradientError         a backward pass that cannot run
    ├── LinAlgError           a matrix that an operation cannot be done for
    ├── CaptureError          a call that has to be captured and cannot be
    └── OutOfMemoryError
    NotImplementedError
    └── UnsupportedError      something of PyTorch that rushlight does not have, and what to use instead
"""


class ShapeError(RuntimeError):
    """Sizes that do not fit the operation."""


class DTypeError(RuntimeError):
    """Number types that do not fit the operation."""


class DeviceError(RuntimeError):
    """A device that is not there, or operands on different devices."""


class GradientError(RuntimeError):
    """A backward pass that cannot run."""


class LinAlgError(RuntimeError):
    """A matrix that an operation cannot be done for: singular, not positive definite; `torch.linalg.LinAlgError`."""


class CaptureError(RuntimeError):
    """A call that has to be captured and cannot be; `torch._dynamo.exc.Unsupported`."""


class OutOfMemoryError(RuntimeError):
    """Memory that could not be had; `torch.OutOfMemoryError`."""


class UnsupportedError(NotImplementedError):
    """Something of PyTorch that rushlight does not have; the message says what to use instead."""
