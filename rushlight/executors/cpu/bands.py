"""Bands of an image: some rows of some images, with the zeros around them.

A band of source rows that reaches over the border is copied once into the worker's scratch, with the zeros around it; any
other is used where it lies. Two tables beside it say where each pixel's window begins, in the source and in the target.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .emit import I64, Builder, Type, Value

# A band is meant to have this many pixels, and to leave room beside it in a core's second cache.
PIXELS = 128
BYTES = 320 * 1024


def extent(item: int, batch: int, channels: int, y: tuple, x: tuple, scale: int = 1) -> tuple[int, int, int]:
    """(rows, images, numbers copied) of a band; y and x are (outputs, step, taps, spacing), `item` is bytes a number.

    scale: how many times the usual size it may have.
    """
    wide = (x[0] - 1) * x[1] + (x[2] - 1) * x[3] + 1

    def numbers(rows: int) -> int:
        return ((rows - 1) * y[1] + (y[2] - 1) * y[3] + 1) * wide * channels

    rows = max(1, min(y[0], scale * PIXELS // x[0]))
    while rows > 1 and numbers(rows) * item > scale * BYTES:
        rows = (rows + 1) // 2
    images = 1
    if rows == y[0]:
        room = scale * BYTES // (numbers(rows) * item)
        images = max(1, min(batch, scale * PIXELS // (y[0] * x[0]), room))
    return rows, images, numbers(rows) * images


class Axis(NamedTuple):
    """One dimension: which source places and which taps the outputs read. Each is a Value of the kernel."""

    count: Any  # type: ignore[assignment]  # outputs
    target_first: Any
    target_step: Any
    step: Any  # in the source, from one output to the next
    first: Any  # source place of output 0 and tap 0; outside where negative
    taps: Any
    spacing: Any  # in the source, from one tap to the next
    weight_first: Any  # tap 0, as the packed weight counts them
    weight_step: Any


class Image(NamedTuple):
    """A channels-last tensor."""

    pointer: Value
    height: Value
    width: Value
    channels: Value


class Place(NamedTuple):
    """Which rows of which images."""

    first_image: Value
    images: Value
    first_row: Value
    rows: Value


class Band:
    """The band at hand: `base`, the strides (in numbers) and `pixels` are set by `move`.

    copied_stride: numbers from a pixel to the next in a copied band; a source in its place has its channels there.
    """

    def __init__(
        self, b: Builder, type: Type, source: Image, scratch: Value, band_bytes: Value, copied_stride: Value
    ) -> None:
        self.b, self.type, self.source, self.copied_stride = b, type, source, copied_stride
        self.copied = scratch
        self.tables = b.at(scratch, band_bytes, Type("u8"))
        self.base = b.variable(source.pointer)
        self.pixel_stride, self.row_stride, self.image_stride = (b.variable(0, I64) for _ in range(3))
        self.pixels = b.variable(0, I64)

    def move(self, place: Place, y: Axis, x: Axis) -> None:
        """Make `place` the band at hand: its windows are where `base` and the strides say."""
        b, source = self.b, self.source
        top = place.first_row * y.step + y.first
        tall = (place.rows - 1) * y.step + (y.taps - 1) * y.spacing + 1
        wide = (x.count - 1) * x.step + (x.taps - 1) * x.spacing + 1
        inside = (
            top.ge(0) & (top + tall).le(source.height) & x.first.ge(0) & (x.first + wide).le(source.width)
        )
        used = (place.rows * x.count * y.taps * x.taps).gt(0)
        self.pixels.set(place.images * place.rows * x.count)
        self.pixel_stride.set(source.channels)
        self.row_stride.set(source.width * source.channels)
        self.image_stride.set(source.height * source.width * source.channels)
        at = (
            place.first_image * self.image_stride.value
            + top * self.row_stride.value
            + x.first * source.channels
        )
        self.base.set(b.at(source.pointer, at, self.type))
        with b.when(~inside & used):
            with b.loop(0, place.images) as i:
                with b.loop(0, tall) as r:
                    to = b.at(self.copied, (i * tall + r) * wide * self.copied_stride, self.type)
                    self._copy_row(place.first_image + i, top + r, x.first, wide, to)
            self.base.set(self.copied)
            self.pixel_stride.set(self.copied_stride)
            self.row_stride.set(wide * self.copied_stride)
            self.image_stride.set(tall * wide * self.copied_stride)

    def _copy_row(self, image: Value, row: Value, first: Value, wide: Value, to: Value) -> None:
        """Pixels first, first + 1, ... of a source row; zeros outside."""
        b, source = self.b, self.source
        zero = b.i64(0)
        within = row.ge(0) & row.lt(source.height)
        left = b.select(first.lt(0), b.minimum_i64(-first, wide), zero)
        right = b.minimum_i64(first + wide, source.width) - first
        right = b.select(right.gt(left), right, left)
        right = b.select(within, right, left)
        c, stride = source.channels, self.copied_stride
        fill(b, self.type, to, left * stride)
        start = ((image * source.height + row) * source.width + first) * c
        joined = stride.eq(c)
        runs = b.select(joined, b.minimum_i64(right - left, 1), right - left)
        length = b.select(joined, (right - left) * c, c)
        with b.loop(left, left + runs) as i:
            from_ = b.at(source.pointer, start + i * c, self.type)
            copy(b, self.type, from_, b.at(to, i * stride, self.type), length)
        fill(b, self.type, b.at(to, right * stride, self.type), (wide - right) * stride)

    def write_tables(self, place: Place, y: Axis, x: Axis, target: Image, spare: int) -> None:
        """Each pixel's offset in the source's band and in the target; the last one's stand for `spare` more."""
        b = self.b
        index, from_, to = b.variable(0, I64), b.variable(0, I64), b.variable(0, I64)

        def write() -> None:
            b.store(from_.value, self.tables, index.value * 2)
            b.store(to.value, self.tables, index.value * 2 + 1)
            index.set(index.value + 1)

        with b.loop(0, place.images) as i:
            with b.loop(0, place.rows) as r:
                row = (
                    (place.first_image + i) * target.height
                    + y.target_first
                    + (place.first_row + r) * y.target_step
                )
                start = i * self.image_stride.value + r * y.step * self.row_stride.value
                with b.loop(0, x.count) as q:
                    from_.set(start + q * x.step * self.pixel_stride.value)
                    to.set((row * target.width + x.target_first + q * x.target_step) * target.channels)
                    write()
        for _ in range(spare):
            write()


def fill(b: Builder, type: Type, to: Value, count: Value) -> None:
    """Zeros."""
    zero = b.constant(0, type)
    with b.loop(0, count, type.lanes) as i:
        b.store_masked(zero, b.at(to, i, type), b.mask_below(count - i, type.lanes))


def copy(b: Builder, type: Type, from_: Value, to: Value, count: Value) -> None:
    """`count` numbers, one after another."""
    whole = count / type.lanes * type.lanes
    with b.loop(0, whole, type.lanes) as i:
        b.store(b.load(from_, type, i), to, i)
    with b.when(whole.lt(count)):
        mask = b.mask_below(count - whole, type.lanes)
        b.store_masked(b.load_masked(b.at(from_, whole, type), type, mask), b.at(to, whole, type), mask)
