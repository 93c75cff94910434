"""A Hypothesis strategy for graphs of primitives: elementwise chains, views, reductions, gathers, products.

Functions that jump (comparisons, floor, casts to whole numbers) are put on exact values only: the numbers of an input are
multiples of 1/8 below 2, and `Built.bits` counts how many bits a value needs at most, so a sum in any order is the same.
"""

import math
import random
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from rushlight import dtypes
from rushlight.graph.node import PRIMITIVES, Node, constant, of_array

FLOATS = ("float32", "float64", "float16", "bfloat16")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100)
LARGE = (1, 2, 3, 7, 16, 33, 100, 1030, 2100, 20000, 40001)
INEXACT = 99


class Built(NamedTuple):
    """A node, and how many bits its values need at most; INEXACT when rounding may differ."""

    node: Node
    bits: int


def array(rng, shape, dtype):
    """Numbers that every type holds exactly."""
    kind = dtypes.bool if dtype == "bool" else getattr(dtypes, dtype)
    if dtype == "bool":
        made = rng.random(shape) < 0.5
    elif dtype in WHOLE:
        made = rng.integers(-8 if kind.is_signed else 0, 9, shape)
    else:
        made = rng.integers(-16, 17, shape) / 8
    return np.asarray(made).astype(kind.numpy)


