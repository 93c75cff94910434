"""Products summed over shared dimensions: einsum, tensordot, inner, cross.

einsum takes two operands at a time, the pair whose result is smallest first, and computes each step as one batched
matrix product. Plain matrix products are in products.py.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..autograd.entry import Op
from ..autograd.record import operation, title
from ..dtypes import int64
from ..graph.node import Node
from ..shapes import broadcast, wrap_dim
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor, operands, to_dtype
from .products import bmm, mm
from .register import function
from .shaping import diagonal, movedim, permuted, reshape

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Term(NamedTuple):
    """A tensor with a label for each of its dimensions. A label is a letter, or a number for one of `...`."""

    tensor: Tensor
    labels: tuple


# ---------------------------------------------------------------- reading the equation


def _labels(text: str, what: str) -> list:
    """The letters of one part of an equation; Ellipsis stands for `...`."""
    found: list = []
    rest = text
    while rest:
        if rest.startswith("..."):
            if Ellipsis in found:
                raise RuntimeError(f"einsum(): found '.' for {what} for which an ellipsis was already found")
            found.append(Ellipsis)
            rest = rest[3:]
        elif rest[0] == ".":
            raise RuntimeError(f"einsum(): found '.' for {what} that is not part of any ellipsis")
        elif rest[0] not in LETTERS:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {len(text) - len(rest)} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
        else:
            found.append(rest[0])
            rest = rest[1:]
    return found


def _read_equation(equation: str, count: int) -> tuple[list[list], list | None]:
    """(labels of each operand, labels of the result or None)."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) < count:
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(parts) > count:
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    inputs = [_labels(part, f"operand {i}") for i, part in enumerate(parts)]
    return inputs, _labels(right, "the output") if arrow else None


def _read_sublists(args: Sequence[Any]) -> tuple[list[Tensor], list[list], list | None]:
    """(operands, their labels, labels of the result or None) of einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    given = list(args)
    out = given.pop() if len(given) % 2 else None
    tensors, lists = given[::2], given[1::2]
    return tensors, [_letters(labels) for labels in lists], None if out is None else _letters(out)


def _letters(numbers: Sequence[Any]) -> list:
    for n in numbers:
        if n is not Ellipsis and not 0 <= n < len(LETTERS):
            raise ValueError(f"einsum(): subscript {n} is not within the valid range [0, {len(LETTERS)})")
    return [n if n is Ellipsis else LETTERS[n] for n in numbers]


def _term(i: int, tensor: Tensor, labels: list) -> Term:
    """The operand with `...` spelled out, counted from the right, and repeated labels as diagonals."""
    rank = tensor.dim()
    named = [label for label in labels if label is not Ellipsis]
    covered = rank - len(named)
    if covered < 0 or (covered and Ellipsis not in labels):
        without = "" if Ellipsis in labels else " and no ellipsis was given"
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(named)}) does not match the number of dimensions "
            f"({rank}) for operand {i}{without}"
        )
    full: list = []
    for label in labels:
        full.extend(range(covered - 1, -1, -1) if label is Ellipsis else [label])
    while len(set(full)) < len(full):
        twice = next(label for label in full if full.count(label) > 1)
        first, second = [d for d, label in enumerate(full) if label == twice][:2]
        if tensor.size(first) != tensor.size(second):
            raise RuntimeError(
                f"einsum(): subscript {twice} is repeated for operand {i} but the sizes don't match, "
                f"{tensor.size(second)} != {tensor.size(first)}"
            )
        tensor = movedim(diagonal(tensor, 0, first, second), -1, first)
        del full[second]
    return Term(tensor, tuple(full))


def _result_labels(terms: list[Term], inputs: list[list], out: list | None) -> tuple:
    """The labels of the result: as said, or `...` and then the letters that occur once, in order."""
    dots = max((label for term in terms for label in term.labels if isinstance(label, int)), default=-1)
    spelled = tuple(range(dots, -1, -1))
    if out is None:
        letters = [label for labels in inputs for label in labels if label is not Ellipsis]
        return (*spelled, *sorted(label for label in set(letters) if letters.count(label) == 1))
    found: list = []
    known = {label for term in terms for label in term.labels}
    for label in out:
        if label is not Ellipsis and label not in known:
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )
        if label in found:
            raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
        found.extend(spelled if label is Ellipsis else [label])
    return tuple(found)


def _sizes(terms: list[Term]) -> dict:
    """The size of every label; a dimension of size 1 goes with any."""
    sizes: dict = {}
    for i, term in enumerate(terms):
        for label, n in zip(term.labels, shape_of(term.tensor)):
            before = sizes.get(label, 1)
            if 1 not in (n, before) and n != before:
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {n} for operand {i} which does not broadcast with previously "
                    f"seen size {before}"
                )
            sizes[label] = n if before == 1 else before
    return sizes


# ---------------------------------------------------------------- contraction


def _summed(term: Term, kept: set) -> Term:
    """Without the labels that nobody needs any more."""
    dims = tuple(d for d, label in enumerate(term.labels) if label not in kept)
    if not dims:
        return term
    return Term(term.tensor.sum(dims), tuple(label for label in term.labels if label in kept))


def _without_ones(term: Term, other: Term) -> Term:
    """Without dimensions of size 1 that broadcast against the other operand's."""
    theirs = dict(zip(other.labels, shape_of(other.tensor)))
    drop = [
        d
        for d, (label, n) in enumerate(zip(term.labels, shape_of(term.tensor)))
        if n == 1 and theirs.get(label, 1) != 1
    ]
    if not drop:
        return term
    return Term(
        term.tensor.squeeze(tuple(drop)), tuple(x for d, x in enumerate(term.labels) if d not in drop)
    )


