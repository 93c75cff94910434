"""Modules whose inner values are computed again in backward instead of being kept (activation checkpointing)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import partial
from typing import Any

from ....nn.modules.module import Module

_PREFIX = "_checkpoint_wrapped_module."


class CheckpointImpl(Enum):
    """PyTorch's two ways of computing again; here they are one."""

    REENTRANT = auto()
    NO_REENTRANT = auto()


class CheckpointWrapper(Module):
    """A module run under torch.utils.checkpoint; its state dict has the module's own names.

    Source: torch.distributed.algorithms._checkpoint.checkpoint_wrapper.CheckpointWrapper.
    """

    def __init__(
        self,
        mod: Module,
        checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
        checkpoint_fn: Callable | None = None,
        **checkpoint_fn_kwargs: Any,
    ) -> None:
        super().__init__()
        self._checkpoint_wrapped_module = mod
        self.checkpoint_impl = checkpoint_impl
        if checkpoint_fn is None:
            # rushlight.utils is a public namespace above this floor, so it is looked up when a module is wrapped.
            checkpoint_fn = importlib.import_module(
                f"{__name__.partition('.')[0]}.utils.checkpoint"
            ).checkpoint
            checkpoint_fn_kwargs["use_reentrant"] = checkpoint_impl is CheckpointImpl.REENTRANT
        self.checkpoint_fn = partial(checkpoint_fn, **checkpoint_fn_kwargs)
        self._register_state_dict_hook(_without_prefix)
        self.register_load_state_dict_pre_hook(_with_prefix)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.checkpoint_fn(self._checkpoint_wrapped_module, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self._checkpoint_wrapped_module, name)

    def __getitem__(self, key: int) -> Any:
        inner: Any = self._checkpoint_wrapped_module
        return inner[key]

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator:
        """The parameters under the module's own names."""
        for name, parameter in super().named_parameters(*args, **kwargs):
            yield name.replace(_PREFIX, ""), parameter


def _without_prefix(module: Module, state_dict: dict, prefix: str, local_metadata: Any) -> dict:
    for key in [key for key in state_dict if key.startswith(prefix + _PREFIX)]:
        state_dict[prefix + key[len(prefix) + len(_PREFIX) :]] = state_dict.pop(key)
    return state_dict


def _with_prefix(module: Module, state_dict: dict, prefix: str, *rest: Any) -> None:
    for key in [key for key in state_dict if key.startswith(prefix) and not key.startswith(prefix + _PREFIX)]:
        state_dict[prefix + _PREFIX + key[len(prefix) :]] = state_dict.pop(key)


def checkpoint_wrapper(
    module: Module,
    checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
    checkpoint_fn: Callable | None = None,
    **checkpoint_fn_kwargs: Any,
) -> Module:
    """The module under activation checkpointing. Source: checkpoint_wrapper.checkpoint_wrapper."""
    return CheckpointWrapper(module, checkpoint_impl, checkpoint_fn, **checkpoint_fn_kwargs)


def apply_activation_checkpointing(
    model: Module,
    checkpoint_wrapper_fn: Callable = checkpoint_wrapper,
    check_fn: Callable = lambda _: True,
    auto_wrap_policy: Callable | None = None,
) -> None:
    """Wrap, in place, the submodules for which check_fn(submodule) is true.

    Raises: ValueError for auto_wrap_policy, which is FSDP's.
    Source: checkpoint_wrapper.apply_activation_checkpointing.
    """
    if auto_wrap_policy is not None:
        raise ValueError("apply_activation_checkpointing: auto_wrap_policy is FSDP's; give check_fn")
    for name, child in list(model.named_children()):
        apply_activation_checkpointing(child, checkpoint_wrapper_fn, check_fn)
        if check_fn(child):
            setattr(model, name, checkpoint_wrapper_fn(child))


__all__ = ["CheckpointImpl", "CheckpointWrapper", "apply_activation_checkpointing", "checkpoint_wrapper"]
