"""Telling the launcher why a process failed: `record`, as torchrun has it."""

from __future__ import annotations

import functools
import json
import os
import time
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["ChildFailedError", "record"]


class ChildFailedError(Exception):
    """A process of a run failed. Source: torch.distributed.elastic.multiprocessing.errors.ChildFailedError."""


def record(function: Callable, error_handler: Any = None) -> Callable:
    """`function`, which leaves what it raises in the file that TORCHELASTIC_ERROR_FILE names, and raises it.

    Source: torch.distributed.elastic.multiprocessing.errors.record.
    """

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _write(error)
            raise

    return recorded


def _write(error: BaseException) -> None:
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not path:
        return
    about = {
        "message": f"{type(error).__name__}: {error}",
        "extraInfo": {"py_callstack": traceback.format_exc(), "timestamp": str(int(time.time()))},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"message": about}, file)
