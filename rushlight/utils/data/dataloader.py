"""`torch.utils.data.dataloader`: the loader, its iterators and what else programs take from this path."""

from collections.abc import Callable
from typing import Any, TypeVar

from ...data.collate import default_collate, default_convert
from ...data.dataset import Dataset, IterableDataset
from ...data.iterators import BaseDataLoaderIter as _BaseDataLoaderIter
from ...data.iterators import DatasetKind as _DatasetKind
from ...data.iterators import MultiProcessingDataLoaderIter as _MultiProcessingDataLoaderIter
from ...data.iterators import SingleProcessDataLoaderIter as _SingleProcessDataLoaderIter
from ...data.loader import DataLoader
from ...data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from ...data.worker import get_worker_info

_T = TypeVar("_T")
_collate_fn_t = Callable[[list[_T]], Any]
_worker_init_fn_t = Callable[[int], None]

__all__ = [
    "BatchSampler",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "_BaseDataLoaderIter",
    "_DatasetKind",
    "_MultiProcessingDataLoaderIter",
    "_SingleProcessDataLoaderIter",
    "_collate_fn_t",
    "_worker_init_fn_t",
    "default_collate",
    "default_convert",
    "get_worker_info",
]
