"""Generators: random streams that users hold, and the default one that `manual_seed` seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import devices
from ..devices import Device
from ..dtypes import uint8
from ..executors.observing import Action, refuse, watched
from ..tensor import Tensor, array_of, dtype_of, from_array
from .mt19937 import Stream


class Generator:
    """A random stream of its own. Source: torch.Generator.

    >>> import rushlight as torch
    >>> g = torch.Generator().manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = devices.resolve(device)
        self.stream = Stream()

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`; gives the generator."""
        self.stream.seed(seed)
        if watched.capture is not None:
            watched.capture.feed(Action(lambda: self.stream.seed(seed)))
        return self

    def seed(self) -> int:
        """Start a stream from the system's own randomness; gives its seed."""
        refuse("the random stream is seeded by the system")
        return self.stream.seed_random()

    def initial_seed(self) -> int:
        """The seed that the stream started from."""
        return self.stream.initial_seed

    def get_state(self) -> Tensor:
        """The state as bytes, in PyTorch's layout."""
        refuse("the state of the random stream is read")
        return from_array(self.stream.get_state(), uint8)

    def set_state(self, state: Tensor) -> Generator:
        """Go on from a state that get_state gave; gives the generator."""
        if not isinstance(state, Tensor) or dtype_of(state) is not uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        refuse("the state of the random stream is set")
        self.stream.set_state(array_of(state))
        return self

    def clone_state(self) -> Generator:
        """A second generator that gives the same numbers from here on."""
        made = Generator(self.device)
        made.stream = self.stream.clone()
        return made

    def __reduce__(self) -> tuple:
        return _generator_from, (self.device, array_of(self.get_state()))


def _generator_from(device: Device, state: np.ndarray) -> Generator:
    made = Generator(device)
    made.stream.set_state(state)
    return made


default_generator = Generator()


def stream_of(generator: Generator | None) -> Stream:
    """The stream that a `generator=` argument means."""
    if generator is None:
        return default_generator.stream
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    return generator.stream


def manual_seed(seed: int) -> Generator:
    """Start the default stream that belongs to `seed`. Source: torch.manual_seed.

    >>> import rushlight as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Start the default stream from the system's own randomness. Source: torch.seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default stream. Source: torch.initial_seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default stream's state. Source: torch.get_rng_state."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from a state of the default stream. Source: torch.set_rng_state."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """The default stream is afterwards where it was before. Source: torch.random.fork_rng.

    >>> import rushlight as torch
    >>> with torch.random.fork_rng():
    ...     _ = torch.rand(3)
    """
    before = default_generator.stream.clone()
    try:
        yield
    finally:
        if enabled:
            default_generator.stream = before
