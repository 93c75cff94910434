"""`grad`, `vjp`, `jvp`, Jacobians and Hessians of functions of nested containers of tensors.

All of them run on the tape of autograd/: forward-mode products are had by differentiating the backward product.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..autograd.engine import grad as tape_grad
from ..autograd.record import requires_grad
from ..shapes import wrap_dim
from ..tensor import Tensor
from ..trees import TreeSpec, tree_flatten, tree_map, tree_unflatten
from .levels import Places

Argnums = int | tuple[int, ...]


def _chosen(args: tuple, argnums: Any, name: str) -> tuple[int, ...]:
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"{name}: argnums must be int or tuple of ints, got {type(argnums)}")
    if isinstance(argnums, tuple) and not argnums:
        raise RuntimeError(f"{name}: argnums must be non-empty")
    places = []
    for i in (argnums,) if isinstance(argnums, int) else argnums:
        if not -len(args) <= i < len(args):
            raise RuntimeError(f"{name}: Got argnum={i}, but only {len(args)} positional inputs")
        places.append(wrap_dim(i, len(args)))
    if len(set(places)) != len(places):
        raise RuntimeError(f"{name}: argnums elements must be unique, got {argnums}")
    return tuple(places)


def _entered(level: Places, args: tuple, argnums: Any) -> tuple[tuple, tuple]:
    """(all arguments with fresh places put in, those places)."""
    given = list(args)
    where = _chosen(args, argnums, level.name)
    for i in where:
        given[i] = level.enter(given[i])
    return tuple(given), tuple(given[i] for i in where)


def _split(result: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True, got {type(result)}"
        )
    return result


def _tensors(output: Any, name: str) -> tuple[list[Tensor], TreeSpec]:
    leaves, spec = tree_flatten(output)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{name}: Expected f to be a function that only returns Tensors, got {type(leaf)}"
            )
    return leaves, spec


def _pulled(
    outputs: list[Tensor], places: list[Tensor], seeds: list[Tensor] | None, create_graph: bool
) -> list[Tensor]:
    """Gradients of the outputs at the places; zeros where there is no connection."""
    kept = [i for i, o in enumerate(outputs) if requires_grad(o)]
    if not kept:
        return [fn.zeros_like(p) for p in places]
    found = tape_grad(
        [outputs[i] for i in kept],
        places,
        None if seeds is None else [seeds[i] for i in kept],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
    )
    return [fn.zeros_like(p) if g is None else g for p, g in zip(places, found)]


def grad_and_value(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that gives (the gradient of `func`, its value); with `has_aux`, (gradient, (value, aux)).

    Args:
        func: gives one number (a 0-d tensor), or (number, aux).
        argnums: the positional arguments, nested containers of tensors, to differentiate by.
    Source: torch.func.grad_and_value.
    Example:
        >>> import rushlight as torch
        >>> torch.func.grad_and_value(lambda x: x**2)(torch.tensor(3.0))
        (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> tuple:
        level = Places("grad_and_value(f)(*args)")
        with fn.enable_grad():
            given, places = _entered(level, args, argnums)
            value, aux = _split(func(*given, **kwargs), has_aux, level.name)
            _check_number(value)
            leaves, spec = tree_flatten(places)
            found = _pulled([value], leaves, None, level.outer([value]))
        trees = level.leave(tree_unflatten(found, spec))
        result = trees[0] if isinstance(argnums, int) else tuple(trees)
        value = level.leave(value)
        return (result, (value, level.leave(aux))) if has_aux else (result, value)

    return wrapper


def _check_number(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a single tensor, got {type(value)}"
        )
    if value.dim() != 0:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, "
            f"got tensor with {value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of `func`, which has one number as its result.

    Source: torch.func.grad.
    Example:
        >>> import rushlight as torch
        >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(0.5))
        tensor(-0.4794)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(func(*primals), a function from a direction in the output to its product with the Jacobian).

    Source: torch.func.vjp.
    Example:
        >>> import rushlight as torch
        >>> _, pull = torch.func.vjp(torch.sin, torch.tensor(0.0))
        >>> pull(torch.tensor(2.0))
        (tensor(2.),)
    """
    level = Places("vjp(f, *primals)")
    with fn.enable_grad():
        places = level.enter(primals)
        output, aux = _split(func(*places), has_aux, level.name)
    outputs, form = _tensors(output, level.name)
    leaves, spec = tree_flatten(places)

    def pull(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        seeds, found_form = tree_flatten(given)
        if found_form != form:
            raise RuntimeError(
                f"vjp: Expected the cotangents to be nested as the output, {form}, got {found_form}"
            )
        further = level.outer([*outputs, *seeds])
        with fn.enable_grad():
            found = _pulled(outputs, leaves, seeds, further)
        return level.leave(tree_unflatten(found, spec))

    result = level.leave(output)
    return (result, pull, level.leave(aux)) if has_aux else (result, pull)


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """(func(*primals), its Jacobian times the tangents). Source: torch.func.jvp.

    >>> import rushlight as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals), got {type(primals)}"
        )
    if not primals:
        raise RuntimeError("jvp(f, primals, tangents): Expected at least one Tensor in primals")
    directions, spec = tree_flatten(tangents)
    level = Places("jvp(f, primals, tangents)")
    with fn.enable_grad():
        places = level.enter(primals)
        leaves, form = tree_flatten(places)
        if form != spec:
            raise RuntimeError(
                "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure, "
                f"got {form} and {spec}"
            )
        output, aux = _split(func(*places), has_aux, level.name)
        outputs, out_form = _tensors(output, level.name)
        seeds = [fn.zeros_like(o).requires_grad_(True) for o in outputs]
        level._own += seeds
        first = _pulled(outputs, leaves, seeds, True)
        found = _pulled(first, seeds, directions, level.outer([*outputs, *directions]))
    result, moved = level.leave(output), level.leave(tree_unflatten(found, out_form))
    return (result, moved, level.leave(aux)) if has_aux else (result, moved)


def linearize(func: Callable, *primals: Any) -> tuple:
    """(func(*primals), a function from tangents to the Jacobian times them). Source: torch.func.linearize."""

    def push(*tangents: Any) -> Any:
        return jvp(func, primals, tangents)[1]

    return func(*primals), push


def _rows(output: Tensor, places: list[Tensor], create_graph: bool) -> list[Tensor]:
    """The Jacobian of one output by each place, of shape (*output, *place)."""
    flat = output.reshape(-1)
    rows: list[list[Tensor]] = [[] for _ in places]
    for i in range(flat.numel()):
        for row, g in zip(rows, _pulled([flat[i]], places, None, create_graph)):
            row.append(g)
    return [
        fn.stack(row).reshape(*output.shape, *p.shape) if row else p.new_zeros((*output.shape, *p.shape))
        for row, p in zip(rows, places)
    ]


def jacrev(
    func: Callable,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """A function that gives the Jacobian of `func`, one backward pass for every output element.

    The result is nested as the outputs, and within as the arguments; each tensor has shape (*output, *input).
    Source: torch.func.jacrev.
    Example:
        >>> import rushlight as torch
        >>> torch.func.jacrev(lambda x: x**2)(torch.tensor([1.0, 3.0]))
        tensor([[2., 0.],
                [0., 6.]])
    """
    return _jacobian(func, argnums, has_aux, "jacrev(f)(*args)")


def jacfwd(
    func: Callable, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable:
    """As jacrev, with the same result: forward mode is backward mode twice here. Source: torch.func.jacfwd."""
    return _jacobian(func, argnums, has_aux, "jacfwd(f)(*args)")


def _jacobian(func: Callable, argnums: Argnums, has_aux: bool, name: str) -> Callable:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        level = Places(name)
        with fn.enable_grad():
            given, places = _entered(level, args, argnums)
            output, aux = _split(func(*given, **kwargs), has_aux, name)
            outputs, form = _tensors(output, name)
            leaves, spec = tree_flatten(places)
            further = level.outer(outputs)
            tables = [tree_unflatten(_rows(o, leaves, further), spec) for o in outputs]
        if isinstance(argnums, int):
            tables = [t[0] for t in tables]
        result = tree_unflatten([_Leaf(level.leave(t)) for t in tables], form)
        result = tree_map(lambda held: held.tree, result)
        return (result, level.leave(aux)) if has_aux else result

    return wrapper


class _Leaf:
    """Holds one output's table while the outputs are nested again."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree


def hessian(func: Callable, argnums: Argnums = 0) -> Callable:
    """A function that gives the second derivatives of `func`. Source: torch.func.hessian.

    >>> import rushlight as torch
    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp"]
