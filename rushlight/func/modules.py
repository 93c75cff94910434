"""Modules as functions: `functional_call`, and the parameters of several modules stacked for vmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as fn
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..nn.utils.stateless import _functional_call
from ..tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with the given tensors in place of its parameters and buffers of those names.

    Args:
        parameter_and_buffer_dicts: tensors by dotted name, or a sequence of such dicts, with no name twice.
        args: a tuple, or one argument.
    Source: torch.func.functional_call.
    Example:
        >>> import rushlight as torch
        >>> layer = torch.nn.Linear(1, 1, bias=False)
        >>> torch.func.functional_call(layer, {"weight": torch.tensor([[2.0]])}, torch.tensor([3.0]))
        tensor([6.])
    """
    given = parameter_and_buffer_dicts
    if isinstance(given, (tuple, list)):
        merged: dict[str, Tensor] = {}
        for part in given:
            if not isinstance(part, dict):
                raise ValueError(
                    f"functional_call: expected all elements to be dictionaries, got {type(part)}"
                )
            repeated = merged.keys() & part.keys()
            if repeated:
                raise ValueError(
                    f"functional_call: {sorted(repeated)} appeared in multiple dictionaries; behavior is ambiguous"
                )
            merged.update(part)
        given = merged
    elif not isinstance(given, dict):
        raise ValueError(
            "functional_call: expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"got {type(given)}"
        )
    return _functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of modules built alike, each stacked along a new first dim.

    Raises: RuntimeError for no modules, different classes, or some in training and some not.
    Source: torch.func.stack_module_state.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return _joined(parameters), _joined(buffers)


def _joined(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    result = {}
    for name, first in states[0].items():
        column = [state[name] for state in states]
        if len({t.requires_grad for t in column}) > 1:
            raise RuntimeError(
                f"stack_module_state: Expected {name} from each model to have the same .requires_grad"
            )
        if first.requires_grad:
            result[name] = fn.stack([t.detach() for t in column]).requires_grad_()
        else:
            result[name] = fn.stack(column)
    return result


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Have every batch norm of `root` use the batch's own statistics and keep none; gives root."""
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functionalize(func: Callable, *, remove: str = "mutations") -> Callable:
    """The function itself: a recorded graph holds no writes. Source: torch.func.functionalize."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n"
            "     remove='mutations': all inplace and out= operators will be removed from the program.\n"
            "     remove='mutations_and_views': In addition to the above, view operators will be replaced."
        )
    return func


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The tensor itself: transforms do not wrap tensors here. Source: torch.func.debug_unwrap."""
    return tensor
