"""DeviceMesh: ranks in a grid, with a group along each of its dimensions (torch.distributed.device_mesh)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor, array_of, from_array
from .group import (
    GroupMember,
    ProcessGroup,
    get_rank,
    get_world_size,
    init_process_group,
    is_initialized,
    new_group,
)

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Ranks in a grid; every rank of the default group makes it, alike.

    Args:
        device_type: 'cpu'.
        mesh: the ranks, a tensor or nested lists.
        mesh_dim_names: a name for each dimension.
    Source: torch.distributed.device_mesh.DeviceMesh.
    """

    def __init__(
        self,
        device_type: str,
        mesh: Any,
        *,
        mesh_dim_names: Sequence[str] | None = None,
        _init_backend: bool = True,
    ) -> None:
        self.device_type = device_type
        self._ranks = np.array(array_of(mesh) if isinstance(mesh, Tensor) else mesh, np.int64)
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if self.mesh_dim_names is not None and len(self.mesh_dim_names) != self._ranks.ndim:
            raise RuntimeError(
                f"DeviceMesh: {len(self.mesh_dim_names)} names {self.mesh_dim_names} for a mesh of {self._ranks.ndim} "
                "dimensions"
            )
        self._groups: list[Any] = []
        if _init_backend:
            if not is_initialized():
                init_process_group()
            self._groups = [self._make_groups(dim) for dim in range(self._ranks.ndim)]

    def _make_groups(self, dim: int) -> Any:
        """One group for each line of the grid along `dim`; gives this rank's."""
        own: Any = GroupMember.NON_GROUP_MEMBER
        for line in np.moveaxis(self._ranks, dim, -1).reshape(-1, self._ranks.shape[dim]):
            made = new_group(line.tolist(), sort_ranks=False)
            if made is not GroupMember.NON_GROUP_MEMBER:
                own = made
        return own

    @property
    def mesh(self) -> Tensor:
        """The ranks."""
        return from_array(self._ranks.copy())

    @property
    def ndim(self) -> int:
        return self._ranks.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        return self._ranks.shape

    def size(self, mesh_dim: int | None = None) -> int:
        """How many ranks there are, in all or along a dimension."""
        return self._ranks.size if mesh_dim is None else self._ranks.shape[mesh_dim]

    def _dim(self, mesh_dim: int | str | None) -> int:
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(
                    f"Found the DeviceMesh have {self.ndim} dimensions. Optional kwarg `mesh_dim` needs to be specified when "
                    "device_mesh.ndim > 1."
                )
            return 0
        if isinstance(mesh_dim, int):
            return mesh_dim
        if self.mesh_dim_names is None or mesh_dim not in self.mesh_dim_names:
            raise KeyError(
                f"Invalid mesh_dim_name {mesh_dim!r}: the mesh's dimensions are {self.mesh_dim_names}"
            )
        return self.mesh_dim_names.index(mesh_dim)

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """This rank's group along a dimension."""
        return self._groups[self._dim(mesh_dim)]

    def get_all_groups(self) -> list[ProcessGroup]:
        """This rank's groups, one for each dimension."""
        return list(self._groups)

    def get_rank(self) -> int:
        """This process's rank in the default group."""
        return get_rank()

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """This rank's place along a dimension."""
        return self.get_group(mesh_dim).rank()

    def get_coordinate(self) -> list[int] | None:
        """This rank's place in the grid; None outside it."""
        found = np.argwhere(self._ranks == get_rank())
        return found[0].tolist() if len(found) else None

    def __getitem__(self, names: str | tuple[str, ...]) -> DeviceMesh:
        """The part of the grid along the named dimensions that this rank is in."""
        wanted = (names,) if isinstance(names, str) else tuple(names)
        dims = [self._dim(name) for name in wanted]
        place = self.get_coordinate()
        if place is None:
            raise RuntimeError("this rank is not in the mesh")
        index = tuple(slice(None) if dim in dims else place[dim] for dim in range(self.ndim))
        part = self._ranks[index].transpose([sorted(dims).index(dim) for dim in dims])
        made = DeviceMesh(self.device_type, part, mesh_dim_names=wanted, _init_backend=False)
        made._groups = [self._groups[dim] for dim in dims]
        return made

    @staticmethod
    def from_group(group: ProcessGroup, device_type: str, mesh: Any = None, **options: Any) -> DeviceMesh:
        """The mesh of one dimension of a group's ranks."""
        made = DeviceMesh(device_type, list(group.ranks), _init_backend=False, **options)
        made._groups = [group]
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceMesh) and np.array_equal(self._ranks, other._ranks)

    def __hash__(self) -> int:
        return hash((self.device_type, self._ranks.tobytes(), self.shape))

    def __repr__(self) -> str:
        names = "" if self.mesh_dim_names is None else f", mesh_dim_names={self.mesh_dim_names}"
        return f"DeviceMesh({self.device_type!r}, {self._ranks.tolist()}{names})"


def init_device_mesh(
    device_type: str,
    mesh_shape: Sequence[int],
    *,
    mesh_dim_names: Sequence[str] | None = None,
    **options: Any,
) -> DeviceMesh:
    """All ranks in a grid of the given sizes, row by row; begins the default group if there is none.

    Raises: RuntimeError when the sizes do not multiply to the world size.
    Source: torch.distributed.device_mesh.init_device_mesh.
    """
    if mesh_dim_names is not None and len(set(mesh_dim_names)) != len(mesh_dim_names):
        raise RuntimeError(f"Each mesh_dim_name must be unique, got {tuple(mesh_dim_names)}")
    if not is_initialized():
        init_process_group()
    count = int(np.prod(mesh_shape))
    if count != get_world_size():
        raise RuntimeError(
            f"Mesh of shape {tuple(mesh_shape)} has {count} ranks, the default group {get_world_size()}"
        )
    return DeviceMesh(device_type, np.arange(count).reshape(tuple(mesh_shape)), mesh_dim_names=mesh_dim_names)