def _ordered(term: Term, labels: tuple) -> Tensor:
    """The tensor with its dimensions in the order of `labels`, of size 1 where it has no such label."""
    order = tuple(term.labels.index(label) for label in labels if label in term.labels)
    tensor = term.tensor if order == tuple(range(len(order))) else permuted(term.tensor, order)
    for d, label in enumerate(labels):
        if label not in term.labels:
            tensor = tensor.unsqueeze(d)
    return tensor


def _contract(a: Term, b: Term, kept: set) -> Term:
    """The product of two operands summed over what they share and nobody else needs."""
    a, b = _without_ones(a, b), _without_ones(b, a)
    a = _summed(a, kept | set(b.labels))
    b = _summed(b, kept | set(a.labels))
    shared = [label for label in a.labels if label in b.labels]
    batch = tuple(label for label in shared if label in kept)
    summed = tuple(label for label in shared if label not in kept)
    left = tuple(label for label in a.labels if label not in shared)
    right = tuple(label for label in b.labels if label not in shared)
    labels = (*batch, *left, *right)
    if dtype_of(a.tensor) is not dtype_of(b.tensor):  # sums of integers are int64
        a, b = Term(to_dtype(a.tensor, int64), a.labels), Term(to_dtype(b.tensor, int64), b.labels)
    if not summed:
        return Term(_ordered(a, labels) * _ordered(b, labels), labels)
    size = dict(zip(a.labels, shape_of(a.tensor))) | dict(zip(b.labels, shape_of(b.tensor)))
    B, m, k, n = (math.prod(size[x] for x in group) for group in (batch, left, summed, right))
    first = reshape(_ordered(a, (*batch, *left, *summed)), (B, m, k))
    second = reshape(_ordered(b, (*batch, *summed, *right)), (B, k, n))
    return Term(reshape(bmm(first, second), tuple(size[x] for x in labels)), labels)


def _smallest_pair(terms: list[Term], sizes: dict, kept: set) -> tuple[int, int]:
    """The pair to contract next: the one whose result grows least."""
    best, least = (0, 1), math.inf
    for i in range(len(terms)):
        for j in range(i + 1, len(terms)):
            others = kept.union(*(t.labels for k, t in enumerate(terms) if k not in (i, j)))
            both = set(terms[i].labels) | set(terms[j].labels)
            growth = (
                math.prod(sizes[x] for x in both & others) - terms[i].tensor.numel() - terms[j].tensor.numel()
            )
            if growth < least:
                best, least = (i, j), growth
    return best


