"""Iterable datapipes over other pipes: mapping, filtering, batching, shuffling, joining, sharding."""

import copy
import random
import warnings
from collections.abc import Callable, Iterable, Iterator

from ... import functions as fn
from ...dtypes import int64
from ..collate import default_collate
from ..sampler import Sampler, SequentialSampler
from .base import DataChunk, IterDataPipe, functional_datapipe, length_of


class IterableWrapperIterDataPipe(IterDataPipe):
    """Any iterable as a pipe; copied deeply at the start of each pass, unless `deepcopy=False`."""

    def __init__(self, iterable: Iterable, deepcopy: bool = True) -> None:
        self.iterable = iterable
        self.deepcopy = deepcopy

    def __iter__(self) -> Iterator:
        source = self.iterable
        if self.deepcopy:
            try:
                source = copy.deepcopy(source)
            except TypeError:
                warnings.warn(
                    "The input iterable can not be deepcopied: changes made to its items will be seen "
                    "by the next pass. deepcopy=False says that this is meant.",
                    stacklevel=2,
                )
        yield from source

    def __len__(self) -> int:
        return length_of(self, self.iterable)


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe):
    """`fn` of each item; or of its columns `input_col`, the result going to column `output_col`.

    Columns are positions or keys. Without `output_col` the result replaces the (first) input column and the
    other input columns are left out; -1 appends it.
    """

    def __init__(self, datapipe: Iterable, fn: Callable, input_col=None, output_col=None) -> None:
        if not callable(fn):
            raise TypeError(f"A callable function is expected, but {type(fn)} is provided.")
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, list | tuple):
            if len(output_col) > 1:
                raise ValueError(f"`output_col` must be a single-element list or tuple, got {output_col}")
            output_col = output_col[0]
        self.datapipe = datapipe
        self.fn = fn
        self.input_col = input_col
        self.output_col = output_col

    def __iter__(self) -> Iterator:
        for item in self.datapipe:
            yield self._apply(item)

    def _apply(self, item):
        result = call_on_columns(self.fn, item, self.input_col)
        if self.input_col is None:
            return result
        columns = list(item) if isinstance(item, tuple) else item
        if self.output_col is not None:
            if self.output_col == -1:
                columns.append(result)
            else:
                columns[self.output_col] = result
        elif isinstance(self.input_col, list | tuple):
            columns[self.input_col[0]] = result
            for column in sorted(self.input_col[1:], reverse=True):
                del columns[column]
        else:
            columns[self.input_col] = result
        return tuple(columns) if isinstance(item, tuple) else columns

    def __len__(self) -> int:
        return length_of(self, self.datapipe)


def call_on_columns(function: Callable, item, columns):
    """`function` of the item, or of the named columns of it."""
    if columns is None:
        return function(item)
    if isinstance(columns, list | tuple):
        return function(*(item[column] for column in columns))
    return function(item[columns])


@functional_datapipe("collate")
class CollatorIterDataPipe(MapperIterDataPipe):
    """Each item, a list of samples, joined by `collate_fn`."""

    def __init__(
        self, datapipe: Iterable, conversion: Callable = default_collate, collate_fn: Callable | None = None
    ) -> None:
        super().__init__(datapipe, conversion if collate_fn is None else collate_fn)


@functional_datapipe("filter")
class FilterIterDataPipe(IterDataPipe):
    """The items for which `filter_fn`, of the item or of its columns `input_col`, is True."""

    def __init__(self, datapipe: Iterable, filter_fn: Callable, input_col=None) -> None:
        if not callable(filter_fn):
            raise TypeError(f"A callable function is expected, but {type(filter_fn)} is provided.")
        self.datapipe = datapipe
        self.filter_fn = filter_fn
        self.input_col = input_col

    def __iter__(self) -> Iterator:
        for item in self.datapipe:
            keep = call_on_columns(self.filter_fn, item, self.input_col)
            if not isinstance(keep, bool):
                raise ValueError(
                    f"filter_fn of FilterIterDataPipe has to return a bool, got {type(keep).__name__}"
                )
            if keep:
                yield item


@functional_datapipe("batch")
class BatcherIterDataPipe(IterDataPipe):
    """Items in lists of `batch_size`, each wrapped by `wrapper_class`."""

    def __init__(
        self,
        datapipe: Iterable,
        batch_size: int,
        drop_last: bool = False,
        wrapper_class: Callable = DataChunk,
    ) -> None:
        check_batch_size(batch_size)
        self.datapipe = datapipe
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.wrapper_class = wrapper_class

    def __iter__(self) -> Iterator:
        batch: list = []
        for item in self.datapipe:
            batch.append(item)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)

    def __len__(self) -> int:
        return batches_of(length_of(self, self.datapipe), self.batch_size, self.drop_last)


def check_batch_size(batch_size: int) -> None:
    """AssertionError unless there is something to put into a batch."""
    if batch_size <= 0:
        raise AssertionError(f"Batch size is required to be larger than 0, got {batch_size}")


def batches_of(length: int, batch_size: int, drop_last: bool) -> int:
    """How many batches `length` items give."""
    whole, rest = divmod(length, batch_size)
    return whole if drop_last or not rest else whole + 1


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe):
    """The items of lists, `unbatch_level` levels down; -1 goes down to whatever is no list.

    Raises:
        ValueError: a level below -1.
        IndexError: an item is no list where one was expected.
    """

    def __init__(self, datapipe: Iterable, unbatch_level: int = 1) -> None:
        self.datapipe = datapipe
        self.unbatch_level = unbatch_level

    def __iter__(self) -> Iterator:
        if self.unbatch_level < -1:
            raise ValueError(f"unbatch_level must be -1 or >= 0, got {self.unbatch_level}")
        for item in self.datapipe:
            yield from self._unpacked(item, self.unbatch_level)

    def _unpacked(self, item, level: int) -> Iterator:
        if level == 0 or (level == -1 and not isinstance(item, list)):
            yield item
        elif isinstance(item, list):
            for member in item:
                yield from self._unpacked(member, level if level == -1 else level - 1)
        else:
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")


