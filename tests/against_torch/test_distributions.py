"""torch.distributions beside PyTorch's: densities, entropies, moments, draws of the same seed, divergences."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

A, B = [0.5, 1.5, 2.5], [1.2, 0.7, 3.0]
PROBS = [0.2, 0.3, 0.5]
COV = [[2.0, 0.5], [0.5, 1.0]]
# name: (parameters, values to take log_prob of)
CASES = {
    "Normal": ((A, B), [0.1, -1.0, 2.0]),
    "Laplace": ((A, B), [0.1, -1.0, 2.0]),
    "Cauchy": ((A, B), [0.1, -1.0, 2.0]),
    "Gumbel": ((A, B), [0.1, -1.0, 2.0]),
    "Uniform": ((A, [1.0, 2.0, 4.0]), [0.6, 1.7, 3.0]),
    "Exponential": ((B,), [0.1, 1.0, 2.0]),
    "Gamma": ((A, B), [0.1, 1.0, 2.0]),
    "InverseGamma": ((A, B), [0.1, 1.0, 2.0]),
    "Beta": ((A, B), [0.1, 0.5, 0.9]),
    "Kumaraswamy": ((A, B), [0.1, 0.5, 0.9]),
    "Chi2": ((B,), [0.1, 1.0, 2.0]),
    "StudentT": ((B, A, B), [0.1, -1.0, 2.0]),
    "FisherSnedecor": (([1.0, 5.0, 3.0], [5.0, 6.0, 7.0]), [0.1, 1.0, 2.0]),
    "LogNormal": ((A, B), [0.1, 1.0, 2.0]),
    "HalfNormal": ((B,), [0.1, 1.0, 2.0]),
    "HalfCauchy": ((B,), [0.1, 1.0, 2.0]),
    "Pareto": ((A, [3.0, 4.0, 5.0]), [1.0, 2.0, 3.0]),
    "Weibull": ((A, B), [0.1, 1.0, 2.0]),
    "Poisson": ((B,), [0.0, 1.0, 4.0]),
    "Bernoulli": ((PROBS,), [0.0, 1.0, 1.0]),
    "Geometric": ((PROBS,), [0.0, 1.0, 4.0]),
    "Binomial": ((4, PROBS), [0.0, 1.0, 4.0]),
    "NegativeBinomial": ((4.0, PROBS), [0.0, 1.0, 4.0]),
    "Categorical": ((PROBS,), 2.0),
    "OneHotCategorical": ((PROBS,), [0.0, 1.0, 0.0]),
    "Multinomial": ((4, PROBS), [1.0, 1.0, 2.0]),
    "Dirichlet": ((A,), PROBS),
    "MultivariateNormal": (([0.5, 1.0], COV), [0.0, 2.0]),
    "LowRankMultivariateNormal": (([0.5, 1.0], [[1.0], [0.5]], [1.0, 2.0]), [0.0, 2.0]),
    "RelaxedBernoulli": ((0.7, PROBS), [0.1, 0.5, 0.9]),
    "RelaxedOneHotCategorical": ((0.7, PROBS), PROBS),
    "LogisticNormal": (([0.5, 1.0], [1.0, 2.0]), PROBS),
}


def made(library, name):
    parameters = [library.tensor(p) if isinstance(p, list) else p for p in CASES[name][0]]
    if "Relaxed" in name:
        parameters[0] = library.tensor(parameters[0])
    return getattr(library.distributions, name)(*parameters)


def same(ours, theirs, **tolerance):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), **{"rtol": 1e-4, "atol": 1e-5, **tolerance}
    )


@pytest.mark.parametrize("name", CASES)
def test_numbers(name):
    ours, theirs = made(rushlight, name), made(torch, name)
    assert repr(ours) == repr(theirs)
    assert (tuple(ours.batch_shape), tuple(ours.event_shape)) == (
        tuple(theirs.batch_shape),
        tuple(theirs.event_shape),
    )
    assert ours.has_rsample == theirs.has_rsample
    value = CASES[name][1]
    same(ours.log_prob(rushlight.tensor(value)), theirs.log_prob(torch.tensor(value)))
    for what in ("mean", "variance", "stddev", "mode"):
        try:
            expected = getattr(theirs, what)
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                getattr(ours, what)
            continue
        same(getattr(ours, what), expected)
    for what, at in (("entropy", ()), ("cdf", (value,)), ("icdf", ([0.2, 0.5, 0.9],))):
        try:
            expected = getattr(theirs, what)(*(torch.tensor(v) for v in at))
        except NotImplementedError:
            continue
        same(getattr(ours, what)(*(rushlight.tensor(v) for v in at)), expected)


@pytest.mark.parametrize("name", CASES)
def test_draws_of_one_seed(name):
    ours, theirs = made(rushlight, name), made(torch, name)
    rushlight.manual_seed(3), torch.manual_seed(3)
    draw, expected = ours.sample((20, 2)), theirs.sample((20, 2))
    assert tuple(draw.shape) == tuple(expected.shape)
    same(draw, expected, rtol=2e-3, atol=1e-4)
    assert tuple(ours.expand((2, *ours.batch_shape)).sample().shape) == (
        2,
        *theirs.batch_shape,
        *theirs.event_shape,
    )


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet", "StudentT", "Normal", "Gumbel"])
def test_gradients_of_draws(name):
    found = []
    for library in (rushlight, torch):
        library.manual_seed(5)
        parameters = [library.tensor(p, requires_grad=True) for p in CASES[name][0]]
        drawn = getattr(library.distributions, name)(*parameters).rsample((4,))
        (drawn * library.arange(float(drawn.shape[-1]))).sum().backward()
        found.append([p.grad.numpy() for p in parameters])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=2e-2, atol=2e-3)


OTHERS = {
    "Normal": ([0.0, 1.0, 2.0], [1.0, 2.0, 0.5]), "Laplace": ([0.0, 1.0, 2.0], [1.0, 2.0, 0.5]),
    "Cauchy": ([0.0, 1.0, 2.0], [1.0, 2.0, 0.5]), "Gamma": (B, A), "Beta": (B, A), "Exponential": (A,),
    "Bernoulli": ([0.5, 0.1, 0.9],), "Categorical": ([0.5, 0.1, 0.4],), "Dirichlet": (B,), "Poisson": (A,),
    "Geometric": ([0.5, 0.1, 0.9],), "HalfNormal": (A,), "LogNormal": (B, A), "Uniform": ([0.0, 2.0, 1.0], [3.0, 5.0, 6.0]),
    "MultivariateNormal": ([0.0, 1.0], [[1.0, 0.2], [0.2, 3.0]]), "OneHotCategorical": ([0.5, 0.1, 0.4],),
    "Pareto": ([0.1, 2.0, 2.0], [1.0, 2.0, 3.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_divergences(name):
    found = []
    for library in (rushlight, torch):
        q = getattr(library.distributions, name)(*(library.tensor(p) for p in OTHERS[name]))
        found.append(library.distributions.kl_divergence(made(library, name), q))
    same(*found)


def test_mixture_and_independent():
    found = []
    for library in (rushlight, torch):
        D = library.distributions
        library.manual_seed(1)
        parts = D.Independent(
            D.Normal(library.zeros(3, 2) + library.arange(3.0)[:, None], library.ones(3, 2)), 1
        )
        mixture = D.MixtureSameFamily(D.Categorical(library.tensor(PROBS)), parts)
        found.append(
            [mixture.mean, mixture.variance, mixture.sample((5,)), mixture.log_prob(library.ones(4, 2))]
        )
    for a, b in zip(*found):
        same(a, b)


@pytest.mark.parametrize(
    "name",
    ["real", "positive", "unit_interval", "simplex", "lower_cholesky", "positive_definite", "corr_cholesky"],
)
def test_transforms_into_regions(name):
    found = []
    for library in (rushlight, torch):
        D = library.distributions
        region = getattr(D.constraints, name)
        shape = (3, 3) if name in ("lower_cholesky", "positive_definite") else (3,)
        x = library.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
        t = (D.transform_to if name in ("lower_cholesky", "positive_definite") else D.biject_to)(region)
        y = t(x)
        assert bool(region.check(y).all())
        rows = [y, D.transform_to(region)(x)] + ([t.inv(y)] if name != "positive_definite" else [])
        if name not in ("lower_cholesky", "positive_definite"):
            rows.append(t.log_abs_det_jacobian(x, y))
        found.append(rows)
    for a, b in zip(*found):
        same(a, b, rtol=1e-3)


def test_bad_parameters_and_values():
    for library in (rushlight, torch):
        D = library.distributions
        with pytest.raises(ValueError, match="Expected parameter scale"):
            D.Normal(0.0, -1.0)
        with pytest.raises(ValueError, match="within the support"):
            D.Beta(1.0, 1.0).log_prob(library.tensor(2.0))
        with pytest.raises(ValueError, match="Either `probs` or `logits`"):
            D.Bernoulli()
        with pytest.raises(NotImplementedError, match="No KL"):
            D.kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(0.0, 1.0))


def test_random_correlations():
    found = []
    for library in (rushlight, torch):
        library.manual_seed(2)
        d = library.distributions.LKJCholesky(3, library.tensor([1.0, 2.0]))
        drawn = d.sample((4,))
        found.append([drawn, d.log_prob(drawn)])
    for a, b in zip(*found):
        same(a, b, rtol=2e-3, atol=1e-3)


def test_whole_numbers_become_floats():
    assert rushlight.distributions.Normal(0, 1).loc.dtype is rushlight.float32
