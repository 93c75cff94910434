"""Operations that move, write, pool, scan and order: each on the cpu executor's own kernels, held against the reference."""

import zlib

import numpy as np
import pytest
from agreement import agree, native

import rushlight  # noqa: F401  (declares every primitive)
from rushlight import dtypes
from rushlight.executors.cpu import planner
from rushlight.graph.node import PRIMITIVES, constant, of_array
from rushlight.ops.pooling import lowest, pooled_shape

FLOATS = ["float32", "float64", "float16", "bfloat16"]
NUMBERS = [*FLOATS, "int64", "int32", "int16", "uint8"]
ALL = [*NUMBERS, "bool"]
# Each type is a kernel more to compile.
SOME = ["float32", "float64", "bfloat16", "int64", "uint8"]
WORKERS = (1, 2, 3)


@pytest.fixture
def rng(request):
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


def given(rng, shape, dtype="float32", low=None, high=None):
    """An input: normal numbers, or whole ones of [low, high)."""
    kind = getattr(dtypes, dtype)
    if low is not None:
        made = rng.integers(low, high, shape)
    elif dtype == "bool":
        made = rng.random(shape) < 0.5
    elif kind.is_floating_point:
        made = rng.standard_normal(shape)
    else:
        made = rng.integers(0, 100, shape)
    return of_array(np.asarray(made).astype(kind.numpy), kind)


def special(rng, node):
    """With few different values, some of them NaN, infinite or a negative zero."""
    if not node.dtype.is_floating_point:
        return node
    made = np.array(np.round(np.asarray(node.buffer, np.float64)))
    for value in (np.nan, np.inf, -np.inf, -0.0):
        made[rng.random(made.shape) < 0.1] = value
    return of_array(made.astype(node.dtype.numpy), node.dtype)


def zeros(shape, dtype):
    return constant(0, getattr(dtypes, dtype)).expand(shape)


def same(*roots, fallback=(), workers=WORKERS):
    """Run by the cpu executor as by the reference, and without it but for what is named in `fallback`."""
    before = dict(planner.fallbacks)
    agree(list(roots), workers)
    more = {name for name, n in planner.fallbacks.items() if n > before.get(name, 0)}
    assert more <= set(fallback), f"left to the reference executor: {more}"


# ---------------------------------------------------------------- put together


@pytest.mark.parametrize("dtype", ALL)
def test_joining(rng, dtype):
    concat = PRIMITIVES["concat"]
    a, b, c = (given(rng, (3, n, 5), dtype) for n in (4, 0, 7))
    same(concat((a, b, c), 1))
    same(concat((a, a), 0), concat((a, a), 2))
    same(concat((a.permute((2, 1, 0)), c.permute((2, 1, 0))), 1))
    same(concat((b, b), 1))


def test_joining_many_computed_values(rng):
    x = given(rng, (6, 9, 20))
    parts = [(x.slice(((0, 6, 1), i)) * float(i)).reshape((6, 1, 20)) for i in range(9)]
    same(PRIMITIVES["concat"](tuple(parts), 1))
    sums = [x.sum((1,), True), x.amax((1,), True), x]
    same(PRIMITIVES["concat"](tuple(sums), 1))


def test_what_is_joined_lives_in_the_whole(rng):
    x, w = given(rng, (20, 30)), given(rng, (30, 30))
    steps = [x * 2.0]
    for _ in range(6):
        steps.append((steps[-1] @ w).tanh())
    whole = PRIMITIVES["concat"](tuple(steps), 0)
    same(whole, whole.sum((0,), False))
    program, _ = native([whole])
    assert len(program.calls) == 13  # a product and a kernel a step, and no copying
    same(steps[3], whole, whole.slice(((20, 40, 1),)))
    same(whole.slice_scatter(x, ((40, 60, 1),)) + whole)
    turned = [step.permute((1, 0)) for step in steps]
    same(PRIMITIVES["concat"](tuple(turned), 1), PRIMITIVES["concat"]((*steps[:3], *steps[:2]), 0))


