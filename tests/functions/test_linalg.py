"""Linear algebra: errors, batches, complex matrices, repeated eigenvalues, what PyTorch's samples do not show."""

import numpy as np
import pytest

import rushlight as torch

LA = torch.linalg


def close(tensor, expected, digits=1e-10):
    if isinstance(expected, torch.Tensor):
        expected = expected.detach().numpy()
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=digits, atol=digits)


def matrices(*shape, seed=0, complex_too=False):
    rng = np.random.default_rng(seed)
    made = rng.standard_normal(shape)
    if complex_too:
        made = made + 1j * rng.standard_normal(shape)
    return torch.tensor(made)


def positive(*shape, **more):
    a = matrices(*shape, **more)
    return a @ a.mH + torch.eye(shape[-1], dtype=a.dtype)


SINGULAR = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64)


# ---------------------------------------------------------------- failures


def test_singular_matrices_raise_where_the_call_is_made():
    assert issubclass(LA.LinAlgError, RuntimeError)
    with pytest.raises(LA.LinAlgError, match=r"linalg.inv: The diagonal element 2 is zero"):
        LA.inv(SINGULAR)
    with pytest.raises(LA.LinAlgError, match=r"\(Batch element 1\): The diagonal element 2 is zero"):
        torch.inverse(torch.stack([torch.eye(2, dtype=torch.float64), SINGULAR]))
    with pytest.raises(LA.LinAlgError, match="The solver failed because the input matrix is singular"):
        LA.solve(SINGULAR, torch.ones(2, dtype=torch.float64))
    with pytest.raises(RuntimeError, match=r"U\[2,2\] is zero"):
        LA.lu_factor(SINGULAR)


def test_a_matrix_that_is_not_positive_definite_can_be_caught():
    bad = torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    with pytest.raises(LA.LinAlgError, match="the leading minor of order 2 is not positive-definite"):
        LA.cholesky(bad)
    for jitter in (0.5, 1.5):  # the way in which programs look for a jitter that suffices
        try:
            factor = LA.cholesky(bad + jitter * torch.eye(3))
        except LA.LinAlgError:
            continue
        break
    close(factor @ factor.T, bad + 1.5 * torch.eye(3), 1e-6)
    with pytest.raises(LA.LinAlgError, match="order 1"):
        LA.cholesky(torch.full((2, 2), float("nan")))


def test_info_tells_instead_of_raising():
    batch = torch.stack([torch.eye(2, dtype=torch.float64), SINGULAR])
    found = LA.inv_ex(batch)
    assert found.info.dtype is torch.int32 and found.info.tolist() == [0, 2]
    close(found.inverse[0], np.eye(2))
    assert LA.solve_ex(SINGULAR, torch.ones(2, 1, dtype=torch.float64)).info.item() == 2
    assert LA.cholesky_ex(-batch).info.tolist() == [1, 1]
    assert LA.lu_factor_ex(SINGULAR).info.item() == 2
    with pytest.raises(LA.LinAlgError):
        LA.inv_ex(SINGULAR, check_errors=True)


def test_nan_is_refused_by_decompositions():
    bad = torch.full((2, 2), float("nan"))
    with pytest.raises(
        LA.LinAlgError, match="linalg.svd: The algorithm failed to converge because the input matrix cont"
    ):
        LA.svd(bad)
    with pytest.raises(RuntimeError, match="input tensor should not contain infs or NaNs"):
        LA.eigvals(bad)
    assert LA.eigvalsh(bad).isnan().all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: LA.inv(torch.ones(3)), "The input tensor A must have at least 2 dimensions"),
        (lambda: LA.det(torch.ones(2, 3)), "A must be batches of square matrices, but they are 2 by 3 matrices"),
        (lambda: LA.qr(torch.ones(2, 2, dtype=torch.int64)), "Expected a floating point or complex tensor as input. Got Long"),
        (lambda: LA.inv(torch.eye(2).half()), "Low precision dtypes not supported. Got Half"),
        (lambda: LA.solve(torch.eye(3), torch.ones(2, 2)), r"the equation AX = B \(3x3 and 2x2\)"),
        (lambda: LA.solve(torch.eye(3), torch.ones(2, 2), left=False), r"the equation XA = B \(3x3 and 2x2\)"),
        (lambda: LA.solve(torch.eye(3), torch.ones(3, 3, dtype=torch.float64)), "found A of type Float and B of type Double"),
        (lambda: LA.qr(torch.eye(2), "all"), "unrecognized mode 'all'"),
        (lambda: LA.eigh(torch.eye(2), "Q"), "Expected UPLO argument to be 'L' or 'U', but got Q"),
        (lambda: LA.lstsq(torch.eye(2), torch.eye(2), driver="best"), "should be one of"),
        (lambda: LA.matrix_norm(torch.eye(2), 3), "Order 3 not supported"),
        (lambda: LA.cond(torch.ones(2, 3), 1), r"linalg.cond\(ord=1\): A must be batches of square"),
        (lambda: LA.multi_dot([torch.eye(2), torch.eye(3)]), "tensors 0 and 1 with shapes"),
        (lambda: LA.lu(torch.eye(2), pivot=False), "LU without pivoting is not implemented on the CPU"),
        (lambda: LA.vector_norm(torch.zeros(0), float("inf")), "cannot compute the inf norm on an empty tensor"),
    ],
)  # fmt: skip
def test_misfits_say_why(call, says):
    with pytest.raises(RuntimeError, match=says):
        call()


