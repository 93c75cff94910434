"""Process groups: who belongs together, under which name, and how they were joined.

`init_process_group` makes the default group of all processes, `new_group` groups of some of them. What groups do is in
collective.py, objects.py and messages.py. A group of one needs no MPI.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from . import link as links
from . import mpi
from .backend import Backend, accepted
from .errors import NOT_INITIALIZED
from .lanes import Alone, Peers
from .progress import Progress, call_of
from .rendezvous import Meeting, meet, of_launcher
from .store import HashStore, PrefixStore, Store
from .tcp_store import TCPStore

default_pg_timeout = timedelta(minutes=30)


class ProcessGroup:
    """Ranks that communicate with one another.

    `ranks` are the members' ranks in the default group; a group's own ranks count from 0 in this order.
    Source: torch.distributed.ProcessGroup.
    """

    def __init__(
        self, ranks: Sequence[int], lane: Any, control: Any, link: Any, backend: str, name: str, timeout: timedelta, store: Store
    ) -> None:  # fmt: skip
        self.ranks = tuple(ranks)
        self.lane = lane
        self.link = link
        self.backend = Backend(backend)
        self.group_name = name
        self.group_desc = name
        self.timeout = timeout
        self.store = store
        self.progress = Progress(lane, control, self.ranks, link, timeout.total_seconds())

    def rank(self) -> int:
        """This process's rank in the group."""
        return self.lane.rank

    def size(self) -> int:
        """How many ranks there are."""
        return self.lane.size

    def name(self) -> str:
        """The backend's name."""
        return str(self.backend)

    def get_group_store(self) -> Store:
        """The store of the group's members."""
        return self.store

    def set_timeout(self, timeout: timedelta) -> None:
        """How long a wait may take from now on."""
        self.timeout = timeout
        self.progress.limit = timeout.total_seconds()

    def place_of(self, rank: int) -> int:
        """The rank in this group of a rank of the default group. Raises: ValueError when it is no member."""
        try:
            return self.ranks.index(rank)
        except ValueError:
            raise ValueError(
                f"Global rank {rank} is not part of group {self.group_name!r} of ranks {list(self.ranks)}"
            ) from None

    def abort(self) -> None:
        """Give up what is pending."""
        self.progress.broken = "it was aborted"

    shutdown = abort

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name!r}: rank {self.rank()} of {self.size()}, {self.backend}>"

    def __copy__(self) -> ProcessGroup:
        return self

    def __deepcopy__(self, memo: dict) -> ProcessGroup:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("a ProcessGroup belongs to its process and cannot be pickled")


class _World:
    """The groups of this process, by what PyTorch's programs look for."""

    def __init__(self) -> None:
        self.default: ProcessGroup | None = None
        self.groups: dict[str, ProcessGroup] = {}
        self.base: Any = None  # the communicator of all ranks; None in a group of one
        self.numbers = itertools.count()


_world = _World()
# How often this process has joined others: each time has its own place in a store that serves several.
_begun = itertools.count()


class _GroupMemberMeta(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return _world.default

    @WORLD.setter
    def WORLD(cls, group: ProcessGroup | None) -> None:
        _world.default = group


class GroupMember(metaclass=_GroupMemberMeta):
    """WORLD: the default group (None before there is one). NON_GROUP_MEMBER: what new_group gives to outsiders.

    Source: torch.distributed.GroupMember.
    """

    NON_GROUP_MEMBER = -100


class group(metaclass=_GroupMemberMeta):
    """`group.WORLD`: the default group. Source: torch.distributed.group."""


# ---------------------------------------------------------------- asking


def is_initialized() -> bool:
    """Whether there is a default group. Source: torch.distributed.is_initialized."""
    return _world.default is not None


def default_group() -> ProcessGroup:
    """The group of all processes. Raises: ValueError before init_process_group."""
    if _world.default is None:
        raise ValueError(NOT_INITIALIZED)
    return _world.default


def member(group: Any) -> ProcessGroup | None:
    """The group that an argument `group=` means; None when this process is not in it."""
    if group is None:
        return default_group()
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    if not isinstance(group, ProcessGroup):
        raise TypeError(f"group must be a ProcessGroup, got {type(group).__name__}: {group!r}")
    if group.group_name not in _world.groups and group.group_name != "alone":
        raise ValueError(f"Invalid process group specified: {group!r} was destroyed")
    return group


def _required(group: Any) -> ProcessGroup:
    found = member(group)
    if found is None:
        raise ValueError("Invalid process group specified: this process is not in it")
    return found


def get_rank(group: Any = None) -> int:
    """This process's rank in the group, -1 outside it.

    Raises: ValueError before init_process_group. Source: torch.distributed.get_rank.
    """
    found = member(group)
    return -1 if found is None else found.rank()


def get_world_size(group: Any = None) -> int:
    """How many processes the group has, -1 outside it.

    Raises: ValueError before init_process_group. Source: torch.distributed.get_world_size.
    """
    found = member(group)
    return -1 if found is None else found.size()


def get_backend(group: Any = None) -> Backend:
    """The backend that the group was asked for. Source: torch.distributed.get_backend."""
    return _required(group).backend


def get_backend_config(group: Any = None) -> str:
    """The backend for each kind of device, as text. Source: torch.distributed.get_backend_config."""
    return f"cpu:{_required(group).backend}"


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The members' ranks in the default group. Source: torch.distributed.get_process_group_ranks."""
    return list(_required(group).ranks)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the default group of a group's rank. Source: torch.distributed.get_global_rank."""
    found = _required(group)
    if not 0 <= group_rank < found.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {found!r}")
    return found.ranks[group_rank]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a rank of the default group. Source: torch.distributed.get_group_rank."""
    return _required(group).place_of(global_rank)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's number on its machine.

    Raises: RuntimeError when the launcher has not said it and there is no fallback.
    Source: torch.distributed.get_node_local_rank.
    """
    for name in ("LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"):
        if os.environ.get(name):
            return int(os.environ[name])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )


