"""spectral_norm in its older form, a forward pre-hook (torch.nn.utils.spectral_norm).

The weight is divided by its largest singular value, found by power iteration (Miyato et al. 2018). The newer
form is parametrizations.spectral_norm.
"""

from __future__ import annotations

from ... import functions as fn
from ...autograd.modes import no_grad
from .. import functional as F
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..parameter import Parameter, is_lazy

__all__ = ["SpectralNorm", "SpectralNormLoadStateDictPreHook", "SpectralNormStateDictHook", "spectral_norm"]
__all__ += ["remove_spectral_norm"]


class SpectralNorm:
    """The hook that computes the weight before each forward, one step of power iteration at a time."""

    _version = 1

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight):
        """The weight with dimension dim as rows and everything else as columns."""
        if self.dim != 0:
            weight = weight.permute(self.dim, *[d for d in range(weight.dim()) if d != self.dim])
        return weight.reshape(weight.size(0), -1)

    def compute_weight(self, module, do_power_iteration):
        """The parameter over its largest singular value."""
        weight = getattr(module, self.name + "_orig")
        u = getattr(module, self.name + "_u")
        v = getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(fn.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(fn.mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()  # of this step, whatever the next forward does to the buffers
        return weight / fn.dot(u, fn.mv(matrix, v))

    def remove(self, module):
        """Make the weight a parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for ending in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + ending)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        """Put name_orig, name_u and name_v in place of module's parameter and register the hooks."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying spectral normalization"
            )
        with no_grad():
            rows, columns = hook.reshape_weight_to_matrix(weight).size()
            u = F.normalize(weight.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(weight.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)  # a plain tensor: the buffer-like value that forward reads
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def _solve_v_and_rescale(self, matrix, u, sigma):
        """v with u^T matrix v = sigma, for files that hold no v."""
        gram = matrix.t().mm(matrix)
        v = gram.pinverse().mm(matrix.t()).mm(u.unsqueeze(1)).squeeze(1)
        return v * (sigma / fn.dot(u, fn.mv(matrix, v)))


class SpectralNormLoadStateDictPreHook:
    """Reads files of PyTorch 1.0 and before, which hold the weight and u, but no v."""

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        hook = self.fn
        version = local_metadata.get("spectral_norm", {}).get(hook.name + ".version")
        if version is not None and version >= 1:
            return
        key = prefix + hook.name
        complete = all(key + ending in state_dict for ending in ("_orig", "_u", "_v"))
        if version is None and complete and key not in state_dict:
            return
        missing = [key + ending for ending in ("_orig", "", "_u") if key + ending not in state_dict]
        if missing:
            if strict:
                missing_keys.extend(missing)
            return
        with no_grad():
            original = state_dict[key + "_orig"]
            sigma = (original / state_dict.pop(key)).mean()
            matrix = hook.reshape_weight_to_matrix(original)
            state_dict[key + "_v"] = hook._solve_v_and_rescale(matrix, state_dict[key + "_u"], sigma)


class SpectralNormStateDictHook:
    """Marks a state dict as holding u and v."""

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, module, state_dict, prefix, local_metadata):
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.fn.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a parameter by its largest singular value before each forward; returns module.

    Args:
        n_power_iterations: steps of power iteration at each forward in training.
        eps: keeps norms from 0.
        dim: the dimension of the outputs; None: 1 for transposed convolutions, else 0.
    Raises:
        RuntimeError: the parameter has the hook already.
        ValueError: the parameter is None or uninitialized.
    Source: torch.nn.utils.spectral_norm.
    """
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name="weight"):
    """Undo spectral_norm; returns module.

    Raises:
        ValueError: the parameter has no such hook.
    Source: torch.nn.utils.remove_spectral_norm.
    """
    for hook_id, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[hook_id]
            break
    else:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    _drop_hook(module._state_dict_hooks, SpectralNormStateDictHook, name)
    _drop_hook(module._load_state_dict_pre_hooks, SpectralNormLoadStateDictPreHook, name)
    return module


def _drop_hook(hooks, kind, name):
    for hook_id, hook in hooks.items():
        hook = getattr(hook, "hook", hook)  # load hooks are wrapped
        if isinstance(hook, kind) and hook.fn.name == name:
            del hooks[hook_id]
            return
