"""Datasets, samplers and loaders. The public path is `rushlight.utils.data`.

In reading order: dataset.py and sampler.py say what there is and in which order; collate.py joins samples;
fetch.py gets one batch; loader.py checks a loader's arguments and iterators.py runs one pass. With workers,
worker_pool.py is the loader's side, worker.py the worker's, transport.py what goes between them, failure.py
what can go wrong. pipes/ holds the datasets that are built from one another.
"""

from .collate import collate, default_collate, default_collate_fn_map, default_convert
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .distributed_sampler import DistributedSampler
from .loader import DataLoader
from .pipes import DataChunk, IterDataPipe, MapDataPipe, functional_datapipe
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .worker import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataChunk",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterDataPipe",
    "IterableDataset",
    "MapDataPipe",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "collate",
    "default_collate",
    "default_collate_fn_map",
    "default_convert",
    "functional_datapipe",
    "get_worker_info",
    "random_split",
]
