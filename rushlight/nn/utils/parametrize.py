"""Parametrizations: a parameter computed from others whenever it is read (torch.nn.utils.parametrize).

register_parametrization gives the module a class of its own, on which the parameter's name is a property.
What it is computed from is in module.parametrizations.<name>: `original`, or `original0`, `original1`, ...
where there are several.
"""

from __future__ import annotations

import copyreg
from collections.abc import Sequence
from contextlib import contextmanager
from copy import deepcopy

from ...autograd.modes import no_grad
from ...tensor import Tensor
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

__all__ = [
    "cached",
    "ParametrizationList",
    "register_parametrization",
    "is_parametrized",
    "remove_parametrizations",
    "type_before_parametrizations",
    "transfer_parametrizations_and_params",
]

_cache_enabled = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached():
    """Within the block every parametrized tensor is computed once.

    Source: torch.nn.utils.parametrize.cached.
    """
    global _cache_enabled
    _cache_enabled += 1
    try:
        yield
    finally:
        _cache_enabled -= 1
        if not _cache_enabled:
            _cache.clear()


def _register_parameter_or_buffer(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _set_values(tensor, values):
    """Let tensor, which keeps its identity, hold values."""
    if values is not tensor:
        tensor.data = values.data


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after another, and what they start from.

    Args:
        modules: the parametrizations; those with a right_inverse are run back over original.
        original: the tensor before.
        unsafe: shape and dtype may change, and are not checked.
    Raises:
        ValueError: no modules, or results of another dtype, shape or kind.
    Source: torch.nn.utils.parametrize.ParametrizationList.
    """

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        start = self._run_back(original)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        if self.is_tensor:
            self._keep_one(original, start)
        else:
            self._keep_several(original, start)
        if not unsafe:
            _check_unchanged(self(), shape, dtype, "unparametrized", "parametrized")

    def _run_back(self, original):
        """What the parametrizations have to start from to give original, as far as they can tell."""
        start = original
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    continue
                try:
                    start = module.right_inverse(start)
                except NotImplementedError:
                    continue  # this one cannot tell: it starts from the value itself
        if not isinstance(start, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(start).__name__}"
            )
        return start

    def _keep_one(self, original, start):
        for what in ("dtype", "device"):
            before, after = getattr(original, what), getattr(start, what)
            if before != after:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                    f"original.{what}: {before}\nright_inverse(original).{what}: {after}"
                )
        with no_grad():
            _set_values(original, start)
        _register_parameter_or_buffer(self, "original", original)

    def _keep_several(self, original, parts):
        for i, part in enumerate(parts):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(part).__name__}."
                )
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            part.requires_grad_(original.requires_grad)
            _register_parameter_or_buffer(self, f"original{i}", part)

    def right_inverse(self, value):
        """Set what the parametrizations start from, so that they give value.

        Raises:
            RuntimeError: one of them has no right_inverse.
            ValueError: results of another number, kind or dtype.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                self._assign("original", value, "The tensor")
                return
            if not isinstance(value, Sequence):
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}."
                )
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                    f"Got a sequence of length {len(value)}."
                )
            for i, part in enumerate(value):
                self._assign(f"original{i}", part, f"Tensor {i}")

    def _assign(self, name, value, subject):
        if not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        original = getattr(self, name)
        if value.dtype != original.dtype:
            raise ValueError(
                f"{subject} returned by `right_inverse` has dtype {value.dtype} "
                f"while `{name}` has dtype {original.dtype}"
            )
        _set_values(original, value)

    def forward(self):
        first, *others = self
        if self.is_tensor:
            value = first(self.original)
        else:
            value = first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in others:
            value = module(value)
        return value


def _check_unchanged(value, shape, dtype, before, after):
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for what, expected in (("dtype", dtype), ("shape", shape)):
        found = getattr(value, what)
        if found != expected:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the "
                "`unsafe` flag is "
                f"enabled.\n{before} {what}: {expected}\n{after} {what}: {found}"
            )


def _own_deepcopy(self, memo):
    """deepcopy without __getstate__, which refuses."""
    if id(self) in memo:
        return memo[id(self)]
    replica = self.__new__(self.__class__)
    memo[id(self)] = replica
    replica.__dict__ = deepcopy(self.__dict__, memo)
    for slot in copyreg._slotnames(self.__class__):
        if hasattr(self, slot):
            setattr(replica, slot, deepcopy(getattr(self, slot), memo))
    return replica


def _refuse_pickling(self):
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): "
        "save module.state_dict(), and load it into a module that is parametrized alike."
    )


def _inject_new_class(module):
    """Give module a class of its own, a subclass of the one it has."""
    cls = type(module)
    members = {"__getstate__": _refuse_pickling}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _own_deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _inject_property(module, name):
    """Make name a property of module's own class, computed from the parametrizations."""

    def get_parametrized(self):
        parametrization = self.parametrizations[name]
        if not _cache_enabled:
            return parametrization()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def set_original(self, value):
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get_parametrized, set_original))


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Let a parameter or buffer be parametrization(original) from now on; returns module.

    A parametrization with right_inverse is given the present value and says what to start from; several
    values are allowed. Registering again adds to the chain. Assigning to the parameter goes through
    right_inverse.

    Args:
        unsafe: do not check that shape and dtype stay.
    Raises:
        ValueError: no such parameter or buffer, or shape or dtype change.
    Source: torch.nn.utils.parametrize.register_parametrization.
    Example:
        >>> import rushlight as torch
        >>> class Double(torch.nn.Module):
        ...     def forward(self, x):
        ...         return 2 * x
        >>> m = torch.nn.Linear(1, 1, bias=False)
        >>> _ = torch.nn.utils.parametrize.register_parametrization(m, "weight", Double())
        >>> bool(m.weight == 2 * m.parametrizations.weight.original)
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_addition(module, tensor_name, parametrization)
        chain = module.parametrizations[tensor_name]
        chain.append(parametrization)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        chain = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, "
            f"or a parametrized element with name '{tensor_name}'"
        )
    return module


def _check_addition(module, name, parametrization):
    """A further parametrization, forward and back, keeps dtype and shape."""
    before = getattr(module, name)
    after = parametrization(before)
    _check_unchanged(after, before.shape, before.dtype, f"module.{name}", f"parametrization(module.{name})")
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return  # it says that it has none
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for what in ("dtype", "shape"):
        expected, found = getattr(before, what), getattr(back, what)
        if found != expected:
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as "
                f"module.{name}, "
                f"unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {expected}\nreturned "
                f"{what}: {found}"
            )


def is_parametrized(module, tensor_name=None):
    """Whether module has parametrizations (on the tensor of that name).

    Source: torch.nn.utils.parametrize.
    """
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Make the tensor an ordinary parameter or buffer again; returns module.

    Args:
        leave_parametrized: keep the computed value; False: go back to the original.
    Raises:
        ValueError: the tensor has no parametrizations, or several originals and leave_parametrized=False.
    Source: torch.nn.utils.parametrize.remove_parametrizations.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            with no_grad():
                _set_values(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in "
            "terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module):
    """The class module had before it was parametrized. Source: torch.nn.utils.parametrize."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Parametrize to_module as from_module is, with its originals; returns to_module.

    Args:
        tensor_name: the one tensor to transfer; None: all.
    Source: torch.nn.utils.parametrize.transfer_parametrizations_and_params.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        target = to_module.parametrizations[name]
        for original in [*source._parameters, *source._buffers]:
            setattr(target, original, getattr(source, original))
    return to_module
