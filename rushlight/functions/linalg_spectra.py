"""Eigenvalues, singular values, and what is made of them: rank, pseudo-inverse, approximations of low rank.

A result that carries no vectors is computed without them; its gradient computes them.
"""

from __future__ import annotations

from typing import Any

from ..autograd.entry import Op
from ..autograd.record import primitive, title
from ..dtypes import COMPLEX, FLOATING, NARROW, int64
from ..errors import LinAlgError
from ..graph.registry import PICK
from ..ops import spectra as ops
from ..results import named
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import is_number, need_tensor, tensor_of, to_dtype
from .creation import zeros
from .linalg_checks import (
    finite,
    need_kernel,
    need_matrix,
    need_numbers,
    need_square,
    published,
    raise_for,
    with_info,
)
from .linalg_factors import cholesky, qr
from .linalg_systems import solve_triangular
from .pointwise import where
from .products import matmul
from .register import function
from .sampling import randn
from .shaping import transpose


def _picks(count: int) -> Any:
    return lambda found: tuple([PICK(found, i) for i in range(count)])


def conjugate_transpose(x: Tensor) -> Tensor:
    """x^H."""
    return transpose(x, -2, -1).conj()


# ---------------------------------------------------------------- Hermitian matrices

_EIGH = Op(
    "LinalgEighBackward0",
    lambda a, uplo: _picks(3)(ops.eigh(a, uplo)),
    lambda g, outs, ins, needs, uplo: (ops.eigh_rule(g[0], g[1], outs[0], outs[1]),),
    visible=2,
    zeros=False,
)
_EIGVALSH = Op(
    "LinalgEighBackward0",
    lambda a, uplo: _picks(2)(ops.eigvalsh(a, uplo)),
    lambda g, outs, ins, needs, uplo: (ops.eigh_rule(g, None, outs[0], PICK(ops.eigh(ins[0], uplo), 1)),),
    visible=1,
)


def _hermitian(name: str, op: Op, A: Any, UPLO: Any) -> Any:
    need_kernel(need_square("linalg.eigh", A), "linalg_eigh_cpu")
    if not isinstance(UPLO, str):
        raise TypeError(f"{name}(): argument 'UPLO' must be str, not {type(UPLO).__name__}")
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    found, info = with_info(op, (A,), (UPLO.upper(),))
    if finite(A):
        raise_for(info, "linalg.eigh", _no_convergence)
    return found


def _no_convergence(code: int) -> str:
    return (
        "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
        f"eigenvalues (error code: {code})."
    )


@published("linalg_eigh")
def eigh(input: Tensor, UPLO: str = "L") -> Any:
    """(eigenvalues, eigenvectors) of Hermitian matrices (..., n, n): real and ascending; columns of a unitary matrix.

    Args:
        UPLO: the triangle of A that is read.
    Source: torch.linalg.eigh.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    return named("linalg_eigh", "eigenvalues", "eigenvectors")(*_hermitian("linalg_eigh", _EIGH, input, UPLO))


@published("linalg_eigvalsh")
def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of Hermitian matrices, ascending. Source: torch.linalg.eigvalsh."""
    return _hermitian("linalg_eigvalsh", _EIGVALSH, input, UPLO)


# ---------------------------------------------------------------- any square matrices

_EIG = Op(
    "LinalgEigBackward0",
    lambda a: _picks(3)(ops.eig(a)),
    lambda g, outs, ins, needs: (ops.eig_rule(g[0], g[1], outs[0], outs[1]),),
    visible=2,
    zeros=False,
)
_EIGVALS = Op(
    "LinalgEigBackward0",
    lambda a: _picks(2)(ops.eigvals(a)),
    lambda g, outs, ins, needs: (ops.eig_rule(g, None, outs[0], PICK(ops.eig(ins[0]), 1)),),
    visible=1,
)


def _general(name: str, op: Op, A: Any) -> Any:
    need_square(f"linalg.{name}", A)
    if dtype_of(A).category < FLOATING:
        raise RuntimeError(f"Unknown Complex ScalarType for {title(dtype_of(A))}")
    need_kernel(A, "linalg_eig_out_cpu")
    if not finite(A):
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    found, info = with_info(op, (A,))
    raise_for(info, "linalg.eig", _no_convergence)
    return found


@published("linalg_eig")
def eig(input: Tensor) -> Any:
    """(eigenvalues, eigenvectors) of square matrices (..., n, n), complex; the vectors are columns of length 1.

    Source: torch.linalg.eig.
    """
    return named("linalg_eig", "eigenvalues", "eigenvectors")(*_general("eig", _EIG, input))


@published("linalg_eigvals")
def eigvals(input: Tensor) -> Tensor:
    """The eigenvalues of square matrices, complex. Source: torch.linalg.eigvals."""
    return _general("eigvals", _EIGVALS, input)


# ---------------------------------------------------------------- singular values

