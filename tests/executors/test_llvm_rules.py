"""Every primitive's `llvm` rule against its `numpy` rule: all types it takes, ordinary and special values, vectors and scalars."""

import ctypes
import hashlib
import warnings
import zlib

import numpy as np
import pytest

import rushlight  # noqa: F401  (declares every primitive)
from rushlight import dtypes
from rushlight.executors import reference
from rushlight.executors.cpu import target
from rushlight.executors.cpu.emit import I64, PTR, Module, Type
from rushlight.executors.cpu.kinds import kind_of
from rushlight.executors.cpu.support import apply
from rushlight.graph.node import PRIMITIVES, of_array
from rushlight.graph.walk import trace

LANES = 8
KINDS = [d for d in dtypes.ALL if kind_of(d)]
FLOATS = [d for d in KINDS if d.is_floating_point]
RULES = {name: prim for name, prim in sorted(PRIMITIVES.items()) if prim.llvm is not None and name != "cast"}
# Functions that are computed by other polynomials than NumPy's; all others have to agree in every bit.
NEAR = set(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid"
    " erf erfc erfinv lgamma digamma pow atan2 hypot".split()
)
SCIPYS = {"erf", "erfc", "erfinv", "lgamma", "digamma"}  # whose float64 is not right to the last places
EITHER_ZERO = {"maximum", "minimum", "relu", "erfinv"}  # of 0 and -0 either may win; SciPy's erfinv gives 0
WHOLE = {"floor_divide", "trunc_divide", "remainder", "fmod"}  # may fail on integers, which is left to NumPy


