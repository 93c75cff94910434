"""A module's state: state_dict, load_state_dict and the hooks around them.

StateMethods is that part of Module. A state dict is a flat OrderedDict of tensors under dotted names, with a
`_metadata` attribute that holds each module's version, so that older files can be read.
"""

from __future__ import annotations

import itertools
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from ...autograd.modes import no_grad
from ...tensor import Tensor
from ..hooks import RemovableHandle, WrappedHook
from ..parameter import Parameter, is_lazy

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict found to differ: two lists of names."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateMethods:
    """The part of Module that saves and loads its state."""

    def get_extra_state(self):
        """What else to keep in the state dict, under `_extra_state`; for subclasses to define with
        set_extra_state.

        Source: torch.nn.Module.get_extra_state.
        """
        raise RuntimeError(
            f"{type(self).__name__} keeps no extra state: it does not define get_extra_state()."
        )

    def set_extra_state(self, state):
        """Take back what get_extra_state gave. Source: torch.nn.Module.set_extra_state."""
        raise RuntimeError(
            f"{type(self).__name__} takes no extra state: it does not define set_extra_state()."
        )

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """All parameters and persistent buffers by name, sharing memory with the module.

        Args:
            destination: a dict to fill instead of a new OrderedDict.
            prefix: put before every name.
            keep_vars: the tensors themselves, with their history, rather than detached.
        Source: torch.nn.Module.state_dict.
        Example:
            >>> import rushlight as torch
            >>> list(torch.nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2
            )
            destination, prefix, keep_vars = _from_positions(args, destination, prefix, keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            if replaced is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = replaced
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Add this module's own entries, without those of its children."""
        for name, tensor in itertools.chain(self._parameters.items(), self._persistent_buffers()):
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if _is_overridden(self, "get_extra_state"):
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def _persistent_buffers(self):
        left_out = self._non_persistent_buffers_set
        return [(name, buffer) for name, buffer in self._buffers.items() if name not in left_out]

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy the values of a state dict into this module and its children.

        Args:
            state_dict: tensors by name, as state_dict() gives them.
            strict: refuse missing and unexpected names.
            assign: put the given tensors in place of the module's instead of copying their values.
        Returns:
            The pair (missing_keys, unexpected_keys).
        Raises:
            TypeError: state_dict is no mapping.
            RuntimeError: names (if strict) or sizes differ; one error lists them all.
        Source: torch.nn.Module.load_state_dict.
        Example:
            >>> import rushlight as torch
            >>> m = torch.nn.Linear(2, 1)
            >>> m.load_state_dict(torch.nn.Linear(2, 1).state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata
        loading = _Loading(metadata, assign)
        loading.load(self, state_dict, "")
        problems = loading.problems(strict)
        if problems:
            listing = "\n\t".join(problems)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listing}")
        return _IncompatibleKeys(loading.missing_keys, loading.unexpected_keys)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own entries; what does not fit is added to the three lists, not raised."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = {}
        for name, tensor in itertools.chain(self._parameters.items(), self._persistent_buffers()):
            if tensor is not None:
                own[name] = tensor
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_tensor(key, name, tensor, state_dict[key], assign)
                if problem is not None:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if _is_overridden(self, "set_extra_state"):
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, dot, _rest = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_tensor(self, key, name, tensor, given, assign):
        """Load one parameter or buffer: copy given's values, or with assign put it in place.

        Returns what is wrong with it as a line of text, or None.
        """
        if not isinstance(given, Tensor) and not hasattr(type(given), "__torch_function__"):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object '
                f"from checkpoint but received {type(given)}"
            )
        if not is_lazy(tensor):
            if tensor.dim() == 0 and given.dim() == 1 and given.shape[0] == 1:
                given = given[0]  # files older than 0-d tensors hold scalars so
            if given.shape != tensor.shape:
                return (
                    f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                    f"the shape in current model is {tensor.shape}."
                )
        if tensor.is_meta and not given.is_meta and not assign:
            _warn_of_meta(key)
        try:
            with no_grad():
                if assign:
                    setattr(self, name, _as_kind_of(tensor, given))
                else:
                    tensor.copy_(given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", '
                f"whose dimensions in the model are {tensor.size()} and "
                f"whose dimensions in the checkpoint are {given.size()}, "
                f"an exception occurred : {error.args}."
            )
        return None

    def register_state_dict_pre_hook(self, hook):
        """Call hook(module, prefix, keep_vars) before state_dict collects. Source: torch.nn.Module."""
        return _register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call hook(module, state_dict, prefix, local_metadata) after state_dict collected; it may change
        the dict.

        Source: torch.nn.Module.register_state_dict_post_hook.
        """
        hook._from_public_api = True
        return _register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        """The private form of register_state_dict_post_hook, whose hook may return another dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return _register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs) before a module's own entries are loaded. Source:
        torch.nn.Module.register_load_state_dict_pre_hook.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        """The private form of register_load_state_dict_pre_hook; hook need not take the module."""
        return _register(self._load_state_dict_pre_hooks, WrappedHook(hook, self if with_module else None))

    def register_load_state_dict_post_hook(self, hook):
        """Call hook(module, incompatible_keys) after loading; it may change the two lists in place.

        Source: torch.nn.Module.register_load_state_dict_post_hook.
        """
        return _register(self._load_state_dict_post_hooks, hook)


