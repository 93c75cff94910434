"""Samplers: which indices are drawn, in which order, and how they are cut into batches.

Nothing here touches samples; loaders hand the indices to a dataset. Every random choice is drawn exactly
where PyTorch draws it, and not before iteration starts, so the same seed gives the same order and leaves the
default generator in the same state. The sampler for several processes is in distributed_sampler.py.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from .. import functions as fn
from ..dtypes import float64, int64

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)

# With replacement, indices are drawn this many at a time: the size of a draw is part of PyTorch's stream.
DRAW_SIZE = 32


class Sampler(Generic[T_co]):
    """Base class of samplers: subclasses define `__iter__` over indices or lists of them, perhaps `__len__`.

    There is no `__len__` here, so that asking a sampler without one is a TypeError and `list(sampler)` works.

    Source: torch.utils.data.Sampler.
    Example:
        >>> class Backwards(Sampler):
        ...     def __iter__(self):
        ...         return iter([2, 1, 0])
        >>> list(Backwards())
        [2, 1, 0]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, ..., len(data_source) - 1.

    Source: torch.utils.data.SequentialSampler.
    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A fresh random order on every pass.

    Args:
        data_source: anything with a length.
        replacement: draw each index independently instead of going through a permutation.
        num_samples: how many indices a pass yields; `len(data_source)` when None. Without replacement, more
            than the length means whole permutations one after another.
        generator: where numbers are drawn from. When None, each pass draws one seed from the default
            generator and goes on with a generator of its own.
    Raises:
        TypeError: `replacement` is no bool.
        ValueError: `num_samples`, or the length it stands for, is no positive int.
    Source: torch.utils.data.RandomSampler.
    Example:
        >>> sorted(RandomSampler("abcd"))
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator=None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """Indices of one pass; follows a data source that grows."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size = len(self.data_source)
        generator = self.generator
        if generator is None:
            seed = int(fn.empty((), dtype=int64).random_().item())
            generator = fn.Generator()
            generator.manual_seed(seed)
        if self.replacement:
            yield from self._independent(size, generator)
        else:
            yield from self._permutations(size, generator)

    def _independent(self, size: int, generator) -> Iterator[int]:
        whole, rest = divmod(self.num_samples, DRAW_SIZE)
        for count in itertools.chain(itertools.repeat(DRAW_SIZE, whole), [rest]):
            yield from fn.randint(high=size, size=(count,), dtype=int64, generator=generator).tolist()

    def _permutations(self, size: int, generator) -> Iterator[int]:
        # The last permutation is drawn even when none of it is used, as PyTorch does.
        whole, rest = divmod(self.num_samples, size)
        for _ in range(whole):
            yield from fn.randperm(size, generator=generator).tolist()
        yield from fn.randperm(size, generator=generator).tolist()[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, each once, in a fresh random order on every pass.

    Source: torch.utils.data.SubsetRandomSampler.
    Example:
        >>> sorted(SubsetRandomSampler([7, 3]))
        [3, 7]
    """

    def __init__(self, indices: Sequence[int], generator=None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for position in fn.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices of `weights`, drawn with probabilities in proportion to them.

    Args:
        weights: one non-negative number an index; they need not add up to 1.
        num_samples: how many indices a pass yields.
        replacement: whether an index may be drawn again.
    Raises:
        ValueError: `num_samples` is no positive int, `replacement` no bool, or `weights` not one-dimensional.
    Source: torch.utils.data.WeightedRandomSampler.
    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 3))
        [1, 1, 1]
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator=None
    ) -> None:
        if not _is_positive_int(num_samples):
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = fn.as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = fn.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Another sampler's indices in lists of `batch_size`.

    Args:
        sampler: a Sampler or any iterable; `len` needs it to have a length.
        drop_last: leave out a last list that is shorter.
    Raises:
        ValueError: `batch_size` is no positive int, or `drop_last` no bool.
    Source: torch.utils.data.BatchSampler.
    Example:
        >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler | Iterable, batch_size: int, drop_last: bool) -> None:
        if not _is_positive_int(batch_size):
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1


def _is_positive_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
