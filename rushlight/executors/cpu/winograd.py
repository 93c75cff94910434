"""3x3 convolutions with stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications of the direct form.

The target is cut into tiles of 4x4, partial ones at its ends; each reads 6x6 of the source, zeros where that reaches over
the border. A worker takes a block of tiles at a time: it transforms the block's source tiles into 36 planes of (tiles,
channels), then for each panel of target channels multiplies every plane with its weights (transformed beforehand, once) and
transforms the 36 products back. All of a block stays in the core's second cache. Planes are spaced so that they do not
fall into the same sets of it. The input's gradient is the same with the weight turned round; the gradient of the weight is
in winograd_weight.py.

float32 only, with at least one vector of channels on either side. Error against float64, relative to the result's rms, for
normal x and w and 16 to 512 channels: rms 6e-7 to 1.6e-6, maximum 5e-6 to 2e-5 (direct: 3e-7 to 1e-6 and 2e-6 to 8e-6).
"""

from __future__ import annotations

from typing import NamedTuple

from . import microkernel
from . import winograd_transforms as transforms
from .bands import Image
from .emit import I64, PTR, Builder, Type, Value
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named
from .winograd_filter import PLANES, forward_square, transformed, turned_row
from .winograd_filter import plane as filter_plane

SIDE = 6  # of a source tile
STEP = 4  # of a target tile
# A block's transformed tiles are to take about this many bytes of the second cache, whose other half the weights use.
BLOCK_BYTES = 600 * 1024
# What transforming the weight, and the sums of its gradient, takes for each pair of channels (see `suits`).
FIXED, FIXED_SUMS = 630, 1600
# Up to so many tiles, workers share the panels instead of the tiles, and a filter is transformed piece by piece of so many
# inner channels where it is used: large filters on small images would otherwise spend their time in memory.
FEW = 64
FILTER_PIECE = 64
# Between planes, in numbers: keeps them out of each other's cache sets.
GAP = 48


class Numbers(NamedTuple):
    """The sizes the kernel is called with; source and target are channels-last."""

    batch: int
    source_height: int
    source_width: int
    source_channels: int
    height: int  # of the target
    width: int
    channels: int
    low_y: int
    low_x: int
    tiles_y: int
    tiles_x: int
    block: int  # tiles
    panels: int
    splits: int  # shares of the panels; or, with few tiles, pieces of a filter's inner channels
    source_plane: int  # numbers from a plane to the next
    target_plane: int
    scratch_bytes: int


def suits(shape: Shape, fixed: int) -> bool:
    """Whether the kernels here can do it, and are likely to be faster than the direct form.

    fixed: what transforming the weight takes for each pair of channels, in multiplications of a product.
    """
    plain = shape.kind == "f32" and shape.kernel == (3, 3) and shape.groups == 1
    plain = plain and shape.stride == (1, 1) and shape.dilation == (1, 1)
    if not plain or min(shape.channels, shape.out_channels) < max(16, microkernel.vector("f32").lanes):
        return False
    pixels = shape.batch * shape.out_height * shape.out_width
    # Transforming tiles takes about as long as 16 multiplications more.
    return 9 * pixels > (PLANES + 16) * _tiles(shape.batch, shape.out_height, shape.out_width) + fixed


