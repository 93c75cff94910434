"""Calling a module with other parameters than its own: what torch.func.functional_call does."""

from __future__ import annotations

import contextlib
import warnings

__all__ = ["functional_call"]

_ABSENT = object()


def functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """Deprecated path of torch.func.functional_call, which takes the same arguments."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """module(*args, **kwargs) with the given tensors in place of its parameters and buffers of those names.

    Args:
        parameters_and_buffers: tensors by dotted name; what the call assigns to them is put back into this
            dict.
        args: a tuple, or one argument.
        tie_weights: what is one tensor under several names is replaced under all of them.
        strict: refuse names that are missing or unknown.
    Raises:
        RuntimeError: names that do not fit, if strict.
        ValueError: different tensors for names that are tied.
    """
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, tie_weights=False, strict=False):
    """Within the block, module holds the given tensors."""
    tensors = parameters_and_buffers
    if tie_weights:
        tensors = _with_tied_names(module, parameters_and_buffers)
    if strict:
        _check_names(module, tensors)
    originals = {}
    try:
        for name, tensor in tensors.items():
            originals[name] = _swap(module, name, tensor)
        yield
    finally:
        after = {}
        for name, tensor in reversed(originals.items()):
            after[name] = _swap(module, name, tensor)
        for name in parameters_and_buffers:
            if name in after:
                parameters_and_buffers[name] = after[name]


def _named_tensors(module):
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _with_tied_names(module, given):
    """given, and the same tensors under the other names of what they replace."""
    names_of = {}
    for name, tensor in _named_tensors(module).items():
        names_of.setdefault(id(tensor), []).append(name)
    completed = dict(given)
    for names in names_of.values():
        present = [name for name in names if name in given]
        if len(names) == 1 or not present:
            continue
        if len({id(given[name]) for name in present}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. "
                "Consider using tie_weights=False"
            )
        completed.update(dict.fromkeys(names, given[present[0]]))
    return completed


def _check_names(module, given):
    known = _named_tensors(module)
    problems = []
    for kind, names in (
        ("Unexpected", [name for name in given if name not in known]),
        ("Missing", [name for name in known if name not in given]),
    ):
        if names:
            problems.append(f"{kind} key(s): {', '.join(map(repr, names))}.")
    if problems:
        listing = "\n\t".join(problems)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{listing}")


def _swap(module, path, tensor):
    """Put tensor (or nothing) at a dotted path; what was there."""
    owner_path, _dot, name = path.rpartition(".")
    owner = module.get_submodule(owner_path)
    for registry in (owner._parameters, owner._buffers):
        if name in registry:
            before = registry[name]
            if tensor is _ABSENT:
                del registry[name]
            else:
                registry[name] = tensor
            return before
    before = getattr(owner, name, _ABSENT)
    if tensor is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, tensor)
    return before