class Builder:
    """Adds one operation after the other. `pool` is what there is to go on from.

    whole: (low, high) -> a whole number from low to high.
    """

    def __init__(self, whole, bad_indices=False, empty=False, large=False):
        self.whole = whole
        self.sizes, self.most = (LARGE, 100_000) if large else (SIZES, 6000)  # of a dimension, elements
        self.rng = np.random.default_rng(whole(0, 1 << 16))
        self.bad_indices, self.empty = bad_indices, empty
        self.pool = [self.leaf(self.shape(), self.dtype()) for _ in range(whole(1, 3))]

    # ------------------------------------------------------------ choices

    def one(self, options):
        return options[self.whole(0, len(options) - 1)]

    def chance(self, n):
        return self.whole(0, n - 1) == 0

    def shuffled(self, n):
        left = list(range(n))
        return [left.pop(self.whole(0, len(left) - 1)) for _ in range(n)]

    def shape(self):
        shape = ()
        for _ in range(self.whole(0, 4)):
            size = 0 if self.empty and self.chance(6) else self.one(self.sizes)
            if math.prod(shape) * size <= self.most:
                shape += (size,)
        return shape

    def dtype(self):
        return self.one(("float32",) * 6 + FLOATS + WHOLE + ("bool",))

    def leaf(self, shape, dtype):
        return Built(of_array(array(self.rng, shape, dtype), getattr(dtypes, dtype)), 6)

    def pick(self, test=lambda node: True):
        found = [b for b in self.pool if test(b.node)]
        return self.one(found[-6:]) if found else None

    def add(self, node, bits):
        if node.numel <= 4 * self.most:
            self.pool.append(Built(node, min(bits, INEXACT) if bits <= 20 else INEXACT))

    # ------------------------------------------------------------ elementwise

    def partner(self, x):
        """Something of x's dtype that broadcasts with it."""
        if self.chance(3):
            value = self.one((0.0, 1.0, -1.0, 0.5, 2.0, -0.0))
            return Built(constant(value, x.node.dtype), 4)
        near = [b for b in self.pool if b.node.dtype is x.node.dtype and fits(b.node.shape, x.node.shape)]
        if near and not self.chance(3):
            return self.one(near)
        shape = tuple([1 if self.chance(3) else n for n in x.node.shape])
        if self.chance(4):
            shape = shape[self.whole(0, len(shape)) :]
        return self.leaf(shape, x.node.dtype.name)

    def unary(self):
        x = self.pick()
        kind = x.node.dtype
        if kind is dtypes.bool:
            return self.add(~x.node, x.bits)
        if kind.category == 1:
            return self.add(self.one((lambda n: -n, lambda n: n.abs(), lambda n: n.relu()))(x.node), x.bits)
        name = self.one(("neg", "abs", "relu", "copy", "exp", "tanh", "sigmoid", "floor", "sqrt", "isnan"))
        if name in ("exp", "tanh", "sigmoid"):
            node = x.node.minimum(4.0) if name == "exp" else x.node
            return self.add(getattr(node, name)(), INEXACT)
        if name == "sqrt":
            return self.add((x.node.abs() + 0.25).sqrt(), INEXACT)
        if name == "floor" and x.bits == INEXACT:
            return None
        return self.add(getattr(x.node, name)(), x.bits)

    def binary(self):
        x = self.pick()
        y = self.partner(x)
        a, b = (x, y) if self.chance(2) else (y, x)
        names = ["add", "mul", "maximum", "minimum", "eq", "lt", "ge", "where"]
        if x.node.dtype is not dtypes.bool:
            names.append("sub")
        if x.node.dtype.category == dtypes.FLOATING:
            names.append("div")
        name = self.one(names)
        bits = max(a.bits, b.bits)
        if name in ("eq", "lt", "ge"):
            return None if bits == INEXACT else self.add(getattr(a.node, name)(b.node), 1)
        if name == "where":
            cond = self.leaf(tuple([1 if self.chance(3) else n for n in x.node.shape]), "bool")
            return self.add(cond.node.where(a.node, b.node), bits)
        if name == "div":
            return self.add(a.node / (b.node.abs() + 0.5), INEXACT)
        if name == "mul":
            return self.add(a.node * b.node, a.bits + b.bits)
        return self.add(getattr(a.node, name)(b.node), bits + 1)

    def cast(self):
        x = self.pick()
        name = self.dtype()
        target = getattr(dtypes, name)
        node = x.node
        if name in WHOLE or name == "bool":
            if x.bits == INEXACT:
                return
            if node.dtype.category == dtypes.FLOATING:
                node = node.isnan().where(0, node).maximum(0).minimum(100)
        self.add(node.cast(target), x.bits)

    def iota(self):
        n = self.one(self.sizes)
        name = self.one(("int64", "int64", "float32", "int32"))
        self.add(PRIMITIVES["iota"](constant(self.one((0, 3)), getattr(dtypes, name)), n), 8)

    # ------------------------------------------------------------ movement

    def view(self):
        x = self.pick()
        node = getattr(self, "_" + self.one(VIEWS))(x.node)
        if node is not None:
            self.add(node, x.bits)

    def _reshape(self, x):
        left = x.numel
        shape = []
        while left > 1 and len(shape) < 4:
            divisors = [n for n in range(1, left + 1) if left % n == 0]
            shape.append(self.one(divisors))
            left //= shape[-1]
        return x.reshape((*shape, left) if shape else x.shape)

    def _permute(self, x):
        return x.permute(tuple(self.shuffled(x.ndim)))

    def _expand(self, x):
        shape = [self.one((2, 3, 8)) if n == 1 and self.chance(2) else n for n in x.shape]
        lead = (self.one((1, 2, 5)),) if self.chance(3) else ()
        return x.expand((*lead, *shape))

    def _span(self, n, steps=True):
        start = self.whole(0, n)
        stop = self.whole(start, n)
        return (start, stop, self.one((1, 1, 2, 3)) if steps else 1)

    def _slice(self, x):
        if not x.numel:
            return None
        index = []
        for n in x.shape[: self.whole(0, x.ndim)]:
            index.append(self.whole(0, n - 1) if self.chance(4) else self._span(n))
        return x.slice(tuple(index))

    def _flip(self, x):
        return x.flip(tuple([d for d in range(x.ndim) if self.chance(2)]))

    def _roll(self, x):
        if not x.numel or not x.ndim:
            return None
        dim = self.whole(0, x.ndim - 1)
        return x.roll((self.whole(-3, 3),), (dim,))

    def _windows(self, x):
        dims = [d for d, n in enumerate(x.shape) if n >= 3 and self.chance(2)]
        if not dims or x.numel > self.most // 4:
            return None
        sizes = [self.one((1, 2, 3)) for _ in dims]
        steps = [self.one((1, 2, 3)) for _ in dims]
        gaps = [1 if x.shape[d] < 5 else self.one((1, 2)) for d in dims]
        return x.windows(tuple(dims), tuple(sizes), tuple(steps), tuple(gaps))

    def _diagonal(self, x):
        if x.ndim < 2:
            return None
        a, b = self.shuffled(x.ndim)[:2]
        return x.diagonal(self.whole(-2, 2), a, b)

    def _unslice(self, x):
        shape, index = [], []
        for n in x.shape:
            before, after, step = self.one((0, 0, 2)), self.one((0, 0, 3)), self.one((1, 1, 1, 2))
            reach = (n - 1) * step + 1 if n else 0
            shape.append(before + reach + after)
            index.append((before, before + reach, step))
        if math.prod(shape) > 4 * self.most:
            return None
        if self.chance(3):
            shape.insert(0, 3)
            index.insert(0, self.one((0, 1, 2)))
        return x.unslice(tuple(shape), tuple(index))

    def _concat(self, x):
        if not x.ndim:
            return None
        dim = self.whole(0, x.ndim - 1)
        others = [self.leaf((*x.shape[:dim], self.one((1, 2, 9)), *x.shape[dim + 1 :]), x.dtype.name).node]
        if self.chance(2):
            others.append(x)
        return PRIMITIVES["concat"]((x, *others) if self.chance(2) else (*others, x), dim)

    def _as_strided(self, x):
        if x.numel < 6:
            return None
        size = (2, 3)
        stride = (self.one((0, 1, 2)), 1)
        return x.as_strided(size, stride, self.whole(0, x.numel - 5))

    def _slice_scatter(self, x):
        if not x.ndim:
            return None
        span = self._span(x.shape[0])
        value = self.leaf((len(range(*span)), *x.shape[1:]), x.dtype.name).node
        return x.slice_scatter(value, (span,))

    def _diagonal_scatter(self, x):
        if x.ndim != 2 or not min(x.shape):
            return None
        return (
            x.diagonal_scatter(self.leaf((min(x.shape),), x.dtype.name).node, 0, 0, 1)
            if x.shape[0] <= x.shape[1]
            else None
        )

    # ------------------------------------------------------------ reductions

    def reduction(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0)
        if x is None:
            return
        dims = tuple([d for d in range(x.node.ndim) if self.chance(2)]) or (x.node.ndim - 1,)
        name = self.one(("sum", "sum", "amax", "amin", "any", "all", "prod"))
        kept = self.chance(2)
        count = math.prod(x.node.shape[d] for d in dims)
        if name == "prod":
            node = x.node if x.node.dtype.category != dtypes.FLOATING else x.node.minimum(1.0).maximum(-1.0)
            return self.add(node.prod(dims, kept), INEXACT)
        if name in ("any", "all") and x.bits == INEXACT:
            return
        bits = {"sum": x.bits + count.bit_length(), "any": 1, "all": 1}.get(name, x.bits)
        self.add(getattr(x.node, name)(dims, kept), bits)

    def normalized(self):
        """Several reductions one after the other, whose results meet the values again."""
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0 and n.dtype.category == dtypes.FLOATING)
        if x is None:
            return
        dims = tuple([d for d in range(x.node.ndim) if self.chance(2)]) or (x.node.ndim - 1,)
        x = x.node.maximum(-8.0).minimum(8.0)
        if self.chance(2):
            e = (x - x.amax(dims, True)).exp()
            out = e / e.sum(dims, True)
        else:
            count = 1.0 / math.prod(x.shape[d] for d in dims)
            centred = x - x.sum(dims, True) * count
            variance = (centred * centred).sum(dims, True) * count
            out = centred * (variance + 0.5).rsqrt()
            if self.chance(2):
                self.add(variance, INEXACT)
        self.add(out, INEXACT)

    # ------------------------------------------------------------ positions that are data

    def index(self, shape, size):
        values = self.rng.integers(0, max(size, 1), shape)
        if self.bad_indices and self.chance(3) and values.size:
            values.reshape(-1)[self.whole(0, values.size - 1)] = self.one((-size - 1, size, size + 7, -1))
        name = self.one(("int64", "int64", "int32"))
        node = of_array(values.astype(name), getattr(dtypes, name))
        return node + 0 if self.chance(3) else node

    def gather(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0)
        if x is None:
            return
        dim = self.whole(0, x.node.ndim - 1)
        shape = [n if not self.chance(3) else max(1, n - 1) for n in x.node.shape]
        shape[dim] = self.one((1, 2, 5))
        self.add(x.node.gather(self.index(tuple(shape), x.node.shape[dim]), dim), x.bits)

    def take(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0)
        if x is None or x.node.numel > self.most // 2:
            return
        dim = self.whole(0, x.node.ndim - 1)
        index = self.index(self.one(((), (1,), (3,), (2, 5), (17,))), x.node.shape[dim])
        self.add(PRIMITIVES["take"]((x.node, index), (dim,)), x.bits)

    def put(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0)
        if x is None:
            return
        first = self.whole(0, x.node.ndim - 1)
        dims = tuple(range(first, self.whole(first, min(first + 1, x.node.ndim - 1)) + 1))
        if x.node.ndim > 2 and self.chance(4):
            dims = (0, 2)
        accumulate = self.chance(2)
        # Of two values for one place either may be kept, so those that are not added go to different places.
        shape = self.one(((3,), (2, 5), (17,))) if accumulate else (1,)
        indices = [self.index(shape, x.node.shape[d]) for d in dims]
        whole = PRIMITIVES["take"]((x.node, *indices), dims).shape
        if math.prod(whole) > self.most:
            return
        value = (
            self.leaf(whole, x.node.dtype.name) if not self.chance(4) else Built(constant(1, x.node.dtype), 1)
        )
        base = constant(0, x.node.dtype).expand(x.node.shape) if self.chance(3) else x.node
        node = PRIMITIVES["put"]((base, value.node, *indices), dims, accumulate)
        self.add(node, max(x.bits, value.bits) + (5 if accumulate else 0))

    def scatter(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0)
        if x is None:
            return
        dim = self.whole(0, x.node.ndim - 1)
        mode = self.one(("sum", "sum", "amax", "amin", "set"))
        shape = [n if not self.chance(3) else max(1, n - 1) for n in x.node.shape]
        shape[dim] = 1 if mode == "set" else self.one((1, 2, 7))
        value = self.leaf(tuple(shape), x.node.dtype.name)
        index = self.index(tuple(shape), x.node.shape[dim])
        base = constant(0, x.node.dtype).expand(x.node.shape) if self.chance(3) else x.node
        self.add(base.scatter(index, value.node, dim, mode), max(x.bits, value.bits) + 4)

    # ------------------------------------------------------------ along lines, and windows

    def line(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0)
        if x is None:
            return
        dim = self.whole(0, x.node.ndim - 1)
        n = x.node.shape[dim]
        name = self.one(("cumsum", "argcummax", "argmax", "argmin", "argsort", "argtop"))
        if name == "cumsum":
            return self.add(x.node.cumsum(dim), x.bits + n.bit_length())
        if x.bits == INEXACT:
            return None
        params = {"argcummax": (), "argsort": (self.chance(2),)}.get(name, (self.chance(2),))
        node = x.node.argtop(self.whole(1, n), dim, self.chance(2)) if name == "argtop" else None
        return self.add(node or getattr(x.node, name)(dim, *params), 7)

    def pooled(self):
        x = self.pick(lambda n: n.ndim > 0 and n.numel > 0 and n.dtype is not dtypes.bool)
        if x is None or x.bits == INEXACT:
            return
        rank = self.whole(1, min(2, x.node.ndim))
        sizes = x.node.shape[x.node.ndim - rank :]
        kernel = tuple([min(n, self.one((1, 2, 3))) for n in sizes])
        steps = tuple([self.one((1, 2, 3)) for _ in sizes])
        around = tuple([(self.whole(0, k // 2), self.whole(0, k // 2)) for k in kernel])
        at = (kernel, steps, around, (1,) * rank)
        place = PRIMITIVES["window_argmax"](x.node, *at)
        self.add(place, 5)
        g = self.leaf(place.shape, x.node.dtype.name)
        self.add(PRIMITIVES["window_put"](g.node, place, x.node.shape, *at), g.bits + 4)

    # ------------------------------------------------------------ products

    def matmul(self):
        x = self.pick(lambda n: n.ndim >= 2 and n.numel <= self.most and n.dtype is not dtypes.bool)
        if x is None:
            return
        batch = tuple([1 if self.chance(3) else n for n in x.node.shape[:-2]])
        batch = batch[self.whole(0, len(batch)) :]
        k, n = x.node.shape[-1], self.one((1, 2, 5, 16))
        turned = self.chance(2)
        y = self.leaf((*batch, n, k) if turned else (*batch, k, n), x.node.dtype.name).node
        if turned:
            y = y.permute((*range(y.ndim - 2), y.ndim - 1, y.ndim - 2))
        a = x.node
        if self.chance(3):
            a = a.permute((*range(a.ndim - 2), a.ndim - 1, a.ndim - 2))
            y = self.leaf((a.shape[-1], n), a.dtype.name).node
        exact = a.dtype.category == dtypes.FLOATING
        self.add(a @ y, x.bits + 6 + k.bit_length() if exact else 8)


VIEWS = (
    "reshape", "reshape", "permute", "permute", "expand", "slice", "slice", "flip", "roll", "windows", "diagonal",
    "unslice", "concat", "as_strided", "slice_scatter", "diagonal_scatter",
)  # fmt: skip
STEPS = (
    "unary", "unary", "binary", "binary", "binary", "binary", "cast", "iota", "view", "view", "view", "view",
    "reduction", "reduction", "normalized", "gather", "take", "matmul", "put", "scatter", "line", "pooled",
)  # fmt: skip


def fits(a, b):
    """Whether two shapes broadcast to the second."""
    try:
        return np.broadcast_shapes(a, b) == b
    except ValueError:
        return False


def built(whole, steps, **options):
    """Roots of a graph: the last value, and some of those on the way."""
    builder = Builder(whole, **options)
    for _ in range(steps):
        getattr(builder, builder.one(STEPS))()
    computed = [b.node for b in builder.pool if b.node.buffer is None]
    roots = computed[-1:] + [n for n in computed[:-1] if builder.chance(4)]
    if computed and builder.chance(4):
        roots.append(computed[-1].reshape((computed[-1].numel,)))
    return roots


@st.composite
def graphs(draw, most=10, **options):
    """Graphs that Hypothesis makes smaller when one fails."""

    def whole(low, high):
        return draw(st.integers(low, high))

    return built(whole, whole(1, most), **options)


def graph(seed, steps=12, **options):
    """The graph of this number: as likely large as small."""
    rng = random.Random(seed)
    return built(rng.randint, rng.randint(1, steps), **options)
