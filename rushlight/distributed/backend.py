"""Backends by name: which ones there are, and what a program that asks for one gets.

MPI carries everything here. 'gloo' is accepted as another name for it, so that programs run as they are; 'nccl' speaks of
GPUs, which this rushlight has none of.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from . import mpi


class Backend(str):
    """A backend's name in lower case. Source: torch.distributed.Backend.

    Example:
        >>> import rushlight.distributed as dist
        >>> dist.Backend("GLOO")
        'gloo'
    """

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"

    backend_list: ClassVar[list[str]] = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI]
    default_device_backend_map: ClassVar[dict[str, str]] = {"cpu": MPI, "cuda": NCCL}
    backend_capability: ClassVar[dict[str, list[str]]] = {GLOO: ["cpu"], MPI: ["cpu"], NCCL: ["cuda"]}

    def __new__(cls, name: str) -> Any:
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish, got {type(name).__name__}")
        return super().__new__(cls, name.lower())

    @classmethod
    def register_backend(cls, name: str, func: Any, extended_api: bool = False, devices: Any = None) -> None:
        """Refused: transfers are MPI's here."""
        raise ValueError(
            f"register_backend: {name!r} cannot be added; rushlight carries all transfers by MPI"
        )


_OF_GPUS = ("nccl", "xccl", "ccl", "hccl", "ucc")


def accepted(backend: str | None) -> str:
    """The name under which a group runs that was asked for as `backend`.

    Raises: RuntimeError for one that needs a GPU, ValueError for an unknown one.
    """
    if backend is None:
        return Backend.MPI
    name = Backend(backend)
    if ":" in name:  # 'cpu:gloo,cuda:nccl'
        parts = dict(part.split(":", 1) for part in name.split(",") if ":" in part)
        name = Backend(parts.get("cpu", Backend.UNDEFINED))
    if name in (Backend.MPI, Backend.GLOO):
        return str(name)
    if name == Backend.UNDEFINED:
        return Backend.MPI
    if name in _OF_GPUS:
        raise RuntimeError(
            f"Distributed package doesn't have {name.upper()} built in: it moves data between GPUs, and no GPU is usable "
            "here. Use backend='mpi' or 'gloo' for processes on CPUs "
            "(backend = 'nccl' if torch.cuda.is_available() else 'gloo')."
        )
    raise ValueError(f"Unknown backend {backend!r}: use 'mpi' or 'gloo'")


def is_available() -> bool:
    """Whether torch.distributed can be used: always. Source: torch.distributed.is_available."""
    return True


def is_mpi_available() -> bool:
    """Whether mpi4py is installed. Source: torch.distributed.is_mpi_available."""
    return mpi.is_installed()


def is_gloo_available() -> bool:
    """Whether backend='gloo' is accepted; MPI carries it. Source: torch.distributed.is_gloo_available."""
    return True


def is_nccl_available() -> bool:
    """Whether there is a transport between GPUs: not here. Source: torch.distributed.is_nccl_available."""
    return False


def is_ucc_available() -> bool:
    """No. Source: torch.distributed.is_ucc_available."""
    return False


def is_xccl_available() -> bool:
    """No. Source: torch.distributed.is_xccl_available."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether a backend can be asked for. Source: torch.distributed.is_backend_available."""
    return backend.lower() == Backend.GLOO or (backend.lower() == Backend.MPI and is_mpi_available())


def is_torchelastic_launched() -> bool:
    """Whether torchrun started this process. Source: torch.distributed.is_torchelastic_launched."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_default_backend_for_device(device: Any) -> str:
    """The backend for tensors on a device. Source: torch.distributed.get_default_backend_for_device."""
    kind = str(device).partition(":")[0]
    if kind not in Backend.default_device_backend_map:
        raise ValueError(f"Default backend not registered for device : {device}")
    return Backend.default_device_backend_map[kind]
