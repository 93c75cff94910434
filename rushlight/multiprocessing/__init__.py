"""Python's multiprocessing, and `spawn`: `torch.multiprocessing`.

Everything of the standard module is here under the same name. Tensors go through queues and pipes as copies:
in rushlight a tensor's memory belongs to one process, so a write in one is never seen in another. Sharing
strategies are therefore names only; they are kept for programs that set them.
"""

import multiprocessing
import sys
from multiprocessing import *

from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    *multiprocessing.__all__,
]

if sys.platform in ("darwin", "win32"):
    _all_sharing_strategies = {"file_system"}
    _sharing_strategy = "file_system"
else:
    _all_sharing_strategies = {"file_descriptor", "file_system"}
    _sharing_strategy = "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Choose a sharing strategy by name; it changes nothing but what `get_sharing_strategy` says.

    Raises:
        AssertionError: not one of `get_all_sharing_strategies()`.
    Source: torch.multiprocessing.set_sharing_strategy.
    """
    global _sharing_strategy
    if new_strategy not in _all_sharing_strategies:
        raise AssertionError(
            f"invalid sharing strategy {new_strategy!r}, expected one of {sorted(_all_sharing_strategies)}"
        )
    _sharing_strategy = new_strategy


def get_sharing_strategy() -> str:
    """The name that was set last."""
    return _sharing_strategy


def get_all_sharing_strategies() -> set[str]:
    """The names that exist on this system."""
    return _all_sharing_strategies
