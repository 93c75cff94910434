"""User-defined differentiable functions: subclass `Function`, give `forward` and `backward`, call `apply`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..dtypes import FLOATING
from ..errors import GradientError
from ..memory import Storage
from ..tensor import Tensor, dtype_of, node_of, on_storage, shape_of, wrap
from .entry import FREED, Entry, Part
from .modes import no_grad, state
from .record import alias, edge_of


class FunctionCtx:
    """What forward leaves for backward.

    Attributes: `needs_input_grad`, a boolean for each argument of apply; `saved_tensors`; anything else that forward
    sets. Source: torch.autograd.function.FunctionCtx.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs of forward (or other tensors, or None) for backward."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self.__dict__["_to_save"] = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for a jvp of this function."""
        self.__dict__["_for_forward"] = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward wrote to in place."""
        self.__dict__["_dirty"] = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self.__dict__["_without_grad"] = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (True, the default) or None for outputs that took no part."""
        self.__dict__["materialize_grads"] = value

    @property
    def saved_tensors(self) -> tuple:
        entry = self.__dict__.get("_entry")
        if entry is None:
            return tuple(self.__dict__.get("_to_save", ()))
        return entry.unpacked()

    @property
    def saved_variables(self) -> tuple:
        return self.saved_tensors


# PyTorch's names of the same thing.
BackwardCFunction = FunctionCtx


class FunctionEntry(Entry):
    """A call of a user's Function; `notes` holds the context."""

    __slots__ = ("ctx", "saved", "arguments")
    several = True

    ctx: Any
    saved: tuple | None
    arguments: int

    def unpacked(self) -> tuple:
        """The saved tensors, with the history they had."""
        if self.saved is None:
            raise GradientError(FREED)
        return tuple(None if pack is None else _unpack(self, pack) for pack in self.saved)

    def free(self) -> None:
        self.saved = None
        self.values = None

    def apply(self, g: Any) -> Sequence[Any]:
        with no_grad():
            grads = self._call(tuple(None if x is None else wrap(x) for x in self._given(g)))
        return [None if x is None else node_of(x) for x in grads]

    def apply_recorded(self, g: Any) -> Sequence[Any]:
        """With gradients recorded: backward's own calls are on the tape."""
        return self._call(self._given(g))

    def _given(self, g: Any) -> tuple:
        return g if isinstance(g, tuple) else (g,)

    def _call(self, grads: tuple) -> list:
        cls = self.ctx.__dict__["_function"]
        if self.saved is None:
            raise GradientError(FREED)
        found = cls.backward(self.ctx, *grads)
        found = found if isinstance(found, (tuple, list)) else (found,)
        expected = self.arguments
        if len(found) > expected and all(x is None for x in found[expected:]):
            found = found[:expected]
        if len(found) != expected:
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients "
                f"(expected {expected}, got {len(found)})"
            )
        for i, x in enumerate(found):
            if x is not None and not isinstance(x, Tensor):
                raise TypeError(
                    f"function {cls.__name__}Backward: expected a Tensor or None as gradient {i}, got {type(x).__name__}"
                )
        return list(found)

    def name(self) -> str:
        return type(self).__name__


def _unpack(entry: FunctionEntry, pack: tuple) -> Tensor:
    tensor, place = pack
    if place is None:
        return tensor
    made = on_storage(Storage(tensor))
    made._edge = Part(entry, place)
    return made


_entry_classes: dict[type, type] = {}