class _Loading:
    """One load_state_dict: walks the modules and gathers what does not fit."""

    def __init__(self, metadata, assign):
        self.metadata = metadata
        self.assign = assign
        self.missing_keys: list[str] = []
        self.unexpected_keys: list[str] = []
        self.error_msgs: list[str] = []

    def load(self, module, state_dict, prefix):
        local_metadata = {} if self.metadata is None else self.metadata.get(prefix[:-1], {})
        if self.assign:
            local_metadata["assign_to_params_buffers"] = True
        found = (self.missing_keys, self.unexpected_keys, self.error_msgs)
        module._load_from_state_dict(state_dict, prefix, local_metadata, True, *found)
        for name, child in module._modules.items():
            if child is not None:
                start = f"{prefix}{name}."
                part = {key: value for key, value in state_dict.items() if key.startswith(start)}
                self.load(child, part, start)
        keys = _IncompatibleKeys(self.missing_keys, self.unexpected_keys)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                    "return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )

    def problems(self, strict):
        """The lines of the error to raise; none if all is well."""
        lines = list(self.error_msgs)
        if strict:
            for kind, keys in (("Unexpected", self.unexpected_keys), ("Missing", self.missing_keys)):
                if keys:
                    names = ", ".join(f'"{key}"' for key in keys)
                    lines.insert(0, f"{kind} key(s) in state_dict: {names}. ")
        return lines


def _from_positions(args, destination, prefix, keep_vars):
    """The arguments of state_dict where some came by position."""
    if destination is None:
        destination = args[0]
    if len(args) > 1 and prefix == "":
        prefix = args[1]
    if len(args) > 2 and keep_vars is False:
        keep_vars = args[2]
    return destination, prefix, keep_vars


def _warn_of_meta(key):
    warnings.warn(
        f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the "
        "current model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the state "
        "dictionary to their corresponding key in the module instead of copying them in place?)",
        stacklevel=5,
    )


def _is_overridden(module, method):
    return getattr(type(module), method, None) is not getattr(StateMethods, method)


def _as_kind_of(tensor, given):
    """given as a Parameter where tensor is one, with its requires_grad."""
    if not isinstance(tensor, Parameter):
        return given
    if isinstance(given, Parameter):
        return given.requires_grad_(tensor.requires_grad)
    return Parameter(given, requires_grad=tensor.requires_grad)


def _register(hooks, hook):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
