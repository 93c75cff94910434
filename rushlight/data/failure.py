"""Failures that cross from a worker to the loader: exceptions with their traceback, and dead processes."""

import signal
import traceback
from typing import Any

__all__ = ["CarriedError", "death_of"]


class _VerbatimKey(str):
    """A KeyError's message: KeyError shows the repr() of it, which would print a traceback on one line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class CarriedError:
    """An exception as its type and its full traceback text, to be raised again in another process.

    Args:
        error: the exception, with its traceback.
        where: the place to name, as in "in DataLoader worker process 0".
    """

    def __init__(self, error: BaseException, where: str) -> None:
        self.exc_type: Any = type(error)
        self.name = type(error).__name__
        self.text = "".join(traceback.format_exception(error))
        self.where = where

    def without_type(self) -> "CarriedError":
        """The same for a type that cannot be pickled: it arrives as a RuntimeError."""
        self.exc_type = None
        return self

    def reraise(self):
        """Raise an exception of the same type, whose message holds the original traceback.

        RuntimeError with that message when the type cannot be made from one string.
        """
        message = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        raise self._rebuilt(message) from None

    def _rebuilt(self, message: str) -> BaseException:
        if self.exc_type is None:
            return RuntimeError(message)
        if self.exc_type is KeyError:
            return KeyError(_VerbatimKey(message))
        try:
            if getattr(self.exc_type, "message", None):
                return self.exc_type(message=message)
            return self.exc_type(message)
        except Exception:  # any constructor may refuse one string, in any way; the message says what happened
            return RuntimeError(message)


def death_of(pid: int, exitcode: int | None, worker_id: int, task: str) -> str:
    """What to say about a worker that is gone: process, signal or exit code, what it was doing."""
    who = f"DataLoader worker (pid {pid})"
    doing = f"It was worker {worker_id}, {task}."
    if exitcode is None:
        return f"{who} closed its connection but goes on running. {doing}"
    if exitcode >= 0:
        return (
            f"{who} exited unexpectedly with exit code {exitcode}. {doing} "
            "Rerunning with num_workers=0 may give a better error trace."
        )
    name = _signal_name(-exitcode)
    memory = " The system may have run out of memory." if exitcode == -signal.SIGKILL else ""
    return f"{who} is killed by signal: {name}.{memory} {doing}"


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"number {number}"