def test_half_width_types_name_the_kernel():
    with pytest.raises(NotImplementedError, match="\"lu_cpu\" not implemented for 'Half'"):
        torch.det(torch.eye(2).half())


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("complex_too", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (2, 1, 4, 3), (2, 3, 4)])
def test_factors_multiply_to_the_matrix(shape, complex_too):
    a = matrices(*shape, complex_too=complex_too)
    p, l, u = LA.lu(a)
    close(p @ l @ u, a)
    q, r = LA.qr(a)
    close(q @ r, a)
    close(q.mH @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], *(q.shape[-1],) * 2)))
    u, s, vh = LA.svd(a, full_matrices=False)
    close(u @ torch.diag_embed(s).to(a.dtype) @ vh, a)
    close(a @ LA.pinv(a) @ a, a)
    factors, pivots = LA.lu_factor(a)
    for x, y in zip(torch.lu_unpack(factors, pivots), (p, l, LA.lu(a).U)):
        close(x, y)


@pytest.mark.parametrize("complex_too", [False, True])
def test_systems_are_solved(complex_too):
    a, b = matrices(2, 3, 3, complex_too=complex_too), matrices(2, 3, 2, seed=1, complex_too=complex_too)
    close(a @ LA.solve(a, b), b)
    close(LA.solve(a, b.mT, left=False) @ a, b.mT)
    close(a @ LA.solve(a, b[..., 0]).unsqueeze(-1), b[..., :1])
    factors, pivots = LA.lu_factor(a)
    close(a @ LA.lu_solve(factors, pivots, b), b)
    close(a.mH @ LA.lu_solve(factors, pivots, b, adjoint=True), b)
    close(LA.lu_solve(factors, pivots, b.mT, left=False) @ a, b.mT)
    spd = positive(3, 3, complex_too=complex_too)
    close(spd @ torch.cholesky_solve(b, LA.cholesky(spd)), b)
    close(spd @ torch.cholesky_inverse(LA.cholesky(spd, upper=True), upper=True), np.eye(3))
    close(a.triu() @ LA.solve_triangular(a, b, upper=True), b)
    hermitian = a + a.mH
    close(hermitian @ LA.ldl_solve(*LA.ldl_factor(hermitian, hermitian=True), b, hermitian=True), b)


def test_one_matrix_serves_a_batch_of_right_sides():
    a, b = matrices(3, 3), matrices(4, 2, 3, 2, seed=1)
    close(a @ LA.solve(a, b), b)
    wide = matrices(4, 1, 3, 3, seed=2)
    assert LA.solve(wide, b).shape == (4, 2, 3, 2)


@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares_meets_the_normal_equations(driver):
    a, b = matrices(2, 5, 3), matrices(2, 5, 2, seed=1)
    found = LA.lstsq(a, b, driver=driver)
    close(a.mT @ (a @ found.solution), a.mT @ b)
    assert found.residuals.shape == ((0,) if driver == "gelsy" else (2, 2))
    assert found.rank.shape == ((0,) if driver == "gels" else (2,))
    assert found.singular_values.shape == ((2, 3) if driver in ("gelsd", "gelss") else (0,))


