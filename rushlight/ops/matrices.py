"""Matrices in the last two dimensions, as nodes: adjoints, triangles, diagonals, permutations of rows.

No primitive is declared here: these are the phrases in which the gradient rules of linalg.py and spectra.py are
written. All of them take batches.
"""

from __future__ import annotations

from ..dtypes import DType, int64
from ..graph.node import Node, constant
from .contraction import transposed


def adjoint(x: Node) -> Node:
    """The conjugate transpose."""
    return transposed(x).conj()


def columns_numbered(n: int) -> Node:
    """0 ... n - 1 as a row (1, n)."""
    return constant(0, int64).iota(n).reshape((1, n))


def rows_numbered(n: int) -> Node:
    """0 ... n - 1 as a column (n, 1)."""
    return constant(0, int64).iota(n).reshape((n, 1))


def lower(x: Node, above: int = 0) -> Node:
    """x with zeros beyond the diagonal that is `above` the main one."""
    m, n = x.shape[-2:]
    return columns_numbered(n).le(rows_numbered(m) + above).where(x, 0)


def upper(x: Node, above: int = 0) -> Node:
    """x with zeros below the diagonal that is `above` the main one."""
    m, n = x.shape[-2:]
    return columns_numbered(n).ge(rows_numbered(m) + above).where(x, 0)


def identity(m: int, n: int, dtype: DType) -> Node:
    """Ones on the main diagonal, (m, n)."""
    return rows_numbered(m).eq(columns_numbered(n)).cast(dtype)


def main_diagonal(x: Node) -> Node:
    """The main diagonals, (..., min(m, n))."""
    rank = len(x.shape)
    return x.diagonal(0, rank - 2, rank - 1)


def of_diagonal(d: Node) -> Node:
    """Matrices (..., n, n) with `d` on their main diagonals."""
    n, rank = d.shape[-1], len(d.shape)
    return constant(0, d.dtype).expand((*d.shape, n)).diagonal_scatter(d, 0, rank - 1, rank)


def with_diagonal(x: Node, d: Node) -> Node:
    """x with its main diagonals replaced."""
    rank = len(x.shape)
    return x.diagonal_scatter(d, 0, rank - 2, rank - 1)


def row_of(d: Node) -> Node:
    """A vector (..., n) as rows (..., 1, n)."""
    return d.reshape((*d.shape[:-1], 1, d.shape[-1]))


def column_of(d: Node) -> Node:
    """A vector (..., n) as columns (..., n, 1)."""
    return d.reshape((*d.shape, 1))


def rows_part(x: Node, start: int, stop: int) -> Node:
    """Rows start ... stop - 1."""
    lead = tuple([(0, n, 1) for n in x.shape[:-2]])
    return x.slice((*lead, (start, stop, 1)))


def columns_part(x: Node, start: int, stop: int) -> Node:
    """Columns start ... stop - 1."""
    lead = tuple([(0, n, 1) for n in x.shape[:-1]])
    return x.slice((*lead, (start, stop, 1)))


def rows_at(x: Node, order: Node) -> Node:
    """Row i of the result is row order[i] of x; `order` is (..., m)."""
    index = order.reshape((*order.shape, 1)).expand(x.shape)
    return x.gather(index, len(x.shape) - 2)


def hermitian_of(x: Node) -> Node:
    """x + x^H with half the diagonal: the whole of a Hermitian matrix that is given by one triangle."""
    both = x + adjoint(x)
    return with_diagonal(both, main_diagonal(both) * 0.5)
