"""Graphs that fused loops once got wrong, or that only few kernels compute right, each with the reason."""

import numpy as np
import pytest
from agreement import agree, expected, native, outcome

from rushlight import dtypes
from rushlight.executors.cpu import planner
from rushlight.graph.node import PRIMITIVES, constant, of_array
from rushlight.graph.registry import PICK

take = PRIMITIVES["take"]


def values(shape, dtype="float32", seed=0):
    kind = getattr(dtypes, dtype)
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 2, shape) if dtype == "bool" else rng.uniform(-2, 2, shape)
    return of_array(np.asarray(made).astype(kind.numpy), kind)


def whole(numbers, dtype="int64"):
    return of_array(np.array(numbers, dtype), getattr(dtypes, dtype))


def chain(count, step):
    x = values((5,))
    for _ in range(count):
        x = step(x)
    return x


CASES = {
    # ---------------------------------------------------------------- places
    "a guard whose whole row lies outside": lambda: (
        values((3, 1)).expand((3, 4)).reshape((12,)).unslice((20,), ((4, 16, 1),)).reshape((5, 4))
    ),
    "a reshape that cannot be split is read from memory": lambda: (
        values((4, 6)).permute((1, 0)).reshape((24,)).flip((0,)) + values((24,))
    ),
    "memory is read under any shape": lambda: values((4, 6)).reshape((3, 8)).permute((1, 0)).flip((0,)) * 2,
    "strided memory of a view": lambda: values((1, 15)).flip((0, 1)).as_strided((2, 3), (1, 1), 2),
    "nothing put back into something": lambda: values((0, 3)).unslice((2, 3), ((1, 1, 1), (0, 3, 1))) + 1,
    "0-d values that share a kernel": lambda: [(x := values(()).neg()), x.abs(), x.abs().reshape((1,))],
    # ---------------------------------------------------------------- positions that are data
    "gather from a view turned round": lambda: values((4, 6)).flip((1,)).gather(whole([[0, 1], [5, 2]]), 1),
    "gather from a slice with steps": lambda: (
        values((4, 6)).slice(((0, 4, 2), (1, 6, 2))).gather(whole([[0, 1], [1, 2]]), 1)
    ),
    "gather from a reshaped permutation": lambda: (
        values((4, 6)).permute((1, 0)).reshape((3, 8)).gather(whole([[0, 1], [7, 2]]), 1)
    ),
    "take of a range counts from its end": lambda: take((whole(5).iota(6), whole([0, -1, 3])), (0,)),
    "take of a range with another index type": lambda: take((whole(5).iota(6), whole([0, 1, 3], "int32")), (0,)),
    # ---------------------------------------------------------------- positions out of bounds
    "out of bounds where the value does not depend on it": lambda: (
        take((values((1, 3)).expand((5, 3)), whole([0, 7])), (0,))
    ),
    "out of bounds of a number": lambda: (
        take((constant(2.0, dtypes.float32).expand((5, 3)), whole([0, 7])), (0,))
    ),
    "the first of several": lambda: take((values((5, 3)), whole([0, 7, -9, -20, 4] + [0] * 100 + [99])), (0,)),
    "out of bounds in a part that is cut away": lambda: (
        take((values((5, 3)), whole([0, 7, 1])), (0,)).slice(((0, 1, 1),))
    ),
    "out of bounds of nothing": lambda: values((0, 3)).gather(whole(np.zeros((2, 3))), 0),
    # ---------------------------------------------------------------- numbers
    "0 and -0 are two numbers": lambda: [values((4,)).copysign(constant(z, dtypes.float32)) for z in (0.0, -0.0)],
    "numbers are rounded to bfloat16": lambda: (values((4,), "bfloat16") * 0 + 0.1).cast(dtypes.float32) * 1e6,
    "counting in bfloat16": lambda: (
        of_array(np.array(3).astype(dtypes.bfloat16.numpy), dtypes.bfloat16).iota(600).cast(dtypes.float32) * 1e6
    ),
    "numbers too large for float16": lambda: values((4,), "float16") + 1e6,
    "the largest unsigned number": lambda: whole([1, 2, 3], "uint64") + 18446744073709551615,
    "sums of booleans": lambda: [values((4, 5), "bool").sum((d,), False) for d in (0, 1)],
    "any and all of one": lambda: [values((1, 5)).any((0,), False), values((1, 5)).all((0,), True)],
    # ---------------------------------------------------------------- size of what is computed together
    "a long chain": lambda: chain(1500, lambda x: x * 0.999 + 0.1),
    "a value used twice, many times over": lambda: chain(60, lambda x: (x * x + 0.1).sqrt()),
    # ---------------------------------------------------------------- what the operations around them read
    "product of a view turned round": lambda: [
        values((4, 5)).flip((0,)) @ values((5, 6)), values((4, 5)) @ values((5, 6)).flip((1,)),
    ],
    "product of a slice with steps": lambda: values((4, 10)).slice(((0, 4, 1), (0, 10, 2))) @ values((5, 6)),
    "product of a reshaped permutation": lambda: values((4, 6)).permute((1, 0)).reshape((4, 6)) @ values((6, 2)),
    "product of overlapping rows": lambda: (
        values((2, 9)).as_strided((2, 3), (2, 1), 9).reshape((3, 2, 1)) @ values((3, 1, 5))
    ),
    "product of views of whole numbers": lambda: values((5, 4), "int32").permute((1, 0)) @ values((5, 6), "int32"),
    "product of nothing": lambda: values((0, 3)).permute((1, 0)) @ values((0, 2)),
    "a view that is both asked for and an operand": lambda: [
        (p := (values((9,)) * 2).as_strided((2, 3), (0, 1), 3).permute((1, 0))), p @ values((2, 1)),
    ],
    "an array joined to itself": lambda: [
        (x := values((3,)).exp()), PRIMITIVES["concat"]((x * 2, values((2,)), x * 2), 0),
    ],
    "an array of the reference executor's that is joined": lambda: (
        PRIMITIVES["concat"]((values((7, 7), "int8") @ values((7, 2), "int8"), values((1, 2), "int8")), 0)
    ),
    "several results at once": lambda: values((4, 3)).svd(False),
    "one of several results": lambda: PICK(values((4, 3)).svd(False), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    made = CASES[name]()
    roots = made if isinstance(made, list) else [made]
    agree([root for root in roots if root.buffer is None])


@pytest.mark.parametrize("workers", [1, 3])
def test_wide_columns_in_parts(workers):
    """Sums over a first dimension whose rest does not merge into one: partial results stand apart by part."""
    roots = [
        values((64, 40, 50)).permute((0, 2, 1)).sum((0,), False),
        (values((300, 40, 50)).permute((0, 2, 1)) * 2).sum((0,), False),
        values((30, 8, 40, 50)).permute((1, 0, 3, 2)).sum((1,), False),
    ]
    agree(roots, (workers,))


def test_a_concatenation_is_written_over_only_when_it_is_whole():
    """A write in place of what several workers joined: they have to have finished."""
    x = values((15, 5, 15), "float64").reshape((3, 25, 15, 1))
    y = x * x.minimum(0.0)
    whole_ = PRIMITIVES["concat"]((y, values(y.shape, "float64", 1), y), 3).reshape((1125, 3))
    for _ in range(20):
        agree([whole_.slice_scatter(values((158, 3), "float64", 2), ((159, 631, 3),))], (3,))


def test_a_graph_that_loops_cannot_express_falls_back_node_by_node(monkeypatch):
    """What is refused is computed by the reference executor, and all around it natively."""
    from rushlight.executors.cpu import expression
    from rushlight.executors.cpu.index import Inexpressible

    def refuse(loops, node, places):
        raise Inexpressible(node)

    monkeypatch.setitem(expression._MOVES, "diagonal", refuse)
    x = values((6, 6))
    before = planner.fallbacks["diagonal"]
    agree([(x * 2).diagonal(0, 0, 1).exp().sum((0,), False)], (1,))
    assert planner.fallbacks["diagonal"] > before


def test_errors_are_the_reference_executors_own():
    bad = take((values((5, 3)), whole([0, 7])), (0,)) + 1
    right = expected([bad])
    program, arrays = native([bad], 2)
    found = outcome(lambda: program.run(arrays))
    assert isinstance(right, IndexError)
    assert (str(found), found.place) == (str(right), right.place)


def test_a_chain_is_one_kernel_and_so_is_a_softmax():
    x = values((64, 100))
    e = (x - x.amax((1,), True)).exp()
    for root in ((x * 2 + 1).tanh() * x, e / e.sum((1,), True)):
        program, _ = native([root])
        assert len(program.calls) == 1


def test_kernels_serve_every_size_of_a_structure():
    texts = set()
    for rows in (3, 50, 64):
        program, _ = native([(values((rows, 40)) * values((40,))).sum((1,), False)])
        texts.update(call.kernel.name for call in program.calls)
    assert len(texts) == 1


def kernels(roots):
    """The kernels of a program that gives what the reference executor does."""
    agree(roots, (1, 2))
    program, _ = native(roots)
    return [call.kernel.name for call in program.calls]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_serve_every_coefficient_of_a_formula(dtype):
    kind = getattr(dtypes, dtype)

    def formula(a, b):
        x = values((40,), dtype)
        return kernels([x * constant(a, kind) + constant(b, kind), (x / constant(a, kind)).tanh()])

    first = formula(1.001, 0.25)
    assert formula(-1e30, 3.5) == formula(1.0 / 3.0, -7.0) == formula(1e-40, 1e300) == first
    assert formula(1.001, 1.001) != first  # one number in both places
    assert (
        formula(2.0, 0.25) != first and formula(1.001, 0.0) != first and formula(1.001, float("inf")) != first
    )


def test_exponents_are_part_of_the_code():
    def power(exponent):
        return kernels([values((40,)) ** constant(exponent, dtypes.float32)])

    assert len({name for exponent in (3.0, 2.5, -1.0) for name in power(exponent)}) == 3


def test_division_by_a_power_of_two_is_a_product():
    x = values((1000,)) * 1e-38
    names = {
        divisor: kernels([x / constant(divisor, dtypes.float32)])
        for divisor in (8.0, 2.0**-40, -1024.0, 24.0)
    }
    assert names[8.0] == names[2.0**-40] == names[-1024.0] != names[24.0]
    agree([values((9,)) / constant(2.0**127, dtypes.float32)])
