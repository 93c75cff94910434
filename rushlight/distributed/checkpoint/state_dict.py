"""State dicts of wrapped models and of their optimizers, by the parameters' own names (torch.distributed.checkpoint.state_dict).

Names lose what wrappers put in front (`module.`), and an optimizer's state goes by parameter names in place of numbers, so
that what one way of training saves another can load. Every rank holds everything, so all options but `strict`,
`ignore_frozen_params`, `flatten_optimizer_state_dict` and `broadcast_from_rank0` change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...autograd.modes import no_grad
from ...nn.modules.module import Module
from ...optim.optimizer import Optimizer
from ...tensor import Tensor
from ..data_parallel import DistributedDataParallel
from ..group import get_world_size, is_initialized
from ..objects import broadcast_object_list

__all__ = [
    "StateDictOptions",
    "get_model_state_dict",
    "get_optimizer_state_dict",
    "get_state_dict",
    "set_model_state_dict",
    "set_optimizer_state_dict",
    "set_state_dict",
]

_WRAPPERS = ("module.", "_checkpoint_wrapped_module.", "_orig_mod.")


@dataclass
class StateDictOptions:
    """What the functions of this file shall do. Source: torch.distributed.checkpoint.state_dict.StateDictOptions."""

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False
    dsd_fqn_modifiers: str = "_fqn_modifiers"


class _Keys(NamedTuple):
    """What load_state_dict could not place."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _plain_names(model: Module) -> dict[str, str]:
    """The name without wrappers of each name in the model's state dict."""
    wrapped = {name for name, module in model.named_modules() if isinstance(module, DistributedDataParallel)}
    plain = {}
    for name in model.state_dict():
        parts = []
        at = ""
        for part in name.split("."):
            inside = (part == "module" and at in wrapped) or f"{part}." in _WRAPPERS[1:]
            if not inside:
                parts.append(part)
            at = f"{at}.{part}" if at else part
        plain[name] = ".".join(parts)
    return plain


def get_model_state_dict(
    model: Module, *, submodules: set[Module] | None = None, options: StateDictOptions | None = None
) -> dict[str, Any]:
    """The model's state dict under the names it has without wrappers.

    Source: torch.distributed.checkpoint.state_dict.get_model_state_dict.
    """
    options = options or StateDictOptions()
    plain = _plain_names(model)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    values = model.state_dict()
    return {
        plain[name]: value
        for name, value in values.items()
        if not (options.ignore_frozen_params and name in frozen)
    }


def set_model_state_dict(
    model: Module, model_state_dict: dict[str, Any], *, options: StateDictOptions | None = None
) -> Any:
    """Load what get_model_state_dict gave, into whatever wrapping; gives the missing and unexpected keys.

    Source: torch.distributed.checkpoint.state_dict.set_model_state_dict.
    """
    options = options or StateDictOptions()
    model_state_dict = _from_rank0(model_state_dict, options)
    own = {plain: name for name, plain in _plain_names(model).items()}
    renamed = {own.get(name, name): value for name, value in model_state_dict.items()}
    with no_grad():
        return model.load_state_dict(renamed, strict=options.strict)


def _from_rank0(state: Any, options: StateDictOptions) -> Any:
    if not options.broadcast_from_rank0 or not is_initialized() or get_world_size() == 1:
        return state
    box = [state]
    broadcast_object_list(box, 0)
    return box[0]


# ---------------------------------------------------------------- optimizers


def _parameter_names(model: Module) -> dict[int, str]:
    plain = _plain_names(model)
    return {id(p): plain.get(name, name) for name, p in model.named_parameters()}


def _as_tuple(optimizers: Optimizer | Iterable[Optimizer]) -> tuple[Optimizer, ...]:
    return (optimizers,) if isinstance(optimizers, Optimizer) else tuple(optimizers)


