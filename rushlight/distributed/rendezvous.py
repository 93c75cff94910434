"""How a process learns its rank, how many there are, and where to meet them.

Started by mpiexec, MPI knows all of it. Otherwise rank, world size and a store come from init_process_group's arguments,
from an address (tcp://, file://), or from the environment that torchrun, `rushlight launch` and Slurm's srun set
(env://). Joining what has met is in mpi.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from .store import FileStore, HashStore, Store
from .tcp_store import TCPStore

ENV = "env://"

# How each MPI's launcher tells a process its rank and how many there are.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
)
_FIVE_MINUTES = timedelta(minutes=5)


@dataclass
class Meeting:
    """Who this process is among those that meet; `store` is None where MPI's own launcher started them."""

    rank: int
    size: int
    store: Store | None

    @property
    def launched(self) -> bool:
        return self.store is None


def of_launcher(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """(rank, world size) where mpiexec or the like started this process, else None."""
    for rank, size in _LAUNCHERS:
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            return int(environment[rank]), int(environment[size])
    return None


def meet(
    backend: str | None,
    init_method: str | None,
    rank: int,
    world_size: int,
    store: Store | None,
    timeout: timedelta,
) -> Meeting:
    """Find out who this process is and where the others are; the arguments are init_process_group's.

    Raises: ValueError or RuntimeError that names what is missing.
    """
    if store is not None:
        if rank < 0 or world_size < 1:
            raise ValueError(
                f"init_process_group: with store=, rank and world_size are needed, got {rank}, {world_size}"
            )
        return _checked(Meeting(rank, world_size, store))
    launched = of_launcher()
    url = init_method or ENV
    if launched is not None and (launched[1] > 1 or not _told_otherwise(url)):
        return _of_mpi(launched, url, rank, world_size)
    if url == ENV and world_size in (-1, 1) and _alone(backend):
        return Meeting(0, 1, HashStore())
    handler = _HANDLERS.get(urlparse(url).scheme)
    if handler is None:
        raise RuntimeError(
            f"No rendezvous handler for {url}: known are {', '.join(f'{s}://' for s in _HANDLERS)}"
        )
    found, rank, world_size = next(iter(handler(url, rank=rank, world_size=world_size, timeout=timeout)))
    return _checked(Meeting(rank, world_size, found))


def _checked(meeting: Meeting) -> Meeting:
    if not 0 <= meeting.rank < meeting.size:
        raise ValueError(
            f"rank {meeting.rank} is not in a group of {meeting.size}: ranks are 0 to {meeting.size - 1}"
        )
    return meeting


def _told_otherwise(url: str) -> bool:
    """Whether arguments or environment name processes that this launcher does not know of."""
    return url != ENV or "RANK" in os.environ or "WORLD_SIZE" in os.environ


def _of_mpi(launched: tuple[int, int], url: str, rank: int, world_size: int) -> Meeting:
    """The launcher's processes, under the ranks that the program gives them."""
    own_rank, size = launched
    if url == ENV:
        rank = _number("RANK", own_rank) if rank < 0 else rank
        world_size = _number("WORLD_SIZE", size) if world_size < 0 else world_size
    if world_size not in (-1, size):
        raise ValueError(
            f"init_process_group: world_size is {world_size}, but mpiexec started {size} processes. Leave "
            "WORLD_SIZE and world_size= away under mpiexec, or make them agree."
        )
    return _checked(Meeting(own_rank if rank < 0 else rank, size, None))


def _alone(backend: str | None) -> bool:
    """Whether MPI without any launcher is meant: a group of one, as MPI has it."""
    return backend == "mpi" and not any(
        name in os.environ for name in ("RANK", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
    )


def _number(name: str, default: int) -> int:
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"environment variable {name} must be a whole number, got {value!r}") from None


# ---------------------------------------------------------------- addresses


def rendezvous(url: str, rank: int = -1, world_size: int = -1, **kwargs: Any) -> Iterator[tuple]:
    """(store, rank, world size) for an address; the store is shared by all who call it with this address.

    Source: torch.distributed.rendezvous.
    """
    if not isinstance(url, str):
        raise RuntimeError(f"`url` must be a string, got {type(url).__name__}: {url}")
    handler = _HANDLERS.get(urlparse(url).scheme)
    if handler is None:
        raise RuntimeError(f"No rendezvous handler for {url}")
    return handler(url, rank=rank, world_size=world_size, **kwargs)


def register_rendezvous_handler(scheme: str, handler: Callable) -> None:
    """Have `handler(url, rank=, world_size=, timeout=)` serve addresses that begin with `scheme`://.

    Source: torch.distributed.register_rendezvous_handler.
    """
    if scheme in _HANDLERS:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _HANDLERS[scheme] = handler


def _missing(method: str, what: str) -> ValueError:
    return ValueError(f"Error initializing torch.distributed using {method} rendezvous: {what}")


def _given(method: str, url: str, rank: int, world_size: int) -> tuple[int, int]:
    """Rank and world size from the arguments, or from the address (?rank=0&world_size=2)."""
    query = {key: values[0] for key, values in parse_qs(urlparse(url).query).items()}
    rank = int(query.get("rank", rank))
    world_size = int(query.get("world_size", world_size))
    if rank < 0:
        raise _missing(method, "rank parameter missing")
    if world_size < 1:
        raise _missing(method, "world size parameter missing")
    return rank, world_size


def _by_tcp(
    url: str, rank: int = -1, world_size: int = -1, timeout: timedelta = _FIVE_MINUTES, **_: Any
) -> Iterator[tuple]:
    address = urlparse(url)
    if not address.port:
        raise _missing("tcp://", f"port number missing in {url}")
    rank, world_size = _given("tcp://", url, rank, world_size)
    yield _served(address.hostname or "127.0.0.1", address.port, rank, world_size, timeout), rank, world_size


def _by_file(
    url: str, rank: int = -1, world_size: int = -1, timeout: timedelta = _FIVE_MINUTES, **_: Any
) -> Iterator[tuple]:
    path = unquote(urlparse(url).path)
    if not path:
        raise _missing("file://", f"path missing in {url}; give file:///absolute/path")
    rank, world_size = _given("file://", url, rank, world_size)
    store = FileStore(path, world_size)
    store.set_timeout(timeout)
    yield store, rank, world_size


def _by_environment(
    url: str, rank: int = -1, world_size: int = -1, timeout: timedelta = _FIVE_MINUTES, **_: Any
) -> Iterator[tuple]:
    found = {**of_slurm(os.environ), **os.environ}
    query = {key: values[0] for key, values in parse_qs(urlparse(url).query).items()}
    if rank >= 0:
        query["rank"] = str(rank)
    if world_size >= 0:
        query["world_size"] = str(world_size)

    def value(name: str) -> str:
        text = query.get(name.lower()) or found.get(name)
        if not text:
            raise _missing(
                "env://",
                f"environment variable {name} expected, but not set. Start the program with "
                "`rushlight launch -n 2 program.py`, mpiexec or torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR and "
                "MASTER_PORT for each process.",
            )
        return text

    def number(name: str) -> int:
        text = value(name)
        try:
            return int(text)
        except ValueError:
            raise _missing("env://", f"{name} must be a whole number, got {text!r}") from None

    rank, world_size = number("RANK"), number("WORLD_SIZE")
    if world_size == 1:
        yield HashStore(), rank, world_size
        return
    host, port = value("MASTER_ADDR"), number("MASTER_PORT")
    if found.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        port = _beside(port)
    yield _served(host, port, rank, world_size, timeout), rank, world_size


def _beside(port: int) -> int:
    """torchrun itself listens at MASTER_PORT, in PyTorch's protocol: ranks meet at another port, found by all alike."""
    return 20000 + (port * 7919 + 1) % 12000


def _served(host: str, port: int, rank: int, world_size: int, timeout: timedelta) -> Store:
    if world_size == 1:
        return HashStore()
    if rank:
        return TCPStore(host, port, world_size, False, timeout, wait_for_workers=False)
    if (host, port) not in _served_here:
        _served_here[host, port] = TCPStore(host, port, world_size, True, timeout, wait_for_workers=False)
    return _served_here[host, port]


def of_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """RANK and its company for a task that srun started; empty elsewhere.

    The first node of the step is the meeting place; its port is made from the job's and step's numbers.
    """
    if "SLURM_STEP_NUM_TASKS" not in environment or "SLURM_PROCID" not in environment:
        return {}
    job = int(environment.get("SLURM_JOB_ID", "0")) * 31 + int(environment.get("SLURM_STEP_ID", "0"))
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST") or "127.0.0.1"
    return {
        "RANK": environment["SLURM_PROCID"],
        "WORLD_SIZE": environment["SLURM_STEP_NUM_TASKS"],
        "LOCAL_RANK": environment.get("SLURM_LOCALID", "0"),
        "MASTER_ADDR": _first_node(nodes),
        "MASTER_PORT": str(20000 + job % 12000),
    }


def _first_node(nodes: str) -> str:
    """The first name of Slurm's list: of 'node[03-07,9],other' it is node03."""
    match = re.match(r"([^\[,]*)(?:\[([^\]]*)\])?", nodes)
    assert match is not None
    start, ranges = match.groups()
    return start if ranges is None else start + re.split("[,-]", ranges)[0]


# Rank 0 goes on serving until the process ends, so that a second group can meet at the same place.
_served_here: dict[tuple[str, int], TCPStore] = {}

_HANDLERS: dict[str, Callable] = {"tcp": _by_tcp, "file": _by_file, "env": _by_environment}
