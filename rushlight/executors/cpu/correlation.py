"""Direct convolutions: windows of an image times packed weights, forward and for the input's gradient.

Each output pixel is a dot product of a window of the source with every column of the weight, and a tile of pixels is
held in registers while the window's terms go by (microkernel.py); nothing is unfolded (bands.py).

The input's gradient is the same with the weight turned round. With a stride s, the pixels of the input fall into s * s
phases, each of which meets only every s-th tap: a phase is a convolution with stride 1 by a smaller kernel, and together
they do exactly the operations of the forward pass. The gradient of the weight is in weight_gradient.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from . import bands, microkernel
from .bands import Axis, Band, Image, Place
from .emit import I64, Module, Type, Value
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named
from .packing import first_column, forward_layout, pack, turned_layout


class Numbers(NamedTuple):
    """The sizes a correlation kernel is called with; source and target are channels-last."""

    batch: int
    source_height: int
    source_width: int
    source_channels: int
    height: int  # of the target
    width: int
    channels: int
    groups: int
    inner: int  # source channels of a group
    columns: int  # target channels of a group
    panels: int  # of a group
    kernel_y: int
    kernel_x: int
    stride_y: int
    stride_x: int
    low_y: int  # padding at the top
    low_x: int  # padding at the left
    dilation_y: int
    dilation_x: int
    common_y: int  # greatest common divisor of stride and dilation
    common_x: int
    band_rows: int
    band_images: int
    splits: int  # shares of the panels
    band_bytes: int  # of scratch, for the copied band; the tables of offsets follow
    scratch_bytes: int  # of one worker


def forward(
    shape: Shape, x: Pointer, w: Pointer, y: Pointer, workers: int, bias: Pointer | None = None
) -> list[Call]:
    """y = x correlated with w, plus bias."""
    layout = forward_layout(shape)
    call, packed = pack(layout, shape.kind, w)
    numbers = forward_numbers(shape, workers, shape.groups, layout.inner, layout.columns, layout.panels)
    key = f"convolution_{shape.kind}_{layout.vectors}"
    return [call, correlate(key, Panels(layout.vectors), False, shape, numbers, x, packed, y, workers, bias)]


def input_gradient(shape: Shape, dy: Pointer, w: Pointer, dx: Pointer, workers: int) -> list[Call]:
    """dx from the gradient of y."""
    layout = turned_layout(shape)
    call, packed = pack(layout, shape.kind, w)
    numbers = gradient_numbers(shape, workers, shape.groups, layout.inner, layout.columns, layout.panels)
    key = f"convolution_input_{shape.kind}_{layout.vectors}"
    return [call, correlate(key, Panels(layout.vectors), True, shape, numbers, dy, packed, dx, workers, None)]


def forward_numbers(
    shape: Shape, workers: int, groups: int, inner: int, columns: int, panels: int
) -> Numbers:
    """The sizes of a forward pass whose weight is packed in `panels` panels a group."""
    source = (shape.batch, shape.height, shape.width, shape.channels)
    target = (shape.out_height, shape.out_width, shape.out_channels)
    ways = list(zip(target, shape.stride, shape.kernel, shape.dilation))
    return _numbers(shape, (*source, *target, groups, inner, columns, panels), ways, 1, workers)


def gradient_numbers(
    shape: Shape, workers: int, groups: int, inner: int, columns: int, panels: int
) -> Numbers:
    """The sizes of an input's gradient."""
    source = (shape.batch, shape.out_height, shape.out_width, shape.out_channels)
    target = (shape.height, shape.width, shape.channels)
    ways = []
    for size, s, k, d in zip(target, shape.stride, shape.kernel, shape.dilation):
        common = math.gcd(s, d)
        ways.append((-(-size // s), 1, -(-k * common // s), d // common))
    phases = shape.stride[0] * shape.stride[1]
    return _numbers(shape, (*source, *target, groups, inner, columns, panels), ways, phases, workers)


def _numbers(shape: Shape, sizes: tuple, ways: list, phases: int, workers: int) -> Numbers:
    rows, images, copied = bands.extent(shape.bytes, shape.batch, sizes[3], *ways)
    pixels = rows * images * ways[1][0] + microkernel.rows()
    band_bytes = -(-copied * shape.bytes // 64) * 64
    pieces = phases * -(-shape.batch // images) * -(-ways[0][0] // rows)
    # Enough pieces of work for every worker to have about as many as the others.
    panels, splits = sizes[-4] * sizes[-1], 1
    while pieces * splits < 8 * workers and pieces * splits % workers and splits < panels:
        splits += 1
    return Numbers(  # type: ignore[call-arg]
        *sizes, *shape.kernel, *shape.stride, shape.padding[0][0], shape.padding[1][0], *shape.dilation,
        *(math.gcd(s, d) for s, d in zip(shape.stride, shape.dilation)),
        rows, images, splits, band_bytes, -(-(band_bytes + 16 * pixels) // 64) * 64,
    )  # fmt: skip


class Inner(Protocol):
    """The inner loops of a correlation: all pixels of the band at hand with some panels of the weight."""

    def panels(self, c: Correlation, y: Axis, x: Axis, low: Value, high: Value) -> None: ...


def correlate(
    key: str,
    inner: Inner,
    gradient: bool,
    shape: Shape,
    numbers: Numbers,
    source: Pointer,
    packed: Pointer,
    to: Pointer,
    workers: int,
    bias: Pointer | None,
) -> Call:
    """The call of a correlation kernel; `key` says all that is constant in it."""
    biased = bias is not None

    def write(body: Body, module: Module) -> None:
        Correlation(body, shape.kind, gradient, biased).write(inner)

    work = named(f"{key}{'_bias' if biased else ''}", 4 + biased, len(numbers), write)
    scratch = Pointer(Buffer(numbers.scratch_bytes * workers, "convolution band"))
    pointers = (source, packed, to, scratch) if bias is None else (source, packed, to, scratch, bias)
    reads = tuple(p.buffer for p in pointers if p not in (to, scratch))
    writes = (to.buffer, scratch.buffer)
    return Call(work, pointers, tuple(numbers), reads, writes, work=shape.operations / 100)


class Correlation:
    """Emits one correlation kernel, around the given inner loops."""

    def __init__(self, body: Body, kind: str, gradient: bool, biased: bool) -> None:
        self.b, self.body = body.b, body
        self.n = n = Numbers(*body.numbers)  # type: ignore[arg-type]
        self.type, self.gradient = microkernel.vector(kind), gradient
        source, self.packed, target, scratch = body.pointers[:4]
        self.bias = body.pointers[4] if biased else None
        self.source = Image(source, n.source_height, n.source_width, n.source_channels)  # type: ignore[arg-type]
        self.target = Image(target, n.height, n.width, n.channels)  # type: ignore[arg-type]
        own = self.b.at(scratch, body.worker * n.scratch_bytes, Type("u8"))
        self.band = Band(self.b, self.type, self.source, own, n.band_bytes, n.source_channels)  # type: ignore[arg-type]

    def write(self, inner: Inner) -> None:
        """Pieces of work: phases, by bands, by shares of the panels."""
        b, n = self.b, self.n
        phases = n.stride_y * n.stride_x if self.gradient else b.i64(1)
        tall = (n.height + n.stride_y - 1) / n.stride_y if self.gradient else n.height
        blocks = (tall + n.band_rows - 1) / n.band_rows
        groups = (n.batch + n.band_images - 1) / n.band_images
        low, high = b.share(phases * groups * blocks * n.splits, self.body.worker, self.body.workers)
        last = b.variable(-1, I64)
        with b.loop(low, high) as piece:
            split, rest = piece % n.splits, piece / n.splits
            # Phases differ in their taps, so neighbours in the order are different ones.
            phase, place = rest % phases, rest / phases
            block, image = place % blocks, place / blocks
            y, x = self._axes(phase)
            with b.when(rest.ne(last.value)):
                last.set(rest)
                first_image, first_row = image * n.band_images, block * n.band_rows
                images = b.minimum_i64(n.band_images, n.batch - first_image)
                rows = b.minimum_i64(n.band_rows, y.count - first_row)
                here = Place(first_image, images, first_row, b.select(rows.gt(0), rows, 0))
                self.band.move(here, y, x)
                self.band.write_tables(here, y, x, self.target, microkernel.rows())
            panels = n.groups * n.panels
            inner.panels(self, y, x, panels * split / n.splits, panels * (split + 1) / n.splits)

    def _axes(self, phase: Value) -> tuple[Axis, Axis]:
        b, n = self.b, self.n
        zero, one = b.i64(0), b.i64(1)
        if not self.gradient:
            return (
                Axis(n.height, zero, one, n.stride_y, -n.low_y, n.kernel_y, n.dilation_y, zero, one),
                Axis(n.width, zero, one, n.stride_x, -n.low_x, n.kernel_x, n.dilation_x, zero, one),
            )
        y, x = phase / n.stride_x, phase % n.stride_x
        return (
            self._phase(y, n.height, n.kernel_y, n.stride_y, n.low_y, n.dilation_y, n.common_y),
            self._phase(x, n.width, n.kernel_x, n.stride_x, n.low_x, n.dilation_x, n.common_x),
        )

    def _phase(self, phase: Value, size, kernel, stride, low, dilation, common) -> Axis:  # type: ignore[no-untyped-def]
        """Input places phase, phase + stride, ...; turned tap t reads (place + low - (kernel - 1 - t) * dilation) / stride."""
        b = self.b
        start = phase + low - (kernel - 1) * dilation
        tap = b.variable(0, I64)
        with b.repeat(lambda: tap.value.lt(kernel) & ((start + tap.value * dilation) % stride).ne(0)):
            tap.set(tap.value + 1)
        period = stride / common
        taps = (kernel - tap.value + period - 1) / period
        count = (size - phase + stride - 1) / stride
        first = (start + tap.value * dilation) / stride
        return Axis(count, phase, stride, b.i64(1), first, taps, dilation / common, tap.value, period)

    def start(self, column: Value, masks: list[Value]) -> list[Value]:
        """What sums of these columns begin as: the bias, or zeros."""
        b, type = self.b, self.type
        if self.bias is None:
            return [b.constant(0, type)] * len(masks)
        places = [b.at(self.bias, column + v * type.lanes, type) for v in range(len(masks))]
        return [b.load_masked(place, type, mask) for place, mask in zip(places, masks)]

    @contextmanager
    def tiles(self) -> Iterator[Tile]:
        """A loop over the tiles of the band's pixels."""
        b, rows = self.b, microkernel.rows()
        with b.loop(0, self.band.pixels.value, rows) as pixel:
            entry = b.at(self.band.tables, pixel * 2, I64)
            sources = [b.load(entry, I64, 2 * r) for r in range(rows)]
            yield Tile(sources, entry, self.band.pixels.value - pixel)

    def store(self, tile: Tile, column: Value, sums: microkernel.Tile, masks: list[Value] | None) -> None:
        """Put a tile's sums into the target from `column` on; without masks, whole vectors."""
        b, type = self.b, self.type
        for r, row in enumerate(sums):
            with b.when(tile.left.gt(r)):
                to = b.at(self.target.pointer, b.load(tile.entry, I64, 2 * r + 1) + column, type)
                for v, total in enumerate(row):
                    if masks is None:
                        b.store(total, to, v * type.lanes)
                    else:
                        b.store_masked(total, b.at(to, v * type.lanes, type), masks[v])


class Tile(NamedTuple):
    """Some pixels of a band."""

    sources: list[Value]  # where each one's window begins
    entry: Value  # in the tables
    left: Value  # pixels from here to the band's end


class Panels:
    """Products of each window's numbers with panels of columns."""

    def __init__(self, vectors: int) -> None:
        self.vectors = vectors

    def panels(self, c: Correlation, y: Axis, x: Axis, low: Value, high: Value) -> None:
        with c.b.loop(low, high) as panel:
            self._panel(c, y, x, panel)

    def _panel(self, c: Correlation, y: Axis, x: Axis, panel: Value) -> None:
        b, n, type = c.b, c.n, c.type
        width = self.vectors * type.lanes
        group, inside = panel / n.panels, panel % n.panels
        weights = b.at(c.packed, panel * n.kernel_y * n.kernel_x * n.inner * width, type)
        source = b.at(c.band.base.value, group * n.inner, type)
        first = first_column(b, inside, n.columns, width)  # type: ignore[arg-type]
        masks = [b.mask_below(n.columns - first - v * type.lanes, type.lanes) for v in range(self.vectors)]
        column = group * n.columns + first
        start, spans = c.start(column, masks), self._spans(c, y, x, weights, width)
        with c.tiles() as tile:
            windows = [b.at(source, place, type) for place in tile.sources]
            c.store(
                tile, column, microkernel.dot_tile(b, type, [start] * len(windows), windows, spans), masks
            )

    def _spans(self, c: Correlation, y: Axis, x: Axis, weights: Value, width: int) -> Callable:
        """The loops over taps around the innermost one; a row of taps without gaps is one span."""
        b, n = c.b, c.n
        joined = x.spacing.eq(1) & x.weight_step.eq(1) & n.groups.eq(1)  # type: ignore[attr-defined]
        taps = b.select(joined, b.minimum_i64(x.taps, 1), x.taps)
        length = b.select(joined, x.taps * n.inner, n.inner)
        step = x.spacing * n.source_channels
        row_stride = c.band.row_stride.value

        def spans(span: Callable) -> None:
            with b.loop(0, y.taps) as i:
                row = (y.weight_first + i * y.weight_step) * n.kernel_x + x.weight_first
                with b.loop(0, taps) as j:
                    low = i * y.spacing * row_stride + j * step
                    panel = b.at(weights, (row + j * x.weight_step) * n.inner * width, c.type)
                    span(low, low + length, panel)

        return spans
