"""`DataLoader`: a dataset, a sampler and a way to fetch, put together and checked.

What a pass does is in iterators.py. The checks are PyTorch's, in its order, so that the same mistake is
reported with the same exception type.
"""

import math
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset
from .iterators import (
    BaseDataLoaderIter,
    DatasetKind,
    MultiProcessingDataLoaderIter,
    SingleProcessDataLoaderIter,
)
from .pipes import IterDataPipe, chain
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader"]

T_co = TypeVar("T_co", covariant=True)

# What decides the batches cannot change once iterators may have been made from it.
_FIXED = frozenset(["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"])

DEFAULT_PREFETCH_FACTOR = 2


class _EndlessSampler(Sampler):
    """None, again and again: an iterable dataset has no indices, and decides itself when it ends."""

    def __iter__(self):
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Batches of a dataset, in order or shuffled, fetched here or by worker processes.

    Args:
        dataset: map-style or iterable.
        batch_size: samples a batch; None turns batching off and yields single samples.
        shuffle: a new random order on every pass.
        sampler: the indices to use, any iterable; excludes `shuffle`.
        batch_sampler: lists of indices to use; excludes `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: worker processes; 0 fetches in this process.
        collate_fn: list of samples -> batch; `default_collate`, or `default_convert` without batching.
        pin_memory: copy batches into page-locked memory, where there is an accelerator.
        drop_last: leave out a last batch that is shorter.
        timeout: seconds to wait for a batch from workers; 0 waits as long as it takes.
        worker_init_fn: called with the worker's id in each worker, after seeding.
        multiprocessing_context: start method or context for the workers; the platform's default when None.
        generator: where the sampler's and the workers' seeds come from; the default generator when None.
        prefetch_factor: batches that each worker fetches ahead; 2 when None.
        persistent_workers: keep the workers, and their copies of the dataset, from one pass to the next.
        pin_memory_device: deprecated, ignored with a warning.
        in_order: False gives batches out as they come from the workers.
    Raises:
        ValueError, TypeError: arguments that exclude each other or are out of range.
        RuntimeError: while iterating: a worker died, or a batch took longer than `timeout`. An exception in a
            worker is raised again with its own type, its message holding the worker's traceback.
    Source: torch.utils.data.DataLoader.
    Example:
        >>> for batch in DataLoader(range(5), batch_size=2):
        ...     print(batch)
        tensor([0, 1])
        tensor([2, 3])
        tensor([4])
    """

    __initialized = False

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_worker_options(num_workers, timeout, prefetch_factor, persistent_workers)
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = DEFAULT_PREFETCH_FACTOR
        self.dataset: Any = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order

        if isinstance(dataset, IterableDataset):
            self._dataset_kind = DatasetKind.Iterable
            if isinstance(dataset, IterDataPipe):
                dataset = self.dataset = chain.apply_shuffle_settings(dataset, shuffle)
                shuffle = None
            _check_iterable_options(shuffle, sampler, batch_sampler)
        else:
            self._dataset_kind = DatasetKind.Map
            shuffle = bool(shuffle)
        _check_batch_options(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
            drop_last = False
        if sampler is None:
            sampler = self._default_sampler(shuffle, generator)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers

        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator: BaseDataLoaderIter | None = None
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle, generator) -> Sampler:
        if self._dataset_kind == DatasetKind.Iterable:
            return _EndlessSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=generator)
        return SequentialSampler(self.dataset)

    @property
    def multiprocessing_context(self):
        """The context that workers are started with, set by itself or by name; None is Python's default."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, multiprocessing_context) -> None:
        if multiprocessing_context is not None:
            multiprocessing_context = self._checked_context(multiprocessing_context)
        self.__multiprocessing_context = multiprocessing_context

    def _checked_context(self, context) -> BaseContext:
        if self.num_workers == 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                f"but got num_workers={self.num_workers}"
            )
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(
                    f"multiprocessing_context option should specify a valid start method in {methods!r}, "
                    f"but got multiprocessing_context={context!r}"
                )
            return multiprocessing.get_context(context)
        if not isinstance(context, BaseContext):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string specifying the "
                f"start method, but got multiprocessing_context={context}"
            )
        return context

    def __setattr__(self, attr: str, val) -> None:
        if self.__initialized and attr in _FIXED:
            raise ValueError(
                f"{attr} attribute should not be set after {type(self).__name__} is initialized"
                "; make a new one"
            )
        super().__setattr__(attr, val)

    def __iter__(self) -> BaseDataLoaderIter:
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None or self._iterator._is_broken:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self) -> BaseDataLoaderIter:
        if self.num_workers == 0:
            return SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return MultiProcessingDataLoaderIter(self)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        """Where the indices of one fetch come from: lists of them, or one at a time without batching."""
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        """Batches of a pass; for an iterable dataset, what its own `len` amounts to."""
        if self._dataset_kind == DatasetKind.Map:
            return len(self._index_sampler)
        # Kept, so that a pass that yields more can warn.
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        if self.drop_last:
            return length // self.batch_size
        return math.ceil(length / self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn when there are to be more workers than processors this process may use."""
        if not self.num_workers:
            return
        processors = _usable_processors()
        if processors is None or self.num_workers > processors:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested "
                f"max number of worker in current system is {processors or 'unknown'}: more than processors "
                "make loading slower, or freeze it; lower num_workers if you see that.",
                stacklevel=3,
            )


def _check_worker_options(num_workers, timeout, prefetch_factor, persistent_workers) -> None:
    if num_workers < 0:
        raise ValueError(
            f"num_workers option should be non-negative, got {num_workers}; "
            "use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing: "
            f"got prefetch_factor={prefetch_factor} with num_workers=0; set num_workers > 0 or leave it None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(f"prefetch_factor option should be non-negative, got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable_options(shuffle, sampler, batch_sampler) -> None:
    # Before the checks that hold for all datasets: nobody should mend a sampler that cannot be used anyway.
    if shuffle not in {False, None}:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
        )
    if sampler is not None:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified sampler option, but got sampler={sampler}"
        )
    if batch_sampler is not None:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified batch_sampler option, "
            f"but got batch_sampler={batch_sampler}"
        )


def _check_batch_options(batch_size, shuffle, sampler, batch_sampler, drop_last) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        )
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _usable_processors() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