def test_reflections_give_the_whole_orthogonal_factor():
    a, c = matrices(4, 3, complex_too=True), matrices(4, 2, seed=1, complex_too=True)
    packed, tau = torch.geqrf(a)
    q = LA.qr(a, "complete").Q
    close(LA.householder_product(packed, tau), LA.qr(a).Q)
    close(torch.ormqr(packed, tau, c), q @ c)
    close(torch.ormqr(packed, tau, c, transpose=True), q.mH @ c)
    close(torch.ormqr(packed, tau, c.mH, left=False), c.mH @ q)


def test_functions_of_matrices():
    a = matrices(3, 3)
    close(LA.matrix_power(a, 5), a @ a @ a @ a @ a)
    close(LA.matrix_power(a, -2) @ a @ a, np.eye(3))
    close(LA.matrix_exp(a) @ LA.matrix_exp(-a), np.eye(3), 1e-8)
    sign, size = LA.slogdet(a)
    close(sign * size.exp(), torch.det(a))
    close(LA.multi_dot([a[0], a, a, a[:, 0]]), a[0] @ a @ a @ a[:, 0])
    turned = LA.tensorinv(matrices(4, 2, 2), ind=1)
    assert turned.shape == (2, 2, 4)
    x = LA.tensorsolve(matrices(4, 2, 2), torch.ones(4, dtype=torch.float64))
    close(torch.tensordot(matrices(4, 2, 2), x, 2), np.ones(4))


def test_rank_and_condition():
    a = matrices(4, 2) @ matrices(2, 4, seed=1)
    assert LA.matrix_rank(a).item() == 2
    assert LA.matrix_rank(a @ a.mT, hermitian=True).item() == 2
    assert LA.matrix_rank(a, atol=1e3).item() == 0
    assert LA.cond(SINGULAR, 1).item() == float("inf")
    close(LA.cond(torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))), 4.0)
    close(LA.pinv(a, rtol=10.0), np.zeros((4, 4)))


def test_low_rank_approximations_find_the_singular_values():
    torch.manual_seed(0)
    a = matrices(8, 2) @ matrices(2, 6, seed=1)
    u, s, v = torch.svd_lowrank(a, q=2)
    close(u @ torch.diag(s) @ v.mT, a, 1e-8)
    close(torch.pca_lowrank(a, q=2)[1], LA.svdvals(a - a.mean(0))[:2], 1e-8)
    values, vectors = torch.lobpcg(positive(9, 9), k=2, largest=False)
    close(positive(9, 9) @ vectors, vectors * values, 1e-8)


def test_results_have_names_and_out():
    a = positive(2, 2)
    assert LA.eigh(a)._fields == ("eigenvalues", "eigenvectors")
    assert repr(torch.slogdet(a)).startswith("torch.return_types.slogdet(\nsign=")
    target = torch.empty(2, 2, dtype=torch.float64)
    assert LA.inv(a, out=target) is target
    close(target @ a, np.eye(2))
    values, vectors = torch.empty(0, dtype=torch.float64), torch.empty(0, dtype=torch.float64)
    LA.eigh(a, out=(values, vectors))
    close(vectors * values @ vectors.mT, a)


def test_only_the_triangle_that_is_named_is_read():
    a = positive(3, 3)
    spoiled = a + torch.ones(3, 3, dtype=torch.float64).triu(1) * 99
    close(LA.cholesky(spoiled), LA.cholesky(a))
    close(LA.cholesky(spoiled.mT, upper=True), LA.cholesky(a).mT)
    close(LA.eigvalsh(spoiled), LA.eigvalsh(a))
    close(LA.eigvalsh(spoiled.mT, "U"), LA.eigvalsh(a))


# ---------------------------------------------------------------- gradients


def slope(function, a, seed=3):
    """(the gradient along a direction, the same by differences) of a real function of a matrix."""
    direction = matrices(*a.shape, seed=seed, complex_too=a.is_complex())
    x = a.clone().requires_grad_()
    (g,) = torch.autograd.grad(function(x), x)
    told = (g.conj() * direction).real.sum() if a.is_complex() else (g * direction).sum()
    step = 1e-6
    ahead, behind = function(a + step * direction), function(a - step * direction)
    return told.item(), ((ahead - behind) / (2 * step)).item()


