"""Vector mathematics against wider arithmetic: errors in units of the last place, and the limits IEEE 754 sets."""

import ctypes
import math
import zlib

import numpy as np
import pytest
from scipy import special

from rushlight.executors.cpu import formats, target
from rushlight.executors.cpu.emit import I64, PTR, Module, Type
from rushlight.executors.cpu.mathematics import FUNCTIONS

FORMATS = {"f32": np.float32, "f64": np.float64}
# long double is wider than float64 on x86 alone; elsewhere the reference has an error of its own.
WIDER = np.finfo(np.longdouble).nmant > 60


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def scipys(name):
    """A function that exists in float64 only."""
    return lambda *x: getattr(special, name)(*[v.astype(np.float64) for v in x])


# name: (function of wide numbers, units allowed, range that is drawn from most)
ONE = {
    "exp": (np.exp, 1, (-110, 95)),
    "exp2": (np.exp2, 1, (-155, 132)),
    "expm1": (np.expm1, 2, (-20, 95)),
    "log": (np.log, 1, (0, 4)),
    "log2": (np.log2, 2, (0, 4)),
    "log10": (np.log10, 2, (0, 4)),
    "log1p": (np.log1p, 2, (-1, 3)),
    "sin": (np.sin, 2, (-30, 30)),
    "cos": (np.cos, 2, (-30, 30)),
    "tan": (np.tan, 2.5, (-30, 30)),
    "asin": (np.arcsin, 2, (-1, 1)),
    "acos": (np.arccos, 2, (-1, 1)),
    "atan": (np.arctan, 2, (-4, 4)),
    "sinh": (np.sinh, 3, (-95, 95)),
    "cosh": (np.cosh, 2, (-95, 95)),
    "tanh": (np.tanh, 3, (-10, 10)),
    "asinh": (np.arcsinh, 2, (-5, 5)),
    "acosh": (np.arccosh, 3, (0.9, 5)),
    "atanh": (np.arctanh, 2, (-1, 1)),
    "sigmoid": (sigmoid, 3, (-110, 30)),
    "erf": (np.vectorize(math.erf), 2, (-5, 5)),
    "erfc": (np.vectorize(math.erfc), 3, (-5, 28)),
    "erfinv": (scipys("erfinv"), 4, (-1, 1)),
    "lgamma": (scipys("gammaln"), 4, (0, 20)),
    "digamma": (scipys("psi"), 4, (0, 20)),
}
TWO = {
    "atan2": (np.arctan2, 2),
    "pow": (np.power, 2),
    "hypot": (np.hypot, 2),
    "fmod": (np.fmod, 0),
    "remainder": (np.remainder, 0.5),
}
SPECIAL = ["erf", "erfc", "erfinv", "lgamma", "digamma"]  # whose references are no better than float64
LANES = (1, 4, 8, 16)


@pytest.fixture
def rng(request):
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


def compiled(name, kind, lanes, inputs):
    """The function over arrays, as (*arrays) -> array; lengths are multiples of `lanes`."""
    module = Module()
    symbol = f"test_{name}_{kind}_{lanes}"
    type_ = Type(kind, lanes)
    with module.function(symbol, [PTR, I64, *[PTR] * inputs]) as (b, out, n, *sources):
        with b.loop(0, n, lanes) as i:
            b.store(FUNCTIONS[name](b, *[b.load(s, type_, i) for s in sources]), out, i)
    text = module.text()
    assert not called(text), f"{name} calls {called(text)}"
    address = target.address(symbol, text)
    native = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * inputs)(address)

    def run(*arrays):
        arrays = [np.ascontiguousarray(a) for a in arrays]
        result = np.empty_like(arrays[0])
        native(result.ctypes.data, result.size, *[a.ctypes.data for a in arrays])
        return result

    return run


