"""`Future`: a value that will be there, as torch.futures has it.

A Future of communication is not filled by another thread: whoever waits drives the transfers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import GenericAlias
from typing import Any


class Future:
    """A value that will be there: `wait()` gives it, `then(f)` is the Future of f(self).

    Source: torch.futures.Future.
    Example:
        >>> from rushlight.distributed.future import Future
        >>> later = Future()
        >>> doubled = later.then(lambda done: 2 * done.value())
        >>> later.set_result(21)
        >>> doubled.wait()
        42
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._ready = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable] = []
        self._drive: Callable[[], Any] | None = None
        self._lock = threading.Lock()

    __class_getitem__: Any = classmethod(GenericAlias)  # Future[Tensor] in annotations

    def done(self) -> bool:
        """Whether the value, or an error, is there."""
        return self._ready.is_set()

    def wait(self) -> Any:
        """The value, once it is there. Raises: the error that was set in its place."""
        if not self._ready.is_set() and self._drive is not None:
            self._drive()
        self._ready.wait()
        return self.value()

    def value(self) -> Any:
        """The value that is there. Raises: RuntimeError when it is not yet."""
        if not self._ready.is_set():
            raise RuntimeError("Future.value(): the result is not there yet; call wait()")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result: Any) -> None:
        """Give the value; whoever waits goes on."""
        self._set(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Have wait() raise this."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._set(None, result)

    def _set(self, value: Any, error: BaseException | None) -> None:
        with self._lock:
            if self._ready.is_set():
                raise RuntimeError("Attempting to set the result of a Future that is complete already")
            self._value, self._error = value, error
            self._ready.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable) -> None:
        """Call callback(self) once the value is there; at once if it is."""
        with self._lock:
            if not self._ready.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable) -> Future:
        """The Future of callback(self)."""
        after = Future()
        after._drive = self.wait

        def run(done: Future) -> None:
            try:
                after.set_result(callback(done))
            except Exception as error:  # whoever waits for it gets it
                after.set_exception(error)

        self.add_done_callback(run)
        return after


def collect_all(futures: list[Future]) -> Future:
    """The Future of the list itself, once all in it are done. Source: torch.futures.collect_all."""
    together = Future()
    left = len(futures)

    def drive() -> None:
        for future in futures:
            future.wait()

    def one_done(_: Future) -> None:
        nonlocal left
        left -= 1
        if not left:
            together.set_result(futures)

    together._drive = drive
    if not futures:
        together.set_result(futures)
    for future in futures:
        future.add_done_callback(one_done)
    return together


def wait_all(futures: list[Future]) -> list:
    """The values of all of them. Source: torch.futures.wait_all."""
    return [future.wait() for future in futures]


__all__ = ["Future", "collect_all", "wait_all"]