def test_what_is_joined_and_read_by_numpy(rng):
    x = given(rng, (6, 6), "float64")
    a, b = x.exp(), (x * 2.0).tanh()
    whole = PRIMITIVES["concat"]((a, b), 0)
    found = PRIMITIVES["matrix_exp"](a)
    same(whole, found + b, fallback=["matrix_exp"])
    same(PRIMITIVES["concat"]((found, b), 0), fallback=["matrix_exp"])


def test_work_on_what_is_joined_is_done_in_its_parts(rng):
    x, y = given(rng, (5, 7)), given(rng, (5, 9))
    joined = PRIMITIVES["concat"]((x * 2.0, y), 1)
    after = (joined.relu() + given(rng, (5, 16))) * given(rng, (16,))
    same(after)
    program, _ = native([after])
    assert program.image.arena == 0
    same(after, joined, after + joined)
    same(joined.gt(0.5).where(joined, 0.0))


@pytest.mark.parametrize("dtype", ALL)
def test_writing_to_a_slice(rng, dtype):
    x = given(rng, (4, 35), dtype)
    same(x.slice_scatter(given(rng, (3,), dtype), (1, (0, 35, 13))))
    same(x.slice_scatter(given(rng, (2, 1), dtype).expand((2, 35)), ((1, 3, 1),)))
    same(x.slice_scatter(given(rng, (0, 35), dtype), ((1, 1, 1),)))
    same(zeros((6, 40), dtype).slice_scatter(x, ((1, 5, 1), (2, 37, 1))))
    same(constant(1, x.dtype).expand((9, 40)).slice_scatter(x, ((0, 8, 2), (2, 37, 1))))
    same(x.diagonal_scatter(given(rng, (4,), dtype), 3, 0, 1))
    same(x.as_strided_scatter(given(rng, (2, 3), dtype), (2, 3), (40, 7), 2))
    same(given(rng, (3, 9), dtype).unslice((9, 17), ((1, 9, 3), (0, 17, 2))))


def test_overlapping_strides_are_left_to_numpy(rng):
    x, v = given(rng, (12,)), given(rng, (3, 4))
    same(x.as_strided_scatter(v, (3, 4), (1, 1), 0), fallback=["as_strided_scatter"])


def test_one_write_after_the_other_copies_nothing(rng):
    x = given(rng, (64, 33))
    y = x * 2.0
    for i in range(5):
        column = ((0, 64, 1), i)
        y = y.slice_scatter(y.slice(column) + 1.0, column)
    same(y)
    program, _ = native([y])
    assert program.image.arena == 0


def test_a_base_that_is_read_later_is_copied(rng):
    x = given(rng, (20, 30)) * 2.0
    kept = x.exp()
    y = x.slice_scatter(given(rng, (20,)), ((0, 20, 1), 3))
    same(x, y, y + kept, (y + x).sum((0, 1), False))


def test_a_write_that_reads_its_base_elsewhere(rng):
    x = given(rng, (20, 300)) * 2.0
    same(x.slice_scatter(x.slice(((0, 20, 1), (0, 299, 1))), ((0, 20, 1), (1, 300, 1))))
    turned = x.slice(((0, 20, 1), (0, 20, 1))).permute((1, 0))
    same(x.slice_scatter(turned, ((0, 20, 1), (0, 20, 1))))
    at = given(rng, (5,), "int64", 0, 20)
    same(PRIMITIVES["put"]((x, x.slice(((3, 8, 1),)), at), (0,), True))


@pytest.mark.parametrize("dtype", ALL)
def test_rolling(rng, dtype):
    x = given(rng, (5, 37), dtype)
    same(x.roll((3, -2, 1), (0, 1, 0)))
    same(x.roll((37,), (1,)), x.roll((-1,), (1,)))
    same(given(rng, (0, 3), dtype).roll((1,), (0,)))


@pytest.mark.parametrize("dtype", SOME)
def test_adding_windows(rng, dtype):
    for n, k, s, gap in [(7, 3, 2, 1), (9, 2, 1, 2), (8, 2, 2, 1), (11, 3, 3, 2), (10, 2, 3, 1)]:
        count = (n - (gap * (k - 1) + 1)) // s + 1
        same(given(rng, (2, count, k), dtype).unwindow((2, n), (1,), (k,), (s,), (gap,)))
    same(given(rng, (2, 4, 4, 3, 2), dtype).unwindow((2, 9, 8), (1, 2), (3, 2), (2, 2), (1, 1)))


