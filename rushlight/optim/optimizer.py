"""`Optimizer`: parameter groups, state, hooks and state dicts, as PyTorch's, and `Updating`: how an algorithm is written.

An algorithm is one function on graph nodes that gives a parameter's new value and new state from the old ones and the
gradient: nothing is written until the whole step is recorded, and `step()` runs what it recorded as one program. Learning
rates and bias corrections are inputs of that program, so changing them prepares nothing anew. They come from one more
function, on the host, of a group's options and how many steps were taken (clock.py).
"""

from __future__ import annotations

import copy
import functools
import operator
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import functions as fn
from ..autograd.entry import AccumulateGrad
from ..autograd.hooks import RemovableHandle
from ..autograd.modes import enable_grad, state
from ..autograd.record import edge_of
from ..executors import queue
from ..executors.observing import Feed, refuse, watched
from ..graph.node import Node
from ..tensor import Tensor, dtype_of, from_array, node_of, wrap, write
from .clock import Clock, number


class _RequiredParameter:
    """The default of an option that has none."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()
_global_pre_hooks: OrderedDict = OrderedDict()
_global_post_hooks: OrderedDict = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) before every step of every optimizer."""
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) after every step of every optimizer."""
    return _register(_global_post_hooks, hook)


def _register(hooks: OrderedDict, hook: Callable) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class Optimizer:
    """Base of all optimizers: subclass it, give `defaults`, write `step`.

    Args:
        params: tensors, or dicts with "params" and the options of a group, or (name, tensor) pairs.
        defaults: options of groups that do not give their own.
    Source: torch.optim.Optimizer.
    Example:
        >>> import rushlight as torch
        >>> w = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> w.sum().backward(); optimizer.step(); w
        tensor([0.5000, 0.5000], requires_grad=True)
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._optimizer_step_pre_hooks: OrderedDict = OrderedDict()
        self._optimizer_step_post_hooks: OrderedDict = OrderedDict()
        self._optimizer_state_dict_pre_hooks: OrderedDict = OrderedDict()
        self._optimizer_state_dict_post_hooks: OrderedDict = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks: OrderedDict = OrderedDict()
        self._optimizer_load_state_dict_post_hooks: OrderedDict = OrderedDict()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.Tensor"
            )
        self.state: dict = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    # ------------------------------------------------------------ stepping

    def step(self, closure: Callable | None = None) -> Any:
        """One update of every parameter that has a gradient; `closure`, if given, computes the loss first."""
        raise NotImplementedError(f"{type(self).__name__} has to define step()")

    def _patch_step_function(self) -> None:
        """Wrap this class's step once, so that hooks run around it."""
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = self.profile_hook_step(cls.step)  # type: ignore[method-assign]

    @staticmethod
    def profile_hook_step(step: Callable) -> Callable:
        """`step` with the hooks run around it."""

        @functools.wraps(step)
        def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
            if not (_global_pre_hooks or self._optimizer_step_pre_hooks):
                result = step(self, *args, **kwargs)
            else:
                refuse("the optimizer has hooks")
                for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
                    changed = hook(self, args, kwargs)
                    if changed is not None:
                        if not isinstance(changed, tuple) or len(changed) != 2:
                            raise RuntimeError(
                                f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                            )
                        args, kwargs = changed
                result = step(self, *args, **kwargs)
            if _global_post_hooks or self._optimizer_step_post_hooks:
                refuse("the optimizer has hooks")
                for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
                    hook(self, args, kwargs)
            return result

        hooked.hooked = True  # type: ignore[attr-defined]
        return hooked

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient: `.grad` becomes None, or zeros when `set_to_none` is False."""
        for group in self.param_groups:
            for p in group["params"]:
                if watched.capture is not None:
                    watched.capture.meets_gradient(p, cleared=set_to_none)
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad = fn.zeros_like(p._grad.detach())

    # ------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: {"params": ..., options}; options that are missing come from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        refuse("an optimizer gets parameters")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = list(params)
        if params and isinstance(params[0], tuple):
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        _check_parameters(params)
        param_group["params"] = params
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        known = {p for group in self.param_groups for p in group["params"]}
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # ------------------------------------------------------------ state dicts

    def state_dict(self) -> dict[str, Any]:
        """{"state": by parameter number, "param_groups": options and numbers}, as PyTorch's."""
        refuse("the state of an optimizer is taken")
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        held = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result = {"state": held, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that `state_dict` gave, here or in PyTorch.

        Raises: ValueError when the groups do not fit.
        """
        refuse("the state of an optimizer is set")
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups, saved = self.param_groups, copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        by_number = {number: p for g, s in zip(groups, saved) for p, number in zip(g["params"], s["params"])}
        taken: dict = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                taken[by_number[key]] = _cast_state(by_number[key], value)
            else:
                taken[key] = value
        for group, new in zip(groups, saved):
            new["params"] = group["params"]
            if "param_names" in group and "param_names" not in new:
                new["param_names"] = group["param_names"]
        self.__setstate__({"state": taken, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before state_dict()."""
        return _registered_first(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after state_dict(); what it gives replaces it."""
        return _registered_first(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before load_state_dict; what it gives replaces it."""
        return _registered_first(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) after load_state_dict."""
        return _registered_first(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ------------------------------------------------------------ pickling and text

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for kind in (
            "step_pre",
            "step_post",
            "state_dict_pre",
            "state_dict_post",
            "load_state_dict_pre",
            "load_state_dict_post",
        ):
            self.__dict__.setdefault(f"_optimizer_{kind}_hooks", OrderedDict())
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _registered_first(hooks: OrderedDict, hook: Callable, prepend: bool) -> RemovableHandle:
    handle = _register(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _check_parameters(params: Iterable[Any]) -> None:
    for p in params:
        if not isinstance(p, Tensor):
            raise TypeError(
                "optimizer can only optimize Tensors, but one of the params is " + type(p).__name__
            )
        edge = edge_of(p)
        if edge is not None and not isinstance(edge, AccumulateGrad):
            raise ValueError("can't optimize a non-leaf Tensor")


def _cast_state(param: Tensor, value: Any, key: str | None = None) -> Any:
    """Saved state in the parameter's dtype; step counts as they are."""
    if isinstance(value, Tensor):
        made = value.clone()
        return made if key == "step" or not dtype_of(param).is_floating_point else made.to(dtype_of(param))
    if isinstance(value, dict):
        return {k: _cast_state(param, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast_state(param, v) for v in value)
    return value


# ---------------------------------------------------------------- writing an algorithm


class Updating(Optimizer):
    """An optimizer whose algorithm is one rule on nodes.

    A subclass writes `init_state(p, group)`, the state of a parameter that has not been stepped; `numbers(group, counts)`,
    what the rule reads besides tensors; and `update(p, g, held, n)`, the rule, which gives (new parameter, {name: new
    state}) from the parameter, its gradient, the state as it is stored and the numbers. `counts` names the part of the
    state that the host keeps: 0-d tensors such as "step".
    """

    counts: tuple[str, ...] = ()

    def init_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step."""
        return {}

    def numbers(self, group: dict[str, Any], counts: dict[str, float]) -> dict[str, Any]:
        """What this step's `update` reads besides tensors, by name; moves `counts` on to the next step.

        A float is an input of the program, and may change from step to step; anything else (None, a bool, a tuple)
        decides which program it is.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define numbers()")

    def update(
        self, p: Node, g: Node, held: dict[str, Any], n: dict[str, Any]
    ) -> tuple[Node, dict[str, Node]]:
        """(new parameter, new state) from the old ones and the gradient; floats are 0-d nodes of p's dtype in `n`."""
        raise NotImplementedError(f"{type(self).__name__} has to define update()")

    def step(self, closure: Callable | None = None) -> Any:
        """One update of every parameter that has a gradient.

        Args:
            closure: computes the loss again, and its gradients; called with gradients recorded.
        Returns: what the closure gives, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        before, state.grad = state.grad, False
        try:
            for group in self.param_groups:
                self._step_group(group)
        finally:
            state.grad = before
        if watched.capture is not None:
            watched.capture.feed(_Groups(self))
        queue.realize()
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        maximize = group.get("maximize", False)
        clocks: dict[tuple, Clock] = {}
        for p in group["params"]:
            grad = p._grad
            if watched.capture is not None:
                watched.capture.meets_gradient(p)
            if grad is None:
                continue
            held = self.state.get(p)
            if not held:
                held = self.init_state(p, group)
                if held:
                    self.state[p] = held
                    if watched.capture is not None:
                        watched.capture.makes_state()
            clock = Clock.of(self, group, held, clocks)
            g = node_of(grad)
            if maximize:
                g = -g
            node = node_of(p)
            if node.dtype.is_complex:
                new, changed = self._update_complex(node, g, held, clock)
            else:
                new, changed = self.update(node, g, held, clock.numbers(node.dtype))
            write(p, new)
            if changed:
                held = self.state[p]
                for name, value in changed.items():
                    _store(held, name, value)
        for clock in clocks.values():
            clock.tick()

    def _update_complex(self, p: Node, g: Node, held: dict[str, Any], clock: Clock) -> tuple[Node, dict]:
        """Complex parameters are updated as pairs of real ones."""
        seen = {
            k: fn.view_as_real(v) if isinstance(v, Tensor) and v.is_complex() else v for k, v in held.items()
        }
        p, g = p.view_as_real(), g.view_as_real()
        new, changed = self.update(p, g, seen, clock.numbers(p.dtype))
        for name, value in changed.items():
            before = held.get(name)
            if (
                isinstance(before, Tensor)
                and before.is_complex()
                or before is None
                and len(value.shape) > len(p.shape) - 1
            ):
                changed[name] = value.view_as_complex()
        return new.view_as_complex(), changed


def _store(held: dict[str, Any], name: str, value: Node) -> None:
    before = held.get(name)
    if isinstance(before, Tensor):
        write(before, value)
    else:
        if watched.capture is not None:
            watched.capture.makes_state()
        held[name] = wrap(value)


class _Groups(Feed):
    """What a captured step counts on: the same parameters in the same groups with the same state, and no hooks."""

    def __init__(self, optimizer: Updating) -> None:
        self.optimizer = optimizer
        self.held: list[tuple[Any, dict, dict]] = [
            (p, held, dict(held)) for p, held in optimizer.state.items()
        ]
        self.groups = [(group, group["params"], list(group["params"])) for group in optimizer.param_groups]

    def holds(self) -> bool:
        optimizer = self.optimizer
        if len(optimizer.param_groups) != len(self.groups) or len(optimizer.state) != len(self.held):
            return False
        for now, (group, params, listed) in zip(optimizer.param_groups, self.groups):
            if now is not group or group["params"] is not params or len(params) != len(listed):
                return False
            if not all(map(operator.is_, params, listed)):
                return False
        state = optimizer.state
        for p, held, tensors in self.held:
            if state.get(p) is not held or len(held) != len(tensors):
                return False
            for name, tensor in tensors.items():
                if held.get(name) is not tensor:
                    return False
        return not (
            optimizer._optimizer_step_pre_hooks
            or optimizer._optimizer_step_post_hooks
            or _global_pre_hooks
            or _global_post_hooks
        )


def zero_step() -> Tensor:
    """The "step" of a parameter that has not been stepped: a float32 tensor, as PyTorch keeps it."""
    return from_array(np.array(0.0, dtype=np.float32))


def check_range(name: str, value: Any, low: float = 0.0, high: float | None = None) -> None:
    """ValueError unless low <= value (< high)."""
    value = number(value)
    if not low <= value or high is not None and not value < high:
        raise ValueError(f"Invalid {name}: {value}")
