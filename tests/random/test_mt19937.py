"""The random stream by itself: values that PyTorch gave once, laws of streams, and the arithmetic beneath."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from rushlight.random import permutation, rounding
from rushlight.random.engine import Engine
from rushlight.random.mt19937 import Stream
from rushlight.random.rejection import Tape

SINGLE = np.float32

# What PyTorch 2.13 gives right after torch.manual_seed(1234).
GOLDEN = {
    "rand": (
        lambda s: s.uniform(4),
        [0.028979241847991943, 0.4018985629081726, 0.25984418392181396, 0.3666413426399231],
    ),
    "rand float64": (
        lambda s: s.uniform(3, "float64"),
        [0.2318341720884639, 0.07875386135027063, 0.46640616040796923],
    ),
    "rand bfloat16": (
        lambda s: s.uniform(4, "bfloat16"),
        [0.0289306640625, 0.40234375, 0.259765625, 0.3671875],
    ),
    "uniform_": (
        lambda s: s.uniform(4, "float32", -0.5, 0.25),
        [-0.47826558351516724, -0.19857607781887054, -0.3051168620586395, -0.22501899302005768],
    ),
    "randn, few": (
        lambda s: s.normal(4),
        [0.0461304634809494, 0.4024028182029724, -1.0115290880203247, 0.2167382389307022],
    ),
    "randn, first of a block": (
        lambda s: s.normal(18)[:4],
        [-0.1117185652256012, -0.49659010767936707, -0.704919695854187, -1.6023621559143066],
    ),
    "randn, last of a block": (
        lambda s: s.normal(18)[-4:],
        [-0.6630538702011108, 1.215756893157959, -2.5273351669311523, 1.477784276008606],
    ),
    "randn float64": (
        lambda s: s.normal(17, "float64")[-3:],
        [-0.165964817558905, 0.9106620907519217, -0.3660114751930042],
    ),
    "randn complex64": (
        lambda s: s.normal(2, "complex64"),
        [0.032619163393974304 + 0.2845417559146881j, -0.7152590751647949 + 0.1532570719718933j],
    ),
    "randint": (lambda s: s.randint(0, 100, 6), [75, 71, 6, 65, 16, 64]),
    "randint, wide": (lambda s: s.randint(-5, 2**40, 3), [203984846263, 166669160343, 878765609683]),
    "random_": (
        lambda s: s.random(3),
        [3532910284440527571, 2252509165406510133, 8074651545468362100],
    ),
    "randperm": (lambda s: s.randperm(12), [3, 1, 8, 5, 2, 6, 0, 7, 11, 9, 4, 10]),
    "bernoulli_": (lambda s: s.bernoulli(0.3, 8), [1, 1, 0, 0, 0, 1, 1, 1]),
    "bernoulli": (lambda s: s.bernoulli_from(np.full(8, 0.3, SINGLE)), [1, 0, 1, 0, 1, 0, 1, 0]),
    "exponential_": (
        lambda s: s.exponential(3),
        [0.2637496590614319, 0.08202802389860153, 0.6281203031539917],
    ),
    "geometric_": (lambda s: s.geometric(0.2, 5, "int64"), [7, 12, 4, 4, 5]),
    "cauchy_": (
        lambda s: s.cauchy(3),
        [-1.1211869716644287, -3.9590227603912354, -0.10593175143003464],
    ),
    "log_normal_": (
        lambda s: s.log_normal(3),
        [2.981006383895874, 6.078789710998535, 0.35949385166168213],
    ),
    "poisson": (lambda s: s.poisson(np.array([0.5, 4, 30], SINGLE)), [0, 2, 28]),
    "binomial": (
        lambda s: s.binomial(np.array([5, 100], SINGLE), np.array([0.5, 0.25], SINGLE)),
        [1, 25],
    ),
    "multinomial, replaced": (
        lambda s: s.multinomial(np.array([1, 2, 3, 4], SINGLE), 6, True),
        [1, 0, 2, 2, 2, 1],
    ),
    "multinomial": (lambda s: s.multinomial(np.array([1, 2, 3, 4], SINGLE), 3), [1, 3, 2]),
    "_standard_gamma": (
        lambda s: s.standard_gamma(np.array([0.5, 3], SINGLE)),
        [1.5278927087783813, 3.633683443069458],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name):
    call, expected = GOLDEN[name]
    assert call(Stream(1234)).tolist() == expected


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def test_golden_digests():
    stream = Stream(1234)
    assert digest(stream.normal(100000)).startswith("7bc7c8985d786a48225cf176957d8c5a")
    assert digest(stream.randperm(50000)).startswith("236fa63cdeb9abb80d4155e4c2cd943b")
    stream.seed(1234)
    stream.normal(3)
    assert digest(stream.get_state()).startswith("61ab54738454789974a284828e3dc95b")


@pytest.mark.parametrize("shape, sizes", [(5, (5,)), ((), ()), ((0, 3), (0, 3)), ([2, 3], (2, 3))])
def test_shapes(shape, sizes):
    stream = Stream(0)
    for array in (stream.uniform(shape), stream.normal(shape), stream.randint(0, 3, shape)):
        assert array.shape == sizes
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_nothing_is_drawn_for_empty_arrays():
    stream = Stream(5)
    before = stream.get_state().tobytes()
    stream.uniform(0)
    stream.normal((0, 3))
    stream.randint(0, 9, 0)
    stream.randperm(0)
    stream.randperm(1)
    stream.poisson(np.zeros(0))
    stream.multinomial(np.ones((0, 3)), 2)
    assert stream.get_state().tobytes() == before


@pytest.mark.parametrize("method", ["uniform", "normal", "exponential", "log_normal"])
def test_parts_make_the_whole(method):
    whole = getattr(Stream(9), method)(40000)
    stream = Stream(9)
    parts = [getattr(stream, method)(n) for n in (16, 32, 9952, 20000, 10000)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_clones_go_their_own_way():
    stream = Stream(3)
    stream.normal(1)
    twin = stream.clone()
    expected = stream.normal(20).tolist()
    assert twin.normal(20).tolist() == expected
    assert twin.initial_seed == 3


def test_a_state_restores_everything():
    stream = Stream(3)
    stream.normal(5)
    state = stream.get_state()
    expected = [stream.normal(3).tolist(), stream.uniform(700).tolist()]
    other = Stream(99)
    other.set_state(state)
    assert other.initial_seed == 3
    assert [other.normal(3).tolist(), other.uniform(700).tolist()] == expected


def test_a_state_of_another_kind_is_refused():
    stream = Stream(0)
    with pytest.raises(TypeError, match="float64"):
        stream.set_state(np.zeros(5056))
    with pytest.raises(RuntimeError, match="5056.*12"):
        stream.set_state(np.zeros(12, np.uint8))
    state = stream.get_state()
    state[8] = 77
    with pytest.raises(RuntimeError, match="left 77"):
        stream.set_state(state)


def test_a_random_seed_can_be_set_again():
    stream = Stream(0)
    seed = stream.seed_random()
    assert stream.initial_seed == seed
    assert stream.uniform(3).tolist() == Stream(seed).uniform(3).tolist()
    assert stream.seed_random() != seed


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda s: s.uniform(2, "float32", 3, 1), "from=3 > to=1"),
        (lambda s: s.uniform(2, "int64"), "Long"),
        (lambda s: s.normal(2, std=-2), "std -2"),
        (lambda s: s.randint(5, 4, 2), "from=5 >= to=4"),
        (lambda s: s.randint(0, 300, 2, "uint8"), "uint8, got 299"),
        (lambda s: s.randperm(300, "uint8"), "256 for uint8, got 300"),
        (lambda s: s.bernoulli(1.5, 2), "p=1.5"),
        (lambda s: s.bernoulli_from(np.array([0.5, 7.0])), "got 7"),
        (lambda s: s.poisson(np.array([0.5, -7.0])), "got -7"),
        (lambda s: s.geometric(1, 2), "p=1"),
        (lambda s: s.cauchy(2, sigma=-1), "sigma=-1"),
        (lambda s: s.multinomial(np.ones(3), 4), "4 samples of 3"),
        (lambda s: s.multinomial(np.ones((2, 3, 4)), 1), "1 or 2 dim, got 3"),
    ],
)
def test_messages_name_the_values(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(Stream(0))


def exact(a, b, c):
    return Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))


@pytest.mark.parametrize("scale", [1.0, 1e-9, 2.0**-52, 1e9])
def test_multiply_add_rounds_once(scale):
    generator = np.random.default_rng(5)
    a = generator.normal(size=2000)
    b, c = generator.normal(), generator.normal() * scale
    for x, result in zip(a, rounding.multiply_add(a, b, c)):
        assert result == float(exact(x, b, c))
    a, b, c = a.astype(SINGLE), SINGLE(b), SINGLE(c)
    for x, result in zip(a, rounding.multiply_add(a, b, c)):
        error = abs(Fraction(float(result)) - exact(x, b, c))
        for neighbour in (np.nextafter(result, SINGLE(-9e9)), np.nextafter(result, SINGLE(9e9))):
            assert error <= abs(Fraction(float(neighbour)) - exact(x, b, c))


def test_multiply_add_where_rounding_twice_goes_wrong():
    """The sum is 2^-60 below a tie of float32: in float64 it rounds to the tie, which goes up."""
    a, b, c = SINGLE(2.0**-24 * (1 + 2.0**-18)), SINGLE(1 - 2.0**-18), SINGLE(1 + 2.0**-23)
    assert SINGLE(float(a) * float(b) + float(c)) > c
    assert rounding.multiply_add(np.array([a]), b, c)[0] == c


def test_multiply_add_of_infinities():
    numbers = np.array([-1.0, 1.0])
    np.testing.assert_array_equal(rounding.multiply_add(numbers, np.inf, 1.0), [-np.inf, np.inf])


@pytest.mark.parametrize("n", [2, 3, 5, 50, 3000])
def test_forward_permutation_is_the_loop_of_swaps(n):
    for seed in range(5):
        words = Engine(seed).words(n - 1)
        places = list(range(n))
        for i, word in enumerate(words.tolist()):
            j = i + word % (n - i)
            places[i], places[j] = places[j], places[i]
        assert permutation.forward(words).tolist() == places


def test_a_tape_gives_back_what_it_did_not_use():
    for used in (0, 1, 5, 4096, 4097):
        engine = Engine(4)
        with Tape(engine) as tape:
            taken = [tape.uniform() for _ in range(used)]
        plain = Engine(4)
        assert taken == plain.doubles(used).tolist()
        assert engine.words(3).tolist() == plain.words(3).tolist()


def test_moments():
    stream = Stream(0)
    n = 20000
    cases = [
        (stream.standard_gamma(np.full(n, 2.5)), 2.5, 2.5),
        (stream.poisson(np.full(n, 40.0)), 40, 40),
        (stream.binomial(np.full(n, 60.0), np.full(n, 0.7)), 42, 12.6),
        (stream.binomial(np.full(n, 6.0), np.full(n, 0.25)), 1.5, 1.125),
    ]
    for sample, mean, variance in cases:
        assert abs(sample.mean() - mean) < 5 * (variance / n) ** 0.5
        assert abs(sample.var() / variance - 1) < 0.1
