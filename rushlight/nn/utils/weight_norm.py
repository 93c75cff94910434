"""weight_norm in its older form, a forward pre-hook (torch.nn.utils.weight_norm).

w = g v / |v|: a weight by its length and its direction (Salimans and Kingma 2016). The newer form, with
which the weight is always up to date, is parametrizations.weight_norm.
"""

from __future__ import annotations

import warnings

from ... import functions as fn
from ..parameter import Parameter, is_lazy

__all__ = ["WeightNorm", "weight_norm", "remove_weight_norm"]


def norm_except_dim(v, dim):
    """The 2-norm over all dimensions but dim, keeping them with size 1; over everything, 0-d, for dim -1."""
    if dim == -1:
        return fn.norm(v)
    others = [d for d in range(v.dim()) if d != dim % v.dim()]
    return fn.norm(v, dim=others, keepdim=True) if others else v.abs()


def normalized(v, g, dim):
    """g v / |v|, the norm taken over all dimensions but dim."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The hook that computes the weight before each forward."""

    def __init__(self, name, dim):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        """The weight from its length and direction."""
        return normalized(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module, name, dim):
        """Split module's parameter into name_g and name_v and register the hook."""
        warnings.warn(
            "`torch.nn.utils.weight_norm` is deprecated in favor of "
            "`torch.nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
            stacklevel=3,
        )
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying weight normalization"
            )
        del module._parameters[name]
        length = norm_except_dim(weight.detach(), hook.dim)
        module.register_parameter(name + "_g", Parameter(length))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module):
        """Make the weight a parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module, name="weight", dim=0):
    """Replace a parameter by its length (name_g) and direction (name_v); returns module.

    Args:
        dim: the dimension that keeps a length of its own for each index; None: one length for all.
    Raises:
        RuntimeError: the parameter has the hook already.
    Source: torch.nn.utils.weight_norm.
    """
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module, name="weight"):
    """Undo weight_norm; returns module.

    Raises:
        ValueError: the parameter has no such hook.
    Source: torch.nn.utils.remove_weight_norm.
    """
    for hook_id, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[hook_id]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
