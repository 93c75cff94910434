"""The tape: names, accumulation, freeing, hooks, modes, views in place, user-defined functions, checks."""

import warnings

import numpy as np
import pytest

import rushlight as torch


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def test_names_and_next_functions():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert y.grad_fn.name() == "MulBackward0" and not y.is_leaf and x.is_leaf and x.grad_fn is None
    (edge, number), other = y.grad_fn.next_functions
    assert edge.name() == "AccumulateGrad" and edge.variable is x and number == 0 and other == (None, 0)


def test_gradients_add_up_and_a_second_backward_is_refused():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_backward_of_many_numbers_needs_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    (x * 2).backward(torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 20]
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(1).backward()


def test_integers_cannot_require_grad():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2], requires_grad=True)


def test_modes_nest_and_end_after_errors():
    assert torch.is_grad_enabled()
    with pytest.raises(ValueError), torch.no_grad():
        with torch.enable_grad():
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
        raise ValueError
    assert torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    assert not (leaf(1.0) * 2).requires_grad
    torch.set_grad_enabled(True)

    @torch.no_grad()
    def inside():
        return torch.is_grad_enabled()

    @torch.no_grad()
    def steps():
        yield torch.is_grad_enabled()

    assert not inside() and next(steps()) is False and torch.is_grad_enabled()


def test_a_leaf_is_not_written_in_place():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x[0].mul_(2)
    with torch.no_grad():
        x.add_(1)
    assert x.item() == 2 and x._version == 1


def test_writes_to_views_reach_the_base_and_its_other_views():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    first, rest = y[0], y[1:]
    rest.mul_(10)
    assert y.tolist() == [1, 20, 30] and y.grad_fn.name() == "CopySlices"
    (first * 5 + rest.sum()).backward()
    assert x.grad.tolist() == [5, 10, 10]


def test_a_saved_value_is_what_it_was():
    x = leaf(2.0)
    y = x.exp()
    out = y * 1
    y2 = y.detach()
    y2.zero_()
    out.sum().backward()
    assert x.grad.item() == pytest.approx(np.exp(2.0))


def test_detach_shares_memory_and_stops_the_flow():
    x = torch.ones(2)
    d = x.detach()
    d[0] = 5
    assert x.tolist() == [5, 1]
    w = leaf(3.0)
    (w * w.detach()).backward()
    assert w.grad.item() == 3


def test_tensor_hooks_change_gradients_and_can_be_removed():
    x = leaf(1.0)
    y = x * 2
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.item()) or g * 10)
    x.register_hook(lambda g: g + 1)
    (y * 3).backward(retain_graph=True)
    assert seen == [3] and x.grad.item() == 61
    handle.remove()
    x.grad = None
    (y * 3).backward()
    assert x.grad.item() == 7


def test_retain_grad_and_the_warning_without_it():
    x = leaf(1.0)
    y = x * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 4


def test_higher_derivatives():
    x = leaf(2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        assert y.item() == pytest.approx(expected)


def test_grad_of_unused_inputs():
    x, z = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="appears to not have been used"):
        torch.autograd.grad(x * 2, (x, z))
    assert torch.autograd.grad(x * 2, (x, z), allow_unused=True)[1] is None
    assert torch.autograd.grad(x * 2, (x, z), materialize_grads=True)[1].item() == 0


def test_user_functions():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            assert ctx.needs_input_grad == (True,)
            return g * 3 * x**2

    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward"
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    assert (g.item(), h.item()) == (12, 12)
    assert torch.autograd.gradcheck(Cube.apply, x) and torch.autograd.gradgradcheck(Cube.apply, x)


def test_user_function_with_a_wrong_number_of_gradients():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="expected 2, got 1"):
        Two.apply(leaf(1.0), leaf(1.0)).backward()


def test_gradcheck_catches_a_wrong_gradient():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2.01

    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    with pytest.raises(torch.autograd.GradcheckError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(Wrong.apply, x)
    assert not torch.autograd.gradcheck(Wrong.apply, x, raise_exception=False)


def test_anomaly_mode_names_the_line():
    x = leaf(0.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.detect_anomaly():
            y = torch.sqrt(x) * 0  # the line to be named
            with pytest.raises(RuntimeError, match="SqrtBackward0' returned nan values in its 0th output"):
                y.sum().backward()
    assert any("test_tape.py" in str(w.message) for w in caught)


def test_jacobian_and_hessian():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    f = torch.autograd.functional
    assert f.jacobian(lambda t: t**2, x).tolist() == [[2, 0], [0, 4]]
    assert f.hessian(lambda t: (t**3).sum(), x).tolist() == [[6, 0], [0, 12]]
    assert f.jvp(lambda t: t**2, x, torch.ones_like(x))[1].tolist() == [2, 4]
    assert f.vjp(lambda t: t**2, x, torch.ones_like(x))[1].tolist() == [2, 4]
    assert f.hvp(lambda t: (t**3).sum(), x, torch.ones_like(x))[1].tolist() == [6, 12]
