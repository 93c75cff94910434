"""addcmul, lerp, frexp and their like; comparing; special functions; differences, integrals, norms; copies."""

import math

import pytest

import rushlight as torch

nan, inf = math.nan, math.inf


def close(found, expected):
    return found.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-7, nan_ok=True)


def test_addcmul_and_addcdiv_with_the_old_argument_order():
    x = torch.ones(2)
    assert torch.addcmul(x, x, x * 3, value=0.5).tolist() == [2.5, 2.5]
    assert x.clone().addcmul_(0.5, x, x * 3).tolist() == [2.5, 2.5]
    assert x.clone().addcdiv_(2, x, x * 4).tolist() == [1.5, 1.5]
    assert torch.addcmul(
        torch.ones(1, dtype=torch.int64), torch.tensor([2]), torch.tensor([3]), value=2
    ).tolist() == [13]
    with pytest.raises(RuntimeError, match="Integer division with addcdiv"):
        torch.addcdiv(torch.tensor([1]), torch.tensor([1]), torch.tensor([1]))


def test_lerp_meets_both_ends_and_checks_dtypes():
    a, b = torch.tensor([0.1, 1e8]), torch.tensor([0.3, 1.0])
    assert torch.equal(torch.lerp(a, b, 1.0), b) and torch.equal(torch.lerp(a, b, 0.0), a)
    assert torch.lerp(a, b, torch.tensor([0.0, 1.0])).tolist() == [a[0].item(), 1.0]
    with pytest.raises(RuntimeError, match="expected dtype float for `end` but got dtype double"):
        torch.lerp(a, b.double(), 0.5)
    with pytest.raises(NotImplementedError, match="lerp_kernel_scalar"):
        torch.lerp(a.long(), b.long(), 0.5)


def test_fmax_passes_nan_over():
    a, b = torch.tensor([nan, 1.0, nan]), torch.tensor([2.0, nan, nan])
    assert close(torch.fmax(a, b), [2.0, 1.0, nan])
    assert close(torch.fmin(a, b), [2.0, 1.0, nan])
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.fmax(a, 1)


def test_logaddexp_at_infinities():
    a, b = torch.tensor([inf, -inf, 1000.0]), torch.tensor([inf, -inf, 0.0])
    assert torch.logaddexp(a, b).tolist() == [inf, -inf, 1000.0]
    assert torch.logaddexp2(a, b).tolist() == [inf, -inf, 1000.0]


def test_powers_and_exponents():
    assert torch.float_power(torch.tensor([2]), 2).dtype is torch.float64
    with pytest.raises(
        RuntimeError, match="has dtype Float but the operation's result requires dtype Double"
    ):
        torch.ones(1).float_power_(2)
    assert torch.ldexp(torch.tensor([3]), torch.tensor([2])).tolist() == [12.0]
    mantissa, exponent = torch.frexp(torch.tensor([8.0, 0.0, -3.0]))
    assert mantissa.tolist() == [0.5, 0.0, -0.75] and exponent.tolist() == [4, 0, 2]
    assert exponent.dtype is torch.int32


def test_xlogy_and_heaviside():
    assert close(torch.xlogy(torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, nan, 1.0])), [0.0, nan, 0.0])
    assert torch.xlogy(2, torch.ones(1)).item() == 0
    assert torch.heaviside(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([0.5])).tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(RuntimeError, match="different dtypes"):
        torch.heaviside(torch.ones(1), torch.ones(1).double())


def test_nan_to_num():
    x = torch.tensor([nan, inf, -inf, 1.0])
    most = torch.finfo(torch.float32).max
    assert torch.nan_to_num(x).tolist() == [0.0, most, -most, 1.0]
    assert x.nan_to_num_(nan=2, posinf=3, neginf=4) is x and x.tolist() == [2.0, 3.0, 4.0, 1.0]
    assert torch.nan_to_num(torch.tensor([True])).dtype is torch.bool