def get_optimizer_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    submodules: set[Module] | None = None,
    options: StateDictOptions | None = None,
) -> dict[str, Any]:
    """The optimizers' state by the names of the model's parameters.

    Source: torch.distributed.checkpoint.state_dict.get_optimizer_state_dict.
    """
    options = options or StateDictOptions()
    names = _parameter_names(model)
    state: dict[str, Any] = {}
    groups: list[dict] = []
    for optimizer in _as_tuple(optimizers):
        packed = optimizer.state_dict()
        numbered = [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
        state.update({numbered[number]: value for number, value in packed["state"].items()})
        for group in packed["param_groups"]:
            groups.append({**group, "params": [numbered[number] for number in group["params"]]})
    result = {"state": state, "param_groups": groups}
    return _flattened(result) if options.flatten_optimizer_state_dict else result


def _flattened(packed: dict) -> dict[str, Any]:
    flat = {}
    for name, values in packed["state"].items():
        for key, value in values.items():
            flat[f"state.{name}.{key}"] = value
    for group in packed["param_groups"]:
        for name in group["params"]:
            for key, value in group.items():
                if key != "params":
                    flat[f"param_groups.{name}.{key}"] = value
    return flat


def _unflattened(flat: dict, names: list[str], groups: list[list[str]]) -> dict:
    state: dict[str, dict] = {name: {} for name in names}
    options: dict[str, dict] = {name: {} for name in names}
    for key, value in flat.items():
        kind, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        (state if kind == "state" else options).setdefault(name, {})[field] = value
    return {
        "state": {name: values for name, values in state.items() if values},
        "param_groups": [{**options[members[0]], "params": members} for members in groups if members],
    }


def set_optimizer_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    optim_state_dict: dict[str, Any],
    *,
    options: StateDictOptions | None = None,
) -> None:
    """Load what get_optimizer_state_dict gave.

    Raises: KeyError naming a parameter that the state does not have groups for.
    Source: torch.distributed.checkpoint.state_dict.set_optimizer_state_dict.
    """
    options = options or StateDictOptions()
    optim_state_dict = _from_rank0(optim_state_dict, options)
    names = _parameter_names(model)
    for optimizer in _as_tuple(optimizers):
        groups = [[names[id(p)] for p in group["params"]] for group in optimizer.param_groups]
        flat = [name for members in groups for name in members]
        given = optim_state_dict
        if "param_groups" not in given:
            given = _unflattened(given, flat, groups)
        numbers = {name: i for i, name in enumerate(flat)}
        options_of = {name: group for group in given["param_groups"] for name in group["params"]}
        packed_groups = []
        for members in groups:
            if members[0] not in options_of:
                raise KeyError(
                    f"set_optimizer_state_dict: the state has nothing for parameter {members[0]!r}"
                )
            packed_groups.append({**options_of[members[0]], "params": [numbers[name] for name in members]})
        state = {numbers[name]: value for name, value in given["state"].items() if name in numbers}
        optimizer.load_state_dict({"state": state, "param_groups": packed_groups})


# ---------------------------------------------------------------- both


def get_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    submodules: set[Module] | None = None,
    options: StateDictOptions | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(model's state, optimizers' state). Source: torch.distributed.checkpoint.state_dict.get_state_dict."""
    return get_model_state_dict(model, options=options), get_optimizer_state_dict(
        model, optimizers, options=options
    )


def set_state_dict(
    model: Module,
    optimizers: Optimizer | Iterable[Optimizer],
    *,
    model_state_dict: dict[str, Any],
    optim_state_dict: dict[str, Any],
    options: StateDictOptions | None = None,
) -> Any:
    """Load both. Source: torch.distributed.checkpoint.state_dict.set_state_dict."""
    if optim_state_dict:
        set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    if model_state_dict:
        return set_model_state_dict(model, model_state_dict, options=options)
    return _Keys([], [])


def _init_optim_state(optim: Optimizer) -> None:
    """Give every parameter the state that it has after a step, changing no parameter."""
    if optim.state:
        return
    rates = [group.get("lr") for group in optim.param_groups]
    for group in optim.param_groups:
        for parameter in group["params"]:
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = parameter.detach() * 0
        if "lr" in group:
            group["lr"] = 0.0 if not isinstance(group["lr"], Tensor) else group["lr"] * 0
    optim.step()
    for group, rate in zip(optim.param_groups, rates):
        if "lr" in group:
            group["lr"] = rate
    optim.zero_grad(set_to_none=True)