@function(method=False, out=False)
def einsum(*args: Any) -> Tensor:
    """Products summed over labels: einsum("ij,jk->ik", a, b) is the matrix product.

    Labels are letters; `...` stands for the dimensions that are not named, which broadcast. Without "->" the result
    has `...` and then the labels that occur once, in order. A label repeated in one operand takes a diagonal. The form
    einsum(a, [0, 1], b, [1, 2], [0, 2]) has numbers for labels.
    Source: torch.einsum.
    Example:
        >>> import rushlight as torch
        >>> torch.einsum("i,j->ij", torch.tensor([1, 2]), torch.tensor([3, 4]))
        tensor([[3, 4],
                [6, 8]])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        tensors, inputs, out = _read_sublists(args)
    else:
        tensors = list(args[1]) if len(args) == 2 and isinstance(args[1], (list, tuple)) else list(args[1:])
        inputs, out = _read_equation(args[0], len(tensors))
    terms = [
        _term(i, need_tensor("einsum", x, i + 2, "operands"), y)
        for i, (x, y) in enumerate(zip(tensors, inputs))
    ]
    labels = _result_labels(terms, inputs, out)
    return _evaluate(terms, labels, _sizes(terms))


def _evaluate(terms: list[Term], labels: tuple, sizes: dict) -> Tensor:
    kept = set(labels)
    while len(terms) > 1:
        i, j = _smallest_pair(terms, sizes, kept) if len(terms) > 2 else (0, 1)
        a, b = terms[i], terms[j]
        rest = [term for k, term in enumerate(terms) if k not in (i, j)]
        terms = [_contract(a, b, kept.union(*(term.labels for term in rest))), *rest]
    return _ordered(_summed(terms[0], kept), labels)


# ---------------------------------------------------------------- by dimension


@function(method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products summed over dims: the last `dims` of a with the first of b, or two lists that say which.

    Source: torch.tensordot.
    """
    ours, theirs = _paired_dims(need_tensor("tensordot", a), need_tensor("tensordot", b, 2, "b"), dims)
    if len(ours) != len(theirs):
        raise RuntimeError("both dimension lists should have same length")
    a, b = (x if dtype_of(x) is dtype_of(a) else _refuse_dtypes(a, b) for x in (a, b))
    for i, j in zip(ours, theirs):
        n, m = a.size(i), b.size(j)
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {n} in dim {i} and second has size {m} in dim {j}"
            )
    left: list = [("a", d) for d in range(a.dim())]
    right: list = [("b", d) for d in range(b.dim())]
    for i, j in zip(ours, theirs):
        left[i] = right[j] = ("ab", i)
    labels = tuple(x for x in (*left, *right) if x[0] != "ab")
    terms = [Term(a, tuple(left)), Term(b, tuple(right))]
    return to_dtype(_evaluate(terms, labels, {}), dtype_of(a))


def _refuse_dtypes(a: Tensor, b: Tensor) -> Tensor:
    raise RuntimeError(
        f"both inputs should have same dtype, but got {title(dtype_of(a))} and {title(dtype_of(b))}"
    )


def _paired_dims(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(a.dim() - dims, a.dim())), list(range(dims))
    ours, theirs = ([d] if isinstance(d, int) else list(d) for d in dims)
    return [wrap_dim(d, a.dim()) for d in ours], [wrap_dim(d, b.dim()) for d in theirs]


@function()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Products summed over the last dimension of both; a plain product with a number. Source: torch.inner."""
    need_tensor("inner", input)
    need_tensor("inner", other, 2, "other")
    if not input.dim() or not other.dim():
        return input * other
    if input.size(-1) != other.size(-1):
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@function(method=False, out=False)
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of matrices, one after another. Source: torch.chain_matmul."""
    warnings.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters.",
        UserWarning,
        stacklevel=3,
    )
    given = matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (tuple, list)) else matrices
    return functools.reduce(mm, given)


# ---------------------------------------------------------------- cross product


def _cross(a: Node, b: Node, dim: int) -> Node:
    ahead, behind = ((-1,), (dim,)), ((1,), (dim,))
    return a.roll(*ahead) * b.roll(*behind) - a.roll(*behind) * b.roll(*ahead)


def _cross_rule(g: Node, out: Node, ins: tuple, needs: tuple, dim: int) -> tuple:
    a, b = ins
    return (
        _cross(b.conj(), g, dim) if needs[0] else None,
        _cross(g, a.conj(), dim) if needs[1] else None,
    )


_CROSS = Op("LinalgCrossBackward0", _cross, _cross_rule)


def cross_along(input: Tensor, other: Tensor, dim: int) -> Tensor:
    """The cross product along a dimension of size 3; the others broadcast."""
    a, b = operands("cross", input, other)
    if a.dim() != b.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    dim = wrap_dim(dim, a.dim())
    if a.size(dim) != 3 or b.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.size(dim)} and {b.size(dim)}"
        )
    shape = broadcast(shape_of(a), shape_of(b))
    return operation(_CROSS, (a.expand(shape), b.expand(shape)), (dim,))


_told: list[bool] = []


@function()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product along dim, by default the first of size 3. Source: torch.cross."""
    if dim is None:
        if not _told:
            _told.append(True)
            warnings.warn(
                "Using torch.cross without specifying the dim arg is deprecated.\n"
                "Please either pass the dim explicitly or simply use torch.linalg.cross.\n"
                "The default value of dim will change to agree with that of linalg.cross in a future release.",
                UserWarning,
                stacklevel=3,
            )
        dim = next((d for d, n in enumerate(shape_of(input)) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return cross_along(input, other, dim)
