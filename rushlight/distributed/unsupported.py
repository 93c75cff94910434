"""Names of PyTorch that rushlight knows and does not have: they can be imported and asked about with isinstance, and
calling one says what to use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UnsupportedError

FSDP = (
    "sharding parameters over processes is not supported. Use torch.nn.parallel.DistributedDataParallel, whose ranks each "
    "hold the whole module"
)
TENSOR = (
    "tensors spread over processes are not supported. Use torch.nn.parallel.DistributedDataParallel, or "
    "torch.distributed's collectives on ordinary tensors"
)
RPC = "remote calls are not supported. Use torch.distributed.send, recv and broadcast_object_list"
PIPELINING = "pipelines over processes are not supported. Use torch.nn.parallel.DistributedDataParallel"
CHECKPOINT = (
    "checkpoints in several files are not supported: every rank holds the whole state. Use torch.save on rank 0, and "
    "torch.load on every rank"
)


def refusing_function(name: str, instead: str) -> Callable:
    """A function of PyTorch's name that raises UnsupportedError when called."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"torch.distributed.{name}: {instead}.")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    refuse.__doc__ = f"Not supported: {instead}."
    return refuse


def refusing_class(name: str, instead: str, *methods: str, base: type = object) -> Any:
    """A class of PyTorch's name that has no instances; making one, or calling its `methods`, raises UnsupportedError."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"torch.distributed.{name}: {instead}.")

    members: dict[str, Any] = {"__new__": refuse, "__doc__": f"Not supported: {instead}."}
    for method in methods:
        members[method] = staticmethod(refusing_function(f"{name}.{method}", instead))
    return type(name.rpartition(".")[2], (base,), members)
