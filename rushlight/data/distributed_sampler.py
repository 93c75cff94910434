"""The sampler that gives each process of a group its own share of the indices.

Every process computes the same order from `seed + epoch`, without any communication, and takes each
`num_replicas`-th index from its own rank on.
"""

import math
from collections.abc import Iterator

from .. import distributed
from .. import functions as fn
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """One rank's share of a dataset's indices; all ranks get the same number of them.

    `set_epoch` has to be called before each epoch, or every epoch has the same order.

    Args:
        dataset: anything with a constant length.
        num_replicas: processes that share the dataset; the group's world size when None.
        rank: this process among them; the group's rank when None.
        shuffle: a random order from `seed + epoch` instead of 0, 1, 2, ...
        seed: the same number in all processes.
        drop_last: drop the tail that does not divide evenly, instead of repeating indices from the front.
    Raises:
        ValueError: rank outside [0, num_replicas).
    Source: torch.utils.data.distributed.DistributedSampler.
    Example:
        >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in (0, 1)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            _require_distributed("num_replicas")
            num_replicas = distributed.get_world_size()
        if rank is None:
            _require_distributed("rank")
            rank = distributed.get_rank()
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        self.num_samples = _share(len(dataset), num_replicas, drop_last)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        indices = self._order()
        if self.drop_last:
            indices = indices[: self.total_size]
        else:
            indices = _repeat_to(indices, self.total_size)
        if len(indices) != self.total_size:
            raise AssertionError(
                f"Number of indices ({len(indices)}) does not match total_size ({self.total_size}); "
                "the dataset's length has changed since the sampler was made"
            )
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def _order(self) -> list[int]:
        if not self.shuffle:
            return list(range(len(self.dataset)))
        generator = fn.Generator()
        generator.manual_seed(self.seed + self.epoch)
        return fn.randperm(len(self.dataset), generator=generator).tolist()

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass: the same epoch gives the same order, on every rank."""
        self.epoch = epoch


def _require_distributed(argument: str) -> None:
    if not distributed.is_available():
        raise RuntimeError(
            "Requires distributed package to be available: install rushlight[mpi], "
            f"or pass {argument} to DistributedSampler"
        )


def _share(size: int, replicas: int, drop_last: bool) -> int:
    """Indices of each rank."""
    if drop_last and size % replicas:
        return math.ceil((size - replicas) / replicas)
    return math.ceil(size / replicas)


def _repeat_to(indices: list[int], size: int) -> list[int]:
    """`indices`, continued from the front again until there are `size`."""
    missing = size - len(indices)
    if missing <= 0:
        return indices
    rounds = math.ceil(missing / len(indices))
    return indices + (indices * rounds)[:missing]