@pytest.mark.parametrize("dtype", SOME)
def test_adding_through_strides(rng, dtype):
    same(given(rng, (4, 3), dtype).as_strided_add((6,), (4, 3), (1, 1), 0))
    same(given(rng, (2, 3), dtype).as_strided_add((4, 5), (2, 3), (10, 2), 1))
    same(given(rng, (0, 3), dtype).as_strided_add((4, 5), (0, 3), (10, 2), 1))


# ---------------------------------------------------------------- positions that are data


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("dtype", ALL)
def test_put(rng, dtype, accumulate):
    put = PRIMITIVES["put"]
    rows = given(rng, (5, 4), "int64", -10, 10)
    x, v = given(rng, (10, 37), dtype), given(rng, (5, 4, 37), dtype)
    same(put((zeros((10, 37), dtype), v, rows), (0,), accumulate))
    same(put((x, v, rows), (0,), accumulate))
    same(put((x.permute((1, 0)), given(rng, (37, 5, 4), dtype), rows), (1,), accumulate))
    same(put((x, constant(1, x.dtype), rows), (0,), accumulate))
    cube = given(rng, (3, 4, 5), dtype)
    i, j = given(rng, (6, 1), "int64", -3, 3), given(rng, (2,), "int32", 0, 4)
    same(put((cube, given(rng, (6, 2, 5), dtype), i, j), (0, 1), accumulate))
    same(put((cube, given(rng, (6, 2, 4), dtype), i, j), (0, 2), accumulate))
    same(
        put(
            (given(rng, (10,), dtype), given(rng, (50,), dtype), given(rng, (50,), "int64", 0, 10)),
            (0,),
            accumulate,
        )
    )
    same(put((x, given(rng, (0, 37), dtype), given(rng, (0,), "int64", 0, 1)), (0,), accumulate))


@pytest.mark.parametrize("mode", ["set", "sum", "prod", "amax", "amin"])
@pytest.mark.parametrize("dtype", [*SOME, "bool"])
def test_scatter(rng, dtype, mode):
    for dim in range(3):
        # Places that do not repeat along dim: which of two values is kept is nobody's promise.
        order = np.argsort(rng.random((4, 5, 6)), dim)
        index = of_array(order.astype(np.int64), dtypes.int64)
        if mode != "set":
            index = given(rng, (4, 5, 6), "int64", 0, 4)
        same(given(rng, (6, 7, 8), dtype).scatter(index, given(rng, (5, 5, 7), dtype), dim, mode))
    index = of_array(np.argsort(rng.random((6, 50)), 1).astype(np.int32), dtypes.int32)
    same(zeros((6, 50), dtype).scatter(index, given(rng, (6, 50), dtype), 1, mode))
    same(
        zeros((6, 50), dtype).scatter(given(rng, (1, 50), "int64", 0, 6), given(rng, (1, 50), dtype), 0, mode)
    )
    nothing = given(rng, (), "int64", 0, 1)
    same(given(rng, (), dtype).scatter(nothing, given(rng, (), dtype), 0, mode))


def test_scatter_keeps_nan(rng):
    x = special(rng, given(rng, (40,)))
    index, v = given(rng, (90,), "int64", 0, 40), special(rng, given(rng, (90,)))
    for mode in ("sum", "amax", "amin"):
        same(x.scatter(index, v, 0, mode))


def test_of_equal_positions_the_last_value_stays(rng):
    index = of_array(np.zeros(100, np.int64), dtypes.int64)
    rows = given(rng, (100, 70))
    same(PRIMITIVES["put"]((zeros((3, 70), "float32"), rows, index), (0,), False))


@pytest.mark.parametrize("dtype", ALL)
def test_take_with_several_indices(rng, dtype):
    take = PRIMITIVES["take"]
    x = given(rng, (3, 4, 5), dtype)
    i, j, k = (
        given(rng, (6, 1), "int64", -3, 3),
        given(rng, (7,), "int32", 0, 4),
        given(rng, (), "int64", 0, 5),
    )
    same(take((x, i, j), (0, 1)), take((x, i, j), (0, 2)), take((x, j, i), (1, 2)))
    same(take((x, i, j, k), (0, 1, 2)), take((x, k), (2,)))


