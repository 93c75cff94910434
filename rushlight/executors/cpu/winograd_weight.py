"""The gradient of a 3x3 convolution's weight by Winograd's F(4x4, 3x3), the transpose of winograd.py.

A chunk of tiles at a time: the workers share the tiles and transform x (6x6, as forward) and the gradient of y (4x4 to 6x6)
into 36 planes each; then they share the planes and the weight, and add each plane's products, summed over tiles. After
the last chunk the 36 sums of a weight's element become its 3x3 taps. Nobody needs sums of its own, and a chunk stays in
the third cache. Error as in winograd.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import microkernel
from . import winograd_transforms as transforms
from .bands import Image
from .emit import F32, I1, PTR, Builder, Type, Value
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named
from .packing import first_column
from .weight_gradient import Sums, gather
from .winograd import GAP, SIDE, STEP, flat, pixels
from .winograd_filter import PLANES

# Both sides' planes of a chunk are to take about this many bytes for each worker and one more; or as many as the sums,
# which every chunk reads and writes.
CHUNK_BYTES = 1 << 20
# Up to so many tiles, all planes of some channels are multiplied together.
FEW = 64


class Tiles(NamedTuple):
    """What a transforming call is told: a chunk of tiles of x and of the gradient."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    low_y: int
    low_x: int
    tiles_y: int
    tiles_x: int
    first: int
    count: int  # type: ignore[assignment]
    x_plane: int  # numbers from a plane to the next
    dy_plane: int


class Products(NamedTuple):
    """What a multiplying call is told."""

    channels: int
    out_channels: int
    count: int  # type: ignore[assignment]  # tiles
    x_plane: int
    dy_plane: int
    rows: int  # tiles of channels
    panels: int
    fresh: int  # whether there are no sums yet