def _tiles(batch: int, height: int, width: int) -> int:
    return batch * -(-height // STEP) * -(-width // STEP)


def forward(
    shape: Shape, x: Pointer, w: Pointer, y: Pointer, workers: int, bias: Pointer | None = None
) -> list[Call]:
    """y = x correlated with w, plus bias."""
    source = (shape.batch, shape.height, shape.width, shape.channels)
    target = (shape.out_height, shape.out_width, shape.out_channels)
    low = (shape.padding[0][0], shape.padding[1][0])
    return _convolve(shape, False, source, target, low, x, w, y, workers, bias)


def input_gradient(shape: Shape, dy: Pointer, w: Pointer, dx: Pointer, workers: int) -> list[Call]:
    """dx from the gradient of y."""
    source = (shape.batch, shape.out_height, shape.out_width, shape.out_channels)
    target = (shape.height, shape.width, shape.channels)
    low = (2 - shape.padding[0][0], 2 - shape.padding[1][0])
    return _convolve(shape, True, source, target, low, dy, w, dx, workers, None)


def _vectors(columns: int) -> int:
    """Vectors of a panel: panels are full, the last one overlaps the one before it."""
    return 2 if columns >= 2 * microkernel.vector("f32").lanes else 1


def _convolve(
    shape: Shape,
    turned: bool,
    source: tuple,
    target: tuple,
    low: tuple,
    x: Pointer,
    w: Pointer,
    y: Pointer,
    workers: int,
    bias: Pointer | None,
) -> list[Call]:
    channels, vectors, rows = source[3], _vectors(target[2]), microkernel.rows()
    width = vectors * microkernel.vector("f32").lanes
    panels = -(-target[2] // width)
    tiles = _tiles(source[0], target[0], target[1])
    few = tiles <= FEW and panels >= workers
    if few:
        block, splits = -(-tiles // rows) * rows, -(-channels // FILTER_PIECE)
        calls, weights = [], w
    else:
        block, splits = _blocks(tiles, channels + width, panels, workers)
        change, weights = transformed(shape, turned, vectors, w)
        calls = [change]
    source_plane, target_plane = block * channels + GAP, block * width + GAP
    # Beside the planes: a row of zeros, which stands for pixels outside, and a place to put what falls outside.
    size = PLANES * (source_plane + target_plane) + channels + target[2]
    if few:
        size += PLANES * filter_plane(FILTER_PIECE, width)
    size = -(-size // 16) * 64
    numbers = Numbers(  # type: ignore[call-arg]
        *source, *target, *low, -(-target[0] // STEP), -(-target[1] // STEP), block, panels, splits,
        source_plane, target_plane, size,
    )  # fmt: skip
    scratch = Pointer(Buffer(size * workers, "winograd block"))
    biased = bias is not None

    def write(body: Body, _: object) -> None:
        writer = _Writer(body, vectors, biased)
        writer.write_few(turned) if few else writer.write()

    way = f"_few{'_turned' if turned else ''}" if few else ""
    work = named(f"winograd{way}_{vectors}{'_bias' if biased else ''}", 4 + biased, len(numbers), write)
    pointers = (x, weights, y, scratch) if bias is None else (x, weights, y, scratch, bias)
    reads = tuple(p.buffer for p in pointers if p not in (y, scratch))
    length = 2 * tiles * PLANES * channels * target[2] / 80
    return [*calls, Call(work, pointers, tuple(numbers), reads, (y.buffer, scratch.buffer), work=length)]


def _blocks(tiles: int, channels: int, panels: int, workers: int) -> tuple[int, int]:
    """(tiles of a block, shares of the panels): as the second cache allows, and so that workers have the same number."""
    rows = microkernel.rows()
    block = BLOCK_BYTES // (PLANES * 4 * channels)
    block = max(1, min(block, -(-tiles // (rows * workers)) * rows) // rows) * rows
    pieces, splits = -(-tiles // block), 1
    while pieces * splits < 8 * workers and pieces * splits % workers and splits < panels:
        splits += 1
    return block, splits


def flat(tile: list[list[Value]]) -> list[Value]:
    return [value for row in tile for value in row]


class _Writer:
    """Emits the convolution of blocks of tiles."""

    def __init__(self, body: Body, vectors: int, biased: bool) -> None:
        self.b, self.body, self.vectors = body.b, body, vectors
        self.n = n = Numbers(*body.numbers)  # type: ignore[arg-type]
        self.source, self.weights, self.target, scratch = body.pointers[:4]
        self.bias = body.pointers[4] if biased else None
        self.type = type = microkernel.vector("f32")
        self.width = vectors * type.lanes
        b = self.b
        self.planes = b.at(scratch, body.worker * n.scratch_bytes, Type("u8"))
        self.products = b.at(self.planes, n.source_plane * PLANES, type)  # type: ignore[operator]
        self.zeros = b.at(self.products, n.target_plane * PLANES, type)  # type: ignore[operator]
        self.nowhere = b.at(self.zeros, n.source_channels, type)
        self.pointers = b.array(PTR, PLANES)
        with b.loop(0, n.source_channels) as c:
            b.store(b.constant(0, type.of(1)), self.zeros, c)

    def write(self) -> None:
        """Blocks of tiles, by shares of the panels."""
        b, n = self.b, self.n
        tiles = n.batch * n.tiles_y * n.tiles_x
        blocks = (tiles + n.block - 1) / n.block
        low, high = b.share(blocks * n.splits, self.body.worker, self.body.workers)
        last = b.variable(-1, I64)
        with b.loop(low, high) as piece:
            split, block = piece % n.splits, piece / n.splits
            first = block * n.block
            count = b.minimum_i64(n.block, tiles - first)
            with b.when(block.ne(last.value)):
                last.set(block)
                with b.loop(0, count) as t:
                    self._transform_source(first + t, t)
            with b.loop(n.panels * split / n.splits, n.panels * (split + 1) / n.splits) as panel:
                size = filter_plane(n.source_channels, self.width)
                filter = b.at(self.weights, panel * PLANES * size, self.type)
                self._multiply(filter, size, b.i64(0), n.source_channels, count)  # type: ignore[arg-type]
                with b.loop(0, count) as t:
                    self._transform_target(first + t, t, self._column(panel))

    def write_few(self, turned: bool) -> None:
        """All tiles in one block and panels shared: a piece of a panel's filter is transformed just before it is used."""
        b, n = self.b, self.n
        filter = b.at(self.nowhere, n.channels, self.type)
        size = filter_plane(FILTER_PIECE, self.width)
        tiles = n.batch * n.tiles_y * n.tiles_x
        with b.loop(0, tiles) as t:
            self._transform_source(t, t)
        low, high = b.share(n.panels, self.body.worker, self.body.workers)
        with b.loop(low, high) as panel:
            column = self._column(panel)
            with b.loop(0, n.splits) as piece:
                first, last = b.share(n.source_channels, piece, n.splits)  # type: ignore[arg-type]
                self._transform_filter(turned, column, first, last, filter, b.i64(size))
                self._multiply(filter, size, first, last, tiles)  # type: ignore[arg-type]
            with b.loop(0, tiles) as t:
                self._transform_target(t, t, column)

    def _column(self, panel: Value) -> Value:
        return self.b.minimum_i64(panel * self.width, self.n.channels - self.width)

    def _transform_filter(
        self, turned: bool, column: Value, first: Value, last: Value, to: Value, size: Value
    ) -> None:
        """Inner channels first ... last-1 of a panel."""
        b, n, lanes = self.b, self.n, self.type.lanes
        for v in range(self.vectors):
            with b.loop(first, last, 1 if turned else lanes) as i:
                channel = i if turned else b.minimum_i64(i, last - lanes)
                here = b.at(to, (channel - first) * self.width + v * lanes, self.type)
                if turned:
                    turned_row(b, self.weights, b.i64(n.channels), column + v * lanes, channel, here, size)
                else:
                    inner = b.i64(n.source_channels)
                    forward_square(
                        b, self.weights, inner, column + v * lanes, channel, here, self.width, size
                    )

    def _place(self, tile: Value) -> tuple[Value, Value, Value]:
        """(image, row, column) of the tile's first target pixel."""
        n = self.n
        row = tile / n.tiles_x
        return row / n.tiles_y, row % n.tiles_y * STEP, tile % n.tiles_x * STEP

    def _transform_source(self, tile: Value, t: Value) -> None:
        """B^T d B of one tile, for all channels."""
        b, n, type = self.b, self.n, self.type
        image, y, x = self._place(tile)
        image_ = Image(self.source, n.source_height, n.source_width, n.source_channels)  # type: ignore[arg-type]
        pixels(b, type, self.pointers, image_, (image, y - n.low_y, x - n.low_x), SIDE, self.zeros)
        to = b.at(self.planes, t * n.source_channels, type)
        with b.loop(0, n.source_channels, type.lanes) as c:
            # The last vector overlaps the one before it rather than reaching over the end.
            channel = b.minimum_i64(c, n.source_channels - type.lanes)
            d = [
                [b.load(b.load(self.pointers, PTR, SIDE * i + j), type, channel) for j in range(SIDE)]
                for i in range(SIDE)
            ]
            for k, value in enumerate(flat(transforms.both(b, transforms.source, d))):
                b.store(value, to, n.source_plane * k + channel)

    def _multiply(self, filter: Value, size: Value | int, first: Value, last: Value, count: Value) -> None:
        """Channels first ... last-1 of every plane with one panel's filter for them; added where first is not 0."""
        b, n, type, rows = self.b, self.n, self.type, microkernel.rows()
        old = b.spread(first.gt(0), type.lanes)
        with b.loop(0, PLANES) as k:
            from_ = b.at(self.planes, k * n.source_plane + first, type)
            to = b.at(self.products, k * n.target_plane, type)
            with b.loop(0, count, rows) as t:
                windows = [b.at(from_, (t + r) * n.source_channels, type) for r in range(rows)]
                place = lambda r, v, to=to, t=t: b.at(to, (t + r) * self.width + v * type.lanes, type)
                places = [[place(r, v) for v in range(self.vectors)] for r in range(rows)]
                start = [[b.load_masked(p, type, old) for p in row] for row in places]
                panel = b.at(filter, k * size, type)
                tile = microkernel.dot_tile(
                    b, type, start, windows, lambda span: span(b.i64(0), last - first, panel)
                )
                for row, totals in zip(places, tile):
                    for p, total in zip(row, totals):
                        b.store(total, p)

    def _transform_target(self, tile: Value, t: Value, column: Value) -> None:
        """A^T m A of one tile, for the panel's channels."""
        b, n, type = self.b, self.n, self.type
        image, y, x = self._place(tile)
        image_ = Image(self.target, n.height, n.width, n.channels)  # type: ignore[arg-type]
        pixels(b, type, self.pointers, image_, (image, y, x), STEP, self.nowhere)
        for v in range(self.vectors):
            from_ = b.at(self.products, t * self.width + v * type.lanes, type)
            m = [
                [b.load(from_, type, n.target_plane * (SIDE * i + j)) for j in range(SIDE)]
                for i in range(SIDE)
            ]
            add = None if self.bias is None else b.load(self.bias, type, column + v * type.lanes)
            for k, value in enumerate(flat(transforms.both(b, transforms.target, m))):
                to = b.load(self.pointers, PTR, k)
                b.store(value if add is None else value + add, to, column + v * type.lanes)


def pixels(b: Builder, type: Type, to: Value, image: Image, first: tuple, side: int, outside: Value) -> None:
    """Store at `to` where side * side pixels from first = (image, row, column) on lie; `outside` for those not there."""
    number, y, x = first
    columns = [((x + j).ge(0) & (x + j).lt(image.width), (x + j) * image.channels) for j in range(side)]
    for i in range(side):
        row = b.at(image.pointer, (number * image.height + y + i) * image.width * image.channels, type)
        there = (y + i).ge(0) & (y + i).lt(image.height)
        for j, (inside, offset) in enumerate(columns):
            b.store(b.select(there & inside, b.at(row, offset, type), outside), to, side * i + j)
