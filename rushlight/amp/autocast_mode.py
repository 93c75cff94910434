"""`torch.autocast`: accepted everywhere; computation keeps the tensors' own precision."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

from ..dtypes import DType, bfloat16, float16

_TYPES = ("cpu", "cuda", "xpu", "mps", "hpu", "xla", "mtia")


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtype: dict[str, DType] = {"cpu": bfloat16}


state = _State()


class autocast:
    """Mixed precision inside a `with`, or in a decorated function: accepted, with no change of dtype.

    Args:
        device_type: "cpu", "cuda", ...; a GPU type that is not there warns and is disabled, as in PyTorch.
        dtype: the lower precision that is asked for.
        enabled: whether `is_autocast_enabled` says True inside.
    Source: torch.autocast.
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type not in _TYPES:
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        if device_type == "cuda" and enabled:
            warnings.warn(
                "User provided device_type of 'cuda', but CUDA is not available. Disabling", stacklevel=2
            )
            enabled = False
        self.device = device_type
        self.fast_dtype = dtype or (bfloat16 if device_type == "cpu" else float16)
        self._enabled = enabled
        self.before: list[tuple[bool, DType]] = []

    def __enter__(self) -> autocast:
        held = state.enabled.get(self.device, False), state.dtype.get(self.device, float16)
        self.before.append(held)
        state.enabled[self.device], state.dtype[self.device] = self._enabled, self.fast_dtype
        return self

    def __exit__(self, *exc: object) -> None:
        state.enabled[self.device], state.dtype[self.device] = self.before.pop()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows this device type. Source: torch.amp.is_autocast_available."""
    return device_type in ("cpu",)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for this device type. Source: torch.is_autocast_enabled."""
    return state.enabled.get(device_type, False)


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on for the CPU."""
    return is_autocast_enabled("cpu")


def get_autocast_dtype(device_type: str) -> DType:
    """The precision that autocast was asked for. Source: torch.get_autocast_dtype."""
    return state.dtype.get(device_type, float16)


def get_autocast_gpu_dtype() -> DType:
    """The precision that autocast was asked for on a GPU."""
    return get_autocast_dtype("cuda")


def get_autocast_cpu_dtype() -> DType:
    """The precision that autocast was asked for on the CPU."""
    return get_autocast_dtype("cpu")


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str = "cuda", cast_inputs: DType | None = None
) -> Any:
    """Decorates a Function's forward; without autocast it is the function itself."""
    return (lambda f: f) if fwd is None else fwd


def custom_bwd(bwd: Callable | None = None, *, device_type: str = "cuda") -> Any:
    """Decorates a Function's backward; without autocast it is the function itself."""
    return (lambda f: f) if bwd is None else bwd