def weight_gradient(shape: Shape, x: Pointer, dy: Pointer, dw: Pointer, workers: int) -> list[Call]:
    """dw from x and the gradient of y."""
    type = microkernel.vector("f32")
    c, o = shape.channels, shape.out_channels
    vectors = microkernel.panel_vectors(o, "f32")
    width, high = vectors * type.lanes, microkernel.rows()
    panels, rows = -(-o // width), -(-c // high)
    tiles_y, tiles_x = -(-shape.out_height // STEP), -(-shape.out_width // STEP)
    tiles = shape.batch * tiles_y * tiles_x
    size = max(CHUNK_BYTES * (workers + 1), PLANES * panels * rows * high * width * 4)
    chunks = max(1, round(tiles * PLANES * 4 * (c + o) / size))
    count = -(-tiles // chunks)
    # The last tile of channels or columns reads beyond its row: into the next, or into the gap.
    x_plane, dy_plane = count * c + GAP, count * o + GAP
    planes = Pointer(Buffer(PLANES * x_plane * 4 + 4 * high, "winograd planes of x"))
    dy_planes = Pointer(Buffer(PLANES * dy_plane * 4 + 4 * width, "winograd planes of dy"))
    taps = Pointer(Buffer(9 * panels * rows * high * width * 4, "weight gradient sums"))
    zeros = Pointer(Buffer(4 * workers * max(c, o), "zeros"))
    change = named("winograd_tiles", 5, len(Tiles._fields), lambda body, _: _Transform(body).write())

    def transform(first: int, here: int) -> Call:
        numbers = Tiles(  # type: ignore[call-arg]
            shape.height, shape.width, c, shape.out_height, shape.out_width, o, shape.padding[0][0], shape.padding[1][0],
            tiles_y, tiles_x, first, here, x_plane, dy_plane,
        )  # fmt: skip
        pointers, writes = (x, dy, planes, dy_planes, zeros), (planes.buffer, dy_planes.buffer, zeros.buffer)
        return Call(
            change, pointers, tuple(numbers), (x.buffer, dy.buffer), writes, work=here * PLANES * (c + o) / 2
        )

    def multiply(name: str, write: Callable, to: Pointer, first: int, here: int) -> Call:
        numbers = Products(c, o, here, x_plane, dy_plane, rows, panels, int(first == 0))  # type: ignore[call-arg]
        work = named(f"{name}_{vectors}", 3, len(numbers), lambda body, _: write(body, vectors))
        reads, length = (planes.buffer, dy_planes.buffer), 2 * here * PLANES * c * o / 100
        return Call(work, (planes, dy_planes, to), tuple(numbers), reads, (to.buffer,), work=length)

    if chunks == 1 and tiles <= FEW:
        calls = [transform(0, tiles), multiply("winograd_products_few", _multiply_few, taps, 0, tiles)]
    else:
        sums = Pointer(Buffer(PLANES * panels * rows * high * width * 4, "winograd sums"))
        calls = []
        for first in range(0, tiles, count):
            here = min(count, tiles - first)
            calls += [transform(first, here), multiply("winograd_products", _multiply, sums, first, here)]
        back = named(f"winograd_taps_{vectors}", 2, 2, lambda body, _: _taps(body, vectors))
        length = sums.buffer.size / 8
        calls.append(
            Call(back, (sums, taps), (rows * high, panels), (sums.buffer,), (taps.buffer,), work=length)
        )
    size = 9 * rows * high * width
    last = Sums(1, panels * size, size, 1, panels, o, 9, c, rows * high)
    return [*calls, gather(last, "f32", vectors, taps, dw)]


class _Transform:
    """Emits the transform of a chunk's tiles."""

    def __init__(self, body: Body) -> None:
        self.b, self.body = body.b, body
        self.n = n = Tiles(*body.numbers)  # type: ignore[arg-type]
        x, dy, self.x_planes, self.dy_planes, zeros = body.pointers
        self.x = Image(x, n.height, n.width, n.channels)  # type: ignore[arg-type]
        self.dy = Image(dy, n.out_height, n.out_width, n.out_channels)  # type: ignore[arg-type]
        self.type = microkernel.vector("f32")
        b = self.b
        larger = b.select(b.i64(n.channels).gt(n.out_channels), n.channels, n.out_channels)
        self.zeros = b.at(zeros, body.worker * larger, self.type)
        with b.loop(0, larger) as i:
            b.store(b.constant(0, self.type.of(1)), self.zeros, i)
        self.pointers = b.array(PTR, PLANES)

    def write(self) -> None:
        b, n = self.b, self.n
        low, high = b.share(n.count, self.body.worker, self.body.workers)
        with b.loop(low, high) as t:
            tile = t + n.first
            row = tile / n.tiles_x
            image, y, x = row / n.tiles_y, row % n.tiles_y * STEP, tile % n.tiles_x * STEP
            self._tile(
                self.x,
                (image, y - n.low_y, x - n.low_x),
                SIDE,
                transforms.source,
                self.x_planes,
                n.x_plane,
                t,
            )
            self._tile(
                self.dy, (image, y, x), STEP, transforms.target_gradient, self.dy_planes, n.dy_plane, t
            )

    def _tile(
        self, image: Image, first: tuple, side: int, map: transforms.Map, planes: Value, plane, t: Value
    ) -> None:  # type: ignore[no-untyped-def]
        b, type = self.b, self.type
        pixels(b, type, self.pointers, image, first, side, self.zeros)
        to = b.at(planes, t * image.channels, type)
        with b.loop(0, image.channels, type.lanes) as c:
            channel = b.minimum_i64(c, image.channels - type.lanes)
            places = [[b.load(self.pointers, PTR, side * i + j) for j in range(side)] for i in range(side)]
            tile = [[b.load(place, type, channel) for place in row] for row in places]
            for k, value in enumerate(flat(transforms.both(b, map, tile))):
                b.store(value, to, plane * k + channel)


def _multiply(body: Body, vectors: int) -> None:
    """Add every plane's products: sums of (plane, panel, channel, column)."""
    b, (planes, dy_planes, sums) = body.b, body.pointers
    n = Products(*body.numbers)  # type: ignore[arg-type]
    size = microkernel.rows() * vectors * microkernel.vector("f32").lanes
    first, last = b.share(n.rows * n.panels * PLANES, body.worker, body.workers)
    with b.loop(first, last) as unit:
        row, rest = unit % n.rows, unit / n.rows
        panel, k = rest % n.panels, rest / n.panels
        _product(
            b,
            n,
            vectors,
            planes,
            dy_planes,
            k,
            row,
            panel,
            b.at(sums, unit * size, F32),
            b.i64(n.fresh).eq(0),
        )


def _product(
    b: Builder, n: Products, vectors: int, planes: Value, dy_planes: Value, k: Value, row: Value, panel: Value,
    to: Value, more: Value,
) -> None:  # fmt: skip
    """The products of some channels and a panel in plane k, summed over tiles; added to what is at `to` if there is `more`."""
    type, high = microkernel.vector("f32"), microkernel.rows()
    x = b.at(planes, k * n.x_plane + row * high, type)
    dy = b.at(dy_planes, k * n.dy_plane + first_column(b, panel, n.out_channels, vectors * type.lanes), type)  # type: ignore[arg-type]
    old = b.spread(more, type.lanes)
    places = [[b.at(to, (r * vectors + v) * type.lanes, type) for v in range(vectors)] for r in range(high)]
    start = [[b.load_masked(place, type, old) for place in places_] for places_ in places]

    def step(t: Value) -> tuple[list[Value], list[Value]]:
        from_, column = b.at(x, t * n.channels, type), b.at(dy, t * n.out_channels, type)
        factors = [b.spread(b.load(from_, type.of(1), r), type.lanes) for r in range(high)]
        return factors, [b.load(column, type, v * type.lanes) for v in range(vectors)]

    tile = microkernel.outer_tile(b, type, start, n.count, step)  # type: ignore[arg-type]
    for places_, totals in zip(places, tile):
        for place, total in zip(places_, totals):
            b.store(total, place)


def _multiply_few(body: Body, vectors: int) -> None:
    """All planes of some channels and a panel together, and their taps at once: the sums never leave the first cache."""
    b, (planes, dy_planes, taps) = body.b, body.pointers
    n = Products(*body.numbers)  # type: ignore[arg-type]
    type, high = microkernel.vector("f32"), microkernel.rows()
    width = vectors * type.lanes
    sums = b.array(type, PLANES * high * vectors)
    first, last = b.share(n.rows * n.panels, body.worker, body.workers)
    with b.loop(first, last) as unit:
        row, panel = unit % n.rows, unit / n.rows
        with b.loop(0, PLANES) as k:
            _product(
                b,
                n,
                vectors,
                planes,
                dy_planes,
                k,
                row,
                panel,
                b.at(sums, k * (high * width), F32),
                b.constant(0, I1),
            )
        to = b.at(taps, (panel * 9 * n.rows + row) * (high * width), type)
        with b.loop(0, high * vectors) as v:
            _to_taps(
                b,
                type,
                b.at(sums, v * type.lanes, type),
                high * width,
                b.at(to, v * type.lanes, type),
                n.rows * (high * width),
            )


def _taps(body: Body, vectors: int) -> None:
    """Sums of (panel, tap, channel, column) from those of (plane, panel, channel, column)."""
    b, (sums, taps), (channels, panels) = body.b, body.pointers, body.numbers
    type = microkernel.vector("f32")
    width = vectors * type.lanes
    low, high = b.share(panels * channels, body.worker, body.workers)
    with b.loop(low, high) as i:
        panel, channel = i / channels, i % channels
        for v in range(vectors):
            from_ = b.at(sums, i * width + v * type.lanes, type)
            to = b.at(taps, (panel * channels * 9 + channel) * width + v * type.lanes, type)
            _to_taps(b, type, from_, panels * channels * width, to, channels * width)


def _to_taps(b: Builder, type: Type, sums: Value, plane: Value | int, taps: Value, tap: Value | int) -> None:
    """One vector of 9 taps, `tap` numbers apart, from 36 sums that are `plane` numbers apart."""
    m = [[b.load(sums, type, b.i64(plane) * (SIDE * r + c)) for c in range(SIDE)] for r in range(SIDE)]
    for k, value in enumerate(flat(transforms.both(b, transforms.weight_gradient, m))):
        b.store(value, taps, b.i64(tap) * k)
