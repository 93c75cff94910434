"""`gradcheck` and `gradgradcheck`: gradients against central differences."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import FLOATING
from ..tensor import Tensor, array_of, dtype_of, from_array, shape_of
from .engine import grad
from .modes import enable_grad
from .record import alias, requires_grad


class GradcheckError(RuntimeError):
    """A gradient that differs from what differences tell. Source: torch.autograd.gradcheck.GradcheckError."""


def _outputs(result: Any) -> list[Tensor]:
    found = result if isinstance(result, (tuple, list)) else (result,)
    return [t for t in found if isinstance(t, Tensor) and dtype_of(t).category >= FLOATING]


def _leaves(inputs: Sequence[Any]) -> list[Tensor]:
    return [t for t in inputs if isinstance(t, Tensor) and requires_grad(t)]


def _components(t: Tensor) -> list[complex]:
    return [1.0, 1j] if dtype_of(t).is_complex else [1.0]


def _perturbed(func: Callable, inputs: Sequence[Any], which: int, flat: int, by: complex) -> list[np.ndarray]:
    """The outputs with one element of one input moved."""
    moved = list(inputs)
    array = np.array(array_of(inputs[which]))
    array.reshape(-1)[flat] += by
    moved[which] = from_array(array, dtype_of(inputs[which]))
    return [np.array(array_of(o)) for o in _outputs(func(*moved))]


def _numerical(func: Callable, inputs: Sequence[Any], which: int, eps: float) -> list[np.ndarray]:
    """For each output, the (inputs, outputs) table of derivatives; of a complex input, by its parts."""
    t = inputs[which]
    rows: list[list[np.ndarray]] = []
    for flat, part in itertools.product(range(t.numel()), _components(t)):
        ahead = _perturbed(func, inputs, which, flat, eps * part)
        behind = _perturbed(func, inputs, which, flat, -eps * part)
        rows.append([((a - b) / (2 * eps)).reshape(-1) for a, b in zip(ahead, behind)])
    return [np.stack(column) if rows else np.zeros((0, 0)) for column in zip(*rows)]


def _analytical(output: Tensor, leaf: Tensor) -> np.ndarray:
    """The same table from backward: for each output element (and part), the gradient of the leaf."""
    columns = []
    for flat, part in itertools.product(range(output.numel()), _components(output)):
        seed = np.zeros(shape_of(output), dtype_of(output).numpy)
        seed.reshape(-1)[flat] = part
        (g,) = grad(output, leaf, from_array(seed, dtype_of(output)), retain_graph=True, allow_unused=True)
        found = np.zeros(shape_of(leaf), dtype_of(leaf).numpy) if g is None else np.array(array_of(g))
        columns.append(found.reshape(-1))
    return np.stack(columns) if columns else np.zeros((0, leaf.numel()))


def _real_rows(table: np.ndarray) -> np.ndarray:
    """A row of real parts, then of imaginary parts, for each row of complex numbers."""
    if table.dtype.kind != "c":
        return table
    return np.stack([table.real, table.imag], 1).reshape(-1, *table.shape[1:])


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` at `inputs` are what central differences tell; in float64.

    Args:
        func: tensors -> a tensor or a tuple of them.
        inputs: a tensor or a tuple; those that require grad are checked.
        eps: how far inputs are moved.
        atol, rtol: how far the two may be apart.
        raise_exception: raise GradcheckError, with both tables, instead of giving False.
    Source: torch.autograd.gradcheck.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradcheck(torch.sin, (x,))
        True
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    leaves = _leaves(inputs)
    if not leaves:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    if any(dtype_of(t).name not in ("float64", "complex128") for t in leaves):
        warnings.warn(
            "an input requires gradient and is not a double precision floating point or complex: the check will likely fail",
            stacklevel=2,
        )
    with enable_grad():
        problem = _problem(func, inputs, eps, atol, rtol)
    if problem and raise_exception:
        raise GradcheckError(problem)
    return not problem


def _problem(func: Callable, inputs: tuple, eps: float, atol: float, rtol: float) -> str | None:
    outputs = _outputs(func(*inputs))
    plain = [alias(t) if isinstance(t, Tensor) else t for t in inputs]
    for which, leaf in enumerate(inputs):
        if not isinstance(leaf, Tensor) or not requires_grad(leaf):
            continue
        numerical = _numerical(func, plain, which, eps)
        for k, output in enumerate(outputs):
            if not requires_grad(output):
                continue
            told = _comparable(_analytical(output, leaf), leaf)
            seen = _by_parts(numerical[k], output)
            if told.shape == seen.shape and np.allclose(told, seen, rtol=rtol, atol=atol, equal_nan=True):
                continue
            return f"Jacobian mismatch for output {k} with respect to input {which},\nnumerical:{seen}\nanalytical:{told}\n"
    return None


def _comparable(table: np.ndarray, leaf: Tensor) -> np.ndarray:
    """(input parts, output parts), real, of the analytical table (output parts, inputs)."""
    flat = table.T
    return _real_rows(flat) if dtype_of(leaf).is_complex else flat.real


def _by_parts(table: np.ndarray, output: Tensor) -> np.ndarray:
    """(input parts, output parts), real, of the numerical table (input parts, outputs)."""
    if not dtype_of(output).is_complex:
        return table
    return np.stack([table.real, table.imag], -1).reshape(table.shape[0], -1)


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether second derivatives are what differences of first ones tell. Source: torch.autograd.gradgradcheck."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = _outputs(func(*inputs))
    if grad_outputs is None:
        grad_outputs = _random_like(outputs)
    grad_outputs = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(inputs)

    def first_derivatives(*args: Any) -> Any:
        given, seeds = args[:count], args[count:]
        with enable_grad():
            given = tuple(
                alias(t).requires_grad_(True)
                if isinstance(t, Tensor)
                and not requires_grad(t)
                and dtype_of(t).category >= FLOATING
                and requires_grad(inputs[i])
                else t
                for i, t in enumerate(given)
            )
            found = [o for o in _outputs(func(*given)) if requires_grad(o)]
            wanted = [t for t in given if isinstance(t, Tensor) and requires_grad(t)]
            return tuple(
                g
                for g in grad(found, wanted, seeds[: len(found)], create_graph=True, allow_unused=True)
                if g is not None
            )

    return gradcheck(
        first_derivatives,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )


def _random_like(outputs: list[Tensor]) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(0)
    seeds = []
    for o in outputs:
        draw = rng.uniform(-1, 1, shape_of(o))
        if dtype_of(o).is_complex:
            draw = draw + 1j * rng.uniform(-1, 1, shape_of(o))
        seeds.append(from_array(np.asarray(draw).astype(dtype_of(o).numpy), dtype_of(o)).requires_grad_(True))
    return tuple(seeds)
