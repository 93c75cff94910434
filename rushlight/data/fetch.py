"""From the indices of one batch to the batch: asking the dataset and joining what it answers.

The same fetchers run in the loader's own process and in its workers. An exception that a dataset raises gets
a note (PEP 678) with the index being read, which tracebacks print under the message; its type and message
are left alone.
"""

from collections.abc import Iterator

from ..tensor import Tensor
from .collate import collate_tensor_fn, default_collate, default_collate_fn_map
from .dataset import Subset, TensorDataset


class MapFetcher:
    """Batches (or, without batching, single samples) of a map-style dataset."""

    def __init__(self, dataset, auto_collation: bool, collate_fn, drop_last: bool) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn

    def fetch(self, index):
        """The batch for a list of indices, or the sample for one index."""
        if not self.auto_collation:
            return self.collate_fn(self._sample(index))
        if self.collate_fn is default_collate:
            gathered = _gathered(self.dataset, index)
            if gathered is not None:
                return gathered
        samples = self._samples(index)
        try:
            return self.collate_fn(samples)
        except Exception as error:
            error.add_note(f"The batch holds the samples at indices {_shortened(index)}.")
            raise

    def _samples(self, indices) -> list:
        together = getattr(self.dataset, "__getitems__", None)
        if not together:
            return [self._sample(index) for index in indices]
        try:
            return together(indices)
        except Exception as error:
            error.add_note(f"Raised while reading the samples at indices {_shortened(indices)}.")
            raise

    def _sample(self, index):
        try:
            return self.dataset[index]
        except Exception as error:
            error.add_note(f"Raised while reading the sample at index {index!r}.")
            raise


class IterableFetcher:
    """Batches (or single samples) of an iterable dataset; StopIteration when it has run dry."""

    def __init__(self, dataset, auto_collation: bool, collate_fn, drop_last: bool) -> None:
        self.samples: Iterator = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.read = 0
        self.ended = False

    def fetch(self, index):
        """The next `len(index)` samples joined, or the next sample; the members of `index` mean nothing."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(self._next())
        batch: list = []
        while len(batch) < len(index) and not self.ended:
            try:
                batch.append(self._next())
            except StopIteration:
                self.ended = True
        if not batch or (self.drop_last and len(batch) < len(index)):
            raise StopIteration
        return self.collate_fn(batch)

    def _next(self):
        try:
            sample = next(self.samples)
        except StopIteration:
            raise
        except Exception as error:
            error.add_note(f"Raised while reading sample number {self.read} of the iterable dataset.")
            raise
        self.read += 1
        return sample


def _shortened(indices, most: int = 20) -> str:
    """The indices as text, without the middle of a long list."""
    shown = list(indices)
    if len(shown) <= most:
        return repr(shown)
    return f"[{', '.join(map(repr, shown[: most // 2]))}, ..., {shown[-1]!r}] ({len(shown)} of them)"


def _gathered(dataset, indices):
    """The batch of a TensorDataset, or of Subsets of one, by one gather a tensor; None where that may differ.

    Reading rows one by one and stacking them gives the same numbers, at the price of two operations for each
    row.
    """
    if default_collate_fn_map.get(Tensor) is not collate_tensor_fn:
        return None
    while type(dataset) is Subset:
        if not _in_range(indices, len(dataset.indices)):
            return None
        indices = [dataset.indices[index] for index in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or not dataset.tensors:
        return None
    if not all(type(tensor) is Tensor and not tensor.requires_grad for tensor in dataset.tensors):
        return None
    if not _in_range(indices, len(dataset)):
        return None
    return [tensor[indices] for tensor in dataset.tensors]


def _in_range(indices, size: int) -> bool:
    """Whether these are plain ints that exist; anything else is left to the dataset to accept or refuse."""
    return (
        type(indices) is list
        and bool(indices)
        and all(type(index) is int for index in indices)
        and -size <= min(indices)
        and max(indices) < size
    )
