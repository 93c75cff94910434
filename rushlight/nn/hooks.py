"""The pieces module hooks are made of: a hook that knows its module, and the boundary that sees gradients.

Who calls them when is in modules/calling.py; the handle that takes a hook back is autograd's. The public
path of these names is torch.utils.hooks.
"""

from __future__ import annotations

import functools
import warnings
import weakref

from .. import functions as fn
from ..autograd.function import Function
from ..autograd.hooks import RemovableHandle
from ..autograd.modes import is_grad_enabled
from ..tensor import Tensor

__all__ = ["RemovableHandle", "BackwardHook", "WrappedHook"]


class WrappedHook:
    """A hook, with the module it belongs to as first argument if one is given; holds the module weakly."""

    def __init__(self, hook, module=None):
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if self.with_module:
            self.module = weakref.ref(module)

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self):
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state):
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


class BackwardHookFunction(Function):
    """The identity, whose backward hands the gradients to a callback that may replace them."""

    @staticmethod
    def forward(ctx, callback, *tensors):
        ctx.set_materialize_grads(False)
        ctx.callback = callback
        ctx.likenesses = [(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors]
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx, *grads):
        replaced = ctx.callback(grads)
        if replaced is None:
            replaced = grads
        # A gradient that did not arrive flows on as zeros, so what is behind the module is reached all the
        # same.
        filled = [
            fn.zeros(shape, dtype=dtype, device=device) if grad is None else grad
            for grad, (shape, dtype, device) in zip(replaced, ctx.likenesses, strict=True)
        ]
        return None, *filled


class BackwardHook:
    """One call of a module with full backward hooks: watches the gradients of its outputs and inputs.

    setup_input_hook and setup_output_hook put an identity around the module. Its pre-hooks run when the
    gradients of all outputs have arrived, its hooks when those of the inputs are known.
    Source: torch.utils.hooks.BackwardHook.
    """

    def __init__(self, module, user_hooks, user_pre_hooks):
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs = None
        self.n_inputs = -1
        self.n_outputs = -1
        self.input_tensors_index = None
        self.output_tensors_index = None

    def setup_input_hook(self, args):
        """args with their tensors passed through the boundary."""
        args, self.input_tensors_index = _through_boundary(self._inputs_arrived, args)
        self.n_inputs = len(args)
        return args

    def setup_output_hook(self, result):
        """The module's result, a tensor or a tuple, with its tensors passed through the boundary."""
        outputs = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(outputs)
        outputs, self.output_tensors_index = _through_boundary(self._outputs_arrived, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _outputs_arrived(self, grads):
        grad_outputs = _spread(self.output_tensors_index, grads, self.n_outputs)
        for hook in self.user_pre_hooks:
            replaced = hook(self.module, grad_outputs)
            if replaced is None:
                continue
            if len(replaced) != len(grad_outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(replaced)}, but expected {len(grad_outputs)}"
                )
            grad_outputs = replaced
        if self.input_tensors_index is None:
            self._call_without_inputs(grad_outputs)
        else:
            self.grad_outputs = grad_outputs
        return tuple(grad_outputs[i] for i in self.output_tensors_index)

    def _call_without_inputs(self, grad_outputs):
        """Nothing flows to the inputs, so the hooks run now and have nothing to replace."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs "
            "since no inputs require gradients. See torch.nn.Module.register_full_backward_hook for "
            "more details.",
            stacklevel=5,
        )
        for hook in self.user_hooks:
            replaced = hook(self.module, (None,) * self.n_inputs, grad_outputs)
            nothing = isinstance(replaced, tuple) and all(grad is None for grad in replaced)
            if replaced is not None and not nothing:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires "
                    "gradient should always return None or None for all gradients."
                )

    def _inputs_arrived(self, grads):
        if self.grad_outputs is None:
            return None  # reached the inputs by another way than the outputs, as in a double backward
        grad_inputs = _spread(self.input_tensors_index, grads, self.n_inputs)
        for hook in self.user_hooks:
            replaced = hook(self.module, grad_inputs, self.grad_outputs)
            if replaced is None:
                continue
            if len(replaced) != len(grad_inputs):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(replaced)}, but expected {len(grad_inputs)}"
                )
            grad_inputs = replaced
        self.grad_outputs = None
        return tuple(grad_inputs[i] for i in self.input_tensors_index)


def _spread(positions, values, size):
    """A tuple of `size`, values at positions and None elsewhere."""
    spread = [None] * size
    for position, value in zip(positions, values, strict=True):
        spread[position] = value
    return tuple(spread)


def _through_boundary(callback, args):
    """(args, positions of its tensors), the tensors passed on; positions are None if backward skips them."""
    positions = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
    if not is_grad_enabled() or not any(args[i].requires_grad for i in positions):
        return args, None
    passed = BackwardHookFunction.apply(callback, *[args[i] for i in positions])
    rebuilt = list(args)
    for position, tensor in zip(positions, passed, strict=True):
        rebuilt[position] = tensor
    if type(args) is tuple:
        return tuple(rebuilt), positions
    return type(args)(*rebuilt), positions
