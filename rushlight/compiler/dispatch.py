"""A compiled function: which captured call to replay, when to capture another, when to give up.

The first call of a kind (of equal `Given.key`) is watched, and so are the next until one was captured; then calls are
replayed. Kinds are told apart by their arguments, and captures of one kind by what else they depend on. There is a limit
to both: a function that is different at every call runs as it is.
"""

from __future__ import annotations

import functools
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from types import CodeType
from typing import Any

from .. import settings
from ..autograd.modes import state
from ..errors import CaptureError
from ..executors.observing import watched
from ..graph import lines
from . import config
from .arguments import Given
from .capturing import Attempt
from .outcomes import Refused
from .reach import Reach, kinds
from .recording import one_at_a_time
from .replay import MISS, Replay

# How often a call of one kind is watched before it is given up: the first ones may do more than later ones.
_PATIENCE = 3
_LONGEST = 8

everything: weakref.WeakSet[Compiled] = weakref.WeakSet()


class Stance(threading.local):
    """What `set_stance` chose, and whether this thread is inside `disable`."""

    name = "default"
    disabled = 0


stance = Stance()


class Kind:
    """Calls with one key: their captures, and how often capturing failed."""

    __slots__ = ("replays", "failures", "tries", "refused", "objects")

    def __init__(self, objects: list[Any]) -> None:
        self.replays: list[Replay] = []
        self.failures = self.tries = 0
        self.refused = False
        self.objects = objects  # the key names them by identity


class Compiled:
    """The state behind a compiled function."""

    def __init__(self, function: Callable, fullgraph: bool, name: str) -> None:
        self.function, self.fullgraph, self.name = function, fullgraph, name
        self.codes: dict[int, tuple[CodeType, dict[str, Any]]] = {}
        self.kinds: dict[tuple, Kind] = {}
        self.captures = 0
        self.told: set[str] = set()
        everything.add(self)

    def call(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The function's result, by a replay where that is possible."""
        if watched.capture is not None or stance.disabled or stance.name != "default":
            return self._by_stance(args, kwargs)
        if settings.EAGER or state.anomaly:
            return self.function(*args, **kwargs)
        given = Given(args, kwargs)
        try:
            kind = self.kinds.get(given.key)
        except TypeError:  # something that has no hash
            return self.function(*args, **kwargs)
        if kind is None:
            return self._watch(given, None, args, kwargs)
        for replay in kind.replays:
            result = replay.run(given)
            if result is not MISS:
                return result
        return self.function(*args, **kwargs) if kind.refused else self._watch(given, kind, args, kwargs)

    def reset(self) -> None:
        """Forget every capture."""
        self.kinds.clear()
        self.codes.clear()
        self.told.clear()
        self.captures = 0

    # ------------------------------------------------------------ capturing

    def _watch(self, given: Given, kind: Kind | None, args: tuple, kwargs: dict[str, Any]) -> Any:
        if self.captures >= config.limit() or kind is None and len(self.kinds) >= config.kinds_limit:
            self._tell(
                f"needs more than {config.limit()} different captures: calls that none of them fits run uncaptured"
            )
            return self.function(*args, **kwargs)
        if sys.getprofile() is not None or not one_at_a_time.acquire(blocking=False):
            return self.function(*args, **kwargs)
        try:
            if kind is None:
                kind = self.kinds[given.key] = Kind(given.objects)
            attempt = Attempt(self.function, given, self.codes, self.fullgraph)
            with lines.noted():  # a replay that is profiled shows them
                result = attempt.call(args, kwargs)
        finally:
            one_at_a_time.release()
        self._judge(kind, attempt.outcome)
        return result

    def _judge(self, kind: Kind, outcome: Replay | Refused | None) -> None:
        kind.tries += 1
        if isinstance(outcome, Replay):
            kind.replays.insert(0, outcome)
            kind.failures = kind.tries = 0
            self.captures += 1
        elif outcome is None:
            if kind.tries >= _LONGEST:
                self._give_up(kind, Refused("it does something else each time"))
        else:
            kind.failures += 1
            if kind.failures >= _PATIENCE or self.fullgraph:
                self._give_up(kind, outcome)

    def _give_up(self, kind: Kind, why: Refused) -> None:
        kind.refused = True
        where = "" if why.file is None else f" at {why.file}:{why.line}"
        if self.fullgraph:
            raise CaptureError(
                f"torch.compile: {self.name} cannot be captured: {why.reason}{where} (fullgraph=True)"
            )
        self._tell(f"runs uncaptured: {why.reason}{where}")

    def _tell(self, what: str) -> None:
        """Warn once of each thing."""
        if not self.told:
            warnings.warn(f"torch.compile: {self.name} {what}", stacklevel=5)
        self.told.add(what)

    def _by_stance(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        if watched.capture is not None or stance.disabled or stance.name == "force_eager":
            return self.function(*args, **kwargs)
        given = Given(args, kwargs)
        kind = self.kinds.get(given.key)
        for replay in kind.replays if kind is not None else ():
            result = replay.run(given)
            if result is not MISS:
                return result
        if stance.name == "fail_on_recompile":
            raise RuntimeError(
                f"Detected recompile when torch.compile stance is 'fail_on_recompile': {self.name} has no capture for "
                "this call"
            )
        return self.function(*args, **kwargs)  # eager_on_recompile


def _look(reach: Reach, held: Compiled) -> None:
    """A compiled function that another one calls is, while that is captured, the function itself."""
    reach.visit(held.function)


kinds[Compiled] = _look


def compiled(function: Callable, fullgraph: bool = False) -> Callable:
    """A function that does what `function` does, by replays."""
    name = getattr(function, "__qualname__", type(function).__name__)
    held = Compiled(function, fullgraph, name)
    call = held.call

    def compiled_call(*args: Any, **kwargs: Any) -> Any:
        return call(args, kwargs)

    try:
        functools.update_wrapper(compiled_call, function)
    except (AttributeError, TypeError):
        compiled_call.__wrapped__ = function  # type: ignore[attr-defined]
    compiled_call._torchdynamo_orig_callable = function  # type: ignore[attr-defined]
    compiled_call._compiled = held  # type: ignore[attr-defined]
    return compiled_call