def get_pg_count() -> int:
    """How many groups there are. Source: torch.distributed.get_pg_count."""
    return len(_world.groups)


# ---------------------------------------------------------------- beginning and ending


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
    _ranks: list[int] | None = None,
) -> None:
    """Join all processes of this run in the default group; every process calls it.

    Under mpiexec (or `rushlight launch`) nothing needs to be said. Otherwise RANK, WORLD_SIZE, MASTER_ADDR and
    MASTER_PORT in the environment, or the arguments, say who this is and where all meet.

    Args:
        backend: 'mpi' or 'gloo', both carried by MPI; 'nccl' needs a GPU. None: 'mpi'.
        init_method: 'env://' (the default), 'tcp://host:port' or 'file:///path', with rank and world_size.
        timeout: how long joining and each later wait may take, a timedelta; 30 minutes by default.
        store: a store that all processes share, in place of init_method, with rank and world_size.
        group_name, pg_options, device_id: accepted, and without effect.
    Raises:
        ValueError: called twice, or something is missing that says who this process is.
        RuntimeError: the backend or MPI is not usable here.
        DistBackendError, DistNetworkError: other processes did not come in time.
    Source: torch.distributed.init_process_group.
    Example:
        >>> import rushlight.distributed as dist
        >>> dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=0, world_size=1)
        >>> dist.get_rank(), dist.get_world_size()
        (0, 1)
        >>> dist.destroy_process_group()
    """
    if _world.default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    timeout = _checked_timeout(timeout)
    name = accepted(backend)
    meeting = meet(backend, init_method, rank, world_size, store, timeout)
    if meeting.size == 1:
        shared = meeting.store if meeting.store is not None else HashStore()
        _begin(
            ProcessGroup((0,), Alone(), None, links.NoLink(), name, "0", timeout, PrefixStore("0", shared)),
            None,
        )
        return
    comm, link, shared = _join(meeting, f"group{next(_begun)}", timeout.total_seconds())
    mpi.at_farewell(link.leave)
    everyone = range(meeting.size)
    lane, control = Peers(comm.Dup()), comm.Dup()
    _begin(ProcessGroup(everyone, lane, control, link, name, "0", timeout, PrefixStore("0", shared)), comm)


def _checked_timeout(timeout: Any) -> timedelta:
    if timeout is None:
        return default_pg_timeout
    if not isinstance(timeout, timedelta):
        raise TypeError(
            f"Expected timeout argument to be of type datetime.timedelta, got {type(timeout).__name__}: {timeout!r}"
        )
    return timeout


def group_of_one() -> ProcessGroup:
    """A group of this process alone, for DistributedDataParallel without init_process_group.

    Raises: ValueError where a launcher started several processes, which would then each train on their own.
    """
    launched = of_launcher()
    several = launched[1] if launched is not None else int(os.environ.get("WORLD_SIZE") or 1)
    if several > 1:
        raise ValueError(
            f"{NOT_INITIALIZED} This is one of {several} processes, which have to be joined first."
        )
    return ProcessGroup((0,), Alone(), None, links.NoLink(), "mpi", "alone", default_pg_timeout, HashStore())


def _begin(made: ProcessGroup, base: Any) -> None:
    _world.default = made
    _world.base = base
    _world.groups = {made.group_name: made}
    _world.numbers = itertools.count(1)


def _join(meeting: Meeting, prefix: str, limit: float) -> tuple[Any, Any, Store]:
    """(communicator, link, store) of all who meet."""
    if meeting.launched:
        comm = mpi.world(meeting.rank, meeting.size)
        link = links.open_by_mpi(comm, limit)
        return comm, link, _store_of_mpi(comm, limit)
    mpi.load()  # so that a missing MPI is said before anybody waits
    assert meeting.store is not None
    store = PrefixStore(prefix, meeting.store)
    store.set_timeout(timedelta(seconds=limit))
    link = links.open_by_store(store, meeting.rank, meeting.size, limit)

    def gone() -> str | None:
        return next((f"rank {rank} {why}" for rank, why in link.lost.items()), None)

    try:
        return mpi.join(store, meeting.rank, meeting.size, limit, gone), link, store
    except BaseException:
        link.leave("could not join")
        raise


