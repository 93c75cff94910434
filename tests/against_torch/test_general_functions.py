"""General functions on random shapes and indices, value and gradient, against PyTorch."""

import itertools

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(20)


def both(array, grad=False):
    """The same numbers in both libraries."""
    ours, theirs = rushlight.tensor(array.tolist(), dtype=_of(array)), torch.from_numpy(array.copy())
    ours = ours.reshape(array.shape)
    return (ours.requires_grad_(), theirs.requires_grad_()) if grad else (ours, theirs)


def _of(array):
    return {"f": rushlight.float64, "i": rushlight.int64, "b": rushlight.bool}[array.dtype.kind]


def same(ours, theirs):
    found = np.asarray(ours.detach().tolist())
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(found.reshape(theirs.shape), theirs.detach().numpy(), rtol=1e-9, atol=1e-9)


def same_with_gradients(function, *arrays, index=()):
    """function(library, *tensors) in both, and the gradients of a weighted sum."""
    pairs = [both(a, grad=a.dtype.kind == "f") for a in arrays]
    ours, theirs = function(rushlight, *[p[0] for p in pairs]), function(torch, *[p[1] for p in pairs])
    same(ours, theirs)
    if not theirs.requires_grad:
        return
    weight = RNG.standard_normal(tuple(theirs.shape))
    (ours * both(weight)[0].reshape(ours.shape)).sum().backward()
    (theirs * torch.from_numpy(weight)).sum().backward()
    for mine, yours in pairs:
        if yours.requires_grad:
            same(
                rushlight.zeros_like(mine) if mine.grad is None else mine.grad,
                torch.zeros_like(yours) if yours.grad is None else yours.grad,
            )


EQUATIONS = [
    ("ij,jk->ik", "ab bc"), ("ij,kj", "ab cb"), ("bij,bjk->bik", "abc acd"), ("ii->i", "aa"), ("iij,j->i", "aab b"),
    ("...i,...i->...", "cab cab"), ("i,j,k->kji", "a b c"), ("ab,bc,cd,de->ae", "ab bc cd da"), ("ij->", "ab"),
    ("abc,abd->dc", "abc abd"), ("ij,ij,ij->i", "ab ab ab"), ("bhqd,bhkd->bhqk", "abcd abed"), ("i,...->i...", "a bc"),
    ("ij,i->j", "ab 1"), ("a...b,b...->a...", "acb bc"),
]  # fmt: skip


@pytest.mark.parametrize("equation, operands", EQUATIONS)
def test_einsum(equation, operands):
    size = {"a": 3, "b": 4, "c": 2, "d": 5, "e": 3, "1": 1}
    arrays = [RNG.standard_normal([size[x] for x in shape]) for shape in operands.split()]
    same_with_gradients(lambda lib, *ts: lib.einsum(equation, *ts), *arrays)


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("include", [True, False])
def test_scatter_reduce(reduce, dim, include):
    x = RNG.integers(-2, 3, (4, 5)).astype(float)  # ties and zeros on purpose
    src = RNG.integers(-2, 3, (3, 4)).astype(float)
    index = RNG.integers(0, x.shape[dim], (3, 4))
    same_with_gradients(
        lambda lib, a, i, s: lib.scatter_reduce(a, dim, i, s, reduce, include_self=include), x, index, src
    )


@pytest.mark.filterwarnings("ignore:index_reduce")
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_index_functions(dim):
    x = RNG.standard_normal((3, 4, 5))
    index = RNG.permutation(x.shape[dim])[:2]
    source = RNG.standard_normal([2 if d == dim else n for d, n in enumerate(x.shape)])
    same_with_gradients(lambda lib, a, i, s: lib.index_add(a, dim, i, s, alpha=-2), x, index, source)
    same_with_gradients(lambda lib, a, i, s: lib.index_copy(a, dim, i, s), x, index, source)
    same_with_gradients(lambda lib, a, i: lib.index_fill(a, dim, i, 3.0), x, index)
    same_with_gradients(lambda lib, a, i, s: lib.index_reduce(a, dim, i, s, "amax"), x, index, source)


@pytest.mark.parametrize("how", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("dim, keepdim", [(None, False), (1, True), (0, False)])
def test_quantile(how, dim, keepdim):
    x = RNG.standard_normal((4, 7))
    x[1, 2] = np.nan
    q = np.array([0.0, 0.17, 0.5, 1.0])
    for name in ("quantile", "nanquantile"):
        ours, theirs = both(x), both(q)
        same(
            getattr(rushlight, name)(ours[0], theirs[0], dim, keepdim, interpolation=how),
            getattr(torch, name)(ours[1], theirs[1], dim, keepdim, interpolation=how),
        )


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_unique(dim):
    x = RNG.integers(0, 2, (6, 3))
    for options in itertools.product([False, True], repeat=2):
        names = dict(zip(("return_inverse", "return_counts"), options))
        for name in ("unique", "unique_consecutive"):
            ours, theirs = (
                getattr(lib, name)(t, dim=dim, **names) for lib, t in zip((rushlight, torch), both(x))
            )
            for a, b in zip(
                ours if isinstance(ours, tuple) else [ours], theirs if isinstance(theirs, tuple) else [theirs]
            ):
                same(a, b)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, np.inf, -np.inf])
def test_norm(p):
    x = RNG.standard_normal((3, 4))
    x[0] = 0
    same_with_gradients(lambda lib, a: lib.norm(a, p, dim=1), x[1:])
    same(rushlight.norm(both(x)[0], p, 1), torch.norm(both(x)[1], p, 1))


@pytest.mark.parametrize("source, destination", [("float64", "float32"), ("int64", "int64")])
def test_order_of_distinct_numbers(source, destination):
    x = RNG.permutation(24).reshape(4, 6).astype(source)
    ours, theirs = both(x)
    for dim, descending in itertools.product([0, 1], [True, False]):
        a, b = ours.sort(dim, descending), theirs.sort(dim, descending)
        same(a.values, b.values)
        same(a.indices, b.indices)
        a, b = ours.topk(2, dim, descending), theirs.topk(2, dim, descending)
        same(a.values, b.values)
        same(a.indices, b.indices)
        same(ours.kthvalue(2, dim).indices, theirs.kthvalue(2, dim).indices)
        same(ours.median(dim).indices, theirs.median(dim).indices)


def test_functions_of_numbers_with_gradients():
    x, y = RNG.uniform(0.2, 2, (3, 4)), RNG.uniform(0.2, 2, (4,))
    for name in ("logaddexp", "logaddexp2", "xlogy", "fmax", "fmin", "ldexp", "float_power", "hypot"):
        same_with_gradients(lambda lib, a, b, name=name: getattr(lib, name)(a, b), x, y)
    for name in (
        "erf",
        "erfc",
        "lgamma",
        "digamma",
        "sinc",
        "i0",
        "trace",
        "tril",
        "diff",
        "cov",
        "rot90",
        "msort",
    ):
        same_with_gradients(lambda lib, a, name=name: getattr(lib, name)(a), x)
    same_with_gradients(lambda lib, a: lib.mvlgamma(a + 2, 3), x)
    same_with_gradients(lambda lib, a: lib.logit(a / 3, 0.1), x)
    same_with_gradients(lambda lib, a: lib.renorm(a, 2, 0, 1.0), x)
    same_with_gradients(lambda lib, a, b: lib.addcdiv(a, b, a, value=0.3), x, y)
    same_with_gradients(lambda lib, a, b: lib.lerp(a, a * b, 0.7), x, y)
