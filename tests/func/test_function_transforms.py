"""torch.func on its own: nesting, containers, what stays on the tape, and what is refused."""

import pytest

import rushlight as torch
from rushlight.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    rearrange,
    stack_module_state,
    vjp,
    vmap,
)


def test_grad_nests():
    x = torch.tensor(0.7)
    f = torch.sin
    for sign, g in ((1, torch.cos), (-1, torch.sin), (-1, torch.cos)):
        f = grad(f)
        torch.testing.assert_close(f(x), sign * g(x))
        assert not f(x).requires_grad


def test_grad_of_containers_and_several_arguments():
    def loss(params, x):
        return ((params["w"] * x + params["b"]) ** 2).sum()

    params = {"w": torch.tensor(2.0), "b": torch.tensor(1.0)}
    x = torch.tensor([1.0, 3.0])
    gradient, by_x = grad(loss, argnums=(0, 1))(params, x)
    assert gradient["w"].item() == 2 * (3 * 1 + 7 * 3)
    assert gradient["b"].item() == 2 * (3 + 7)
    assert by_x.tolist() == [12.0, 28.0]


def test_grad_with_aux_and_value():
    found, (value, aux) = grad_and_value(lambda x: (x**2, x + 1), has_aux=True)(torch.tensor(3.0))
    assert (found.item(), value.item(), aux.item()) == (6.0, 9.0, 4.0)
    assert not aux.requires_grad


def test_what_is_outside_stays_on_the_tape():
    w = torch.tensor(3.0, requires_grad=True)
    found = grad(lambda x: w * x**2)(torch.tensor(2.0))
    found.backward()
    assert w.grad.item() == 4.0
    x = torch.tensor(2.0, requires_grad=True)
    grad(lambda x: x**3)(x).backward()
    assert x.grad.item() == 12.0


def test_no_grad_outside_and_inside():
    with torch.no_grad():
        found = grad(lambda x: x**2)(torch.tensor(2.0, requires_grad=True))
    assert found.item() == 4.0 and not found.requires_grad


def test_jacobians_and_hessian_agree():
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    f = lambda x: torch.stack([(x**2).sum(), x.prod()])
    expected = torch.stack([2 * x, torch.stack([x[1] * x[2], x[0] * x[2], x[0] * x[1]])])
    torch.testing.assert_close(jacrev(f)(x), expected)
    torch.testing.assert_close(jacfwd(f)(x), expected)
    table = hessian(lambda x: x.prod())(x)
    assert table[0, 1].item() == x[2].item() and table[0, 0].item() == 0
    torch.testing.assert_close(table, jacrev(jacfwd(lambda x: x.prod()))(x))


def test_jacrev_is_nested_as_outputs_then_inputs():
    out = jacrev(lambda a, b: {"s": a + b, "p": a * b}, argnums=(0, 1))(torch.ones(2), torch.full((2,), 3.0))
    assert out["s"][1].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert out["p"][0].tolist() == [[3.0, 0.0], [0.0, 3.0]]


def test_products():
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    value, pull = vjp(lambda x: x**2, x)
    assert value.tolist() == [1.0, 4.0]
    assert pull(v)[0].tolist() == [6.0, 16.0]
    value, moved = jvp(lambda x: x**2, (x,), (v,))
    assert moved.tolist() == [6.0, 16.0]
    value, push = linearize(lambda x: x**2, x)
    assert push(v).tolist() == [6.0, 16.0]
    assert jvp(lambda x: torch.ones(2), (x,), (v,))[1].tolist() == [0.0, 0.0]


def test_per_example_gradients():
    w, xs = torch.tensor([1.0, -2.0]), torch.arange(6.0).reshape(3, 2)
    found = vmap(grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(w, xs)
    torch.testing.assert_close(found, 2 * (xs @ w)[:, None] * xs)


def test_vmap_dims():
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert vmap(lambda a: a * 2, in_dims=1, out_dims=2)(x).shape == (2, 4, 3)
    assert vmap(lambda a: a, in_dims=-1, out_dims=-1)(x).shape == (2, 3, 4)
    both = vmap(lambda d, y: (d["a"] + y, y), in_dims=({"a": 0}, None), out_dims=(0, None))
    first, second = both({"a": torch.ones(3)}, torch.tensor(2.0))
    assert first.tolist() == [3.0] * 3 and second.item() == 2.0
    outer = vmap(vmap(torch.mul, in_dims=(None, 0)), in_dims=(0, None))(torch.arange(3.0), torch.arange(2.0))
    assert outer.shape == (3, 2) and outer[2, 1].item() == 2


def test_vmap_randomness():
    x = torch.zeros(3)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(lambda a: a + torch.rand(()))(x)
    same = vmap(lambda a: a + torch.rand(()), randomness="same")(x)
    assert len(set(same.tolist())) == 1
    different = vmap(lambda a: a + torch.rand(()), randomness="different")(x)
    assert len(set(different.tolist())) == 3


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: vmap(torch.sin)(1.0), ValueError, "non-Tensor"),
        (lambda: vmap(torch.sin, in_dims=2)(torch.ones(1)), ValueError, "in_dim=2"),
        (lambda: vmap(torch.add)(torch.ones(2), torch.ones(3)), ValueError, "same size"),
        (lambda: vmap(lambda x: 1.0)(torch.ones(2)), ValueError, "only return Tensors"),
        (lambda: vmap(torch.sin, randomness="x")(torch.ones(2)), RuntimeError, "randomness"),
        (lambda: grad(torch.sin)(torch.ones(2)), RuntimeError, "scalar tensor"),
        (lambda: grad(torch.sin, argnums=3)(torch.ones(())), RuntimeError, "argnum=3"),
        (lambda: rearrange(torch.ones(2, 3), "a -> a"), ValueError, "names 1 dims"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_rearrange():
    x = torch.arange(24).reshape(2, 12)
    assert torch.equal(rearrange(x, "b (h w) -> b w h", h=3), x.reshape(2, 3, 4).permute(0, 2, 1))
    assert rearrange(torch.ones(2, 3, 4), "... c -> c (...)").shape == (4, 6)


def test_ensembles_of_modules():
    models = [torch.nn.Linear(2, 1) for _ in range(3)]
    params, buffers = stack_module_state(models)
    assert params["weight"].shape == (3, 1, 2) and params["weight"].requires_grad
    x = torch.ones(4, 2)
    out = vmap(lambda p, b, x: functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(
        params, buffers, x
    )
    torch.testing.assert_close(out, torch.stack([m(x) for m in models]))
    out.sum().backward()
    assert params["bias"].grad.tolist() == [[4.0]] * 3
