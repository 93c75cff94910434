"""Map-style datapipes: wrapping, mapping, joining, batching; and shuffling, which gives an iterable one."""

import copy
import random
import warnings
from collections.abc import Callable, Iterator

from .base import DataChunk, IterDataPipe, MapDataPipe, functional_datapipe
from .iterating import batches_of, check_batch_size, draw_seed


class SequenceWrapperMapDataPipe(MapDataPipe):
    """A sequence or mapping as a pipe; a deep copy of it, unless `deepcopy=False`."""

    def __init__(self, sequence, deepcopy: bool = True) -> None:
        self.sequence = sequence
        if deepcopy:
            try:
                self.sequence = copy.deepcopy(sequence)
            except TypeError:
                warnings.warn(
                    "The input sequence can not be deepcopied: changes made to its items will be seen. "
                    "deepcopy=False says that this is meant.",
                    stacklevel=2,
                )

    def __getitem__(self, index):
        return self.sequence[index]

    def __len__(self) -> int:
        return len(self.sequence)


@functional_datapipe("map")
class MapperMapDataPipe(MapDataPipe):
    """`fn` of each item."""

    def __init__(self, datapipe: MapDataPipe, fn: Callable) -> None:
        self.datapipe = datapipe
        self.fn = fn

    def __getitem__(self, index):
        return self.fn(self.datapipe[index])

    def __len__(self) -> int:
        return len(self.datapipe)


@functional_datapipe("concat")
class ConcaterMapDataPipe(MapDataPipe):
    """Pipes one after another, with indices from 0."""

    def __init__(self, *datapipes: MapDataPipe) -> None:
        _check_pipes(datapipes)
        self.datapipes = datapipes

    def __getitem__(self, index):
        offset = 0
        for datapipe in self.datapipes:
            if index - offset < len(datapipe):
                return datapipe[index - offset]
            offset += len(datapipe)
        raise IndexError(f"Index {index} is out of range: the pipes hold {offset} items")

    def __len__(self) -> int:
        return sum(len(datapipe) for datapipe in self.datapipes)


@functional_datapipe("zip")
class ZipperMapDataPipe(MapDataPipe):
    """Tuples of the items of all pipes at an index."""

    def __init__(self, *datapipes: MapDataPipe) -> None:
        _check_pipes(datapipes)
        self.datapipes = datapipes

    def __getitem__(self, index):
        return tuple(datapipe[index] for datapipe in self.datapipes)

    def __len__(self) -> int:
        return min(len(datapipe) for datapipe in self.datapipes)


def _check_pipes(sources: tuple) -> None:
    if not sources:
        raise ValueError("Expected at least one DataPipe, but got nothing")
    for source in sources:
        if not isinstance(source, MapDataPipe):
            raise TypeError(f"Expected all inputs to be `MapDataPipe`, got {type(source).__name__}")


@functional_datapipe("batch")
class BatcherMapDataPipe(MapDataPipe):
    """Items in lists of `batch_size`, each wrapped by `wrapper_class`."""

    def __init__(
        self,
        datapipe: MapDataPipe,
        batch_size: int,
        drop_last: bool = False,
        wrapper_class: Callable = DataChunk,
    ) -> None:
        check_batch_size(batch_size)
        self.datapipe = datapipe
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.wrapper_class = wrapper_class

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"Index {index} is out of bound: there are {len(self)} batches")
        start = index * self.batch_size
        end = min(start + self.batch_size, len(self.datapipe))
        return self.wrapper_class([self.datapipe[i] for i in range(start, end)])

    def __len__(self) -> int:
        return batches_of(len(self.datapipe), self.batch_size, self.drop_last)


class ShufflerIterDataPipe(IterDataPipe):
    """The items of a map-style pipe in a random order; seeded like the shuffler of iterable pipes."""

    def __init__(self, datapipe: MapDataPipe, *, indices: list | None = None) -> None:
        self.datapipe = datapipe
        self.indices = list(range(len(datapipe))) if indices is None else indices
        self._enabled = True
        self._seed: int | None = None
        self._rng = random.Random()
        self._shuffled_indices: list = self.indices

    def set_shuffle(self, shuffle: bool = True) -> "ShufflerIterDataPipe":
        """Turn shuffling on or off."""
        self._enabled = shuffle
        return self

    def set_seed(self, seed: int) -> "ShufflerIterDataPipe":
        """The seed of the next pass."""
        self._seed = seed
        return self

    def __iter__(self) -> Iterator:
        if not self._enabled:
            for index in self.indices:
                yield self.datapipe[index]
            return
        while self._shuffled_indices:
            yield self.datapipe[self._shuffled_indices.pop()]

    def reset(self) -> None:
        if self._enabled and self._seed is None:
            self._seed = draw_seed()
        self._rng.seed(self._seed)
        self._seed = None
        self._shuffled_indices = self._rng.sample(self.indices, len(self.indices))

    def __len__(self) -> int:
        return len(self.datapipe)


MapDataPipe.register_datapipe_as_function("shuffle", ShufflerIterDataPipe)
