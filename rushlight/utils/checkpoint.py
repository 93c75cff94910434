"""`torch.utils.checkpoint`: trade memory for time by computing a part again in backward.

What is computed inside is not kept: backward runs the function again on the same inputs, with the random stream where
it was, and differentiates that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..autograd import Function, backward, enable_grad, is_grad_enabled
from ..nn import Sequential
from ..random import default_generator, fork_rng
from ..tensor import Tensor


class CheckpointFunction(Function):
    """The call that keeps its inputs alone."""

    @staticmethod
    def forward(ctx: Any, run: Callable, preserve: bool, *args: Any) -> Any:
        ctx.run, ctx.preserve = run, preserve
        ctx.stream = default_generator.stream.clone() if preserve else None
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.args = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        return run(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = list(ctx.args)
        for i, t in zip(ctx.places, ctx.saved_tensors):
            copy = t.detach()
            args[i] = copy.requires_grad_(t.requires_grad)
        with fork_rng(enabled=ctx.preserve), enable_grad():
            if ctx.preserve:
                default_generator.stream = ctx.stream.clone()
            outputs = ctx.run(*args)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        pairs = [
            (o, g)
            for o, g in zip(outputs, grads)
            if isinstance(o, Tensor) and o.requires_grad and g is not None
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward(tuple(o for o, _ in pairs), tuple(g for _, g in pairs))
        return (None, None, *(a.grad if isinstance(a, Tensor) else None for a in args))


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Any = None,
    determinism_check: str = "default",
    debug: bool = False,
    preserve_rng_state: bool = True,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose inner values are computed again in backward instead of being kept.

    Source: torch.utils.checkpoint.checkpoint.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.utils.checkpoint import checkpoint
        >>> x = torch.ones(2, requires_grad=True)
        >>> checkpoint(lambda t: (t * t).sum(), x, use_reentrant=False).backward(); x.grad
        tensor([2., 2.])
    """
    run = (lambda *given: function(*given, **kwargs)) if kwargs else function
    if not is_grad_enabled():
        return run(*args)
    if not any(isinstance(a, Tensor) and a.requires_grad for a in args):
        # Only what is inside (parameters) needs gradients: there is no input to hang the call on.
        return run(*args)
    return CheckpointFunction.apply(run, preserve_rng_state, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A Sequential (or list) run as `segments` checkpointed parts. Source: torch.utils.checkpoint.checkpoint_sequential."""
    layers = list(functions.children()) if isinstance(functions, Sequential) else list(functions)
    size = max(1, len(layers) // segments)

    def part(start: int, end: int) -> Callable:
        def run(x: Any) -> Any:
            for layer in layers[start:end]:
                x = layer(x)
            return x

        return run

    at = 0
    for _ in range(segments - 1):
        input = checkpoint(part(at, at + size), input, use_reentrant=use_reentrant, **kwargs)
        at += size
    return part(at, len(layers))(input)


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted."""
    yield


def get_device_states(*args: Any) -> tuple[list, list]:
    """(devices, states) of GPUs' random streams among the arguments: none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Set GPUs' random streams: there are none."""


def detach_variable(inputs: tuple) -> tuple:
    """The inputs as leaves off the tape that require grad as before."""
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)
