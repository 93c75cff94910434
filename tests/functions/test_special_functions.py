"""torch.special: values at the ends of their domains, gradients, what has none, degrees of polynomials."""

import math

import numpy as np
import pytest
from scipy import special as scipy_special

import rushlight as torch

S = torch.special


def close(tensor, expected, digits=1e-10):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=digits, atol=digits)


def test_names_are_those_of_other_functions_too():
    x = torch.tensor([0.3, 0.7], dtype=torch.float64)
    close(S.expit(x), torch.sigmoid(x).numpy())
    close(S.gammaln(x), torch.lgamma(x).numpy())
    close(S.psi(x), torch.digamma(x).numpy())
    close(S.multigammaln(x + 2, 2), torch.mvlgamma(x + 2, 2).numpy())
    close(S.gammainc(x, x), torch.igamma(x, x).numpy())
    close(S.softmax(x, 0), torch.softmax(x, 0).numpy())


def test_normal_distribution_in_the_tails():
    x = torch.tensor([-30.0, -5.0, 0.0, 5.0], dtype=torch.float64)
    close(S.log_ndtr(x), scipy_special.log_ndtr(x.numpy()))
    close(S.ndtr(x), scipy_special.ndtr(x.numpy()))
    close(S.ndtri(S.ndtr(x[1:3])), x[1:3].numpy(), 1e-8)
    close(S.erfcx(torch.tensor([100.0], dtype=torch.float64)), [scipy_special.erfcx(100.0)])
    y = torch.tensor([-30.0], dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(S.log_ndtr(y).sum(), y)
    close(g, [30.0333], 1e-4)  # near -y + 1 / -y


def test_entropy_and_its_ends():
    x = torch.tensor([-1.0, 0.0, 1.0, math.e], dtype=torch.float64)
    assert S.entr(x).tolist() == pytest.approx([-math.inf, 0.0, 0.0, -math.e])
    assert S.xlog1py(torch.tensor(0.0), torch.tensor(-1.0)).item() == 0.0
    assert math.isnan(S.xlog1py(torch.tensor(0.0), torch.tensor(math.nan)).item())


def test_integers_are_taken_as_floats():
    assert S.bessel_j0(torch.tensor([0, 1])).dtype is torch.float32
    assert S.spherical_bessel_j0(torch.tensor(0)).item() == 1.0
    assert S.hermite_polynomial_h(torch.tensor([2]), 3).tolist() == [40.0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("chebyshev_polynomial_t", "eval_chebyt"),
        ("chebyshev_polynomial_u", "eval_chebyu"),
        ("shifted_chebyshev_polynomial_t", "eval_sh_chebyt"),
        ("shifted_chebyshev_polynomial_u", "eval_sh_chebyu"),
        ("hermite_polynomial_h", "eval_hermite"),
        ("hermite_polynomial_he", "eval_hermitenorm"),
        ("laguerre_polynomial_l", "eval_laguerre"),
        ("legendre_polynomial_p", "eval_legendre"),
    ],
)
def test_polynomials_of_every_degree(ours, theirs):
    x = torch.tensor([-1.0, -0.4, 0.0, 0.3, 1.0, 1.5], dtype=torch.float64)
    n = torch.arange(12, dtype=torch.float64).unsqueeze(1)
    close(getattr(S, ours)(x, n), getattr(scipy_special, theirs)(n.numpy().astype(int), x.numpy()), 1e-9)
    assert getattr(S, ours)(x, -1).abs().sum().item() == 0.0
    assert getattr(S, ours)(0.3, n).shape == (12, 1)
    with pytest.raises(TypeError, match=f"special_{ours}"):
        getattr(S, ours)(1, 2)


def test_chebyshev_polynomials_of_the_third_and_fourth_kind():
    angle = torch.tensor([0.3, 1.2, 2.9], dtype=torch.float64)
    for n in (0, 1, 4, 20):
        close(
            S.chebyshev_polynomial_v(angle.cos(), n), (((n + 0.5) * angle).cos() / (angle / 2).cos()).numpy()
        )
        close(
            S.chebyshev_polynomial_w(angle.cos(), n), (((n + 0.5) * angle).sin() / (angle / 2).sin()).numpy()
        )
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    assert S.chebyshev_polynomial_v(ends, 3).tolist() == [-7.0, 1.0]
    assert S.chebyshev_polynomial_w(ends, 3).tolist() == [-1.0, 7.0]


def test_gradients_of_zeta_and_what_has_none():
    q = torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(S.zeta(3.0, q).sum(), q)
    close(g, [-3.0 * scipy_special.zeta(4.0, 1.5)])
    with pytest.raises(NotImplementedError, match="the derivative for 'zeta"):
        S.zeta(q + 1, 2.0).sum().backward()
    assert not S.bessel_j0(q).requires_grad  # PyTorch takes these for constants
    assert not S.legendre_polynomial_p(q, 3).requires_grad