@pytest.mark.parametrize("bad", [9, -11])
def test_a_position_outside_is_the_reference_executors_error(rng, bad):
    put, take = PRIMITIVES["put"], PRIMITIVES["take"]
    x = given(rng, (5, 37))
    index = of_array(np.array([1, bad, -2, bad * 2]), dtypes.int64)
    inside = given(rng, (4, 37), "int64", 0, 5)
    outside = of_array(np.where(np.arange(37) == 20, bad, inside.buffer), dtypes.int64)
    rows = given(rng, (4, 37))
    same(put((x, rows, index), (0,), True))
    same(put((zeros((5, 37), "float32"), rows, index), (0,), False))
    same(x.scatter(outside, rows, 0, "sum"), x.scatter(outside, rows, 0, "set"))
    same(take((x, index), (0,)), take((x, index, index), (0, 1)))
    # The first of several failures is the one that is told.
    same(take((x, index), (0,)) + put((x, rows, index), (0,), True).slice(((0, 4, 1),)))


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "uint8"])
@pytest.mark.parametrize(
    "bounds", [(0, 1), (-5.5, np.inf), (-np.inf, 3.5), (-np.inf, np.inf), (300, 400), (-9, 101)]
)
def test_conditions(rng, dtype, bounds):
    for nan in (False, True):
        for shape in [(4, 5), (), (1, 1), (0, 3)]:
            x = special(rng, given(rng, shape, dtype))
            params = (*bounds, nan, "ValueError", "no such number: {}")
            same(PRIMITIVES["within"](x, *params))
            same(PRIMITIVES["within"](x + x, *params) + x)


def test_a_condition_on_positions(rng):
    index = given(rng, (6,), "int64", 0, 12)
    checked = PRIMITIVES["within"](index, 0, 9, True, "IndexError", "index {} out of range")
    same(PRIMITIVES["take"]((given(rng, (10, 4)), checked), (0,)))


# ---------------------------------------------------------------- pooling

POOLS = [
    ((8, 9), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((9, 8), (3, 2), (2, 1), ((1, 1), (0, 1)), (1, 1)),
    ((11, 10), (3, 3), (2, 2), ((1, 0), (1, 1)), (2, 1)),
    ((7, 7), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((9, 9), (2, 2), (3, 3), ((0, 0), (0, 0)), (1, 1)),
]


@pytest.mark.parametrize("dtype", SOME)
@pytest.mark.parametrize("pool", POOLS)
def test_pooling(rng, dtype, pool):
    sizes, *at = pool
    kernel, stride, around, dilation = at
    x = special(rng, given(rng, (2, 3, *sizes), dtype))
    place = PRIMITIVES["window_argmax"](x, *at)
    g = given(rng, pooled_shape(x.shape, *at), dtype)
    padded = x
    if any(map(any, around)):
        (top, bottom), (left, right) = around
        h, w = sizes
        whole = constant(lowest(x.dtype), x.dtype).expand((2, 3, h + top + bottom, w + left + right))
        padded = whole.slice_scatter(x, ((0, 2, 1), (0, 3, 1), (top, top + h, 1), (left, left + w, 1)))
    windows = padded.windows((2, 3), kernel, stride, dilation)
    same(windows.amax((4, 5), False), place, PRIMITIVES["window_put"](g, place, x.shape, *at))
    same(windows.amin((4, 5), False))
    same(given(rng, x.shape, dtype).windows((2, 3), kernel, (2, 1), (1, 1)).sum((4, 5), False))


def test_large_windows(rng):
    x = given(rng, (2, 3, 40, 41))
    at = ((7, 6), (7, 6), ((0, 0), (0, 0)), (1, 1))
    same(x.windows((2, 3), (7, 6), (7, 6), (1, 1)).amax((4, 5), False))
    same(PRIMITIVES["window_argmax"](x, *at), fallback=["window_argmax"])


def test_pooling_of_channels_last(rng):
    """Between two convolutions the order is theirs, and pooling follows it."""
    x, w, v = given(rng, (2, 3, 12, 12)), given(rng, (4, 3, 3, 3)), given(rng, (5, 4, 3, 3))
    convolution = PRIMITIVES["convolution"]
    plain = ((1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1), 1)
    y = PRIMITIVES["relu"](convolution(x, w, *plain))
    at = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))
    pooled = y.windows((2, 3), (2, 2), (2, 2), (1, 1)).amax((4, 5), False)
    back = PRIMITIVES["window_put"](pooled * 2.0, PRIMITIVES["window_argmax"](y, *at), y.shape, *at)
    same(convolution(pooled, v, *plain), back, PRIMITIVES["concat"]((y, back), 1).sum((0, 2, 3), False))


