"""`torch.backends.mkl`: MKL is not used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = False


def is_available() -> bool:
    """Whether MKL is used: False."""
    return False


@contextmanager
def flags(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Settings for a `with`: accepted."""
    yield
