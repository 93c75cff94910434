"""How watching a call can end without a replay, and what is noted of a tensor before it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..memory import Storage
from ..tensor import Tensor, View


class Refused(Exception):
    """This call cannot be captured: a reason, with the user's line where one is known."""

    def __init__(self, reason: str, file: str | None = None, line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.file, self.line = reason, file, line


class Again(Exception):
    """This call was not captured, but the next one like it may be."""


class Before(NamedTuple):
    """A tensor before the call. `owner`: its place among the arguments, or itself if it is there for longer."""

    owner: Any
    tensor: Tensor
    storage: Storage
    view: View | None
    edge: Any
    grad: Tensor | None
