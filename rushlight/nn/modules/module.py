"""Module, the base of all layers and models.

Here: registering parameters, buffers and children, walking them, training mode, repr. Calls and hooks are in
calling.py, saving and loading in state.py, moving and casting in conversion.py. Three dicts hold what is
registered (`_parameters`, `_buffers`, `_modules`), apart from the instance's own attributes; reading
`module.weight` falls through to them.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict

from ...executors.observing import watched
from ...tensor import Tensor
from ..changes import Changes
from ..hooks import RemovableHandle, WrappedHook
from ..naming import typename
from ..parameter import Buffer, Parameter
from .calling import (  # noqa: F401  names of torch.nn.modules.module that programs reach for
    HookMethods,
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_forward_hooks,
    _global_forward_hooks_always_called,
    _global_forward_hooks_with_kwargs,
    _global_forward_pre_hooks,
    _has_any_global_hook,
    register_module_backward_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from .conversion import ConversionMethods
from .state import _EXTRA_STATE_KEY_SUFFIX, StateMethods, _IncompatibleKeys  # noqa: F401

__all__ = [
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_backward_hook",
    "register_module_full_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "Module",
]

_WrappedHook = WrappedHook

_global_buffer_registration_hooks: OrderedDict = OrderedDict()
_global_module_registration_hooks: OrderedDict = OrderedDict()
_global_parameter_registration_hooks: OrderedDict = OrderedDict()


def register_module_buffer_registration_hook(hook):
    """Call hook(module, name, buffer) whenever a buffer is registered; what it returns replaces it."""
    return _register_registration_hook(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """Call hook(module, name, submodule) whenever a module is registered; what it returns replaces it."""
    return _register_registration_hook(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook):
    """Call hook(module, name, param) whenever a parameter is registered; what it returns replaces it."""
    return _register_registration_hook(_global_parameter_registration_hooks, hook)


def _register_registration_hook(hooks, hook):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _after_registration_hooks(hooks, module, name, value):
    for hook in hooks.values():
        replaced = hook(module, name, value)
        if replaced is not None:
            value = replaced
    return value


class Module(HookMethods, StateMethods, ConversionMethods):
    """Base of all layers and models: a tree of named modules that hold parameters and buffers.

    A subclass calls super().__init__() first, assigns Parameters, Modules and Buffers as attributes, which
    registers them, and defines forward. Calling the module runs its hooks and forward.

    Attributes:
        training: whether the module is in training mode; train() and eval() set it for the whole tree.
    Raises:
        AttributeError: a Parameter, Module or buffer is assigned before super().__init__().
        NotImplementedError: called without a forward.
    Source: torch.nn.Module. Where an error raised in forward ends with a line like `in layer2.linear
    (Linear)`, that line is rushlight's.
    Example:
        >>> import rushlight as torch
        >>> class Scale(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
        ...     def forward(self, x):
        ...         return self.factor * x
        >>> Scale()(torch.tensor(3.0)).item()
        6.0
    """

    dump_patches: bool = False
    _version: int = 1
    call_super_init: bool = False
    training: bool

    def __init__(self, *args, **kwargs):
        if not self.call_super_init:
            name = type(self).__name__
            if kwargs:
                raise TypeError(
                    f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        members = self.__dict__
        members["training"] = True
        members["_parameters"] = {}
        members["_buffers"] = {}
        members["_non_persistent_buffers_set"] = set()
        members["_modules"] = {}
        members["_is_full_backward_hook"] = None
        for hooks in _HOOK_DICTS:
            members[hooks] = OrderedDict()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input):
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # Registration -----------------------------------------------------------------------------------------

    def register_parameter(self, name, param):
        """Register a Parameter under a name; None keeps the name for a parameter that is left out.

        Raises:
            AttributeError: before Module.__init__().
            TypeError: name is no string, or param no Parameter.
            KeyError: name is empty, contains a dot or belongs to another attribute.
            ValueError: param has history.
        Source: torch.nn.Module.register_parameter.
        """
        self._check_name("parameter", "_parameters", name)
        Changes.count += 1
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                "explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the "
                "forward() method."
            )
        if _global_parameter_registration_hooks:
            param = _after_registration_hooks(_global_parameter_registration_hooks, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Register a tensor that is no parameter but moves and, if persistent, is saved with the module.

        Raises:
            AttributeError: before Module.__init__().
            TypeError: name is no string, or tensor neither a Tensor nor None.
            KeyError: name is empty, contains a dot or belongs to another attribute.
        Source: torch.nn.Module.register_buffer.
        Example:
            >>> import rushlight as torch
            >>> m = torch.nn.Module()
            >>> m.register_buffer("steps", torch.tensor(0))
            >>> m.steps
            tensor(0)
        """
        self._check_name("buffer", "_buffers", name)
        Changes.count += 1
        if tensor is not None and not _is_tensor_like(tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None "
                "required)"
            )
        if _global_buffer_registration_hooks:
            tensor = _after_registration_hooks(_global_buffer_registration_hooks, self, name, tensor)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def _check_name(self, kind, registry, name):
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def add_module(self, name, module):
        """Register a child under a name; None keeps the name for a child that is left out.

        Raises:
            TypeError: module is no Module, or name no string.
            KeyError: name is empty, contains a dot or belongs to another attribute.
        Source: torch.nn.Module.add_module.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {typename(name)}")
        Changes.count += 1
        if name not in self._modules and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = _after_registration_hooks(_global_module_registration_hooks, self, name, module)

    def register_module(self, name, module):
        """The same as add_module. Source: torch.nn.Module.register_module."""
        self.add_module(name, module)

    def __getattr__(self, name):
        members = self.__dict__
        if "_parameters" in members:  # written out, not looped: this is on the path of every call of a layer
            registered = members["_parameters"]
            if name in registered:
                return registered[name]
            registered = members["_modules"]
            if name in registered:
                return registered[name]
            registered = members["_buffers"]
            if name in registered:
                return registered[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        Changes.count += 1
        members = self.__dict__
        if isinstance(value, (Tensor, Module)):
            self._set_registrable(name, value)
        elif "_parameters" in members and (
            name in members["_parameters"] or name in members["_modules"] or name in members["_buffers"]
        ):
            self._set_registered(name, value)
        else:
            super().__setattr__(name, value)

    def _set_registrable(self, name, value):
        """Assign a tensor or a module, registering it where its class or the name asks for that."""
        members = self.__dict__
        initialized = "_parameters" in members
        if isinstance(value, Parameter):
            if not initialized:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, members, self._buffers, self._modules)
            self.register_parameter(name, value)
        elif initialized and name in members["_parameters"]:
            self._set_registered(name, value)
        elif isinstance(value, Module):
            if not initialized:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, members, self._parameters, self._buffers)
            if _global_module_registration_hooks:
                value = _after_registration_hooks(_global_module_registration_hooks, self, name, value)
            members["_modules"][name] = value
        elif initialized and (name in members["_modules"] or name in members["_buffers"]):
            self._set_registered(name, value)
        elif isinstance(value, Buffer):
            self._set_buffer(name, value)
        else:
            super().__setattr__(name, value)

    def _set_registered(self, name, value):
        """Assign under a name that a parameter, module or buffer has, to something of another class."""
        if name in self._parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or "
                    "None expected)"
                )
            self.register_parameter(name, None)
        elif name in self._modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or "
                    "None expected)"
                )
            self._modules[name] = _after_registration_hooks(
                _global_module_registration_hooks, self, name, None
            )
        else:
            self._set_buffer(name, value)

    def _set_buffer(self, name, value):
        if value is not None and not _is_tensor_like(value):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' "
                "(torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if isinstance(value, Buffer):
            persistent = value.persistent
        else:
            persistent = name not in self.__dict__.get("_non_persistent_buffers_set", ())
        if type(self).register_buffer is Module.register_buffer or "persistent" in _parameters_of(
            self.register_buffer
        ):
            self.register_buffer(name, value, persistent)
        elif persistent:
            self.register_buffer(name, value)
        else:
            raise RuntimeError(
                "Registering a non-persistent buffer on a Module subclass that implements "
                "register_buffer() without the persistent argument is not allowed."
            )

    def _forget(self, name, *registries):
        """Drop the name from wherever else it is, before it is registered anew."""
        for registry in registries:
            registry.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name):
        Changes.count += 1
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    def __dir__(self):
        registered = [name for registry in _REGISTRIES for name in self.__dict__[registry]]
        names = [*dir(type(self)), *self.__dict__, *registered]
        return sorted(name for name in names if not name[0].isdigit())

    def __getstate__(self):
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        members = self.__dict__
        members.setdefault("_non_persistent_buffers_set", set())
        members.setdefault("_is_full_backward_hook", None)
        for hooks in _HOOK_DICTS:
            members.setdefault(hooks, OrderedDict())
        if any(members[hooks] for hooks in _CALL_HOOK_DICTS):
            members["_hooked"] = True

    # Looking up and walking -------------------------------------------------------------------------------

    def get_submodule(self, target):
        """The module at a dotted path; self for "".

        Raises:
            AttributeError: there is nothing at the path, or no module.
        Source: torch.nn.Module.get_submodule.
        Example:
            >>> import rushlight as torch
            >>> torch.nn.Sequential(torch.nn.Sequential(torch.nn.ReLU())).get_submodule("0.0")
            ReLU()
        """
        module = self
        for name in target.split(".") if target else ():
            module = _required_attribute(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put a module at a dotted path; with strict, only in place of one that is there.

        Raises:
            ValueError: an empty path, or module is no Module.
            AttributeError: the path leads to something else.
        Source: torch.nn.Module.set_submodule.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _dot, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            if not isinstance(_required_attribute(parent, name), Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path; AttributeError if there is none.

        Source: torch.nn.Module.get_parameter.
        """
        path, _dot, name = target.rpartition(".")
        parameter = _required_attribute(self.get_submodule(path), name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target):
        """The buffer at a dotted path; AttributeError if there is none.

        Source: torch.nn.Module.get_buffer.
        """
        path, _dot, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = _required_attribute(module, name)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        """Pairs (dotted name, member) of what get_members_fn lists for each module, each object once."""
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def parameters(self, recurse=True):
        """The parameters of the tree (of this module alone without recurse), each once.

        Source: torch.nn.Module.parameters.
        """
        for _name, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Pairs (dotted name, parameter). Source: torch.nn.Module.named_parameters.

        Example:
            >>> import rushlight as torch
            >>> [name for name, _ in torch.nn.Sequential(torch.nn.Linear(2, 1)).named_parameters()]
            ['0.weight', '0.bias']
        """
        yield from self._named_members(
            lambda module: module._parameters.items(),
            prefix=prefix,
            recurse=recurse,
            remove_duplicate=remove_duplicate,
        )

    def buffers(self, recurse=True):
        """The buffers of the tree, each once. Source: torch.nn.Module.buffers."""
        for _name, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Pairs (dotted name, buffer). Source: torch.nn.Module.named_buffers."""
        yield from self._named_members(
            lambda module: module._buffers.items(),
            prefix=prefix,
            recurse=recurse,
            remove_duplicate=remove_duplicate,
        )

    def children(self):
        """The immediate children, each once. Source: torch.nn.Module.children."""
        for _name, module in self.named_children():
            yield module

    def named_children(self):
        """Pairs (name, child). Source: torch.nn.Module.named_children."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate=True):
        """All modules of the tree, this one first. Source: torch.nn.Module.modules."""
        for _name, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """Pairs (dotted name, module) of the tree, this one first under prefix.

        Source: torch.nn.Module.named_modules.
        Args:
            memo: a set of modules met before, which are left out.
        """
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def apply(self, fn):
        """Call fn(module) for every module of the tree, children first; returns self.

        Source: torch.nn.Module.apply.
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # Training ---------------------------------------------------------------------------------------------

    def train(self, mode=True):
        """Set training mode for the whole tree, as dropout and batch norm ask for; returns self.

        Raises:
            ValueError: mode is no bool.
        Source: torch.nn.Module.train.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Set evaluation mode for the whole tree; returns self. Source: torch.nn.Module.eval."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Set whether the parameters collect gradients; returns self.

        Source: torch.nn.Module.requires_grad_.
        """
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Drop the parameters' gradients, or set them to 0. Source: torch.nn.Module.zero_grad."""
        for parameter in self.parameters():
            if watched.capture is not None:
                watched.capture.meets_gradient(parameter, cleared=set_to_none)
            gradient = parameter.grad
            if gradient is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if gradient.grad_fn is not None:
                    gradient.detach_()
                else:
                    gradient.requires_grad_(False)
                gradient.zero_()

    def _replicate_for_data_parallel(self):
        """A copy of this module alone, without parameters, for a replica on another device."""
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica._parameters = {}
        replica._buffers = replica._buffers.copy()
        replica._modules = replica._modules.copy()
        replica._is_replica = True
        return replica

    # Text -------------------------------------------------------------------------------------------------

    def _get_name(self):
        return self.__class__.__name__

    def extra_repr(self):
        """What repr shows between the parentheses; for subclasses to define."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({extra})"
        for name, module in self._modules.items():
            lines.append(f"({name}): {_addindent(repr(module), 2)}")
        if not lines:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


_REGISTRIES = ("_parameters", "_modules", "_buffers")
_CALL_HOOK_DICTS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOK_DICTS = (
    *_CALL_HOOK_DICTS,
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _parameters_of(function):
    return inspect.signature(function).parameters


def _is_tensor_like(value):
    return isinstance(value, Tensor) or hasattr(value, "__torch_function__")


def _required_attribute(module, name):
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    return getattr(module, name)


def _addindent(text, spaces):
    """text with all lines but the first indented."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])
