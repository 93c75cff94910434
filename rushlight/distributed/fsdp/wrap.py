"""torch.distributed.fsdp.wrap: the policies of which modules to wrap; wrapping itself is FSDP's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..unsupported import FSDP, refusing_function

wrap = refusing_function("fsdp.wrap.wrap", FSDP)
enable_wrap = refusing_function("fsdp.wrap.enable_wrap", FSDP)

__all__ = [
    "ModuleWrapPolicy",
    "always_wrap_policy",
    "enable_wrap",
    "lambda_auto_wrap_policy",
    "size_based_auto_wrap_policy",
    "transformer_auto_wrap_policy",
    "wrap",
]


class ModuleWrapPolicy:
    """Modules of given classes. Source: torch.distributed.fsdp.wrap.ModuleWrapPolicy."""

    def __init__(self, module_classes: Iterable[type]) -> None:
        self._module_classes = set(module_classes)

    def __call__(self, module: Any, recurse: bool, *args: Any, **kwargs: Any) -> bool:
        return recurse or isinstance(module, tuple(self._module_classes))


def always_wrap_policy(*args: Any, **kwargs: Any) -> bool:
    """Every module."""
    return True


def lambda_auto_wrap_policy(module: Any, recurse: bool, nonwrapped_numel: int, lambda_fn: Callable) -> bool:
    """Modules for which lambda_fn(module) is true."""
    return recurse or lambda_fn(module)


def transformer_auto_wrap_policy(
    module: Any, recurse: bool, nonwrapped_numel: int, transformer_layer_cls: set[type]
) -> bool:
    """Modules of the given classes."""
    return recurse or isinstance(module, tuple(transformer_layer_cls))


def size_based_auto_wrap_policy(
    module: Any,
    recurse: bool,
    nonwrapped_numel: int,
    min_num_params: int = int(1e8),
    force_leaf_modules: set[type] | None = None,
    exclude_wrap_modules: set[type] | None = None,
) -> bool:
    """Modules of at least min_num_params numbers."""
    return nonwrapped_numel >= min_num_params
