"""`torch.return_types`: the classes of results with named fields."""

from typing import Any

from .results import named

_FIELDS = {
    "max": ("values", "indices"), "min": ("values", "indices"), "sort": ("values", "indices"), "topk": ("values", "indices"),
    "median": ("values", "indices"), "nanmedian": ("values", "indices"), "mode": ("values", "indices"),
    "kthvalue": ("values", "indices"), "cummax": ("values", "indices"), "cummin": ("values", "indices"),
    "aminmax": ("min", "max"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _FIELDS:
        return named(name, *_FIELDS[name])
    raise AttributeError(f"module 'torch.return_types' has no attribute {name!r}")
