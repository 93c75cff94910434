"""Activations and softmax: in-place forms, dtypes, errors, and numbers where formulas overflow."""

import math

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional

IN_PLACE = ["celu", "elu", "hardtanh", "leaky_relu", "relu", "rrelu", "selu"]
FLAGGED = [*IN_PLACE, "hardsigmoid", "hardswish", "mish", "relu6", "silu"]


@pytest.mark.parametrize("name", FLAGGED)
def test_inplace_writes_over_the_input(name):
    x = torch.tensor([-1.0, 0.5, 7.0])
    expected = getattr(F, name)(x.clone()).tolist()
    version = x._version
    assert getattr(F, name)(x, inplace=True) is x
    assert x.tolist() == expected
    assert x._version > version


@pytest.mark.parametrize("name", IN_PLACE)
def test_underscore_form(name):
    x = torch.tensor([-1.0, 0.5, 7.0])
    expected = getattr(F, name)(x.clone()).tolist()
    assert getattr(F, name + "_")(x) is x
    assert x.tolist() == expected


@pytest.mark.parametrize("name", ["celu_", "relu_", "rrelu_", "selu_", "threshold_"])
def test_in_place_forms_of_the_top_namespace(name):
    x = torch.tensor([-1.0, 2.0])
    args = (0.0, 5.0) if name == "threshold_" else ()
    assert getattr(torch, name)(x, *args) is x
    assert not hasattr(torch.Tensor, name) or name == "relu_"


def test_inplace_as_a_positional_argument():
    x = torch.tensor([-1.0])
    assert F.leaky_relu(x, 0.5, True) is x and x.item() == -0.5
    assert F.relu(x, True) is x and x.item() == 0.0


def test_gradient_through_an_in_place_activation():
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = x * 1
    F.elu(y, inplace=True)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [math.exp(-1), 1.0], rtol=1e-6)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad.*elu_"):
        F.elu_(x)


@pytest.mark.parametrize(
    "name, kernel",
    [("gelu", "GeluKernelImpl"), ("elu", "elu_cpu"), ("softplus", "softplus_cpu"), ("mish", "mish_cpu")],
)
def test_integers_are_refused_by_name(name, kernel):
    with pytest.raises(NotImplementedError, match=f"\"{kernel}\" not implemented for 'Long': {name}"):
        getattr(F, name)(torch.arange(3))


def test_integers_where_they_are_allowed():
    whole = torch.tensor([-9, 3, 9])
    assert F.relu6(whole).tolist() == [0, 3, 6]
    assert F.hardtanh(whole).dtype is torch.int64
    assert F.threshold(whole, 3, 7).tolist() == [7, 7, 9]
    with pytest.raises(RuntimeError, match="Bool inputs not supported"):
        F.hardtanh(whole > 0)


def test_numbers_that_do_not_fit():
    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="min_val cannot be greater than max_val.*2 and 1"):
        F.hardtanh(x, 2, 1)
    with pytest.raises(RuntimeError, match="alpha cannot be 0 for CELU"):
        F.celu(x, 0)
    with pytest.raises(RuntimeError, match="none or tanh.*'exact'"):
        F.gelu(x, approximate="exact")
    with pytest.raises(RuntimeError, match="Halving dimension must be even, but dimension 1 is size 3"):
        F.glu(x)
    with pytest.raises(RuntimeError, match="Lower bound"):
        F.rrelu(x, 0.5, 0.1)
    with pytest.raises(RuntimeError, match="parameter numbers = 2 and channel size = 3"):
        F.prelu(x, torch.zeros(2))
    with pytest.raises(RuntimeError, match="Got Float and Double"):
        F.prelu(x, torch.zeros(3, dtype=torch.float64))
    with pytest.raises(
        TypeError, match=r"gelu\(\): argument 'input' \(position 1\) must be Tensor, not list"
    ):
        F.gelu([1.0])


@pytest.mark.parametrize("name", ["elu", "selu", "celu", "mish", "silu", "gelu", "softplus", "logsigmoid"])
def test_first_and_second_derivative_of_large_numbers_are_finite(name):
    x = torch.tensor([-1000.0, -90.0, 90.0, 1000.0], requires_grad=True)
    y = getattr(F, name)(x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    for part in (y, g, h):
        assert torch.isfinite(part).all(), (name, part)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "elu", "softplus", "hardswish"])
def test_half_width_is_rounded_once(name):
    x = torch.randn(64, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = getattr(F, name)(x)
    assert found.dtype is torch.bfloat16
    assert torch.equal(found, getattr(F, name)(x.float()).bfloat16())


# ---------------------------------------------------------------- softmax


def test_softmax_of_large_and_infinite_logits():
    assert F.softmax(torch.tensor([1000.0, 1000.0]), 0).tolist() == [0.5, 0.5]
    assert F.log_softmax(torch.tensor([1000.0, -1000.0]), 0).tolist() == [0.0, -2000.0]
    assert F.softmax(torch.tensor([-math.inf, 0.0]), 0).tolist() == [0.0, 1.0]
    assert all(map(math.isnan, F.softmax(torch.full((2,), -math.inf), 0).tolist()))


def test_softmax_in_another_dtype():
    whole = torch.tensor([0, 0])
    with pytest.raises(
        NotImplementedError, match="\"softmax_lastdim_kernel_impl\" not implemented for 'Long'"
    ):
        F.softmax(whole, 0)
    assert F.softmax(whole, 0, dtype=torch.float64).dtype is torch.float64
    assert torch.log_softmax(whole.bfloat16(), 0, dtype=torch.float32).dtype is torch.float32
    assert whole.float().softmax(-1).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "name, shape, dim", [("softmax", (2, 3), 1), ("log_softmax", (2, 3, 1), 0), ("softmin", (3,), 0)]
)
def test_softmax_without_dim_warns(name, shape, dim):
    x = torch.arange(math.prod(shape)).float().reshape(shape)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name}") as seen:
        found = getattr(F, name)(x)
    assert seen[0].filename == __file__
    assert torch.equal(found, getattr(F, name)(x, dim))


def test_softmax_is_one_entry_that_reads_its_result():
    x = torch.zeros(3, requires_grad=True)
    entry = F.softmax(x, 0).grad_fn
    assert entry.name() == "SoftmaxBackward0"
    assert len(entry.saved_tensors) == 1
    assert F.log_softmax(x, 0).grad_fn.name() == "LogSoftmaxBackward0"


def test_softmax_of_nothing():
    assert F.softmax(torch.zeros(3, 0), 1).shape == (3, 0)
    assert F.softmax(torch.tensor(3.0), 0).item() == 1.0
    with pytest.raises(IndexError, match="Dimension out of range"):
        F.softmax(torch.zeros(2), 1)


def test_gumbel_softmax_gives_a_corner_and_its_gradient():
    torch.manual_seed(0)
    x = torch.zeros(4, 3, requires_grad=True)
    corner = F.gumbel_softmax(x, hard=True)
    np.testing.assert_allclose(corner.detach().sum(-1).numpy(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(corner.detach().max(-1).values.numpy(), 1.0, rtol=1e-6)
    (corner * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.abs().sum() > 0
    with pytest.warns(UserWarning, match="`eps` parameter is deprecated"):
        F.gumbel_softmax(x, eps=1e-3)