def _store_of_mpi(comm: Any, limit: float) -> Store:
    """A store of processes that needed none to meet: rank 0 serves it."""
    host = comm.bcast(_own_address(comm))
    timeout = timedelta(seconds=limit)
    first = comm.Get_rank() == 0
    server = TCPStore(host, 0, None, True, timeout) if first else None
    port = comm.bcast(server.port if server is not None else None)
    return server if server is not None else TCPStore(host, port, None, False, timeout)


def _own_address(comm: Any) -> str:
    hosts = set(comm.allgather(socket.gethostname()))
    return "127.0.0.1" if len(hosts) == 1 else socket.gethostname()


def destroy_process_group(group: Any = None) -> None:
    """End a group; without argument (or for the default group) all of them.

    Raises: AssertionError when there is no default group.
    Source: torch.distributed.destroy_process_group.
    """
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    found = _world.default if group is None else group
    if found is None or _world.default is None:
        raise AssertionError("Process group cannot be None")
    if found is not _world.default:
        if _world.groups.pop(found.group_name, None) is None:
            raise ValueError("Invalid process group specified")
        return
    _world.default.link.leave("has left the group (destroy_process_group)")
    _world.default = _world.base = None
    _world.groups = {}


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> Any:
    """A group of some ranks of the default group. All processes call it, members or not, in the same order.

    Args:
        ranks: the members' ranks; None: all.
        use_local_synchronization: only the members call it.
        sort_ranks: number the members by their rank in the default group, not by their order in `ranks`.
    Returns:
        The group, or GroupMember.NON_GROUP_MEMBER in processes that are not in it.
    Source: torch.distributed.new_group.
    """
    world = default_group()
    chosen = list(range(world.size())) if ranks is None else [int(rank) for rank in ranks]
    if sort_ranks:
        chosen.sort()
    if len(chosen) > world.size():
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by init_process_group: "
            f"{len(chosen)} and {world.size()}"
        )
    if len(set(chosen)) != len(chosen) or any(not 0 <= rank < world.size() for rank in chosen):
        raise ValueError(
            f"The new group's rank should be within the world_size set by init_process_group, each rank once: got "
            f"{chosen} of {world.size()}"
        )
    name = str(next(_world.numbers))
    if not use_local_synchronization:
        call = call_of("new_group", tuple(chosen))
        world.progress.submit(call, lambda lane: [], lambda: None).wait()
    if world.rank() not in chosen:
        return GroupMember.NON_GROUP_MEMBER
    made = _subgroup(world, chosen, name, accepted(backend or str(world.backend)), timeout)
    made.group_desc = group_desc or name
    _world.groups[name] = made
    return made


def _subgroup(
    world: ProcessGroup, ranks: list[int], name: str, backend: str, timeout: timedelta | None
) -> ProcessGroup:
    limit = world.timeout if timeout is None else _checked_timeout(timeout)
    store = PrefixStore(name, world.store)
    if len(ranks) == 1:
        return ProcessGroup(ranks, Alone(), None, links.NoLink(), backend, name, limit, store)
    members = _world.base.Get_group().Incl(ranks)
    comm = _world.base.Create_group(members, 0)
    return ProcessGroup(ranks, Peers(comm), comm.Dup(), world.link, backend, name, limit, store)


def new_subgroups(
    group_size: int | None = None,
    group: Any = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list]:
    """Groups of `group_size` neighbouring ranks: (this process's group, all of them).

    Source: torch.distributed.new_subgroups.
    """
    if group_size is None:
        raise ValueError(
            "new_subgroups: group_size is needed: how many processes a machine runs is not known here"
        )
    size = get_world_size(group)
    if size < group_size:
        raise ValueError(f"The arg 'group_size' ({group_size}) must not exceed the world size ({size})")
    if size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by 'group_size={group_size}'")
    rows = [list(range(start, start + group_size)) for start in range(0, size, group_size)]
    return new_subgroups_by_enumeration(rows, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: Sequence[Sequence[int]],
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list]:
    """The groups of the given ranks, none in two of them: (this process's group or None, all of them).

    Source: torch.distributed.new_subgroups_by_enumeration.
    """
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    flat = [rank for ranks in ranks_per_subgroup_list for rank in ranks]
    if len(set(flat)) != len(flat):
        raise ValueError(f"a rank is in two subgroups: {[list(ranks) for ranks in ranks_per_subgroup_list]}")
    own = None
    made = []
    for ranks in ranks_per_subgroup_list:
        one = new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        made.append(one)
        if get_rank() in ranks:
            own = one
    return own, made


def split_group(
    parent_pg: Any = None,
    split_ranks: list | None = None,
    timeout: timedelta | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
    backend: str | None = None,
) -> Any:
    """The one of the given parts of the default group that this process is in, as a group of its own.

    Source: torch.distributed.split_group.
    """
    if not split_ranks:
        raise ValueError("split_ranks cannot be None")
    if parent_pg is not None and parent_pg is not _world.default:
        split_ranks = [[parent_pg.ranks[place] for place in part] for part in split_ranks]
    return new_subgroups_by_enumeration(split_ranks, timeout, backend, pg_options, group_desc)[0]
