"""Anomaly mode: a gradient that is NaN, or a rule that fails, names the user's line that recorded the operation."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tensor import array_of
from .entry import Entry
from .modes import Mode, state


class detect_anomaly(Mode):
    """Check every gradient for NaN, and show where its forward call was made.

    Source: torch.autograd.detect_anomaly.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.before: list[tuple[bool, bool]] = []
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.before.append((state.anomaly, state.check_nan))
        state.anomaly, state.check_nan = True, self.check_nan

    def __exit__(self, *exc: object) -> None:
        state.anomaly, state.check_nan = self.before.pop()

    def clone(self) -> detect_anomaly:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return detect_anomaly(self.check_nan)


class set_detect_anomaly(Mode):
    """Anomaly mode on or off, at once or for a `with`. Source: torch.autograd.set_detect_anomaly."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.mode, self.check_nan = mode, check_nan
        self.before = (state.anomaly, state.check_nan)
        state.anomaly, state.check_nan = mode, check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        state.anomaly, state.check_nan = self.before

    def clone(self) -> set_detect_anomaly:
        return set_detect_anomaly(self.mode, self.check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on. Source: torch.is_anomaly_enabled."""
    return state.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks for NaN. Source: torch.is_anomaly_check_nan_enabled."""
    return state.check_nan


def _where(entry: Entry) -> str:
    recorded = (entry.notes or {}).get("where")
    return f" Traceback of the forward call that caused it:\n{recorded}" if recorded else ""


@contextlib.contextmanager
def explain(entry: Entry) -> Iterator[None]:
    """Whatever goes wrong inside is shown together with the forward call."""
    try:
        yield
    except RuntimeError:
        warnings.warn(f"Error detected in {type(entry).__name__}.{_where(entry)}", stacklevel=2)
        raise


def check_gradients(entry: Entry, grads: list[Any]) -> None:
    """Raise RuntimeError when a gradient that the entry gave has a NaN in it."""
    if not state.check_nan:
        return
    for i, g in enumerate(grads):
        if g is not None and np.isnan(array_of(g).astype(np.complex128)).any():
            raise RuntimeError(f"Function '{type(entry).__name__}' returned nan values in its {i}th output.")
