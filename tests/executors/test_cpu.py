"""Every primitive on the cpu executor against the reference executor: its samples, in every dtype it takes, and gradients."""

import zlib

import numpy as np
import pytest
from agreement import agree, agree_in_order, expected

import rushlight  # noqa: F401  (declares every primitive)
from rushlight import dtypes
from rushlight.graph.gradient import differentiable, pullback
from rushlight.graph.node import PRIMITIVES, of_array
from rushlight.graph.registry import PICK
from rushlight.ops.samples import Array

DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
    "uint64", "bool", "complex64", "complex128",
)  # fmt: skip
GIVEN = "as declared"  # the dtypes that a sample names
CASES = [
    pytest.param(prim, dtype, id=f"{name}-{dtype}")
    for name, prim in sorted(PRIMITIVES.items())
    for dtype in (GIVEN, *DTYPES)
]


def array(spec, rng, dtype):
    """Numbers within the sample's range, of `dtype` where the sample has float64."""
    if spec.dtype != "float64" or dtype == GIVEN:
        dtype = spec.dtype
    kind = getattr(dtypes, dtype)
    if spec.distinct:
        n = int(np.prod(spec.shape))
        made = rng.permutation(np.linspace(spec.low, spec.high, n)).reshape(spec.shape)
    elif kind.category == dtypes.FLOATING or kind.is_complex:
        made = rng.uniform(spec.low, spec.high, spec.shape)
        if kind.is_complex:
            made = made + 1j * rng.uniform(spec.low, spec.high, spec.shape)
    else:
        low = int(spec.low) if kind.is_signed else max(int(spec.low), 0)
        made = rng.integers(low, int(spec.high) + 1, spec.shape)
    return np.asarray(made).astype(kind.numpy)


def inputs_of(prim, call, dtype):
    rng = np.random.default_rng(zlib.crc32(f"{prim.name}{call}".encode()))
    specs = call.inputs[0] if prim.arity is None and isinstance(call.inputs[0], list) else call.inputs
    arrays = [array(s if isinstance(s, Array) else Array(s), rng, dtype) for s in specs]
    return [of_array(a, dtypes.from_numpy(a.dtype)) for a in arrays]


def outputs(prim, call, nodes):
    """The outputs as single nodes."""
    out = prim(nodes, *call.params) if prim.arity is None else prim(*nodes, *call.params)
    return [PICK(out, i) for i in range(len(out.shape))] if isinstance(out.dtype, tuple) else [out]


def gradients(outs, nodes):
    """Gradients in all inputs that have one, for some gradient of the outputs."""
    flowing = [o for o in outs if differentiable(o)]
    sources = [n for n in nodes if differentiable(n)]
    rng = np.random.default_rng(3)
    grads = [of_array(rng.uniform(0.5, 1.5, o.shape).astype(o.dtype.numpy), o.dtype) for o in flowing]
    return [g for g in pullback(flowing, sources, grads) if g is not None] if flowing and sources else []


def accepted(prim, dtype):
    """The samples that the reference executor takes in this dtype, as lists of roots."""
    for call in prim.samples:
        if call.says:
            continue
        try:
            nodes = inputs_of(prim, call, dtype)
            outs = outputs(prim, call, nodes)
        except (TypeError, AttributeError, RuntimeError):
            continue
        if isinstance(expected(outs), Exception):
            continue
        yield outs
        if call.grad and prim.vjp is not None:
            grads = gradients(outs, nodes)
            if grads and not isinstance(expected(grads), Exception):
                yield outs + grads


@pytest.mark.parametrize(("prim", "dtype"), CASES)
def test_record(prim, dtype):
    for roots in accepted(prim, dtype):
        roots = [root for root in roots if root.buffer is None]
        agree(roots)
        for turned in (False, True):
            agree_in_order(roots, 3, turned)
