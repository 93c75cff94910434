"""Datasets: what a loader can draw samples from, and the ways to combine and split them.

Map-style datasets answer `dataset[index]`; iterable ones only run through. Which samples are drawn, and in
which order, is decided in sampler.py; joining samples into batches is collate.py's work. A dataset is handed
to worker processes as it is, so it holds data and transforms, never open pipes or locks.
"""

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from .. import functions as fn

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base class of map-style datasets: subclasses define `__getitem__`, and usually `__len__`.

    A subclass may add `__getitems__(indices)`, returning the list of samples of a whole batch at once;
    loaders use it when it is there. `a + b` is the concatenation of both.

    Source: torch.utils.data.Dataset.
    Example:
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, index):
        ...         return index**2
        >>> (Squares() + Squares())[6]
        4
    """

    def __getitem__(self, index) -> T_co:
        raise NotImplementedError(
            f"Subclasses of Dataset should implement __getitem__; {type(self).__name__} does not."
        )

    # No __len__ here: len() of a dataset without one has to stay a TypeError, so that list(dataset) and
    # samplers can tell "no length" from "a length that failed".

    def __add__(self, other: "Dataset") -> "Dataset":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Base class of datasets that are streams: subclasses define `__iter__`.

    With `num_workers > 0` every worker runs through its own copy, so `__iter__` (or `worker_init_fn`) should
    ask `get_worker_info()` which part to yield, or each sample arrives once per worker. `a + b` chains two
    streams.

    Source: torch.utils.data.IterableDataset.
    Example:
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(Countdown() + Countdown())
        [3, 2, 1, 3, 2, 1]
    """

    def __add__(self, other: Dataset) -> Dataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Rows of tensors: sample i is the tuple of `tensor[i]`, for tensors of one first size.

    Args:
        *tensors: tensors whose `size(0)` agree.
    Raises:
        AssertionError: first sizes differ.
    Source: torch.utils.data.TensorDataset.
    Example:
        >>> import rushlight as torch
        >>> rows = TensorDataset(torch.arange(6).view(3, 2), torch.tensor([7, 8, 9]))
        >>> len(rows), rows[1]
        (3, (tensor([2, 3]), tensor(8)))
    """

    def __init__(self, *tensors) -> None:
        sizes = [tensor.size(0) for tensor in tensors]
        if len(set(sizes)) > 1:
            raise AssertionError(
                f"Size mismatch between tensors: TensorDataset needs one first size for all, got {sizes}"
            )
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset):
    """Datasets of one length side by side: samples are tuples, or dicts when given by keyword.

    Raises:
        ValueError: lengths differ, nothing was given, or both positional and keyword datasets were.
    Source: torch.utils.data.StackDataset.
    Example:
        >>> StackDataset(image=["a", "b"], label=[0, 1])[1]
        {'image': 'b', 'label': 1}
    """

    def __init__(self, *args, **kwargs) -> None:
        if args and kwargs:
            raise ValueError(
                "StackDataset takes datasets either by position (samples are tuples) or by keyword (dicts), "
                f"but got {len(args)} by position and the keywords {sorted(kwargs)}"
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed to StackDataset")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._columns()]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: StackDataset needs one length, got {lengths}")
        self._length = lengths[0]

    def _columns(self):
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _sample(self, parts):
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, parts))
        return tuple(parts)

    def __getitem__(self, index):
        return self._sample([dataset[index] for dataset in self._columns()])

    def __getitems__(self, indices: list) -> list:
        columns = [_column(dataset, indices) for dataset in self._columns()]
        return [self._sample(parts) for parts in zip(*columns)]

    def __len__(self) -> int:
        return self._length


def _column(dataset, indices: list) -> list:
    """The samples of one of a StackDataset's datasets, fetched together where it can do so."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[index] for index in indices]
    items = dataset.__getitems__(indices)
    if len(items) != len(indices):
        raise ValueError(
            f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)} "
            f"from {type(dataset).__name__}.__getitems__"
        )
    return items