_SVD = Op(
    "LinalgSvdBackward0",
    lambda a, full: _picks(4)(ops.svd(a, full)),
    lambda g, outs, ins, needs, full: (ops.svd_rule(*g, *outs[:3]),),
    visible=3,
    zeros=False,
)
_SVDVALS = Op(
    "LinalgSvdBackward0",
    lambda a: _picks(2)(ops.svdvals(a)),
    lambda g, outs, ins, needs: (ops.svdvals_rule(g, ins[0]),),
    visible=1,
)


def _raise_for_svd(A: Tensor, info: Tensor) -> None:
    raise_for(info, "linalg.svd", lambda code: _no_convergence(code) if finite(A) else _NOT_FINITE)


_NOT_FINITE = "The algorithm failed to converge because the input matrix contained non-finite values."


def _need_svd(A: Any, driver: str | None) -> Tensor:
    need_numbers("linalg.svd", need_matrix("linalg.svd", A), "linalg_svd_cpu")
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    return A


def _decomposed(A: Tensor, full: bool, driver: str | None = None) -> tuple[Tensor, Tensor, Tensor]:
    found, info = with_info(_SVD, (_need_svd(A, driver),), (full,))
    _raise_for_svd(A, info)
    return found


@published("linalg_svd")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh for A (..., m, n); S (..., k) descends, k = min(m, n).

    Args:
        full_matrices: U (..., m, m) and Vh (..., n, n), else (..., m, k) and (..., k, n).
    Raises: LinAlgError for matrices with NaN or infinities.
    Source: torch.linalg.svd.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.svd(torch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    return named("linalg_svd", "U", "S", "Vh")(*_decomposed(A, bool(full_matrices), driver))


@published("linalg_svdvals")
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of matrices, descending. Source: torch.linalg.svdvals."""
    found, info = with_info(_SVDVALS, (_need_svd(A, driver),))
    _raise_for_svd(A, info)
    return found


@function("svd")
def svd_of(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V) with input = U diag(S) V^H; without compute_uv U and V are zeros.

    Source: torch.svd, for which torch.linalg.svd is to be used.
    """
    if need_tensor("svd", input).dim() < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input.dim()} dimensions instead"
        )
    result = named("svd", "U", "S", "V")
    if compute_uv:
        u, s, vh = _decomposed(input, not some)
        return result(u, s, conjugate_transpose(vh))
    *lead, m, n = shape_of(input)
    u, v = (zeros((*lead, k, k), dtype=dtype_of(input), device=input._storage.device) for k in (m, n))
    return result(u, svdvals(input), v)


# ---------------------------------------------------------------- rank and pseudo-inverse


def _tolerance(name: str, argument: str, value: Any, real: Any) -> Tensor | None:
    if value is None:
        return None
    if isinstance(value, Tensor):
        if dtype_of(value).category == COMPLEX:
            raise RuntimeError(
                f"{name}: {argument} tensor of complex type is not supported. Got {title(dtype_of(value))}"
            )
        return to_dtype(value.detach(), real)
    if not is_number(value) or isinstance(value, complex):
        raise TypeError(
            f"{name}(): argument '{argument}' must be Tensor or float, not {type(value).__name__}"
        )
    return tensor_of(value, real)


def _default_rtol(A: Tensor, atol: Tensor | None, rtol: Tensor | None) -> Tensor:
    """rtol is eps * max(m, n), but 0 where an atol above 0 is given."""
    if rtol is not None:
        return rtol
    real = dtype_of(A).to_real()
    usual = tensor_of(ops.machine_epsilon(real) * max(shape_of(A)[-2:]), real)
    return usual if atol is None else where(atol > 0, 0.0, usual)


