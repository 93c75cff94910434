"""The gradient of a convolution's weight, directly: sums over pixels of products of input and output gradient.

The terms are tiles of eight (tap, input channel) pairs by a panel of output channels, held in registers while the pixels of
a band go by. Small images with many channels have few pixels and large weights, so there the workers share the tiles and
each reads all pixels; otherwise they share the pixels, each into sums of its own, which `gather` adds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from . import bands, microkernel, shuffles
from .bands import Axis, Band, Image, Place
from .emit import I64, Builder, Type, Value
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named
from .packing import first_column


class Numbers(NamedTuple):
    """The sizes the kernel is called with."""

    batch: int
    height: int  # of x
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    groups: int
    inner: int  # input channels of a group
    columns: int  # output channels of a group
    panels: int  # of a group
    kernel_y: int
    kernel_x: int
    stride_y: int
    stride_x: int
    low_y: int
    low_x: int
    dilation_y: int
    dilation_x: int
    band_rows: int
    band_images: int
    parts: int  # shares of the pixels, each with sums of its own: 1, or as many as workers
    tiles: int  # of a panel
    copied_stride: int  # numbers from a pixel to the next in a copied band
    band_bytes: int
    table_bytes: int
    scratch_bytes: int


def weight_gradient(shape: Shape, x: Pointer, dy: Pointer, dw: Pointer, workers: int) -> list[Call]:
    """dw from x and the gradient of y."""
    kind, vectors = shape.kind, microkernel.panel_vectors(shape.group_out, shape.kind)
    width = vectors * microkernel.vector(kind).lanes
    panels, terms = -(-shape.group_out // width), shape.taps * shape.group_channels
    # 3x3 taps of one or three colours fit tiles of nine.
    rows = 9 if terms in (9, 27) and microkernel.rows() == 8 else microkernel.rows()
    tiles = -(-terms // rows)
    copied = tiles > 4
    sums = Sums(
        0, 0, tiles * rows * width, shape.groups, panels, shape.group_out, shape.taps,
        shape.group_channels, shape.group_channels,
    )  # fmt: skip
    key = f"convolution_weight_{kind}_{vectors}_{rows}{'_copied' if copied else ''}"
    return correlate(key, Panels(vectors, rows, copied), shape, sums, vectors, tiles, x, dy, dw, workers)


class Sums(NamedTuple):
    """The sums of all parts: numbered (part, group, panel, tap, channel, column)."""

    parts: int  # shares of the pixels, each with sums of its own: 1, or as many as workers
    part: int  # numbers of a part
    panel: int  # numbers of a panel
    groups: int
    panels: int
    columns: int
    taps: int
    inner: int
    channels: int  # rows of a tap: `inner`, or some more


class Inner(Protocol):
    """The inner loops: add the products of all pixels of the band at hand to one tile of a panel's sums."""

    def prepare(self, c: Correlation) -> None:
        """Before the tiles of a band."""

    def tile(self, c: Correlation, panel: Value, tile: Value, place: Value, fresh: Value) -> None:
        """`place`: the tile's number among all; `fresh`: there are no sums yet."""