def test_angles():
    assert close(torch.angle(torch.tensor([1, -1])), [0.0, math.pi])
    z = torch.polar(torch.tensor([2.0]), torch.tensor([math.pi / 2]))
    assert abs(z.item() - 2j) < 1e-6 and torch.angle(z).item() == pytest.approx(math.pi / 2)
    with pytest.raises(RuntimeError, match="scalar type Float but got scalar type Double"):
        torch.polar(torch.ones(1), torch.ones(1).double())


def test_closeness():
    a = torch.tensor([1.0, nan, inf])
    assert torch.isclose(a, a).tolist() == [True, False, True]
    assert torch.isclose(a, a, equal_nan=True).all()
    assert torch.allclose(torch.tensor([1e-9]), torch.zeros(1)) is True
    assert torch.isclose(torch.tensor([100, 101]), torch.tensor([101, 101]), rtol=0.02).tolist() == [
        True,
        True,
    ]
    with pytest.raises(RuntimeError, match="Float did not match Double"):
        torch.allclose(a, a.double())
    with pytest.raises(RuntimeError, match="rtol must be greater than or equal to zero"):
        torch.isclose(a, a, rtol=-1)


def test_equal_is_about_the_whole():
    assert torch.equal(torch.ones(2), torch.ones(2, dtype=torch.int64)) is True
    assert torch.equal(torch.ones(2), torch.ones(1)) is False
    assert torch.tensor([nan]).equal(torch.tensor([nan])) is False
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        torch.equal(torch.ones(1), 1)


def test_special_functions():
    x = torch.tensor([0.5])
    assert torch.erf(x).item() + torch.erfc(x).item() == pytest.approx(1)
    assert torch.erfinv(torch.erf(x)).item() == pytest.approx(0.5)
    assert torch.lgamma(torch.tensor([5])).item() == pytest.approx(math.log(24))
    assert torch.polygamma(1, torch.tensor([1.0])).item() == pytest.approx(math.pi**2 / 6)
    assert torch.tensor([1.0]).polygamma(1).item() == pytest.approx(math.pi**2 / 6)
    assert torch.tensor([1.0]).polygamma_(0).item() == pytest.approx(-0.5772157)
    assert torch.igamma(x, x).item() + torch.igammac(x, x).item() == pytest.approx(1)
    assert torch.i0(torch.zeros(1)).item() == 1
    assert torch.sinc(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([1.0, 0.0], abs=1e-7)
    assert torch.logit(torch.tensor([0.0, 1.0]), eps=0.5).tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="does not support negative n"):
        torch.polygamma(-1, x)


def test_what_has_no_derivative_says_so_in_backward():
    a = torch.ones(1, requires_grad=True)
    out = torch.igamma(a, torch.ones(1))
    with pytest.raises(NotImplementedError, match="derivative for 'igamma: input' is not implemented"):
        out.backward()
    x = torch.ones(1, requires_grad=True)
    torch.igamma(torch.ones(1), x).backward()
    assert x.grad.item() == pytest.approx(math.exp(-1))


def test_sinc_slope_near_zero_keeps_its_digits():
    x = torch.tensor([1e-3], requires_grad=True)
    torch.sinc(x).backward()
    assert x.grad.item() == pytest.approx(-(math.pi**2) * 1e-3 / 3, rel=1e-5)


def test_differences():
    x = torch.tensor([1, 4, 9, 16])
    assert torch.diff(x, 2).tolist() == [2, 2]
    assert x.diff(prepend=torch.tensor([0])).tolist() == [1, 3, 5, 7]
    assert torch.diff(torch.tensor([True, False])).tolist() == [True]
    assert torch.diff(x, 9).shape == (0,)
    with pytest.raises(RuntimeError, match="at least one-dimensional"):
        torch.diff(torch.tensor(1))


def test_gradient():
    (slope,) = torch.gradient(torch.tensor([1.0, 4.0, 9.0, 16.0]))
    assert slope.tolist() == [3.0, 4.0, 6.0, 7.0]
    (slope,) = torch.gradient(torch.tensor([1.0, 4.0, 9.0]), spacing=0.5, edge_order=2)
    assert slope.tolist() == [4.0, 8.0, 12.0]
    (slope,) = torch.gradient(
        torch.tensor([1.0, 4.0, 16.0]), spacing=(torch.tensor([1.0, 2.0, 4.0]),), edge_order=2
    )
    assert close(slope, [2.0, 4.0, 8.0])
    assert len(torch.gradient(torch.ones(3, 4))) == 2
    with pytest.raises(RuntimeError, match=r"at least edge_order\+1"):
        torch.gradient(torch.ones(1))