@published("linalg_pinv")
def pinv(
    input: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The pseudo-inverse (..., n, m) of matrices (..., m, n), after Moore and Penrose.

    Args:
        atol, rtol: singular values at most max(atol, rtol * largest) count as 0; rtol is eps * max(m, n) by default, and
            0 where atol is given. rcond is an older name of rtol.
        hermitian: take A for Hermitian, and read its lower triangle.
    Source: torch.linalg.pinv.
    Example:
        >>> import rushlight as torch
        >>> torch.linalg.pinv(torch.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    name = "torch.linalg.pinv"
    kind = dtype_of(need_tensor("linalg.pinv", input))
    if input.dim() < 2 or kind.category < FLOATING or kind in NARROW:
        raise RuntimeError(
            f"linalg.pinv({title(kind)}{{{list(shape_of(input))}}}): expected a tensor with 2 or more dimensions of float, "
            "double, cfloat or cdouble types"
        )
    real = kind.to_real()
    least = _tolerance(name, "atol", atol, real)
    share = _tolerance(name, "rtol" if rcond is None else "rcond", rtol if rcond is None else rcond, real)
    if not input.numel():
        return transpose(input, -2, -1) * 1
    if hermitian:
        need_square("linalg.pinv", input)
    if not finite(input):
        raise LinAlgError(f"linalg.svd: {_NOT_FINITE}")
    share = _default_rtol(input, least, share)
    least = tensor_of(0.0, real) if least is None else least
    return primitive(ops.pinv, (input, least, share), (bool(hermitian),))


@function()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverse, singular values at most rcond * largest counting as 0. Source: torch.pinverse."""
    return pinv(input, rcond)


@published("linalg_matrix_rank")
def matrix_rank(
    input: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values of matrices (..., m, n) count: those above max(atol, rtol * largest), as in pinv.

    Args:
        tol: an older name of an atol with rtol 0.
        hermitian: take A for Hermitian, and its eigenvalues for singular values.
    Source: torch.linalg.matrix_rank.
    """
    name = "torch.linalg.matrix_rank"
    need_matrix(name, input, "input")
    kind = dtype_of(input)
    if kind.category < FLOATING or kind in NARROW:
        raise RuntimeError("This function doesn't handle types other than float and double")
    real = kind.to_real()
    least = _tolerance(name, "atol", atol if tol is None else tol, real)
    share = _tolerance(name, "rtol", rtol if tol is None else 0.0, real)
    if not input.numel():
        return zeros(shape_of(input)[:-2], dtype=int64, device=input._storage.device)
    share = _default_rtol(input, least, share)
    fixed = input.detach()
    sizes = eigvalsh(fixed).abs() if hermitian else svdvals(fixed)
    border = sizes.amax(-1) * share
    if least is not None:
        border = border.maximum(least)
    return (sizes > border.unsqueeze(-1)).sum(-1)


# ---------------------------------------------------------------- low rank


def _range_of(A: Tensor, q: int, niter: int, M: Tensor | None) -> Tensor:
    """Q with orthonormal columns such that Q Q^H A is near A. Halko et al. 2009, algorithm 4.4."""
    apart = A if M is None else A - M
    adjoint_of = conjugate_transpose(apart)
    start = randn(shape_of(A)[-1], q, dtype=dtype_of(A), device=A._storage.device)
    basis = qr(matmul(apart, start)).Q
    for _ in range(niter):
        basis = qr(matmul(adjoint_of, basis)).Q
        basis = qr(matmul(apart, basis)).Q
    return basis


def _svd_lowrank(A: Tensor, q: int, niter: int, M: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    m, n = shape_of(A)[-2:]
    wide = m < n
    if M is not None:
        M = M.expand(shape_of(A))
    if wide:
        A, M = conjugate_transpose(A), None if M is None else conjugate_transpose(M)
    basis = _range_of(A, q, niter, M)
    small = matmul(conjugate_transpose(basis), A if M is None else A - M)
    u, s, vh = _decomposed(small, False)
    u, v = matmul(basis, u), conjugate_transpose(vh)
    return (v, s, u) if wide else (u, s, v)


@function(method=False, out=False)
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) of q singular values of A (or A - M), by a random projection refined niter times.

    Source: torch.svd_lowrank; Halko et al. 2009.
    """
    return _svd_lowrank(A, 6 if q is None else q, 2 if niter is None else niter, M)


@function(method=False, out=False)
def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V): the q principal directions of the rows of A are the columns of V. Source: torch.pca_lowrank."""
    m, n = shape_of(A)[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if dtype_of(A).category < FLOATING:
        raise ValueError(f"input expected to be floating point tensor, got {dtype_of(A)}")
    return _svd_lowrank(A - A.mean(-2, True) if center else A, q, niter, None)


@function(method=False, out=False)
def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: dict | None = None,
    ortho_fparams: dict | None = None,
    ortho_bparams: dict | None = None,
) -> tuple[Tensor, Tensor]:
    """(E, X): the k largest (or smallest) eigenvalues of Hermitian A, with A X = B X diag(E).

    PyTorch iterates from a guess, LOBPCG. Matrices here are dense, so all eigenvalues are computed, to full precision,
    and what steers the iteration (n, iK, niter, tol, method, tracker, ortho_*) is not needed.
    Source: torch.lobpcg.
    """
    size = shape_of(need_square("lobpcg", A))[-1]
    k = (1 if X is None else shape_of(X)[-1]) if k is None else k
    if size < 3 * k:
        raise ValueError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={size}) is smaller than 3 x the number of "
            f"requested eigenpairs (={k})"
        )
    factor = None if B is None else cholesky(B)
    if factor is not None:
        half = solve_triangular(factor, A, upper=False)
        A = solve_triangular(factor, conjugate_transpose(half), upper=False)
    values, vectors = eigh(A)
    if largest is None or largest:
        values, vectors = values.flip(-1).narrow(-1, 0, k), vectors.flip(-1).narrow(-1, 0, k)
    else:
        values, vectors = values.narrow(-1, 0, k), vectors.narrow(-1, 0, k)
    if factor is not None:
        vectors = solve_triangular(conjugate_transpose(factor), vectors, upper=True)
    return values, vectors
