"""Drawing numbers for a tensor, in the one place that a capture watches.

A random number is drawn when the call is made, so that the stream is used in the program's order. What draws is kept
with the node as a function: a captured program draws again, from the same stream, each time it is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import DType
from ..executors.observing import Feed, watched
from ..graph.node import of_array
from ..tensor import Tensor, wrap
from .generator import Generator, stream_of
from .mt19937 import Stream


class Draw(Feed):
    """Arrays drawn from a generator's stream at each run, by a function of the stream."""

    def __init__(self, generator: Generator | None, make: Callable[[Stream], Sequence[np.ndarray]]) -> None:
        self.generator, self.make = generator, make
        self.stream = stream_of(generator)  # the one that the captured call drew from

    def arrays(self) -> Sequence[np.ndarray]:
        return self.make(stream_of(self.generator))


def drawn(generator: Generator | None, make: Callable[[Stream], np.ndarray], dtype: DType) -> Tensor:
    """A tensor of what `make` draws from the generator's stream (None: the default one), off the tape."""
    return drawn_together(generator, lambda stream: (make(stream),), dtype)[0]


def drawn_together(
    generator: Generator | None, make: Callable[[Stream], Sequence[np.ndarray]], dtype: DType
) -> list[Tensor]:
    """As `drawn`, for several arrays that are made of the same draw."""
    draw = Draw(generator, make)
    draw.nodes = [of_array(array, dtype) for array in make(draw.stream)]
    if watched.capture is not None:
        watched.capture.feed(draw)
    return [wrap(node) for node in draw.nodes]


__all__: list[Any] = ["Draw", "drawn", "drawn_together"]