def correlate(
    key: str,
    inner: Inner,
    shape: Shape,
    sums: Sums,
    vectors: int,
    tiles: int,
    x: Pointer,
    dy: Pointer,
    dw: Pointer,
    workers: int,
) -> list[Call]:
    """Products by the given inner loops, then `gather`. `sums` says all but how the parts are cut."""
    ways = list(zip((shape.out_height, shape.out_width), shape.stride, shape.kernel, shape.dilation))
    # Pixels a power of two apart fall into few sets of the first cache.
    stride = shape.channels + (64 // shape.bytes if shape.channels * shape.bytes % 512 == 0 else 0)
    rows, images, copied = bands.extent(shape.bytes, shape.batch, stride, ways[0], ways[1], scale=2)
    pieces = -(-shape.batch // images) * -(-shape.out_height // rows)
    size = sums.groups * sums.panels * sums.panel
    parts = workers if _share_pixels(shape, size, pieces, workers) else 1
    sums = sums._replace(parts=parts, part=size)
    pixels = rows * images * shape.out_width
    band_bytes, table_bytes = -(-copied * shape.bytes // 64) * 64, -(-16 * pixels // 64) * 64
    packed = pixels * sums.groups * sums.panels * vectors * microkernel.vector(shape.kind).lanes * shape.bytes
    numbers = Numbers(
        shape.batch, shape.height, shape.width, shape.channels,
        shape.out_height, shape.out_width, shape.out_channels,
        sums.groups, sums.inner, sums.columns, sums.panels, *shape.kernel, *shape.stride,
        shape.padding[0][0], shape.padding[1][0], *shape.dilation, rows, images, parts, tiles,
        stride, band_bytes, table_bytes, band_bytes + table_bytes + packed,
    )  # fmt: skip
    partial = Pointer(Buffer(parts * size * shape.bytes, "weight gradient sums"))
    scratch = Pointer(Buffer(workers * numbers.scratch_bytes, "convolution band"))
    work = named(key, 4, len(numbers), lambda body, _: Correlation(body, shape.kind).write(inner))
    reads, writes = (x.buffer, dy.buffer), (partial.buffer, scratch.buffer)
    return [
        Call(work, (x, dy, partial, scratch), tuple(numbers), reads, writes, work=shape.operations / 100),
        gather(sums, shape.kind, vectors, partial, dw),
    ]


def _share_pixels(shape: Shape, size: int, pieces: int, workers: int) -> bool:
    """Whether sums of each worker's own cost less than having every worker read all pixels."""
    pixels = shape.batch * shape.out_height * shape.out_width
    return 2 * workers <= pieces and size * workers < pixels * shape.out_channels * 4


class Correlation:
    """Emits the products, around the given inner loops."""

    def __init__(self, body: Body, kind: str) -> None:
        self.b, self.body = body.b, body
        self.n = n = Numbers(*body.numbers)  # type: ignore[arg-type]
        self.type = microkernel.vector(kind)
        x, dy, self.sums, scratch = body.pointers
        self.x = Image(x, n.height, n.width, n.channels)  # type: ignore[arg-type]
        self.dy = Image(dy, n.out_height, n.out_width, n.out_channels)  # type: ignore[arg-type]
        own = self.b.at(scratch, body.worker * n.scratch_bytes, Type("u8"))
        self.band = Band(self.b, self.type, self.x, own, n.band_bytes, n.copied_stride)  # type: ignore[arg-type]
        self.packed = self.b.at(self.band.tables, n.table_bytes, Type("u8"))

    def write(self, inner: Inner) -> None:
        """Bands of this worker's part; in each, all tiles of its share."""
        b, n, body = self.b, self.n, self.body
        zero, one = b.i64(0), b.i64(1)
        y = Axis(n.out_height, zero, one, n.stride_y, -n.low_y, n.kernel_y, n.dilation_y, zero, one)  # type: ignore[arg-type]
        x = Axis(n.out_width, zero, one, n.stride_x, -n.low_x, n.kernel_x, n.dilation_x, zero, one)  # type: ignore[arg-type]
        blocks = (y.count + n.band_rows - 1) / n.band_rows
        groups = (b.i64(n.batch) + n.band_images - 1) / n.band_images
        panels = n.groups * n.panels
        units = panels * n.tiles
        together = b.i64(n.parts).eq(1)
        mine, ours = b.share(units, body.worker, body.workers)
        first_unit, last_unit = b.select(together, mine, 0), b.select(together, ours, units)
        # Parts in turn: fewer workers than were asked for may be at work.
        with b.loop(b.select(together, b.i64(0), body.worker), n.parts, body.workers) as part:
            first, last = b.share(groups * blocks, part, b.i64(n.parts))
            with b.loop(first, last) as piece:
                first_image, first_row = piece / blocks * n.band_images, piece % blocks * n.band_rows
                images = b.minimum_i64(n.band_images, n.batch - first_image)
                place = Place(first_image, images, first_row, b.minimum_i64(n.band_rows, y.count - first_row))
                self.band.move(place, y, x)
                self.band.write_tables(place, y, x, self.dy, 0)
                inner.prepare(self)
                with b.loop(first_unit, last_unit) as unit:
                    # Panels of one tile after another: they share what the tile reads of x.
                    tile, panel = unit / panels, unit % panels
                    inner.tile(self, panel, tile, part * units + panel * n.tiles + tile, piece.eq(first))

    def add(self, to: Value, fresh: Value, rows: int, vectors: int, step: Callable) -> None:
        """Run an outer tile over the band's pixels, from the sums at `to` (zeros where fresh) and back to them.

        `step` gives a pixel's rows and columns from its number in the band and its offset in the band of x.
        """
        b, type = self.b, self.type
        old = ~b.spread(fresh, type.lanes)
        places = [
            [b.at(to, (r * vectors + v) * type.lanes, type) for v in range(vectors)] for r in range(rows)
        ]
        start = [[b.load_masked(place, type, old) for place in row] for row in places]

        def pixel(i: Value) -> tuple:
            return step(i, b.load(self.band.tables, I64, i * 2))

        done = microkernel.outer_tile(b, type, start, self.band.pixels.value, pixel)
        for row, totals in zip(places, done):
            for place, total in zip(row, totals):
                b.store(total, place)

    def gradient(self, i: Value) -> Value:
        """Where the gradient of the band's pixel i lies."""
        return self.b.at(self.dy.pointer, self.b.load(self.band.tables, I64, i * 2 + 1), self.type)


class Panels:
    """`rows` numbers of the windows by a panel of columns."""

    def __init__(self, vectors: int, rows: int, copied: bool) -> None:
        self.vectors, self.rows, self.copied = vectors, rows, copied

    def prepare(self, c: Correlation) -> None:
        """Where many tiles go through it, copy the band's gradient, panel by panel, pixel after pixel."""
        b, n = c.b, c.n
        if self.copied:
            with b.loop(0, n.groups * n.panels) as panel, b.loop(0, c.band.pixels.value) as i:  # type: ignore[operator]
                place = (panel * c.band.pixels.value + i) * (self.vectors * c.type.lanes)
                for v, value in enumerate(self._columns(c, panel, i)):
                    b.store(value, c.packed, place + v * c.type.lanes)

    def _columns(self, c: Correlation, panel: Value, i: Value) -> list[Value]:
        """The panel's columns of the gradient of pixel i."""
        b, n, type = c.b, c.n, c.type
        first = first_column(b, panel % n.panels, n.columns, self.vectors * type.lanes)  # type: ignore[arg-type]
        from_ = b.at(c.gradient(i), panel / n.panels * n.columns + first, type)
        masks = [b.mask_below(n.columns - first - v * type.lanes, type.lanes) for v in range(self.vectors)]
        return [b.load_masked(b.at(from_, v * type.lanes, type), type, mask) for v, mask in enumerate(masks)]

    def tile(self, c: Correlation, panel: Value, tile: Value, place: Value, fresh: Value) -> None:
        b, type, width = c.b, c.type, self.vectors * c.type.lanes
        windows = self._terms(c, tile * self.rows, panel / c.n.panels)
        packed = b.at(c.packed, panel * c.band.pixels.value * width, type)

        def step(i: Value, at: Value) -> tuple:
            if self.copied:
                columns = [b.load(packed, type, i * width + v * type.lanes) for v in range(self.vectors)]
            else:
                columns = self._columns(c, panel, i)
            factors = (b.load(b.at(window, at, type), type.of(1)) for window in windows)
            return (b.spread(factor, type.lanes) for factor in factors), columns

        c.add(b.at(c.sums, place * (self.rows * width), type), fresh, self.rows, self.vectors, step)

    def _terms(self, c: Correlation, first: Value, group: Value) -> list[Value]:
        """Where terms first, first + 1, ... of a window begin; the last term stands for those beyond."""
        b, n = c.b, c.n
        base = b.at(c.band.base.value, group * n.inner, c.type)
        last = n.kernel_y * n.kernel_x * n.inner - 1
        out = []
        for r in range(self.rows):
            term = b.minimum_i64(first + r, last)
            tap, channel = term / n.inner, term % n.inner
            row = tap / n.kernel_x * n.dilation_y * c.band.row_stride.value
            out.append(
                b.at(
                    base, row + tap % n.kernel_x * n.dilation_x * c.band.pixel_stride.value + channel, c.type
                )
            )
        return out


def gather(sums: Sums, kind: str, vectors: int, from_: Pointer, dw: Pointer) -> Call:
    """dw, in the framework's order, from the sums of all parts."""
    square = sums.taps * sums.inner >= microkernel.vector(kind).lanes
    write = _gather_squares if square else _gather_columns
    name = f"convolution_weight_{'squares' if square else 'columns'}_{kind}_{vectors}"
    work = named(name, 2, len(sums), lambda body, _: write(body, kind, vectors))
    return Call(work, (from_, dw), tuple(sums), (from_.buffer,), (dw.buffer,), work=from_.buffer.size / 4)


def _total(b: Builder, type: Type, n: Sums, sums: Value, at: Value) -> Value:
    """A vector of all parts, added."""
    total = b.variable(b.load(sums, type, at))
    with b.loop(1, n.parts) as part:
        total.set(total.value + b.load(sums, type, part * n.part + at))
    return total.value


def _gather_squares(body: Body, kind: str, vectors: int) -> None:
    """Squares of some columns by as many of the numbers that lie one after another in dw (channels, each with its taps)."""
    b, (sums, dw) = body.b, body.pointers
    n = Sums(*body.numbers)  # type: ignore[arg-type]
    type = microkernel.vector(kind)
    lanes, terms = type.lanes, n.taps * n.inner
    many = (terms + (lanes - 1)) / lanes
    low, high = b.share(n.groups * n.panels * vectors * many, body.worker, body.workers)
    with b.loop(low, high) as unit:
        stripe, i = unit / many, unit % many
        panel, v = stripe / vectors, stripe % vectors
        group = panel / n.panels
        column = first_column(b, panel % n.panels, n.columns, vectors * lanes) + v * lanes  # type: ignore[arg-type]
        first = b.minimum_i64(i * lanes, terms - lanes)
        rows = []
        for r in range(lanes):
            place = first + r
            row = place % n.taps * n.channels + place / n.taps
            rows.append(_total(b, type, n, sums, panel * n.panel + row * (vectors * lanes) + v * lanes))
        for r, value in enumerate(shuffles.transposed(b, rows)):
            with b.when((column + r).lt(n.columns)):
                b.store(value, dw, (group * n.columns + column + r) * terms + first)


def _gather_columns(body: Body, kind: str, vectors: int) -> None:
    """Vector by vector, for weights with fewer numbers a column than a vector has."""
    b, (sums, dw) = body.b, body.pointers
    n = Sums(*body.numbers)  # type: ignore[arg-type]
    type = microkernel.vector(kind)
    width, terms = vectors * type.lanes, n.taps * n.inner
    low, high = b.share(n.groups * n.panels * terms, body.worker, body.workers)
    with b.loop(low, high) as i:
        panel, term = i / terms, i % terms
        group, tap, c = panel / n.panels, term / n.inner, term % n.inner
        for v in range(vectors):
            total = _total(
                b, type, n, sums, panel * n.panel + (tap * n.channels + c) * width + v * type.lanes
            )
            column = first_column(b, panel % n.panels, n.columns, width) + v * type.lanes  # type: ignore[arg-type]
            lanes = b.lane_numbers(I64.of(type.lanes)) * terms
            start = (group * n.columns + column) * terms + c * n.taps + tap
            mask = b.mask_below(n.columns - column, type.lanes)
            b.scatter(total, b.at(dw, lanes + b.spread(start, type.lanes), type), mask)