def called(text):
    """What the module's text calls beside what a processor has instructions for."""
    native = ("fma", "sqrt", "fabs", "floor", "trunc", "rint", "copysign", "ldexp", "masked.gather")
    names = {line.split("@")[1].split("(")[0] for line in text.splitlines() if " call " in line}
    return [n for n in names if not n.startswith(tuple(f"llvm.{known}." for known in native))]


def edges(dtype):
    """Numbers at which something changes."""
    i = np.finfo(dtype)
    least = np.nextafter(dtype(0), dtype(1))
    sizes = [0, least, i.tiny, i.eps, 1e-5, 0.5, 1, 1.5, 2, 3, 10, 88.7, 100, 1e9, 1e30, i.max, np.inf]
    return np.array([np.nan, *sizes, *[-s for s in sizes], i.tiny / 2, 1 + i.eps, 1 - i.epsneg], dtype)


def draw(rng, dtype, low, high, n):
    """Numbers of [low, high], of every size, and near 1; a multiple of 16 of them."""
    if dtype is np.float64 and abs(low) + abs(high) > 100:
        low, high = low * 7.3, high * 7.6
    bits = rng.integers(0, 2 ** (8 * dtype().itemsize), n, dtype=f"u{dtype().itemsize}").view(dtype)
    near = 1 + rng.standard_normal(n) * np.exp(-rng.exponential(8, n))
    sizes = rng.standard_normal(n) * np.exp(rng.standard_normal(n) * 3)
    parts = [edges(dtype), bits, *[v.astype(dtype) for v in (rng.uniform(low, high, 3 * n), near, sizes)]]
    made = np.concatenate(parts)
    return made[: made.size // 16 * 16]


def errors(found, right, dtype):
    """How far `found` is from `right`, a wider number, in units of the last place of `dtype` there."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        _, exponent = np.frexp(np.abs(right))
        unit = np.ldexp(np.ones_like(right), np.maximum(exponent - 1, info.minexp) - info.nmant)
        distance = np.abs(found.astype(right.dtype) - right) / unit
        rounded = right.astype(dtype)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    distance = np.where(same & ~np.isfinite(rounded), 0, distance)
    return np.where(np.isnan(distance), np.inf, distance)


def check(name, found, right, arrays, allowed, dtype):
    error = errors(found, right, dtype)
    at = error.argmax()
    wrong = f"{name}({', '.join(repr(a[at]) for a in arrays)}) = {found[at]!r}, not {right[at]!r}"
    assert error[at] <= allowed, f"{wrong}: {error[at]} units"
    with np.errstate(all="ignore"):
        signs = (found == 0) & (right.astype(dtype) == 0) & (np.signbit(found) != np.signbit(right))
    assert not signs.any(), f"{name}: the sign of zero at {[a[signs][:5] for a in arrays]}"


def wide(x, name):
    """The numbers as the reference computes with them: sines of large float32 need more than float64."""
    if name in SPECIAL or (x.dtype == np.float32 and name not in ("sin", "cos", "tan")):
        return x.astype(np.float64)
    return x.astype(np.longdouble)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ONE)
def test_of_one_number(name, kind, lanes, rng):
    reference, allowed, (low, high) = ONE[name]
    dtype = FORMATS[kind]
    x = draw(rng, dtype, low, high, 4000)
    if name in ("lgamma", "digamma"):
        # Near the zeros between the poles nobody keeps relative accuracy (see below); of denormals SciPy's is infinite.
        x = x[~(x < 0) & ~((x > 0) & (x < np.finfo(dtype).tiny))]
        x = x[: x.size // 16 * 16]
    with np.errstate(all="ignore"):
        right = np.asarray(reference(wide(x, name)))
    if kind == "f64":
        allowed += 4 if name in SPECIAL else 0 if WIDER else 1
    found = compiled(name, kind, lanes, 1)(x)
    if kind == "f64" and name in ("lgamma", "digamma"):
        sure = ~(
            np.abs(right) < 0.1
        )  # SciPy's own error is 40 units near the zeros, and without bound at them
        x, found, right, allowed = x[sure], found[sure], right[sure], 60
    check(name, found, right, [x], allowed, dtype)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", TWO)
def test_of_two_numbers(name, kind, lanes, rng):
    reference, allowed = TWO[name]
    dtype = FORMATS[kind]
    at = edges(dtype)
    pairs = np.meshgrid(at, at)
    x, y = (np.concatenate([p.ravel(), draw(rng, dtype, -5, 5, 3000)[at.size :]]) for p in pairs)
    y[at.size**2 :] = rng.permutation(y[at.size**2 :])
    x, y = (v[: v.size // 16 * 16] for v in (x, y))
    exact = name in ("fmod", "remainder")  # NumPy's own rounding is the meaning
    with np.errstate(all="ignore"):
        right = reference(x, y) if exact else reference(wide(x, name), wide(y, name))
    check(
        name,
        compiled(name, kind, lanes, 2)(x, y),
        right,
        [x, y],
        allowed + (kind == "f64" and not WIDER),
        dtype,
    )


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("kind", FORMATS)
def test_sines_near_multiples_of_a_right_angle(name, kind):
    if not WIDER:
        pytest.skip("needs a long double wider than float64")
    dtype = FORMATS[kind]
    pi = np.longdouble(np.pi) + np.longdouble(1.2246467991473532e-16)
    n = np.concatenate([np.arange(4096), 2 ** np.arange(12, 60), 3 ** np.arange(8, 36)]).astype(np.longdouble)
    x = np.concatenate([(n * pi / 2).astype(dtype), -(n * pi / 2).astype(dtype)])
    x = np.concatenate([x, np.nextafter(x, dtype(0))])
    x = x[: x.size // 16 * 16]
    check(name, compiled(name, kind, 16, 1)(x), getattr(np, name)(x.astype(np.longdouble)), [x], 3, dtype)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_of_negative_numbers(name, rng):
    x = np.concatenate([rng.uniform(-20, 0, 4000), -np.arange(16.0), -np.exp(-rng.uniform(0, 700, 4000))])
    found, right = compiled(name, "f64", 8, 1)(x), ONE[name][0](x)
    # The size of what is subtracted sets the error.
    np.testing.assert_allclose(found, right, rtol=1e-11 if name == "digamma" else 2e-13, atol=1e-12)


def test_powers_of_ten_have_whole_logarithms():
    x = np.array([10.0**n for n in range(16)])
    assert (compiled("log10", "f64", 8, 1)(x) == np.arange(16)).all()
    assert (compiled("log10", "f32", 8, 1)(x[:8].astype(np.float32)) == np.arange(8)).all()
    assert (compiled("log2", "f32", 8, 1)(2 ** np.arange(64, dtype=np.float32)) == np.arange(64)).all()


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid"])
def test_bounded(name):
    """No result beyond 1, on the whole way to where it is 1."""
    x = np.arange(np.float32(0.5).view(np.uint32), np.float32(20).view(np.uint32), 7, np.uint32)
    x = x[: x.size // 16 * 16].view(np.float32)
    found = compiled(name, "f32", 16, 1)(x)
    assert found.max() == 1 and np.abs(compiled(name, "f32", 16, 1)(-x)).max() <= 1


def test_without_the_instruction_for_powers_of_two(monkeypatch, rng):
    """The way of processors without AVX-512."""
    monkeypatch.setattr(formats, "lanes", lambda: 8)
    for name in ("exp", "exp2", "cosh", "erfc"):
        reference, allowed, (low, high) = ONE[name]
        for kind, dtype in FORMATS.items():
            x = draw(rng, dtype, low, high, 2000)
            with np.errstate(all="ignore"):
                right = reference(wide(x, name))
            found = compiled(name, kind, 2, 1)(x)
            check(name, found, right, [x], allowed + (4 if name in SPECIAL else not WIDER), dtype)