class Function:
    """Base of user-defined functions.

    `forward(ctx, *args)` computes, on tensors that are not recorded; `backward(ctx, *grad_outputs)` gives a gradient (or
    None) for each argument. With `setup_context(ctx, inputs, output)`, forward takes no ctx.
    Source: torch.autograd.Function.
    Example:
        >>> import rushlight as torch
        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> x = torch.ones(1, requires_grad=True)
        >>> Double.apply(x).backward(); x.grad
        tensor([2.])
    """

    generate_vmap_rule = False
    # PyTorch names these on the class; forward and backward find them on their ctx.
    saved_tensors: tuple
    needs_input_grad: tuple[bool, ...]

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; subclasses define it."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Save what backward needs, when forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments; subclasses define it."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name of backward."""
        raise NotImplementedError("You must implement either the backward or vjp method")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function, and record it."""
        ctx = FunctionCtx()
        ctx.__dict__["_function"] = cls if cls.backward is not Function.backward else _WithVjp(cls)
        edges = tuple(edge_of(a) if isinstance(a, Tensor) else None for a in args) if state.grad else ()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and edge_of(a) is not None for a in args)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        if not state.grad or not any(e is not None for e in edges):
            return output
        return _record(cls, ctx, args, edges, output)


class _WithVjp:
    """A Function that calls its gradient `vjp`."""

    def __init__(self, cls: type) -> None:
        self.backward = cls.vjp  # type: ignore[attr-defined]
        self.__name__ = cls.__name__


def _record(cls: type, ctx: FunctionCtx, args: tuple, edges: tuple, output: Any) -> Any:
    several = isinstance(output, (tuple, list))
    outputs = list(output) if several else [output]
    entry = _new_entry(cls, ctx, args, edges, outputs)
    dirty = {id(t) for t in ctx.__dict__.get("_dirty", ())}
    without = {id(t) for t in ctx.__dict__.get("_without_grad", ())}
    inputs = {id(a) for a in args if isinstance(a, Tensor)}
    made: list[Any] = []
    for i, out in enumerate(outputs):
        if not isinstance(out, Tensor) or id(out) in without or dtype_of(out).category < FLOATING:
            made.append(out)
            continue
        if id(out) in inputs and id(out) not in dirty:
            out = alias(out)  # an input that is given back is a new tensor with this function's history
        out._edge = Part(entry, i)
        if out._view is not None:
            out._view.base = None
        made.append(out)
    entry.saved = _packed(ctx, args, outputs, made)
    ctx.__dict__["_entry"] = entry
    return type(output)(made) if several else made[0]


def _new_entry(cls: type, ctx: FunctionCtx, args: tuple, edges: tuple, outputs: list) -> FunctionEntry:
    kind = _entry_classes.get(cls)
    if kind is None:
        kind = _entry_classes[cls] = type(f"{cls.__name__}Backward", (FunctionEntry,), {"__slots__": ()})
    entry: Any = object.__new__(kind)
    entry.edges, entry.params, entry.arguments = edges, (), len(args)
    entry.values, entry.holds, entry.hooks, entry.notes = (), True, None, None
    entry.ctx = ctx
    entry.shape = [shape_of(o) if isinstance(o, Tensor) else () for o in outputs]
    entry.dtype = [dtype_of(o) if isinstance(o, Tensor) else None for o in outputs]
    return entry


def _packed(ctx: FunctionCtx, args: tuple, outputs: list, made: list) -> tuple:
    """What was saved: (tensor, None), or (node, place) for an output, so that it does not keep its own entry alive."""
    places = {id(o): i for i, o in enumerate(outputs) if isinstance(o, Tensor)}
    places.update({id(o): i for i, o in enumerate(made) if isinstance(o, Tensor)})
    given = {id(a) for a in args}
    packs: list[Any] = []
    for t in ctx.__dict__.pop("_to_save", ()):
        if t is None:
            packs.append(None)
        elif id(t) in places and id(t) not in given and isinstance(made[places[id(t)]]._edge, Part):
            packs.append((node_of(t), places[id(t)]))
        else:
            frozen = on_storage(Storage(node_of(t), t._storage.device))
            frozen._edge = edge_of(t)
            packs.append((frozen, None))
    return tuple(packs)


def once_differentiable(function: Callable) -> Callable:
    """A backward whose own derivative is an error. Source: torch.autograd.function.once_differentiable."""

    @functools.wraps(function)
    def inside(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            return function(ctx, *grads)

    return inside


class InplaceFunction(Function):
    """A Function that may write to its input. Source: torch.autograd.function.InplaceFunction."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace
