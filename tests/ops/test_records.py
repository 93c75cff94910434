"""Every primitive is tested by being declared: shapes, dtypes, and gradients of both orders, from its own samples."""

import zlib

import numpy as np
import pytest

import rushlight  # noqa: F401  (declares every primitive)
from rushlight import dtypes
from rushlight.executors import queue
from rushlight.graph.check import check
from rushlight.graph.gradient import differentiable, pullback
from rushlight.graph.node import PRIMITIVES, constant, of_array
from rushlight.graph.registry import PICK
from rushlight.graph.walk import topological
from rushlight.ops.samples import Array

CALLS = [
    pytest.param(prim, c, id=f"{name}-{i}")
    for name, prim in sorted(PRIMITIVES.items())
    for i, c in enumerate(prim.samples)
]
STEP = 1e-6


def array(spec, rng):
    if spec.dtype == "bool":
        return rng.random(spec.shape) < 0.5
    if spec.dtype.startswith("int"):
        if spec.distinct:
            flat = rng.permutation(np.arange(int(spec.low), int(spec.high) + 1))
            return np.resize(flat, spec.shape).astype(spec.dtype)
        return rng.integers(int(spec.low), int(spec.high) + 1, spec.shape).astype(spec.dtype)
    if spec.distinct:
        n = int(np.prod(spec.shape))
        return rng.permutation(np.linspace(spec.low, spec.high, n)).reshape(spec.shape)
    made = rng.uniform(spec.low, spec.high, spec.shape)
    if spec.dtype.startswith("complex"):
        made = made + 1j * rng.uniform(spec.low, spec.high, spec.shape)
    return np.asarray(made, dtype=spec.dtype)


def build(prim, call, arrays):
    nodes = [of_array(a, dtypes.from_numpy(a.dtype)) for a in arrays]
    out = prim(nodes, *call.params) if prim.arity is None else prim(*nodes, *call.params)
    return nodes, out


def inputs_of(prim, call):
    rng = np.random.default_rng(zlib.crc32(f"{prim.name}{call}".encode()))
    specs = call.inputs[0] if prim.arity is None and isinstance(call.inputs[0], list) else call.inputs
    return [array(s if isinstance(s, Array) else Array(s), rng) for s in specs]


def results(out):
    """The outputs as single nodes."""
    return [PICK(out, i) for i in range(len(out.shape))] if isinstance(out.dtype, tuple) else [out]


def run(nodes):
    queue.realize(nodes)
    return [n.buffer for n in nodes]


@pytest.mark.parametrize(("prim", "call"), [p for p in CALLS if not p.values[1].says])
def test_shape_and_dtype_rules_tell_what_comes_out(prim, call):
    _, out = build(prim, call, inputs_of(prim, call))
    outs = results(out)
    check(topological(outs))
    for node, value in zip(outs, run(outs)):
        assert value.shape == node.shape
        assert value.dtype == node.dtype.numpy


@pytest.mark.parametrize(("prim", "call"), [p for p in CALLS if p.values[1].says])
def test_misfits_say_why(prim, call):
    with pytest.raises(RuntimeError, match=call.says):
        build(prim, call, inputs_of(prim, call))


def weights(outs, seed):
    rng = np.random.default_rng(seed)
    made = []
    for o in outs:
        w = rng.uniform(0.5, 1.5, o.shape)
        if o.dtype.is_complex:
            w = w + 1j * rng.uniform(0.5, 1.5, o.shape)
        made.append(w.astype(o.dtype.numpy))
    return made


def weighted(outs, ws):
    """sum(real(conj(w) * out)): a real number, as gradients of complex numbers are defined."""
    total = constant(0.0, dtypes.float64)
    for o, w in zip(outs, ws):
        part = of_array(w, o.dtype).conj() * o
        part = part.real() if o.dtype.is_complex else part
        total = total + part.sum(tuple(range(len(part.shape))), False)
    return total


def check_gradient(function, arrays, tolerance):
    """The gradient along one random direction against central differences."""
    rng = np.random.default_rng(7)
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    nodes = [of_array(a, dtypes.from_numpy(a.dtype)) for a in arrays]
    value = function(nodes)
    grads = pullback([value], [nodes[i] for i in floats], [constant(1.0, dtypes.float64)])
    present = [(i, g) for i, g in zip(floats, grads) if g is not None]
    found = dict(zip([i for i, _ in present], run([g for _, g in present]))) if present else {}
    directions = {}
    for i in floats:
        d = rng.uniform(-1, 1, arrays[i].shape)
        if arrays[i].dtype.kind == "c":
            d = d + 1j * rng.uniform(-1, 1, arrays[i].shape)
        directions[i] = d
    told = sum(float(np.sum(np.real(np.conj(found[i]) * directions[i]))) for i in found)

    def at(step):
        moved = [a + step * directions[i] if i in directions else a for i, a in enumerate(arrays)]
        moved = [np.asarray(m, dtype=a.dtype) for m, a in zip(moved, arrays)]
        (result,) = run([function([of_array(m, dtypes.from_numpy(m.dtype)) for m in moved])])
        return float(result)

    seen = (at(STEP) - at(-STEP)) / (2 * STEP)
    assert told == pytest.approx(seen, rel=tolerance, abs=tolerance)
    return bool(present)


GRADIENTS = [p for p in CALLS if p.values[1].grad and not p.values[1].says and p.values[0].vjp is not None]


@pytest.mark.parametrize(("prim", "call"), GRADIENTS)
def test_gradient(prim, call):
    arrays = inputs_of(prim, call)
    _, out = build(prim, call, arrays)
    outs = [o for o in results(out) if differentiable(o)]
    if not outs:
        return
    ws = weights(outs, 3)

    def function(nodes):
        made = prim(nodes, *call.params) if prim.arity is None else prim(*nodes, *call.params)
        return weighted([o for o in results(made) if differentiable(o)], ws)

    check_gradient(function, arrays, 2e-5)


@pytest.mark.parametrize(("prim", "call"), GRADIENTS)
def test_gradient_of_the_gradient(prim, call):
    arrays = inputs_of(prim, call)
    _, out = build(prim, call, arrays)
    outs = [o for o in results(out) if differentiable(o)]
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
    if not outs:
        return
    ws = weights(outs, 3)

    def first(nodes):
        made = prim(nodes, *call.params) if prim.arity is None else prim(*nodes, *call.params)
        value = weighted([o for o in results(made) if differentiable(o)], ws)
        grads = pullback([value], [nodes[i] for i in floats], [constant(1.0, dtypes.float64)])
        return [g for g in grads if g is not None]

    grads = first([of_array(a, dtypes.from_numpy(a.dtype)) for a in arrays])
    if not grads:
        return
    again = weights(grads, 5)
    check_gradient(lambda nodes: weighted(first(nodes), again), arrays, 1e-4)


def test_a_rule_wrong_by_a_little_is_caught():
    rule = lambda nodes: nodes[0].exp()
    x = np.array([0.3, -0.7])
    value = lambda nodes: weighted([rule(nodes)], [np.ones(2)])
    check_gradient(value, [x], 2e-5)
    exp = PRIMITIVES["exp"]
    right = exp.vjp
    exp.vjp = (lambda g, out, x: g * out * 1.0005,)
    try:
        with pytest.raises(AssertionError):
            check_gradient(value, [x], 2e-5)
    finally:
        exp.vjp = right


def test_every_record_has_a_meaning_and_a_doc():
    for name, prim in PRIMITIVES.items():
        assert prim.doc.strip() and prim.doc.strip().endswith("."), name
        assert callable(prim.numpy), name