def values(dtype, rng, n):
    """Ordinary and special numbers of a dtype."""
    if dtype is dtypes.bool:
        return rng.random(n) < 0.5
    if not dtype.is_floating_point:
        info = np.iinfo(dtype.numpy)
        edges = [0, 1, 2, 3, 7, 8, 31, 63, info.max, info.max - 1, info.min, info.min + 1]
        edges += [-1, -2, -3, -64] if dtype.is_signed else []
        small = rng.integers(-9 if dtype.is_signed else 0, 10, n)
        wide = rng.integers(info.min, info.max, n, dtype.numpy, endpoint=True)
        return rng.permutation(
            np.concatenate([np.array(edges, dtype.numpy), small.astype(dtype.numpy), wide])
        )[:n]
    edges = [
        np.nan,
        *[s * v for s in (1, -1) for v in (0, 1e-45, 1e-7, 0.5, 1, 1.5, 2, 3, 1e4, 3e38, np.inf)],
    ]
    made = np.concatenate(
        [np.repeat(edges, 6), rng.uniform(-4, 4, n // 2), rng.standard_normal(n // 2) * 100]
    )
    with np.errstate(all="ignore"):
        return rng.permutation(made)[:n].astype(dtype.numpy)


def rng_of(*parts):
    return np.random.default_rng(zlib.crc32(str(parts).encode()))


def inputs_of(prim, dtype):
    """Nodes for one call on numbers of `dtype`: 67 pairs, so that vectors and single numbers are computed."""
    rng = rng_of(prim.name, dtype)
    arrays = [values(dtype, rng, 8 * 8 * LANES + 3) for _ in range(prim.arity)]
    if prim.name == "pow" and dtype.category == dtypes.INTEGRAL:
        arrays[1] = rng.integers(-3 if dtype.is_signed else 0, 9, arrays[1].size).astype(dtype.numpy)
    nodes = [of_array(a, dtype) for a in arrays]
    if prim.name == "where":
        nodes[0] = of_array(values(dtypes.bool, rng, arrays[0].size), dtypes.bool)
    return nodes


def meaning(root):
    """What the reference executor gives; None where it fails."""
    _, inputs, order = trace([root])
    try:
        return reference.compile(order, inputs, [root]).run([node.buffer for node in inputs])[0]
    except (TypeError, RuntimeError):
        return None


def native(root):
    """The value of a node from a kernel that applies its primitive: vectors, then single numbers."""
    module = Module()
    kinds = [kind_of(node.dtype) for node in root.inputs]
    out = kind_of(root.dtype)

    def step(b, i, lanes):
        args = [b.load(s, Type(kind, lanes), i) for s, kind in zip(sources, kinds)]
        b.store(apply(b, root.prim, root.params, args, out, lanes), result, i)

    with module.function("@name@", [PTR, I64, I64, *[PTR] * len(kinds)]) as (b, result, even, n, *sources):
        with b.loop(0, even, LANES) as i:
            step(b, i, LANES)
        with b.loop(even, n) as i:
            step(b, i, 1)
    text = module.text()
    name = f"rule_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    call = ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * len(kinds)
    )
    arrays = [np.ascontiguousarray(node.buffer) for node in root.inputs]
    found = np.empty(arrays[0].size, root.dtype.numpy)
    address = target.address(name, text.replace("@name@", name))
    call(address)(
        found.ctypes.data, found.size // LANES * LANES, found.size, *[a.ctypes.data for a in arrays]
    )
    return found


def compare(root, found, right):
    name = root.prim.name
    given = [node.buffer for node in root.inputs]
    if right.dtype.kind in "iub":
        wrong = found != right
    else:
        if right.dtype.itemsize == 2:
            found, right = found.astype(np.float32), right.astype(np.float32)
        wrong = ~((found == right) | (np.isnan(found) & np.isnan(right)))
        if name in NEAR:
            wrong &= ~near(root, found, right)
        if name not in EITHER_ZERO:
            wrong |= (found == 0) & (right == 0) & (np.signbit(found) != np.signbit(right))
    at = np.flatnonzero(wrong)
    assert not at.size, (
        f"{root.prim.name} of {[g[at[0]] for g in given]}: {found[at[0]]!r}, not {right[at[0]]!r}"
    )


def near(root, found, right):
    """Whether results are as near as the two ways of computing allow."""
    eps = {"float64": 2e-15, "float32": 8e-7, "float16": 1e-3, "bfloat16": 8e-3}[root.dtype.name]
    if root.prim.name in SCIPYS and eps < 1e-10:
        eps = 1e-10
    with np.errstate(all="ignore"):
        distance = np.abs(found - right)
        close = distance <= eps * np.abs(right)
    if root.prim.name in ("lgamma", "digamma"):
        close |= distance <= 10 * eps  # around zeros
    least = np.float64(np.finfo(right.dtype).smallest_subnormal)
    return close | (distance <= 2 * least)


def agrees(root):
    """Whether a call has a native form; its results are then held against the reference."""
    right = meaning(root)
    if right is None:
        return False
    try:
        found = native(root)
    except NotImplementedError:
        return False
    compare(root, found, right)
    return True


@pytest.mark.parametrize("name", RULES)
def test_rule(name):
    prim = RULES[name]
    taken = {d for d in KINDS if agrees(prim(*inputs_of(prim, d)))}
    if name.startswith("bitwise") or name.startswith("shift") or name in ("gcd", "lcm"):
        assert {d for d in KINDS if d.category == dtypes.INTEGRAL} <= taken
    else:
        assert set(FLOATS) - {dtypes.float16, dtypes.bfloat16} <= taken
    if name not in ("mantissa", "exponent", "nextafter"):
        return
    assert not taken & {d for d in KINDS if d.category == dtypes.INTEGRAL}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_division_of_integers_is_left_to_numpy(name):
    prim = RULES[name]
    assert not agrees(prim(*[of_array(np.array([7, 8, 9]), dtypes.int64)] * 2))


@pytest.mark.parametrize("old", KINDS, ids=str)
def test_cast(old):
    for new in KINDS:
        x = values(old, rng_of("cast", old, new), 8 * 8 * LANES + 3)
        if old.is_floating_point and new.category == dtypes.INTEGRAL:  # out of range anything may come out
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                inside = (np.abs(x.astype(np.float64)) < 120) & ((x >= 0) | new.is_signed)
            x = np.where(inside, x, np.ones_like(x))
        assert agrees(PRIMITIVES["cast"](of_array(x, old), new)), f"{old} to {new}"


@pytest.mark.skipif(dtypes.float16 not in KINDS, reason="no instructions for float16")
def test_float64_to_float16_is_rounded_once():
    """Numbers just beside the middle of two float16, which float32 cannot tell from it."""
    middle = np.float64(1 + 2.0**-11) * 2.0 ** np.arange(-8, 8)
    x = np.concatenate(
        [middle, np.nextafter(middle, 0), np.nextafter(middle, 1e9), -np.nextafter(middle, 1e9)]
    )
    assert agrees(PRIMITIVES["cast"](of_array(x, dtypes.float64), dtypes.float16))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 2.5, 1 / 3])
def test_known_exponents(exponent):
    """A constant exponent may be a product or a root: to C's limits."""
    for dtype in (dtypes.float32, dtypes.float64):
        x = of_array(values(dtype, rng_of(exponent), 1027), dtype)
        root = PRIMITIVES["pow"](x, of_array(np.full(1027, exponent, dtype.numpy), dtype))
        right = meaning(root)
        module = Module()
        with module.function("@name@", [PTR, PTR, I64]) as (b, out, source, n):
            with b.loop(0, n) as i:
                kind = kind_of(dtype)
                power = b.spread(b.constant(exponent, Type(kind)), 4)
                args = [b.spread(b.load(source, Type(kind), i), 4), power]
                b.store(b.extract(apply(b, root.prim, (), args, kind, 4), 0), out, i)
        text = module.text()
        name = f"power_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
        found = np.empty_like(right)
        address = target.address(name, text.replace("@name@", name))
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(address)
        call(found.ctypes.data, np.ascontiguousarray(x.buffer).ctypes.data, found.size)
        compare(root, found, right)
