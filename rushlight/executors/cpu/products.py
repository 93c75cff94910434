"""Matrix products: OpenBLAS on each worker's slice.

An operand is a view: the strides of its batch dimensions, rows and columns, of which one of the last two is 1. The
workers share the batch, or the rows, or the columns of one product. Each call of BLAS runs on one thread.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from .emit import I32, I64, Type, Value
from .kernel import Body, Buffer, Call, Kernel, Pointer, kernel

_GEMM = {"f32": "scipy_cblas_sgemm", "f64": "scipy_cblas_dgemm"}
_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112

# What the workers share: numbers of a kernel, so that one serves every shape and layout.
_BATCH, _ROWS, _COLUMNS = 0, 1, 2

# float32 multiply-adds a nanosecond of one core, roughly: for shares of work, not for claims.
_RATE = 50.0


class Operand(NamedTuple):
    """A matrix, or a batch of them, in a buffer: offset and strides in elements."""

    buffer: Buffer
    offset: int
    batch: tuple[int, ...]
    rows: int
    columns: int


def product(
    kind: str,
    batch: tuple[int, ...],
    m: int,
    n: int,
    k: int,
    a: Operand,
    b: Operand,
    out: Operand,
    workers: int,
) -> list[Call] | None:
    """Calls that compute out = a @ b; None when a stride has no BLAS form."""
    if kind not in _GEMM:
        return None
    ta, tb = _orientation(a, k, m), _orientation(b, n, k)
    if ta is None or tb is None or out.columns != 1:
        return None
    batch, strides = _merged(batch, (a.batch, b.batch, out.batch))
    if len(batch) > 3:
        return None
    batch = (1,) * (3 - len(batch)) + batch
    strides = tuple((0,) * (3 - len(s)) + s for s in strides)
    many = math.prod(batch)
    size = Type(kind).bytes
    numbers = (
        *batch, m, n, k, ta[1], tb[1], out.rows, _TRANSPOSED if ta[0] else _PLAIN, _TRANSPOSED if tb[0] else _PLAIN,
        1 if ta[0] else ta[1], tb[1] if tb[0] else 1, _split(many, m, n, workers), *strides[0], *strides[1], *strides[2],
    )  # fmt: skip
    pointers = tuple(Pointer(o.buffer, o.offset * size) for o in (a, b, out))
    work = many * m * n * k / (_RATE if kind == "f32" else _RATE / 2)
    return [Call(_kernel(kind), pointers, numbers, (a.buffer, b.buffer), (out.buffer,), work=work)]


def _orientation(operand: Operand, columns: int, rows: int) -> tuple[bool, int] | None:
    """(transposed, leading dimension)."""
    if operand.columns == 1 or columns == 1:
        lead = operand.rows if rows > 1 else columns
        if columns == 1 and operand.columns != 1 and operand.rows == 1:
            return True, max(operand.columns, rows)
        return (False, max(lead, columns)) if lead >= columns else None
    if operand.rows == 1 or rows == 1:
        lead = operand.columns
        return (True, lead) if lead >= rows else None
    return None


def _merged(batch: tuple[int, ...], strides: tuple) -> tuple[tuple[int, ...], tuple]:
    """Batch dimensions that run through every operand as one become one; those of size 1 go."""
    sizes: list[int] = []
    found: list[list[int]] = [[], [], []]
    for d, n in enumerate(batch):
        if n == 1:
            continue
        if sizes and all(f[-1] == s[d] * n for f, s in zip(found, strides)):
            sizes[-1] *= n
            for f, s in zip(found, strides):
                f[-1] = s[d]
            continue
        sizes.append(n)
        for f, s in zip(found, strides):
            f.append(s[d])
    return tuple(sizes), tuple(tuple(f) for f in found)


def _split(many: int, m: int, n: int, workers: int) -> int:
    if many >= 2 * workers or (many % workers == 0 and many > 1):
        return _BATCH
    return _ROWS if m >= n else _COLUMNS


@cache
def _kernel(kind: str) -> Kernel:
    return kernel(f"product_{kind}", 3, 23, lambda body, _: _write(body, kind))


def _write(body: Body, kind: str) -> None:
    b = body.b
    n0, n1, n2, m, n, k, lda, ldb, ldc, way_a, way_b, row_step, column_step, split, *strides = body.numbers
    a_strides, b_strides, c_strides = strides[:3], strides[3:6], strides[6:9]
    pa, pb, pc = body.pointers

    def share(what: int, total: Value, unit: int) -> tuple[Value, Value]:
        low, high = b.share(total, body.worker, body.workers, unit)
        mine = split.eq(what)
        return b.select(mine, low, b.constant(0, I64)), b.select(mine, high, total)

    each, rows, columns = share(_BATCH, n0 * n1 * n2, 1), share(_ROWS, m, 8), share(_COLUMNS, n, 16)
    one = Type(kind)
    with b.when(rows[0].lt(rows[1]) & columns[0].lt(columns[1])), b.loop(*each) as i:
        counters = (i / (n1 * n2), i / n2 % n1, i % n2)

        def start(pointer: Value, steps: list[Value], extra: Value) -> Value:
            offset = extra
            for counter, step in zip(counters, steps):
                offset = offset + counter * step
            return b.at(pointer, offset, one)

        at_a = start(pa, a_strides, rows[0] * row_step)
        at_b = start(pb, b_strides, columns[0] * column_step)
        at_c = start(pc, c_strides, rows[0] * ldc + columns[0])

        def small(value: Value) -> Value:
            return b.convert(value, "i32")

        b.call(
            _GEMM[kind], None, b.constant(_ROW_MAJOR, I32), small(way_a), small(way_b),
            small(rows[1] - rows[0]), small(columns[1] - columns[0]), small(k),
            b.constant(1, one), at_a, small(lda), at_b, small(ldb), b.constant(0, one), at_c, small(ldc),
        )  # fmt: skip
