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
from .kernel import Body, Buffer, Call, Pointer, kernel
from .packing import Layout, forward_layout, pack, turned_layout

SIDE = 6  # of a source tile
PLANES = SIDE * SIDE
STEP = 4  # of a target tile
# A block's transformed tiles are to take about this many bytes of the second cache, whose other half the weights use.
BLOCK_BYTES = 600 * 1024
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
    splits: int
    source_plane: int  # numbers from a plane to the next
    target_plane: int
    scratch_bytes: int


def suits(shape: Shape, workers: int) -> bool:
    """Whether the kernels here can do it, and are likely to be faster than the direct form."""
    lanes = microkernel.vector("f32").lanes
    plain = shape.kind == "f32" and shape.kernel == (3, 3) and shape.groups == 1
    plain = plain and shape.stride == (1, 1) and shape.dilation == (1, 1)
    return (
        plain
        and min(shape.channels, shape.out_channels) >= max(16, lanes)
        and _tiles(shape.batch, shape.out_height, shape.out_width) >= 24
    )


def _tiles(batch: int, height: int, width: int) -> int:
    return batch * -(-height // STEP) * -(-width // STEP)


def forward(
    shape: Shape, x: Pointer, w: Pointer, y: Pointer, workers: int, bias: Pointer | None = None
) -> list[Call]:
    """y = x correlated with w, plus bias."""
    source = (shape.batch, shape.height, shape.width, shape.channels)
    target = (shape.out_height, shape.out_width, shape.out_channels)
    low = (shape.padding[0][0], shape.padding[1][0])
    layout = forward_layout(shape, _vectors(shape.out_channels))
    return _convolve(source, target, low, layout, x, w, y, workers, bias)


def input_gradient(shape: Shape, dy: Pointer, w: Pointer, dx: Pointer, workers: int) -> list[Call]:
    """dx from the gradient of y."""
    source = (shape.batch, shape.out_height, shape.out_width, shape.out_channels)
    target = (shape.height, shape.width, shape.channels)
    low = (2 - shape.padding[0][0], 2 - shape.padding[1][0])
    return _convolve(
        source, target, low, turned_layout(shape, _vectors(shape.channels)), dy, w, dx, workers, None
    )


def _vectors(columns: int) -> int:
    """Vectors of a panel: panels are full, the last one overlaps the one before it."""
    return 2 if columns >= 2 * microkernel.vector("f32").lanes else 1


def _convolve(
    source: tuple,
    target: tuple,
    low: tuple,
    layout: Layout,
    x: Pointer,
    w: Pointer,
    y: Pointer,
    workers: int,
    bias: Pointer | None,
) -> list[Call]:
    batch, channels = source[0], source[3]
    vectors = layout.vectors
    width = vectors * microkernel.vector("f32").lanes
    call, packed = pack(layout, "f32", w)
    weights = Pointer(Buffer(PLANES * layout.panels * channels * width * 4, "transformed weight"))
    change = kernel(f"winograd_weight_{vectors}", 2, 2, lambda body, _: _weights(body, vectors))
    tiles = _tiles(batch, target[0], target[1])
    rows = microkernel.rows()
    block = BLOCK_BYTES // (PLANES * 4 * (channels + width))
    block = max(1, min(block, -(-tiles // (rows * workers)) * rows) // rows) * rows
    pieces, splits = -(-tiles // block), 1
    while pieces * splits < 8 * workers and pieces * splits % workers and splits < layout.panels:
        splits += 1
    source_plane, target_plane = block * channels + GAP, block * width + GAP
    # Beside the planes: a row of zeros, which stands for pixels outside, and a place to put what falls outside.
    size = (PLANES * (source_plane + target_plane) + channels + target[2]) * 4
    size = -(-size // 64) * 64
    numbers = Numbers(  # type: ignore[call-arg]
        *source, *target, *low, -(-target[0] // STEP), -(-target[1] // STEP), block, layout.panels, splits,
        source_plane, target_plane, size,
    )  # fmt: skip
    scratch = Pointer(Buffer(size * workers, "winograd block"))
    biased = bias is not None
    name = f"winograd_{vectors}{'_bias' if biased else ''}"
    work = kernel(name, 4 + biased, len(numbers), lambda body, _: _Writer(body, vectors, biased).write())
    pointers = (x, weights, y, scratch) if bias is None else (x, weights, y, scratch, bias)
    reads = tuple(p.buffer for p in pointers if p not in (y, scratch))
    operations = 2 * tiles * PLANES * channels * target[2]
    return [
        call,
        Call(change, (packed, weights), (channels, layout.panels), (packed.buffer,), (weights.buffer,),
             work=weights.buffer.size / 8),
        Call(work, pointers, tuple(numbers), reads, (y.buffer, scratch.buffer), work=operations / 80),
    ]  # fmt: skip


def _weights(body: Body, vectors: int) -> None:
    """Transformed weights (panel, plane, channel, column) from packed ones (panel, tap, channel, column)."""
    b, (packed, out), (channels, panels) = body.b, body.pointers, body.numbers
    type = microkernel.vector("f32")
    width = vectors * type.lanes
    low, high = b.share(panels * channels, body.worker, body.workers)
    with b.loop(low, high) as i:
        panel, channel = i / channels, i % channels
        stride = channels * width
        for v in range(vectors):
            from_ = b.at(packed, panel * stride * 9 + channel * width + v * type.lanes, type)
            to = b.at(out, panel * stride * PLANES + channel * width + v * type.lanes, type)
            taps = [[b.load(from_, type, stride * (3 * r + c)) for c in range(3)] for r in range(3)]
            for k, value in enumerate(flat(transforms.both(b, transforms.weight, taps))):
                b.store(value, to, stride * k)


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

    def write(self) -> None:
        b, n = self.b, self.n
        with b.loop(0, n.source_channels) as c:
            b.store(b.constant(0, self.type.of(1)), self.zeros, c)
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
                self._multiply(panel, count)
                column = b.minimum_i64(panel * self.width, n.channels - self.width)
                with b.loop(0, count) as t:
                    self._transform_target(first + t, t, column)

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

    def _multiply(self, panel: Value, count: Value) -> None:
        """Every plane of the block with one panel of its weights."""
        b, n, type, rows = self.b, self.n, self.type, microkernel.rows()
        start = [b.constant(0, type)] * self.vectors
        size = n.source_channels * self.width
        with b.loop(0, PLANES) as k:
            weights = b.at(self.weights, (panel * PLANES + k) * size, type)
            from_, to = (
                b.at(self.planes, k * n.source_plane, type),
                b.at(self.products, k * n.target_plane, type),
            )
            with b.loop(0, count, rows) as t:
                places = [b.at(from_, (t + r) * n.source_channels, type) for r in range(rows)]
                tile = microkernel.dot_tile(
                    b, type, start, places, lambda span: span(b.i64(0), b.i64(n.source_channels), weights)
                )
                for r, sums in enumerate(tile):
                    for v, total in enumerate(sums):
                        b.store(total, to, (t + r) * self.width + v * type.lanes)

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
