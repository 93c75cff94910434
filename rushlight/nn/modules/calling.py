"""What happens when a module is called: hooks around forward, and where in the model an error arose.

HookMethods is the part of Module that registers hooks and calls forward; the global hooks stand beside it. A
module without hooks pays for one flag, `_hooked`, which registering a hook raises and a call that finds no
hook left lowers again.
"""

from __future__ import annotations

import traceback
import warnings
from collections import OrderedDict

from ...executors.observing import refuse
from ...tensor import Tensor
from ..changes import Changes
from ..hooks import BackwardHook, RemovableHandle, WrappedHook

_global_backward_pre_hooks: OrderedDict = OrderedDict()
_global_backward_hooks: OrderedDict = OrderedDict()
_global_forward_pre_hooks: OrderedDict = OrderedDict()
_global_forward_hooks: OrderedDict = OrderedDict()
_global_forward_hooks_always_called: OrderedDict = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict = OrderedDict()
_global_is_full_backward_hook: bool | None = None


def register_module_forward_pre_hook(hook):
    """Call hook(module, args) before the forward of every module. Source: torch.nn.modules.module."""
    return _register_globally(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Call hook(module, args, output) after the forward of every module.

    Args:
        with_kwargs: hook takes (module, args, kwargs, output).
        always_call: also when forward raised; output is then None.
    Source: torch.nn.modules.module.register_module_forward_hook.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.nn.modules.module import register_module_forward_hook
        >>> seen = []
        >>> with register_module_forward_hook(lambda m, args, output: seen.append(type(m).__name__)):
        ...     _ = torch.nn.Sequential(torch.nn.ReLU())(torch.ones(1))
        >>> seen
        ['ReLU', 'Sequential']
    """
    handle = _register_globally(_global_forward_hooks, hook, [_global_forward_hooks_always_called])
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def register_module_backward_hook(hook):
    """The older kind of global backward hook; register_module_full_backward_hook sees all gradients."""
    _claim_global_backward_hooks(full=False)
    return _register_globally(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook):
    """Call hook(module, grad_output) when the gradients of any module's outputs have arrived."""
    return _register_globally(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """Call hook(module, grad_input, grad_output) when the gradients of any module's inputs are known."""
    _claim_global_backward_hooks(full=True)
    return _register_globally(_global_backward_hooks, hook)


def _register_globally(hooks, hook, extra=()):
    handle = RemovableHandle(hooks, extra_dict=list(extra))
    hooks[handle.id] = hook
    HookMethods._hooked = True
    Changes.count += 1
    return handle


def _claim_global_backward_hooks(full):
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a "
            "global Module hook. Please use only one of them."
        )
    _global_is_full_backward_hook = full


class HookMethods:
    """The part of Module that concerns calls and the hooks around them."""

    _hooked = False
    _compiled_call_impl = None

    def __call__(self, *args, **kwargs):
        try:
            if self._hooked:
                return self._call_hooked(args, kwargs)
            return self.forward(*args, **kwargs)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            _add_location(error, self)
            raise

    _wrapped_call_impl = __call__

    def _call_hooked(self, args, kwargs):
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        return self._call_impl(*args, **kwargs)

    def _call_impl(self, *args, **kwargs):
        """forward with its hooks, never the compiled one."""
        own = (
            self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks
        )
        if not (own or _has_any_global_hook()):
            self._lower_flags()
            return self.forward(*args, **kwargs)
        call = _HookedCall(self, args, kwargs)
        try:
            return call.run()
        except Exception:
            call.run_always_called()
            raise

    def _lower_flags(self):
        """No hook was found: the next call takes the short way."""
        Changes.count += 1
        HookMethods._hooked = False
        if self._compiled_call_impl is None:
            self.__dict__.pop("_hooked", None)

    def _register_hook(self, hooks, hook, prepend, *extras):
        Changes.count += 1
        handle = RemovableHandle(hooks, extra_dict=list(extras))
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        self.__dict__["_hooked"] = True
        return handle

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call hook(module, args) before forward; what it returns replaces args.

        Args:
            prepend: before the hooks that are there already.
            with_kwargs: hook takes (module, args, kwargs) and returns None or the pair to replace them.
        Source: torch.nn.Module.register_forward_pre_hook.
        Example:
            >>> import rushlight as torch
            >>> m = torch.nn.Identity()
            >>> handle = m.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
            >>> m(torch.tensor(3.0))
            tensor(6.)
        """
        with_kwargs_ids = self._forward_pre_hooks_with_kwargs
        handle = self._register_hook(self._forward_pre_hooks, hook, prepend, with_kwargs_ids)
        if with_kwargs:
            with_kwargs_ids[handle.id] = True
        return handle

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call hook(module, args, output) after forward; what it returns replaces output.

        Args:
            prepend: before the hooks that are there already.
            with_kwargs: hook takes (module, args, kwargs, output).
            always_call: also when forward raised; output is then None.
        Source: torch.nn.Module.register_forward_hook.
        Example:
            >>> import rushlight as torch
            >>> m = torch.nn.Identity()
            >>> handle = m.register_forward_hook(lambda m, args, output: output + 1)
            >>> m(torch.tensor(3.0))
            tensor(4.)
        """
        with_kwargs_ids = self._forward_hooks_with_kwargs
        always_ids = self._forward_hooks_always_called
        handle = self._register_hook(self._forward_hooks, hook, prepend, with_kwargs_ids, always_ids)
        if with_kwargs:
            with_kwargs_ids[handle.id] = True
        if always_call:
            always_ids[handle.id] = True
        return handle

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call hook(module, grad_output) in backward, once all outputs' gradients have arrived.

        grad_output is a tuple with None for what is no tensor; what hook returns replaces it.
        Source: torch.nn.Module.register_full_backward_pre_hook.
        """
        return self._register_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call hook(module, grad_input, grad_output) in backward, once the inputs' gradients are known.

        Both are tuples with None for what is no tensor; what hook returns replaces grad_input.

        Raises:
            RuntimeError: the module has hooks of the older kind.
        Source: torch.nn.Module.register_full_backward_hook.
        Example:
            >>> import rushlight as torch
            >>> m = torch.nn.Tanh()
            >>> handle = m.register_full_backward_hook(lambda m, grad_in, grad_out: print(grad_out))
            >>> m(torch.zeros(1, requires_grad=True)).sum().backward()
            (tensor([1.]),)
        """
        self._claim_backward_hooks(full=True)
        return self._register_hook(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook):
        """The older kind of backward hook, on the last operation of forward alone.

        Raises:
            RuntimeError: the module has full backward hooks.
        Source: torch.nn.Module.register_backward_hook; register_full_backward_hook is to be preferred.
        """
        self._claim_backward_hooks(full=False)
        return self._register_hook(self._backward_hooks, hook, False)

    def _claim_backward_hooks(self, full):
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a "
                "single Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self):
        """(full hooks, hooks of the older kind), global ones first."""
        full, older = [], []
        for hooks, is_full in (
            (_global_backward_hooks, _global_is_full_backward_hook),
            (self._backward_hooks, self._is_full_backward_hook),
        ):
            if is_full is not None:
                (full if is_full else older).extend(hooks.values())
        return full, older

    def _get_backward_pre_hooks(self):
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def compile(self, *args, **kwargs):
        """From now on calls go through torch.compile of the module, which takes the same arguments.

        Source: torch.nn.Module.compile.
        """
        from ...compiler import compile as compile_call

        self._compiled_call_impl = compile_call(self._call_impl, *args, **kwargs)
        self.__dict__["_hooked"] = True
        Changes.count += 1


def _has_any_global_hook():
    return bool(
        _global_forward_pre_hooks
        or _global_forward_hooks
        or _global_backward_hooks
        or _global_backward_pre_hooks
    )


class _HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module, args, kwargs):
        refuse(f"a {type(module).__name__} has hooks")
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result = None
        self.always_called_ran = set()

    def run(self):
        module = self.module
        full_hooks, older_hooks = module._get_backward_hooks()
        pre_hooks = module._get_backward_pre_hooks()
        self._run_forward_pre_hooks()
        boundary = None
        if full_hooks or pre_hooks:
            boundary = BackwardHook(module, full_hooks, pre_hooks)
            self.args = boundary.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self._run_forward_hooks()
        if boundary is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                    f"but received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = boundary.setup_output_hook(self.result)
        if older_hooks:
            self._register_on_last_node(older_hooks)
        return self.result

    def _run_forward_pre_hooks(self):
        module = self.module
        for hook_id, hook in (*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
            if hook_id in module._forward_pre_hooks_with_kwargs:
                replaced = hook(module, self.args, self.kwargs)
                if replaced is None:
                    continue
                if not isinstance(replaced, tuple) or len(replaced) != 2:
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple "
                        f"of (new_args, new_kwargs), but got {replaced}."
                    )
                self.args, self.kwargs = replaced
            else:
                replaced = hook(module, self.args)
                if replaced is not None:
                    self.args = replaced if isinstance(replaced, tuple) else (replaced,)

    def _run_forward_hooks(self):
        for hook_id, hook in (*_global_forward_hooks.items(), *self.module._forward_hooks.items()):
            if self._is_always_called(hook_id):
                self.always_called_ran.add(hook_id)
            self._run_forward_hook(hook_id, hook)

    def _run_forward_hook(self, hook_id, hook):
        module = self.module
        if hook_id in module._forward_hooks_with_kwargs or hook_id in _global_forward_hooks_with_kwargs:
            replaced = hook(module, self.args, self.kwargs, self.result)
        else:
            replaced = hook(module, self.args, self.result)
        if replaced is not None:
            self.result = replaced

    def _is_always_called(self, hook_id):
        return (
            hook_id in self.module._forward_hooks_always_called
            or hook_id in _global_forward_hooks_always_called
        )

    def run_always_called(self):
        """After an error: the always_call hooks that have not run; an error of theirs becomes a warning."""
        scopes = (("global module", _global_forward_hooks), ("module", self.module._forward_hooks))
        for scope, hooks in scopes:
            for hook_id, hook in hooks.items():
                if not self._is_always_called(hook_id) or hook_id in self.always_called_ran:
                    continue
                try:
                    self._run_forward_hook(hook_id, hook)
                except Exception as error:
                    warnings.warn(
                        f"{scope} forward hook with ``always_call=True`` raised an exception "
                        f"that was silenced as another error was raised in forward: {error}",
                        stacklevel=4,
                    )

    def _register_on_last_node(self, hooks):
        """Hooks of the older kind watch the node that made the first output tensor."""
        first = self.result
        while not isinstance(first, Tensor):
            values = first.values() if isinstance(first, dict) else first
            first = next(value for value in values if isinstance(value, (Tensor, dict, list, tuple)))
        if first.grad_fn is None:
            return
        for hook in hooks:
            first.grad_fn.register_hook(WrappedHook(hook, self.module))
        self._warn_of_missing_gradients(first.grad_fn)

    def _warn_of_missing_gradients(self, grad_fn):
        lacking = _what_older_hooks_miss(self.args, self.result, grad_fn)
        if lacking is not None:
            warnings.warn(
                f"Using a non-full backward hook when {lacking}. Please use register_full_backward_hook "
                "to get the documented behavior.",
                FutureWarning,
                stacklevel=6,
            )


