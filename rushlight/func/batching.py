"""`vmap`: a function of one example, called on every example of a batch.

The function is called once an example and the results are stacked: what it does with an example is exactly what it does
without vmap. Examples are views, so writing into one writes into the batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..tensor import Tensor
from ..trees import TreeSpec, tree_flatten, tree_unflatten


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """A function that takes batches where `func` takes examples.

    Args:
        in_dims: which dim of each argument counts the examples; None for one that all examples share. A number for
            all, or nested as the arguments are.
        out_dims: where the dim of the examples goes in each output.
        randomness: "error" (drawing random numbers inside is refused), "different" or "same" for each example.
        chunk_size: accepted: examples are taken one at a time.
    Raises:
        ValueError: in_dims that do not fit the arguments, batches of different sizes.
    Source: torch.func.vmap.
    Example:
        >>> import rushlight as torch
        >>> torch.func.vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
        tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(args)
        dims = _dims_of_inputs(in_dims, spec, args, leaves)
        size = _batch_size(leaves, dims)
        shared, shared_spec = tree_flatten(kwargs)
        kwarg_dims = [0 if isinstance(k, Tensor) and k.dim() else None for k in shared]
        dims, leaves = dims + kwarg_dims, leaves + shared
        size = _batch_size(leaves, dims)
        count = len(leaves) - len(shared)
        results = []
        state: Any = fn.get_rng_state() if randomness != "different" else None
        for i in range(size):
            if randomness == "same":
                fn.set_rng_state(state)
            one = [x if d is None else x.select(d, i) for x, d in zip(leaves, dims)]
            made = func(*tree_unflatten(one[:count], spec), **tree_unflatten(one[count:], shared_spec))
            results.append(made)
            if randomness == "error" and not bool(fn.equal(fn.get_rng_state(), state)):
                raise RuntimeError(
                    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
                )
        return _stacked(results, out_dims, getattr(func, "__name__", type(func).__name__))

    return wrapped


def _is_dims(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _spread(dims: Any, spec: TreeSpec) -> list | None:
    """One dim a leaf: `dims` is nested as the tree is, or less deeply. None when it does not fit."""
    if _is_dims(dims):
        return [dims] * spec.num_leaves
    if spec.is_leaf():
        return None
    children, form = list(dims.values()) if isinstance(dims, dict) else dims, type(dims)
    if not isinstance(children, (list, tuple)) or len(children) != len(spec.children_specs):
        return None
    if isinstance(spec.type, type) and spec.type in (list, tuple, dict) and form is not spec.type:
        if not issubclass(form, spec.type):
            return None
    found: list = []
    for child, below in zip(children, spec.children_specs):
        part = _spread(child, below)
        if part is None:
            return None
        found += part
    return found


def _dims_of_inputs(in_dims: Any, spec: TreeSpec, args: tuple, leaves: list) -> list:
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"vmap: expected in_dims to be int or a (potentially nested) tuple, got {type(in_dims)}"
        )
    if not args:
        raise ValueError("vmap: got no inputs. Maybe you forgot to add inputs, or the function takes none")
    dims = _spread(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap: in_dims is not compatible with the structure of inputs. in_dims has {in_dims} but inputs have "
            f"structure {spec}."
        )
    found: list[Any] = []
    for leaf, dim in zip(leaves, dims):
        if dim is None:
            found.append(None)
            continue
        if not isinstance(leaf, Tensor):
            if isinstance(in_dims, int):
                raise ValueError(
                    f"vmap: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                    "non-Tensor arguments, please use None as the respective in_dim"
                )
            raise ValueError(
                f"vmap: in_dim={dim} for an input of type {type(leaf)}; use None for what is no Tensor"
            )
        if not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(
                f"vmap: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {leaf.dim()} so "
                f"expected in_dim to satisfy -{leaf.dim()} <= in_dim < {leaf.dim()}."
            )
        found.append(dim % leaf.dim())
    return found


def _batch_size(leaves: list, dims: list) -> int:
    sizes = [x.shape[d] for x, d in zip(leaves, dims) if d is not None]
    if not sizes:
        raise ValueError(
            "vmap: at least one tensor must have in_dim that is not None; got nothing to map over"
        )
    if len(set(sizes)) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    if sizes[0] == 0:
        raise ValueError("vmap: a batch of size 0 has no example to call the function on")
    return sizes[0]


def _stacked(results: list, out_dims: Any, name: str) -> Any:
    flat = [tree_flatten(r) for r in results]
    spec = flat[0][1]
    dims = _spread(out_dims, spec)
    if dims is None and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims = _spread(out_dims[0], spec)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): out_dims is not compatible with the outputs, {spec}"
        )
    joined = []
    for i, dim in enumerate(dims):
        column = [leaves[i] for leaves, _ in flat]
        if not isinstance(column[0], Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(column[0])} as a return."
            )
        joined.append(column[0] if dim is None else fn.stack(column, dim))
    return tree_unflatten(joined, spec)
