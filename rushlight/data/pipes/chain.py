"""What is done to a whole chain of datapipes: finding its members, and setting shuffling, seeds and shards.

A member is asked by the methods it has: `set_shuffle` and `set_seed` make a shuffler, `set_seed` alone
something random, `apply_sharding` something that divides.
"""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from ... import distributed
from ... import functions as fn
from ...dtypes import int64
from ..dataset import Dataset
from .base import IterDataPipe, MapDataPipe
from .iterating import draw_seed

PIPES = (IterDataPipe, MapDataPipe)


def sources_of(pipe) -> list:
    """The pipes that `pipe` holds in its attributes, in their order."""
    return list(_pipes_in(list(vars(pipe).values())))


def _pipes_in(value: Any) -> Iterator:
    if isinstance(value, PIPES):
        yield value
    elif isinstance(value, Mapping):
        yield from _pipes_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _pipes_in(member)
    elif isinstance(value, Dataset):
        yield from _pipes_in(list(vars(value).values()))


def members(pipe) -> list:
    """`pipe` and all it is built from, each once, from the end of the chain to its sources."""
    found: dict[int, Any] = {}

    def visit(one) -> None:
        if id(one) not in found:
            found[id(one)] = one
            for source in sources_of(one):
                visit(source)

    visit(pipe)
    return list(found.values())


def apply_shuffle_settings(datapipe, shuffle: bool | None = None):
    """Turn all shufflers of a chain on or off; one is added at its end if it has none and `shuffle` is True.

    Source: torch.utils.data.graph_settings.apply_shuffle_settings.
    """
    if shuffle is None:
        return datapipe
    shufflers = [pipe for pipe in members(datapipe) if _has(pipe, "set_shuffle") and _has(pipe, "set_seed")]
    if shuffle and not shufflers:
        warnings.warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. Adding one at the end: "
            "its buffer of 10000 items may be too small for your data.",
            stacklevel=2,
        )
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for shuffler in shufflers:
        shuffler.set_shuffle(shuffle)
    return datapipe


def apply_random_seed(datapipe, rng):
    """Give every random member of a chain a seed drawn from `rng`.

    Source: torch.utils.data.graph_settings.apply_random_seed.
    """
    for pipe in members(datapipe):
        if _has(pipe, "set_seed"):
            pipe.set_seed(draw_seed(rng))
    return datapipe


def apply_sharding(datapipe, num_of_instances: int, instance_id: int):
    """Have the sharding members of a chain let through one part of `num_of_instances`.

    Raises:
        RuntimeError: two sharding members on one branch, which would lose data.
    Source: torch.utils.data.graph_settings.apply_sharding.
    Example:
        >>> from rushlight.utils.data.datapipes.iter import IterableWrapper
        >>> list(apply_sharding(IterableWrapper(range(7)).sharding_filter(), 3, 1))
        [1, 4]
    """

    def visit(pipe, above) -> None:
        if _has(pipe, "apply_sharding"):
            if above is not None:
                raise RuntimeError(
                    "Sharding twice on a single pipeline is likely unintended and will cause data loss: "
                    f"already applied to {above}, and now to {pipe}"
                )
            pipe.apply_sharding(num_of_instances, instance_id)
            above = pipe
        for source in sources_of(pipe):
            visit(source, above)

    visit(datapipe, None)
    return datapipe


def _has(pipe, name: str) -> bool:
    return callable(getattr(type(pipe), name, None))


def is_pipe(dataset) -> bool:
    """Whether a dataset is a datapipe of either kind."""
    return isinstance(dataset, PIPES)


def draw_shared_seed(generator) -> int:
    """A seed that all ranks of a process group agree on: rank 0's."""
    seed = draw_seed(generator)
    if not _grouped():
        return seed
    agreed = fn.tensor(seed, dtype=int64)
    distributed.broadcast(agreed, src=0)
    return int(agreed.item())


def seed_chain(datapipe, shared_seed: int) -> None:
    """Seed the random members of a chain from one number."""
    apply_random_seed(datapipe, fn.Generator().manual_seed(shared_seed))


def rank_and_world_size() -> tuple[int, int]:
    """This process among the ranks, (0, 1) without a process group."""
    return (distributed.get_rank(), distributed.get_world_size()) if _grouped() else (0, 1)


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()