class SamplerIterDataPipe(IterDataPipe):
    """What a sampler over `datapipe` yields."""

    def __init__(
        self,
        datapipe: IterDataPipe,
        sampler: type[Sampler] = SequentialSampler,
        sampler_args: tuple | None = None,
        sampler_kwargs: dict | None = None,
    ) -> None:
        if not hasattr(datapipe, "__len__"):
            raise AssertionError("Sampler class requires input datapipe implemented `__len__`")
        self.datapipe = datapipe
        self.sampler = sampler(*(sampler_args or ()), **{**(sampler_kwargs or {}), "data_source": datapipe})

    def __iter__(self) -> Iterator:
        return iter(self.sampler)

    def __len__(self) -> int:
        return length_of(self, self.sampler)


def draw_seed(generator=None) -> int:
    """A seed from `generator`, by default the library's own."""
    return int(fn.empty((), dtype=int64).random_(generator=generator).item())


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(IterDataPipe):
    """Items in a random order, as far as a buffer of `buffer_size` items allows.

    Each pass begins with a seed that was set by `set_seed` or is drawn from the default generator. Loaders
    set it, to the same number in all workers.
    """

    def __init__(self, datapipe: IterDataPipe, *, buffer_size: int = 10000, unbatch_level: int = 0) -> None:
        if buffer_size <= 0:
            raise AssertionError(f"buffer_size should be larger than 0, got {buffer_size}")
        self.datapipe = datapipe if unbatch_level == 0 else datapipe.unbatch(unbatch_level=unbatch_level)
        self.buffer_size = buffer_size
        self._buffer: list = []
        self._enabled = True
        self._seed: int | None = None
        self._rng = random.Random()

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
            yield from self.datapipe
            return
        for item in self.datapipe:
            if len(self._buffer) < self.buffer_size:
                self._buffer.append(item)
                continue
            place = self._rng.randint(0, len(self._buffer) - 1)
            drawn, self._buffer[place] = self._buffer[place], item
            yield drawn
        while self._buffer:
            yield self._buffer.pop(self._rng.randint(0, len(self._buffer) - 1))

    def reset(self) -> None:
        self._buffer = []
        if self._enabled:
            self._rng.seed(draw_seed() if self._seed is None else self._seed)
            self._seed = None

    def __len__(self) -> int:
        return length_of(self, self.datapipe)


@functional_datapipe("concat")
class ConcaterIterDataPipe(IterDataPipe):
    """Pipes one after another."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        check_pipes(self, datapipes)
        self.datapipes = datapipes

    def __iter__(self) -> Iterator:
        for datapipe in self.datapipes:
            yield from datapipe

    def __len__(self) -> int:
        return sum(length_of(self, datapipe) for datapipe in self.datapipes)


@functional_datapipe("zip")
class ZipperIterDataPipe(IterDataPipe):
    """Tuples of one item of each pipe, until the shortest ends."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        check_pipes(self, datapipes)
        self.datapipes = datapipes

    def __iter__(self) -> Iterator:
        yield from zip(*(iter(datapipe) for datapipe in self.datapipes))

    def __len__(self) -> int:
        return min(length_of(self, datapipe) for datapipe in self.datapipes)


@functional_datapipe("mux")
class MultiplexerIterDataPipe(IterDataPipe):
    """One item of each pipe in turn, until the shortest ends."""

    def __init__(self, *datapipes: IterDataPipe) -> None:
        self.datapipes = datapipes

    def __iter__(self) -> Iterator:
        for items in zip(*(iter(datapipe) for datapipe in self.datapipes)):
            yield from items

    def __len__(self) -> int:
        return len(self.datapipes) * min(length_of(self, datapipe) for datapipe in self.datapipes)


def check_pipes(pipe: IterDataPipe, sources: tuple) -> None:
    """ValueError without sources, TypeError when one is no pipe."""
    if not sources:
        raise ValueError(f"Expected at least one DataPipe, but got nothing: {type(pipe).__name__}")
    for source in sources:
        if not isinstance(source, IterDataPipe):
            raise TypeError(f"Expected all inputs to be `IterDataPipe`, got {type(source).__name__}")


@functional_datapipe("sharding_filter")
class ShardingFilterIterDataPipe(IterDataPipe):
    """Every n-th item, from an own start on: how workers and ranks divide a pipe among them.

    Loaders set the number and the start; until then all items pass.
    """

    def __init__(self, source_datapipe: IterDataPipe) -> None:
        self.source_datapipe = source_datapipe
        self.num_of_instances = 1
        self.instance_id = 0

    def apply_sharding(self, num_of_instances: int, instance_id: int) -> None:
        """Let through items `instance_id`, `instance_id + num_of_instances`, ..."""
        if instance_id >= num_of_instances:
            raise ValueError(
                f"instance_id({instance_id}) should be smaller than num_of_instances({num_of_instances})"
            )
        self.num_of_instances = num_of_instances
        self.instance_id = instance_id

    def __iter__(self) -> Iterator:
        for position, item in enumerate(self.source_datapipe):
            if position % self.num_of_instances == self.instance_id:
                yield item

    def __len__(self) -> int:
        whole, rest = divmod(length_of(self, self.source_datapipe), self.num_of_instances)
        return whole + (self.instance_id < rest)