@pytest.mark.parametrize("complex_too", [False, True])
@pytest.mark.parametrize(
    "function",
    [
        lambda a: LA.inv(a).abs().square().sum(),
        lambda a: LA.det(a).abs(),
        lambda a: LA.slogdet(a).logabsdet,
        lambda a: LA.svdvals(a).square().prod(),
        lambda a: LA.eigvals(a).abs().square().prod().sqrt() + LA.eigvals(a)[0].abs(),
        lambda a: LA.eig(a).eigenvectors.abs().pow(4).sum(),
        lambda a: LA.svd(a[:2]).U.abs().pow(4).sum() + LA.svd(a[:, :2]).Vh.abs().pow(4).sum(),
        lambda a: LA.eigh(a + a.mH).eigenvectors.abs().pow(4).sum(),
        lambda a: LA.cholesky(a @ a.mH).abs().sum(),
        lambda a: (
            LA.qr(a).R.abs().sum() + LA.qr(a[:2]).R.abs().sum() + LA.qr(a[:, :2]).Q.abs().square().prod()
        ),
        lambda a: LA.lu(a).L.abs().sum() + LA.lu(a[:2]).U.abs().sum() + LA.lu(a[:, :2]).L.abs().sum(),
        lambda a: LA.pinv(a[:2]).abs().square().sum(),
        lambda a: LA.matrix_exp(a).abs().square().sum(),
        lambda a: LA.lstsq(a[:, :2], a[:, 2:]).solution.abs().square().sum(),
        lambda a: LA.matrix_norm(a, "nuc") + LA.matrix_norm(a, 2) + LA.matrix_norm(a, 1) + LA.cond(a, "fro"),
    ],
)
def test_gradients_follow_differences(function, complex_too):
    told, seen = slope(function, matrices(3, 3, seed=5, complex_too=complex_too))
    assert told == pytest.approx(seen, rel=1e-5, abs=1e-7)


def test_repeated_eigenvalues_have_a_gradient_of_their_own():
    x = torch.eye(3, dtype=torch.float64).requires_grad_()
    (g,) = torch.autograd.grad(LA.eigh(x).eigenvalues.sum(), x)
    close(g, np.eye(3))
    (g,) = torch.autograd.grad(LA.svd(x).S.sum(), x)
    close(g, np.eye(3))


def test_the_determinant_of_a_singular_matrix_has_a_gradient():
    x = SINGULAR.clone().requires_grad_()
    (g,) = torch.autograd.grad(torch.det(x), x)
    close(g, [[4.0, -2.0], [-2.0, 1.0]])
    zero = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(torch.det(zero), zero)
    close(g, np.zeros((3, 3)))


def test_a_loss_that_sees_the_phase_is_refused():
    a = positive(3, 3, complex_too=True).requires_grad_()
    with pytest.raises(RuntimeError, match="specified up to multiplication by e"):
        torch.autograd.grad(LA.eigh(a).eigenvectors.imag.sum(), a)[0].sum().item()
    with pytest.raises(RuntimeError, match="svd_backward: The singular vectors in the complex case"):
        torch.autograd.grad(LA.svd(a).U.imag.sum(), a)[0].abs().sum().item()


def test_what_has_no_derivative_says_so_in_backward():
    a = matrices(3, 2).requires_grad_()
    q, r = LA.qr(a, "complete")
    with pytest.raises(RuntimeError, match="not differentiable when mode='complete' and nrows > ncols"):
        r.sum().backward()
    with pytest.raises(RuntimeError, match="depends on Q, which is not computed when mode='r'"):
        LA.qr(a, "r").R.sum().backward()
    with pytest.raises(NotImplementedError, match="the derivative for 'geqrf' is not implemented"):
        torch.geqrf(a).a.sum().backward()


def test_entries_have_pytorchs_names():
    a = positive(2, 2).requires_grad_()
    names = {
        "LinalgInvExBackward0": LA.inv(a),
        "LinalgDetBackward0": torch.det(a),
        "LinalgSvdBackward0": LA.svd(a).U,
        "LinalgEighBackward0": LA.eigvalsh(a),
        "LinalgCholeskyExBackward0": LA.cholesky(a),
        "LinalgQrBackward0": LA.qr(a).R,
        "LinalgVectorNormBackward0": LA.vector_norm(a),
    }
    for name, tensor in names.items():
        assert tensor.grad_fn.name() == name
    assert not LA.lu(a).P.requires_grad


def test_shapes_are_known_without_data():
    a = torch.empty(4, 3, 3, device="meta")
    assert LA.inv(a).shape == (4, 3, 3) and LA.inv(a).device.type == "meta"
    assert LA.svd(a[:, :2]).Vh.shape == (4, 3, 3)
