"""Weights of a convolution in the order the inner loops read them.

A packed weight is a row of panels; a panel holds, for every tap and every channel summed over, some vectors of columns (of
target channels) side by side. The last panel of a group overlaps the one before it, or holds zeros beyond the last column
where there are fewer than fill one. The same four strides that say which number of the framework's (O, C / groups, kh, kw)
stands where serve the forward pass and, with taps turned round, the input's gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import microkernel, shuffles
from .emit import I64, Builder, Type, Value
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named


class Layout(NamedTuple):
    """A packed weight: element (group, tap, inner, column) is weight[first + the strides' sum]."""

    groups: int
    taps: int
    inner: int
    columns: int  # in a group
    panels: int  # in a group
    vectors: int  # in a panel
    group_stride: int
    tap_stride: int
    inner_stride: int
    column_stride: int
    first: int


def forward_layout(shape: Shape, vectors: int = 0) -> Layout:
    """Columns are output channels, sums run over input channels, taps in reading order."""
    c, o, taps = shape.group_channels, shape.group_out, shape.taps
    vectors = vectors or microkernel.panel_vectors(o, shape.kind)
    panels = _panels(o, vectors, shape.kind)
    return Layout(shape.groups, taps, c, o, panels, vectors, o * c * taps, 1, taps, c * taps, 0)


def turned_layout(shape: Shape, vectors: int = 0) -> Layout:
    """Columns are input channels, sums run over output channels, taps turned round."""
    c, o, taps = shape.group_channels, shape.group_out, shape.taps
    vectors = vectors or microkernel.panel_vectors(c, shape.kind)
    panels = _panels(c, vectors, shape.kind)
    return Layout(shape.groups, taps, o, c, panels, vectors, o * c * taps, -1, c * taps, taps, taps - 1)


def _panels(columns: int, vectors: int, kind: str) -> int:
    return -(-columns // (vectors * microkernel.vector(kind).lanes))


def first_column(b: Builder, panel: Value, columns: Any, width: int) -> Value:
    """The first column of a panel of its group."""
    last = b.select(columns.gt(width), columns - width, 0)
    return b.minimum_i64(panel * width, last)


def pack(layout: Layout, kind: str, weight: Pointer) -> tuple[Call, Pointer]:
    """The call that packs, and where the packed weight is then."""
    type = microkernel.vector(kind)
    terms, width = layout.taps * layout.inner, layout.vectors * type.lanes
    count = layout.groups * layout.panels * terms * width
    packed = Buffer(count * type.bytes, "packed weight")
    to = Pointer(packed)
    way = _way(layout, type)
    work = named(
        f"pack_{kind}_{layout.vectors}_{way}",
        2,
        len(layout),
        lambda body, _: _Packer(body, kind, layout.vectors, way).write(),
    )
    call = Call(work, (weight, to), tuple(layout), (weight.buffer,), (packed,), work=float(count))
    return call, to


def _way(layout: Layout, type: Type) -> str:
    """How numbers reach their vectors: "squares" of a row of the weight are transposed, "runs" of 1 or 9 taps dealt out."""
    if layout.column_stride > layout.inner_stride and layout.taps * layout.inner >= type.lanes:
        return "squares"
    if layout.tap_stride == -1 and layout.taps in (1, 9) and layout.columns >= layout.vectors * type.lanes:
        return f"runs{layout.taps}"
    return "gather"


class _Packer:
    """Emits one packing kernel: for every vector of columns of every panel, its terms."""

    def __init__(self, body: Body, kind: str, vectors: int, way: str) -> None:
        self.b, self.body, self.vectors, self.way = body.b, body, vectors, way
        self.weight, self.packed = body.pointers
        self.n = Layout(*body.numbers)  # type: ignore[arg-type]
        self.type = microkernel.vector(kind)

    def write(self) -> None:
        b, n, type, vectors = self.b, self.n, self.type, self.vectors
        lanes, terms = type.lanes, n.taps * n.inner
        # A unit of work: some terms of one vector of columns.
        many = {"squares": (terms + (lanes - 1)) / lanes, "gather": terms}.get(self.way, n.inner)
        low, high = b.share(n.groups * n.panels * vectors * many, self.body.worker, self.body.workers)
        with b.loop(low, high) as unit:
            stripe, i = unit / many, unit % many
            panel, v = stripe / vectors, stripe % vectors
            group = panel / n.panels
            column = first_column(b, panel % n.panels, n.columns, vectors * lanes) + v * lanes
            to = b.at(self.packed, panel * terms * (vectors * lanes) + v * lanes, type)
            from_ = b.at(self.weight, n.first + group * n.group_stride, type)
            if self.way == "squares":
                self._squares(i, column, from_, to)
            elif self.way == "gather":
                self._gather(i, column, from_, to)
            else:
                self._runs(i, column, from_, to, int(self.way[4:]))

    def _store(self, value: Value, to: Value, term: Value) -> None:
        self.b.store(value, to, term * (self.vectors * self.type.lanes))

    def _squares(self, i: Value, column: Value, from_: Value, to: Value) -> None:
        """Terms of a column lie one after another (channel by channel, its taps together): transpose a square of them."""
        b, n, type = self.b, self.n, self.type
        first = b.minimum_i64(i * type.lanes, n.taps * n.inner - type.lanes)
        rows = []
        for r in range(type.lanes):
            here = column + r
            there = here.lt(n.columns)
            row = b.load(b.at(from_, b.select(there, here, 0) * n.column_stride, type), type, first)
            rows.append(b.select(there, row, b.constant(0, type)))
        for r, value in enumerate(shuffles.transposed(b, rows)):
            place = first + r
            self._store(value, to, place % n.taps * n.inner + place / n.taps)

    def _runs(self, inner: Value, column: Value, from_: Value, to: Value, taps: int) -> None:
        """Columns lie one after another, each with its taps together: deal a run of them out to the taps, turned round."""
        b, n, type = self.b, self.n, self.type
        # `first` points at the last tap of a column.
        run = b.at(from_, inner * n.inner_stride + column * taps - (taps - 1), type)
        for t, value in enumerate(
            shuffles.dealt(b, [b.load(run, type, i * type.lanes) for i in range(taps)])
        ):
            self._store(value, to, (taps - 1 - t) * n.inner + inner)

    def _gather(self, term: Value, column: Value, from_: Value, to: Value) -> None:
        b, n, type = self.b, self.n, self.type
        tap, inner = term / n.inner, term % n.inner
        base = tap * n.tap_stride + inner * n.inner_stride
        places = (b.lane_numbers(I64.of(type.lanes)) + b.spread(column, type.lanes)) * n.column_stride
        mask = b.mask_below(n.columns - column, type.lanes)
        self._store(b.gather(b.at(from_, places + b.spread(base, type.lanes), type), type, mask), to, term)
