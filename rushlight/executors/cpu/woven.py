"""Convolutions of many small groups, depthwise ones above all: vectors run over the target's channels of several groups.

With one input channel a group (depthwise) a vector of the source meets a vector of weights; with more, the lanes of the
source's vectors are first spread so that every lane of the target has its group's j-th input, for each j. Otherwise
this is correlation.py and weight_gradient.py with other inner loops. Channels in and out of a group are constants of a
kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import correlation, microkernel
from . import weight_gradient as weights
from .bands import Axis
from .emit import I64, Builder, Type, Value, Variable
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named
from .weight_gradient import Sums

MOST_INNER = 16


def suits(shape: Shape) -> bool:
    """Whether the groups are many and small, and divide vectors, both ways."""
    lanes = microkernel.vector(shape.kind).lanes
    c, o = shape.group_channels, shape.group_out
    small = shape.groups > 1 and max(c, o) <= min(MOST_INNER, lanes // 2 if lanes > 2 else 1)
    return small and lanes % c == 0 and lanes % o == 0 and min(shape.channels, shape.out_channels) >= lanes


def forward(
    shape: Shape, x: Pointer, w: Pointer, y: Pointer, workers: int, bias: Pointer | None = None
) -> list[Call]:
    """y = x correlated with w, plus bias."""
    c, o = shape.group_channels, shape.group_out
    call, packed = _pack(shape, w, False)
    numbers = correlation.forward_numbers(
        shape, workers, 1, c, shape.out_channels, _chunks(shape, shape.out_channels)
    )
    kernel = _written(shape, c)
    key = f"convolution_woven_{shape.kind}_{c}_{o}_{_size(kernel)}"
    return [
        call,
        correlation.correlate(key, Woven(c, o, kernel), False, shape, numbers, x, packed, y, workers, bias),
    ]


def input_gradient(shape: Shape, dy: Pointer, w: Pointer, dx: Pointer, workers: int) -> list[Call]:
    """dx from the gradient of y."""
    c, o = shape.group_channels, shape.group_out
    call, packed = _pack(shape, w, True)
    numbers = correlation.gradient_numbers(
        shape, workers, 1, o, shape.channels, _chunks(shape, shape.channels)
    )
    kernel = _written(shape, o) if shape.stride == (1, 1) else None
    key = f"convolution_input_woven_{shape.kind}_{o}_{c}_{_size(kernel)}"
    return [
        call,
        correlation.correlate(key, Woven(o, c, kernel), True, shape, numbers, dy, packed, dx, workers, None),
    ]


def weight_gradient(shape: Shape, x: Pointer, dy: Pointer, dw: Pointer, workers: int) -> list[Call]:
    """dw from x and the gradient of y."""
    c, o, lanes = shape.group_channels, shape.group_out, microkernel.vector(shape.kind).lanes
    inner = WovenWeights(c, o)
    tiles, chunks = -(-shape.taps // inner.taps), _chunks(shape, shape.out_channels)
    sums = Sums(0, 0, tiles * inner.taps * c * lanes, 1, chunks, shape.out_channels, shape.taps, c, c)
    key = f"convolution_weight_woven_{shape.kind}_{c}_{o}"
    return weights.correlate(key, inner, shape, sums, 1, tiles, x, dy, dw, workers)


def _written(shape: Shape, inner: int) -> tuple[int, int] | None:
    """The kernel, if it is small enough to be a constant."""
    return shape.kernel if shape.taps * inner <= 9 else None


def _size(kernel: tuple[int, int] | None) -> str:
    return "any" if kernel is None else f"{kernel[0]}x{kernel[1]}"


def _chunks(shape: Shape, channels: int) -> int:
    return -(-channels // microkernel.vector(shape.kind).lanes)


def _pack(shape: Shape, weight: Pointer, turned: bool) -> tuple[Call, Pointer]:
    """Weights as (chunk, tap, inner, lane)."""
    c, o, kind, taps = shape.group_channels, shape.group_out, shape.kind, shape.taps
    type = microkernel.vector(kind)
    inner, channels = (o, shape.channels) if turned else (c, shape.out_channels)
    chunks = _chunks(shape, channels)
    packed = Buffer(chunks * taps * inner * type.lanes * type.bytes, "packed weight")
    to = Pointer(packed)

    def write(body: Body, _: object) -> None:
        b, (weight, packed), (channels, taps, chunks) = body.b, body.pointers, body.numbers
        low, high = b.share(chunks * taps * inner, body.worker, body.workers)
        with b.loop(low, high) as unit:
            chunk, tap, j = unit / inner / taps, unit / inner % taps, unit % inner
            channel = b.spread(first_channel(b, chunk, channels, type.lanes), type.lanes)
            channel = channel + b.lane_numbers(I64.of(type.lanes))
            if turned:
                # Lanes are input channels, j counts the group's output channels.
                row = (channel / c * o + b.spread(j, type.lanes)) * c + channel % c
                place = row * taps + b.spread(taps - 1 - tap, type.lanes)
            else:
                place = (channel * c + b.spread(j, type.lanes)) * taps + b.spread(tap, type.lanes)
            mask = b.mask_below(type.lanes, type.lanes)
            b.store(b.gather(b.at(weight, place, type), type, mask), packed, unit * type.lanes)

    name = f"pack_woven_{'turned_' if turned else ''}{kind}_{c}_{o}"
    work = named(name, 2, 3, write)
    return Call(
        work, (weight, to), (channels, taps, chunks), (weight.buffer,), (packed,), work=packed.size / 2
    ), to


def first_channel(b: Builder, chunk: Value, channels: Value, lanes: int) -> Value:
    """The first target channel of a chunk; the last chunk overlaps the one before it."""
    return b.minimum_i64(chunk * lanes, channels - lanes)


def spread_inputs(b: Builder, type: Type, inner: int, outer: int, source: Value) -> list[Value]:
    """For j < inner, the vector whose lane l holds the j-th of the `inner` numbers of group l / outer."""
    lanes = type.lanes
    count = lanes // outer * inner
    part = min(count, lanes)
    vectors = [b.load(source, type.of(part), i * part) for i in range(count // part)]
    if inner == outer == 1:
        return vectors
    return [picked(b, vectors, [lane // outer * inner + j for lane in range(lanes)]) for j in range(inner)]


def picked(b: Builder, vectors: Sequence[Value], wanted: Sequence[int]) -> Value:
    """Numbers of vectors that lie one after another, by their place."""
    part, lanes = vectors[0].type.lanes, len(wanted)
    value = b.shuffle(vectors[0], vectors[0], [w % part for w in wanted])
    for i, vector in enumerate(vectors[1:], 1):
        value = b.shuffle(
            value, vector, [lanes + w % part if w // part == i else lane for lane, w in enumerate(wanted)]
        )
    return value


class Woven:
    """Lanes are target channels; taps by inner channels are summed. `kernel`: the taps, where all are met and written out."""

    def __init__(self, inner: int, outer: int, kernel: tuple[int, int] | None) -> None:
        self.inner, self.outer = inner, outer
        self.kernel = [(i, j) for i in range(kernel[0]) for j in range(kernel[1])] if kernel else []

    def panels(self, c: correlation.Correlation, y: Axis, x: Axis, low: Value, high: Value) -> None:
        b, n, type, inner = c.b, c.n, c.type, self.inner
        base, row_stride = c.band.base.value, c.band.row_stride.value
        mask = b.mask_below(type.lanes, type.lanes)
        # Tiles outside, channels inside: a pixel's channels lie together, and the weights are few.
        with c.tiles() as tile, b.loop(low, high) as chunk:
            column = first_channel(b, chunk, n.columns, type.lanes)  # type: ignore[arg-type]
            packed = b.at(c.packed, chunk * n.kernel_y * n.kernel_x * (inner * type.lanes), type)
            source = b.at(base, column / self.outer * inner, type)
            windows = [b.at(source, place, type) for place in tile.sources]
            start = c.start(column, [mask])[0]
            sums = [b.variable(start) for _ in windows]

            def add(tap: Any, at: Value, window: Value, total: Variable) -> None:
                inputs = spread_inputs(b, type, inner, self.outer, b.at(window, at, type))
                for k, value in enumerate(inputs):
                    factor = b.load(packed, type, (tap * inner + k) * type.lanes)
                    total.set(b.fma(factor, value, total.value))

            if self.kernel:
                # All taps written out, with their weights in registers.
                places = [
                    b.i64(i) * y.spacing * row_stride + j * x.spacing * n.source_channels
                    for i, j in self.kernel
                ]
                for window, total in zip(windows, sums):
                    for tap, at in enumerate(places):
                        add(tap, at, window, total)
            else:
                with b.loop(0, y.taps) as i:
                    row = (y.weight_first + i * y.weight_step) * n.kernel_x + x.weight_first
                    with b.loop(0, x.taps) as j:
                        at = i * y.spacing * row_stride + j * x.spacing * n.source_channels
                        for window, total in zip(windows, sums):
                            add(row + j * x.weight_step, at, window, total)
            c.store(tile, column, [[total.value] for total in sums], None)


class WovenWeights:
    """Lanes are output channels; rows are some taps by all inner channels."""

    def __init__(self, inner: int, outer: int) -> None:
        self.inner, self.outer = inner, outer
        self.taps = max(1, 9 // inner if inner < 4 else 12 // inner)

    def prepare(self, c: weights.Correlation) -> None:
        """Nothing: one tile, or two, use what would be copied."""

    def tile(self, c: weights.Correlation, panel: Value, tile: Value, place: Value, fresh: Value) -> None:
        b, n, type, inner = c.b, c.n, c.type, self.inner
        column = first_channel(b, panel, n.columns, type.lanes)  # type: ignore[arg-type]
        base = b.at(c.band.base.value, column / self.outer * inner, type)
        last = n.kernel_y * n.kernel_x - 1
        windows = []
        for t in range(self.taps):
            tap = b.minimum_i64(tile * self.taps + t, last)
            row = tap / n.kernel_x * n.dilation_y * c.band.row_stride.value
            windows.append(
                b.at(base, row + tap % n.kernel_x * n.dilation_x * c.band.pixel_stride.value, type)
            )

        def step(i: Value, at: Value) -> tuple:
            rows = [
                v
                for window in windows
                for v in spread_inputs(b, type, inner, self.outer, b.at(window, at, type))
            ]
            return rows, [b.load(c.gradient(i), type, column)]

        rows = self.taps * inner
        c.add(b.at(c.sums, place * (rows * type.lanes), type), fresh, rows, 1, step)
