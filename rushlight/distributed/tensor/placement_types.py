"""How a tensor would lie on a mesh; plain values."""

from __future__ import annotations

from dataclasses import dataclass


class Placement:
    """Base of the placements. Source: torch.distributed.tensor.Placement."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether it is Shard, along `dim` if given."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether it is Replicate."""
        return isinstance(self, Replicate)

    def is_partial(self) -> bool:
        """Whether it is Partial."""
        return isinstance(self, Partial)


@dataclass(frozen=True)
class Shard(Placement):
    """Cut along a dimension."""

    dim: int


@dataclass(frozen=True)
class Replicate(Placement):
    """Whole on every rank."""


@dataclass(frozen=True)
class Partial(Placement):
    """To be reduced over the ranks."""

    reduce_op: str = "sum"