def _what_older_hooks_miss(inputs, result, grad_fn):
    """Why a hook on grad_fn does not see all gradients of a call, or None if it does."""
    results = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(output, Tensor) for output in results):
        return (
            "the module does not return a single Tensor or a tuple of Tensors is deprecated and will "
            "be removed "
            "in future versions. This hook will be missing some of the grad_output"
        )
    if not all(isinstance(value, Tensor) for value in inputs):
        return (
            "the module does not take as input a single Tensor or a tuple of Tensors is deprecated and "
            "will be "
            "removed in future versions. This hook will be missing some of the grad_input"
        )
    nodes = {output.grad_fn for output in results if output.grad_fn is not None}
    if len(nodes) > 1:
        return (
            "outputs are generated by different autograd Nodes is deprecated and will be removed in future "
            "versions. This hook will be missing some grad_output"
        )
    behind = {value.grad_fn for value in inputs if value.grad_fn is not None}
    if behind != {edge[0] for edge in grad_fn.next_functions}:
        return (
            "the forward contains multiple autograd Nodes is deprecated and will be removed in future "
            "versions. "
            "This hook will be missing some grad_input"
        )
    return None


_PACKAGE = __name__.partition(".")[0] + "."


def _add_location(error, module):
    """End the message of an error raised by this package with the path of the module it arose in.

    The innermost call names the class; each call further out puts the name it holds that module under in
    front.
    """
    place = getattr(error, "_place", None)
    if place is None:
        if not error.args or not isinstance(error.args[0], str) or not _raised_here(error):
            return
        place = error._place = _Place(error.args[0], module)
    elif not place.extend(module):
        return
    error.args = (place.message(), *error.args[1:])


def _raised_here(error):
    """Whether the innermost frame of the traceback belongs to this package."""
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_globals.get("__name__", "").startswith(_PACKAGE)


class _Place:
    """Where an error arose: the message without it, the path so far, and the outermost module on it."""

    def __init__(self, text, module):
        self.text = text
        self.path = ""
        self.kind = type(module).__name__
        self.module = module

    def extend(self, outer):
        """Put outer's name for the path's first module in front; False if outer does not hold it."""
        if outer is self.module:
            return False
        for name, candidate in outer.named_modules():
            if candidate is self.module:
                self.path = f"{name}.{self.path}" if self.path else name
                self.module = outer
                return True
        return False

    def message(self):
        where = f"{self.path} ({self.kind})" if self.path else self.kind
        return f"{self.text}\n  in {where}"
