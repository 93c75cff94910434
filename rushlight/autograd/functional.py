"""`torch.autograd.functional`: Jacobians, Hessians and their products with vectors, of functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph.node import constant
from ..ops import elementwise, movement
from ..tensor import Tensor, dtype_of, shape_of, wrap
from .engine import grad
from .modes import enable_grad
from .record import alias, primitive, requires_grad


def _as_tuple(value: Any, name: str) -> tuple[bool, tuple]:
    if isinstance(value, Tensor):
        return False, (value,)
    if not isinstance(value, (tuple, list)) or not all(isinstance(v, Tensor) for v in value):
        raise TypeError(f"The {name} given to the function should be Tensors or a tuple of Tensors")
    return True, tuple(value)


def _inputs(inputs: tuple, create_graph: bool) -> tuple[Tensor, ...]:
    """Fresh places to differentiate at: connected to the inputs' own history with create_graph."""
    made = []
    for t in inputs:
        if create_graph and requires_grad(t):
            made.append(primitive(elementwise.copy, (t,)))
        else:
            made.append(alias(t).requires_grad_(True))
    return tuple(made)


def _zeros_like(t: Tensor) -> Tensor:
    return wrap(constant(0, dtype_of(t)).expand(shape_of(t)))


def _ones_like(t: Tensor) -> Tensor:
    return wrap(constant(1, dtype_of(t)).expand(shape_of(t)))


def _grads(
    outputs: Any, inputs: tuple, seeds: Any, create_graph: bool, strict: bool = False
) -> tuple[Tensor, ...]:
    found = grad(outputs, inputs, seeds, create_graph=create_graph, retain_graph=True, allow_unused=True)
    if strict and any(g is None for g in found):
        raise RuntimeError(
            "The output of the user-provided function is independent of an input, which strict mode refuses"
        )
    return tuple(_zeros_like(t) if g is None else g for g, t in zip(found, inputs))


def _finished(results: tuple, several: bool, create_graph: bool) -> Any:
    results = results if create_graph else tuple(alias(r) for r in results)
    return results if several else results[0]


def _stack(rows: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    tall = [primitive(movement.reshape, (r,), ((1, *shape_of(r)),)) for r in rows]
    joined = primitive(movement.concat, tuple(tall), (0,))
    return primitive(movement.reshape, (joined,), ((*shape, *shape_of(rows[0])),))


def _rows(output: Tensor, inputs: tuple, create_graph: bool, strict: bool) -> tuple[Tensor, ...]:
    """The Jacobian of one output, for each input of shape (*output, *input)."""
    n = output.numel()
    flat = primitive(movement.reshape, (output,), ((n,),))
    columns: list[list[Tensor]] = [[] for _ in inputs]
    for i in range(n):
        element = primitive(movement.slice_, (flat,), ((i,),))
        if not requires_grad(element):
            found = tuple(_zeros_like(t) for t in inputs)
        else:
            found = _grads(element, inputs, None, create_graph, strict)
        for column, g in zip(columns, found):
            column.append(g)
    shape = shape_of(output)
    return tuple(_stack(c, shape) if c else _empty(shape, t) for c, t in zip(columns, inputs))


def _empty(shape: tuple[int, ...], t: Tensor) -> Tensor:
    return wrap(constant(0, dtype_of(t)).expand((*shape, *shape_of(t))))


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Derivatives of every output by every input element: shape (*output, *input), nested by outputs and inputs.

    Source: torch.autograd.functional.jacobian.
    Example:
        >>> import rushlight as torch
        >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 3.0]))
        tensor([[2., 0.],
                [0., 6.]])
    """
    several, given = _as_tuple(inputs, "inputs")
    with enable_grad():
        places = _inputs(given, create_graph)
        many, outputs = _as_tuple(func(*places), "outputs")
        tables = [_rows(o, places, create_graph, strict) for o in outputs]
    results = tuple(_finished(t, several, create_graph) for t in tables)
    return results if many else results[0]


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Second derivatives of a function with one number as its result. Source: torch.autograd.functional.hessian."""
    several, given = _as_tuple(inputs, "inputs")

    def first(*places: Tensor) -> Any:
        found = jacobian(func, places if several else places[0], create_graph=True)
        return found if several else (found,)

    result = jacobian(first, given, create_graph=create_graph, strict=strict)
    return result if several else result[0][0]


def _direction(v: Any, like: tuple, name: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if the {name} has one element")
        return (_ones_like(like[0]),)
    _, found = _as_tuple(v, "v")
    for a, b in zip(found, like):
        if shape_of(a) != shape_of(b):
            raise RuntimeError(f"v has a size of {list(shape_of(a))}, the {name} of {list(shape_of(b))}")
    return found


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(outputs, v times the Jacobian). Source: torch.autograd.functional.vjp."""
    several, given = _as_tuple(inputs, "inputs")
    with enable_grad():
        places = _inputs(given, create_graph)
        many, outputs = _as_tuple(func(*places), "outputs")
        found = _grads(outputs, places, _direction(v, outputs, "output"), create_graph, strict)
    return _finished(outputs, many, create_graph), _finished(found, several, create_graph)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(outputs, the Jacobian times v), by differentiating v's product backwards twice. Source: torch.autograd.functional.jvp."""
    _, given = _as_tuple(inputs, "inputs")
    with enable_grad():
        places = _inputs(given, create_graph)
        many, outputs = _as_tuple(func(*places), "outputs")
        seeds = tuple(_zeros_like(o).requires_grad_(True) for o in outputs)
        first = _grads(outputs, places, seeds, True, strict)
        found = _grads(first, seeds, _direction(v, given, "input"), create_graph)
    return _finished(outputs, many, create_graph), _finished(found, many, create_graph)


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(output, v times the Hessian). Source: torch.autograd.functional.vhp."""
    several, given = _as_tuple(inputs, "inputs")
    with enable_grad():
        places = _inputs(given, create_graph)
        output = func(*places)
        first = _grads(output, places, None, True, strict)
        found = _grads(first, places, _direction(v, given, "input"), create_graph)
    return _finished((output,), False, create_graph), _finished(found, several, create_graph)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(output, the Hessian times v): the Hessian is symmetric, so as vhp. Source: torch.autograd.functional.hvp."""
    return vhp(func, inputs, v, create_graph, strict)
