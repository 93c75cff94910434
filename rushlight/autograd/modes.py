"""Whether calls are recorded on the tape: `no_grad`, `enable_grad`, `inference_mode`, `set_grad_enabled`.

Each works as a context, as a decorator (of functions and generator functions), and `set_grad_enabled` as a plain call.
The state belongs to the thread.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any


class State(threading.local):
    """Per-thread switches, read on every recorded call."""

    grad = True
    inference = False
    anomaly = False
    check_nan = True


state = State()


def is_grad_enabled() -> bool:
    """Whether calls are recorded for backward. Source: torch.is_grad_enabled.

    >>> import rushlight as torch
    >>> with torch.no_grad():
    ...     torch.is_grad_enabled()
    False
    """
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on. Source: torch.is_inference_mode_enabled."""
    return state.inference


class Mode:
    """A context that also decorates functions."""

    def __enter__(self) -> Any:
        raise TypeError("a Mode is used through its subclasses")

    def __exit__(self, *exc: object) -> None:
        raise TypeError("a Mode is used through its subclasses")

    def clone(self) -> Mode:
        return type(self)()

    def __call__(self, function: Callable) -> Callable:
        if inspect.isclass(function):
            function.__init__ = self(function.__init__)  # type: ignore[misc,method-assign]
            return function
        if inspect.isgeneratorfunction(function):
            return _in_steps(self, function)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return inside


def _in_steps(mode: Mode, function: Callable) -> Callable:
    """A generator runs in the mode, and what happens between its steps does not."""

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        action, value = generator.send, None
        while True:
            try:
                with mode.clone():
                    produced = action(value)
            except StopIteration as stop:
                return stop.value
            try:
                action, value = generator.send, (yield produced)
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:
                action, value = generator.throw, error

    return inside


class _GradMode(Mode):
    """Sets the grad switch to `mode` inside, and back after, also after an exception."""

    mode = False

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(state.grad)
        state.grad = self.mode

    def __exit__(self, *exc: object) -> None:
        state.grad = self.before.pop()


class no_grad(_GradMode):
    """Nothing inside is recorded for backward.

    Source: torch.no_grad.
    Example:
        >>> import rushlight as torch
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    def __new__(cls, function: Callable | None = None) -> Any:
        made = object.__new__(cls)
        made.before = []
        return made if function is None else made(function)


class enable_grad(_GradMode):
    """Calls inside are recorded again, within a `no_grad`. Source: torch.enable_grad."""

    mode = True

    def __new__(cls, function: Callable | None = None) -> Any:
        made = object.__new__(cls)
        made.before = []
        return made if function is None else made(function)


class set_grad_enabled(_GradMode):
    """Recording on or off: at once when called, and as it was before at the end of a `with`.

    Source: torch.set_grad_enabled.
    Example:
        >>> import rushlight as torch
        >>> with torch.set_grad_enabled(False):
        ...     torch.is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.before = [state.grad]
        state.grad = self.mode

    def __enter__(self) -> None:
        state.grad = self.mode

    def clone(self) -> set_grad_enabled:
        return set_grad_enabled(self.mode)

    def __call__(self, function: Callable) -> Callable:
        state.grad = self.before.pop()  # used as a decorator: the switch is for the function alone
        return super().__call__(function)


class inference_mode(Mode):
    """As no_grad; tensors made inside say so (`is_inference()`). Source: torch.inference_mode."""

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode) and not isinstance(mode, bool):
            return cls(True)(mode)
        return object.__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        if callable(mode) and not isinstance(mode, bool):
            return
        self.mode = bool(mode)
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((state.grad, state.inference))
        state.grad, state.inference = (False, True) if self.mode else (True, False)

    def __exit__(self, *exc: object) -> None:
        state.grad, state.inference = self.before.pop()

    def clone(self) -> inference_mode:
        return inference_mode(self.mode)


class set_multithreading_enabled(Mode):
    """Accepted for programs that set it: backward runs on the calling thread here."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass

    def clone(self) -> set_multithreading_enabled:
        return set_multithreading_enabled(self.mode)