def test_integrals():
    y = torch.tensor([1.0, 2.0, 3.0])
    assert torch.trapezoid(y).item() == 4 == torch.trapz(y).item()
    assert torch.trapezoid(y, torch.tensor([0.0, 2.0, 3.0])).item() == 5.5
    assert torch.cumulative_trapezoid(y, dx=2).tolist() == [3.0, 8.0]
    with pytest.raises(RuntimeError, match="one `x` value for each sample point"):
        torch.trapezoid(y, torch.ones(2))


def test_covariances():
    x = torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    assert torch.cov(x).tolist() == [[1.0, -1.0], [-1.0, 1.0]]
    assert torch.corrcoef(x).tolist() == [[1.0, -1.0], [-1.0, 1.0]]
    assert torch.cov(x[0], fweights=torch.tensor([1, 0, 1])).item() == 2
    assert torch.cov(torch.ones(3)).shape == ()
    with pytest.raises(RuntimeError, match="two or fewer dimensions"):
        torch.cov(torch.ones(1, 1, 1))


def test_norms():
    x = torch.tensor([[3.0, 4.0], [6.0, 8.0]])
    assert torch.norm(x, dim=1).tolist() == [5.0, 10.0]
    assert x.norm(p=1).item() == 21 and x.norm(inf).item() == 8 and x.norm(0, 1).tolist() == [2.0, 2.0]
    assert x.norm(2, (0, 1), keepdim=True).shape == (1, 1)
    assert x.norm(dtype=torch.float64).dtype is torch.float64
    assert torch.dist(x[0], x[1], 1).item() == 7
    assert torch.renorm(x, 2, 0, 5.0).norm(dim=1).tolist() == pytest.approx([5.0, 5.0])
    z = torch.zeros(2, requires_grad=True)
    z.norm().backward()
    assert z.grad.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="floating point or complex tensor as input. Got Long"):
        torch.norm(torch.ones(2).long())


@pytest.mark.parametrize(
    "copy, view",
    [
        (lambda x: torch.view_copy(x, (6,)), lambda x: x.view(6)),
        (lambda x: torch.transpose_copy(x, 0, 1), lambda x: x.transpose(0, 1)),
        (lambda x: torch.select_copy(x, 0, 1), lambda x: x[1]),
        (lambda x: torch.slice_copy(x, 1, 0, 3, 2), lambda x: x[:, 0:3:2]),
        (lambda x: torch.expand_copy(x, (2, 2, 3)), lambda x: x.expand(2, 2, 3)),
        (lambda x: torch.unbind_copy(x)[1], lambda x: x.unbind()[1]),
        (lambda x: torch.detach_copy(x), lambda x: x.detach()),
        (lambda x: torch.squeeze_copy(x), lambda x: x.squeeze()),
    ],
)
def test_copies_share_nothing(copy, view):
    x = torch.arange(6.0).reshape(2, 3)
    copied = copy(x)
    assert torch.equal(copied, view(x))
    x.zero_()
    assert copied.sum().item() != 0


def test_filling_and_summing_to_sizes():
    x = torch.zeros(2, 3, dtype=torch.int64)
    assert torch.fill(x, 2.9).tolist() == [[2] * 3] * 2
    assert torch.ones(2, 3).sum_to_size(1, 3).tolist() == [[2.0] * 3]
    with pytest.raises(RuntimeError, match="is not expandable to size"):
        torch.ones(2, 3).sum_to_size(2)
    assert torch.ones(2).resize_as_(torch.ones(3, 1)).shape == (3, 1)
    assert [len(c) for c in torch.unsafe_chunk(torch.ones(5), 2)] == [3, 2]