class ConcatDataset(Dataset[T_co]):
    """Map-style datasets one after another.

    Raises:
        AssertionError: no dataset was given, or one of them is an IterableDataset.
        ValueError: a negative index reaches before the first sample.
    Source: torch.utils.data.ConcatDataset.
    Example:
        >>> both = ConcatDataset([range(3), range(10, 12)])
        >>> len(both), both[3], both[-1], both.cumulative_sizes
        (5, 10, 11, [3, 5])
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        super().__init__()
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ConcatDataset does not support IterableDataset ({type(dataset).__name__}), "
                    "ChainDataset does"
                )
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence) -> list[int]:
        """Running totals of the lengths of `sequence`'s members."""
        return list(itertools.accumulate(len(dataset) for dataset in sequence))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx):
        if idx < 0:
            if -idx > len(self):
                raise ValueError(
                    "absolute value of index should not exceed dataset length: "
                    f"index {idx}, length {len(self)}"
                )
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][idx - start]

    @property
    def cummulative_sizes(self) -> list[int]:
        """The old, misspelt name of `cumulative_sizes`."""
        warnings.warn(
            "ConcatDataset.cummulative_sizes is spelt cumulative_sizes", FutureWarning, stacklevel=2
        )
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Iterable datasets one after another, each started when the one before has ended.

    Raises:
        AssertionError: a member is not an IterableDataset (found when it is reached, or by `len`).
    Source: torch.utils.data.ChainDataset.
    Example:
        >>> class Stream(IterableDataset):
        ...     def __init__(self, *items):
        ...         self.items = items
        ...     def __iter__(self):
        ...         return iter(self.items)
        >>> list(ChainDataset([Stream(1, 2), Stream(3)]))
        [1, 2, 3]
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        super().__init__()
        self.datasets = datasets

    def __iter__(self):
        for dataset in self.datasets:
            _check_iterable(dataset)
            yield from dataset

    def __len__(self) -> int:
        total = 0
        for dataset in self.datasets:
            _check_iterable(dataset)
            total += len(dataset)  # type: ignore[arg-type]
        return total


def _check_iterable(dataset) -> None:
    if not isinstance(dataset, IterableDataset):
        raise AssertionError(f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}")


class Subset(Dataset[T_co]):
    """The samples of `dataset` at `indices`, in that order.

    A subclass that overrides `__getitem__` has to override `__getitems__` too: loaders fetch whole batches
    through the latter, and would pass the override by.

    Raises:
        NotImplementedError: a subclass overrides `__getitem__` alone.
    Source: torch.utils.data.Subset.
    Example:
        >>> list(Subset("abcdef", [4, 0]))
        ['e', 'a']
    """

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset: Any = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__, which loaders call; "
                "add `def __getitems__(self, indices): return [self[i] for i in indices]` to it"
            )

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list:
        chosen = [self.indices[index] for index in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[index] for index in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator=None) -> list[Subset]:
    """Cut `dataset` into non-overlapping subsets at random.

    Args:
        lengths: sizes that add up to `len(dataset)`; or fractions that add up to 1, each rounded down, with
            the samples left over given one each to the subsets from the first on.
        generator: where the one permutation is drawn from; the default generator when None.
    Raises:
        ValueError: a fraction outside [0, 1], or lengths that do not add up to `len(dataset)`.
    Warns:
        UserWarning: a fraction came out as an empty subset.
    Source: torch.utils.data.random_split; the same seed gives the same split.
    Example:
        >>> [len(part) for part in random_split(range(10), [0.5, 0.25, 0.25])]
        [6, 2, 2]
    """
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _lengths_of_fractions(lengths, total)
    if sum(lengths) != total:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset: "
            f"{list(lengths)} add up to {sum(lengths)}, the dataset has {total}"
        )
    if generator is None:
        generator = fn.default_generator
    order = fn.randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for end, length in zip(ends, lengths)]


def _lengths_of_fractions(fractions: Sequence[float], total: int) -> list[int]:
    for position, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(f"Fraction at index {position} is not between 0 and 1: {fraction}")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for left_over in range(total - sum(lengths)):
        lengths[left_over % len(lengths)] += 1
    for position, length in enumerate(lengths):
        if length == 0:
            warnings.warn(
                f"Length of split at index {position} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return lengths