# ---------------------------------------------------------------- along lines

SHAPES = [(7,), (5, 33), (3, 17, 70), (1,), (2, 1, 40)]


@pytest.mark.parametrize("dtype", SOME)
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "argcummax", "argcummin", "logcumsumexp"])
def test_scans(rng, dtype, name):
    if name == "logcumsumexp" and dtype not in FLOATS:
        return  # of floats only
    scan = PRIMITIVES[name]
    for shape in SHAPES:
        for dim in range(len(shape)):
            x = special(rng, given(rng, shape, dtype))
            same(scan(given(rng, shape, dtype), dim), scan(x, dim), workers=(1, 3))
            if len(shape) == 3:
                same(scan(x.permute((2, 0, 1)), dim), scan(x.flip((1,)), dim), workers=(2,))


@pytest.mark.parametrize("dtype", [*SOME, "bool"])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_place_of_an_extreme(rng, dtype, name):
    extreme = PRIMITIVES[name]
    for shape in SHAPES:
        for dim in range(len(shape)):
            x = special(rng, given(rng, shape, dtype))
            same(extreme(x, dim, False), extreme(x, dim, True), workers=(1, 3))
            if len(shape) == 3:
                same(
                    extreme(x.permute((2, 0, 1)), dim, False), extreme(x.flip((1,)), dim, False), workers=(2,)
                )


def test_the_place_of_an_extreme_in_a_long_line(rng):
    x = given(rng, (300001,))
    same(x.argmax(0, False), x.round().argmin(0, True), special(rng, x).argmax(0, False))
    same(given(rng, (2, 300001), "int16").argmin(1, False), workers=(1, 3))


# ---------------------------------------------------------------- order


@pytest.mark.parametrize("dtype", [*SOME, "int16", "bool"])
def test_sorting(rng, dtype):
    for shape in [(7,), (5, 133), (3, 17, 70), (), (2, 1), (1, 1000)]:
        for dim in range(max(1, len(shape))):
            x = special(rng, given(rng, shape, dtype))
            same(x.argsort(dim, False), x.argsort(dim, True), workers=(1, 3))
            if len(shape) == 3:
                same(x.permute((2, 0, 1)).argsort(dim, False), workers=(2,))


@pytest.mark.parametrize("dtype", [*SOME, "bool"])
def test_the_first_few(rng, dtype):
    for shape in [(7,), (5, 133), (3, 17, 70)]:
        for dim in range(len(shape)):
            for k in (1, 3, 40):
                if k <= shape[dim]:
                    x = special(rng, given(rng, shape, dtype))
                    same(x.argtop(k, dim, True), x.argtop(k, dim, False), workers=(1, 3))
    same(given(rng, (3, 0), dtype).argtop(0, 1, True))


@pytest.mark.parametrize("dtype", [*SOME, "bool"])
def test_searching(rng, dtype):
    values = special(rng, given(rng, (3, 37), dtype))
    for n in (0, 1, 5, 100):
        for shape in [(n,), (3, n)]:
            x = special(rng, given(rng, shape, dtype))
            kept = np.float64 if x.dtype.is_floating_point else x.dtype.numpy
            sequence = of_array(np.sort(x.buffer.astype(kept), -1).astype(x.dtype.numpy), x.dtype)
            for right in (False, True):
                search = PRIMITIVES["searchsorted"]
                roots = [search(sequence, values, right, narrow) for narrow in (False, True)]
                same(*roots, fallback=["searchsorted"] if not n else [], workers=(1, 3))
