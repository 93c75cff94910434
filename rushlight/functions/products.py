"""Matrix products: matmul, mm, bmm, mv, dot, outer, and products with something added."""

from __future__ import annotations

from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation, primitive, title
from ..errors import ShapeError
from ..graph.node import Node
from ..ops import contraction
from ..ops.contraction import transposed
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .register import alias, function


def _same_dtype(name: str, a: Tensor, b: Tensor) -> None:
    if dtype_of(a) is not dtype_of(b):
        raise RuntimeError(
            f"{name}: expected m1 and m2 to have the same dtype, but got: {title(dtype_of(a)).lower()} != "
            f"{title(dtype_of(b)).lower()}"
        )


def _refuse_shapes(a: Tensor, b: Tensor) -> None:
    (m, k), (k2, n) = shape_of(a), shape_of(b)
    if k != k2:
        raise ShapeError(f"mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {k2}x{n})")


def _rank(name: str, x: Tensor, rank: int, which: str) -> None:
    if x.dim() != rank:
        raise RuntimeError(f"{which} must be a {'matrix' if rank == 2 else 'vector'}, got {x.dim()}-D tensor")


@function()
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of matrices (m, k) and (k, n). Source: torch.mm."""
    _rank("mm", input, 2, "self")
    _rank("mm", mat2, 2, "mat2")
    _refuse_shapes(input, mat2)
    _same_dtype("mm", input, mat2)
    return primitive(contraction.matmul, (input, mat2))


@function()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Products of matrices (B, m, k) and (B, k, n). Source: torch.bmm."""
    if input.dim() != 3 or mat2.dim() != 3:
        raise RuntimeError(f"batch1 and batch2 must be 3D tensors, got {input.dim()}D and {mat2.dim()}D")
    a, b = shape_of(input), shape_of(mat2)
    if a[0] != b[0] or a[2] != b[1]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, {b[1]}]."
        )
    _same_dtype("bmm", input, mat2)
    return primitive(contraction.matmul, (input, mat2))


@function()
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix (m, k) and a vector (k,). Source: torch.mv."""
    if input.dim() != 2 or vec.dim() != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {input.dim()}, {vec.dim()}")
    return matmul(input, vec)


@function()
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of products of two vectors. Source: torch.dot."""
    if input.dim() != 1 or tensor.dim() != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.dim()}D and {tensor.dim()}D tensors")
    if shape_of(input) != shape_of(tensor):
        raise ShapeError(
            f"inconsistent tensor size, expected tensor [{input.numel()}] and src [{tensor.numel()}] to have the same "
            f"number of elements, but got {input.numel()} and {tensor.numel()} elements respectively"
        )
    if dtype_of(input) is not dtype_of(tensor):
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {title(dtype_of(input))} and {title(dtype_of(tensor))}"
        )
    return (input * tensor).sum()


@function()
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """As dot, with the first conjugated. Source: torch.vdot."""
    return dot(input.conj(), other)


@function()
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """out[i][j] = input[i] * vec2[j]. Source: torch.outer."""
    for x in (input, vec2):
        if x.dim() != 1:
            raise RuntimeError(f"outer: Expected 1-D argument, but got {x.dim()}-D")
    return input.unsqueeze(1) * vec2


alias("ger", "outer")


def _vector_forms(a: Node, b: Node) -> Node:
    """matmul of vectors and matrices: a vector is a row on the left, a column on the right."""
    left, right = len(a.shape) == 1, len(b.shape) == 1
    if left:
        a = a.reshape((1, *a.shape))
    if right:
        b = b.reshape((*b.shape, 1))
    out = a.matmul(b)
    if left or right:
        shape = list(out.shape)
        if right:
            shape.pop()
        if left:
            shape.pop(-1 if right else -2)
        out = out.reshape(tuple(shape))
    return out


_matmul = Op("MvBackward0", _vector_forms)


@function()
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; vectors and leading batch dimensions as in NumPy. Source: torch.matmul.

    >>> import rushlight as torch
    >>> torch.matmul(torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    need_tensor("matmul", input)
    need_tensor("matmul", other, 2, "other")
    if not input.dim() or not other.dim():
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {input.dim()}D and {other.dim()}D"
        )
    _same_dtype("expected", input, other)
    if input.dim() == 2 and other.dim() == 2:
        _refuse_shapes(input, other)
    if input.dim() > 1 and other.dim() > 1:
        return primitive(contraction.matmul, (input, other))
    return operation(_matmul, (input, other))


def _scaled_sum(name: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * product; beta 0 leaves out whatever input holds."""
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    scaled = input if beta == 1 else input * beta
    return scaled + product


@function(inplace=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2). Source: torch.addmm."""
    _refuse_shapes(mat1, mat2)
    if beta == 1 and alpha == 1 and input.dim() == 1:
        return operation(_addmm, (input, mat1, mat2))
    return _scaled_sum("addmm", input, mm(mat1, mat2), beta, alpha)


_addmm = Op(
    "AddmmBackward0",
    lambda c, a, b: a.matmul(b) + c,
    lambda g, out, ins, needs: (
        g,
        g @ transposed(ins[2]).conj() if needs[1] else None,
        transposed(ins[1]).conj() @ g if needs[2] else None,
    ),
)


@function(inplace=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec). Source: torch.addmv."""
    return _scaled_sum("addmv", input, mv(mat, vec), beta, alpha)


@function(inplace=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2). Source: torch.addr."""
    return _scaled_sum("addr", input, outer(vec1, vec2), beta, alpha)


@function(inplace=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2). Source: torch.baddbmm."""
    return _scaled_sum("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@function(inplace=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the sum over the batch of batch1 @ batch2. Source: torch.addbmm."""
    return _scaled_sum("addbmm", input, bmm(batch1, batch2).sum(0), beta, alpha)


def _linear(x: Node, w: Node, b: Node | None) -> Node:
    out = x.matmul(transposed(w)) if len(x.shape) > 1 else _vector_forms(w, x)
    return out if b is None else out + b


def _linear_rule(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    x, w, _ = ins
    gx = gw = None
    if needs[0]:
        gx = g.matmul(w.conj()) if len(x.shape) > 1 else _vector_forms(g, w.conj())
    if needs[1]:
        flat_g, flat_x = g.reshape((_rows(g), g.shape[-1])), x.reshape((_rows(x), x.shape[-1]))
        gw = transposed(flat_g) @ flat_x.conj()
    return gx, gw, g


def _rows(x: Node) -> int:
    n = 1
    for size in x.shape[:-1]:
        n *= size
    return n


_linear_op = Op("AddmmBackward0", _linear, _linear_rule)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias: (..., in) with weight (out, in) gives (..., out).

    Raises: RuntimeError when the sizes or dtypes do not fit.
    Source: torch.nn.functional.linear.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.functional.linear(torch.ones(2), torch.ones(3, 2))
        tensor([2., 2., 2.])
    """
    need_tensor("linear", input)
    need_tensor("linear", weight, 2, "weight")
    a, w = shape_of(input), shape_of(weight)
    if not a or not w or a[-1] != w[-1]:
        rows = 1
        for n in a[:-1]:
            rows *= n
        raise ShapeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1] if a else 1} and {w[-1] if w else 1}x{w[0] if w else 1}): "
            f"input {list(a)} needs a last dimension of {w[-1] if w else 1}"
        )
    if dtype_of(input) is not dtype_of(weight):
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {title(dtype_of(input))} and {title(dtype_of(weight))}"
        )
    if len(w) == 1:
        out = matmul(input, weight)
        return out if bias is None else out + bias
    return operation(_linear_op, (input, weight, bias))
