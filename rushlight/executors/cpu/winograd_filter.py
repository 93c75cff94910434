"""The weight of a convolution as Winograd's form multiplies with it: (panel, plane, inner channel, column).

Planes are a little apart (`plane`), so that the 36 of them do not fall into the same cache sets. Straight from the framework's
layout (O, C, 3, 3): forward, where columns are output channels, squares of it are transposed on the way; turned round,
for the input's gradient, columns lie side by side with nine taps each, and are dealt out.
"""

from __future__ import annotations

from typing import Any

from . import microkernel, shuffles
from . import winograd_transforms as transforms
from .emit import Builder, Type, Value
from .geometry import Shape
from .kernel import Body, Buffer, Call, Pointer, named
from .packing import first_column

PLANES = 36
GAP = 16
TAPS = 9


def plane(inner: Any, width: int) -> Any:
    """Numbers from a plane of a panel to the next."""
    return inner * width + GAP


def transformed(shape: Shape, turned: bool, vectors: int, weight: Pointer) -> tuple[Call, Pointer]:
    """The call that transforms, and where the transformed weight is then."""
    inner, columns = (shape.out_channels, shape.channels) if turned else (shape.channels, shape.out_channels)
    width = vectors * microkernel.vector("f32").lanes
    panels = -(-columns // width)
    buffer = Buffer(panels * PLANES * plane(inner, width) * 4, "transformed weight")
    to = Pointer(buffer)
    write = _turned if turned else _forward
    name = f"winograd_filter_{'turned_' if turned else ''}{vectors}"
    work = named(name, 2, 2, lambda body, _: write(body, vectors))
    call = Call(work, (weight, to), (inner, columns), (weight.buffer,), (buffer,), work=buffer.size / 8)
    return call, to


def _forward(body: Body, vectors: int) -> None:
    b, (weight, out), (inner, columns) = body.b, body.pointers, body.numbers
    type = microkernel.vector("f32")
    lanes, width = type.lanes, vectors * type.lanes
    blocks = (inner + (lanes - 1)) / lanes
    many = (columns + (width - 1)) / width * (vectors * blocks)
    low, high = b.share(many, body.worker, body.workers)
    with b.loop(low, high) as unit:
        stripe = unit / blocks
        panel, v = stripe / vectors, stripe % vectors
        first = b.minimum_i64(unit % blocks * lanes, inner - lanes)
        to = b.at(out, panel * plane(inner, width) * PLANES + v * lanes, type)
        column = first_column(b, panel, columns, width) + v * lanes
        forward_square(
            b, weight, inner, column, first, b.at(to, first * width, type), width, plane(inner, width)
        )


def _turned(body: Body, vectors: int) -> None:
    b, (weight, out), (inner, columns) = body.b, body.pointers, body.numbers
    type = microkernel.vector("f32")
    width = vectors * type.lanes
    stripes = (columns + (width - 1)) / width * vectors
    low, high = b.share(stripes * inner, body.worker, body.workers)
    with b.loop(low, high) as unit:
        stripe, i = unit / inner, unit % inner
        panel, v = stripe / vectors, stripe % vectors
        to = b.at(out, panel * plane(inner, width) * PLANES + v * type.lanes, type)
        column = first_column(b, panel, columns, width) + v * type.lanes
        turned_row(b, weight, columns, column, i, b.at(to, i * width, type), plane(inner, width))


def forward_square(
    b: Builder, weight: Value, inner: Value, column: Value, first: Value, to: Value, width: int, plane: Value
) -> None:
    """A vector of columns from `column` on, for as many inner channels from `first` on: one of them every `width` numbers."""
    type = microkernel.vector("f32")
    lanes = type.lanes
    taps = b.array(type, TAPS * lanes)
    from_ = b.at(weight, (column * inner + first) * TAPS, type)
    with b.loop(0, TAPS) as square:
        rows = [b.load(from_, type, inner * (TAPS * r) + square * lanes) for r in range(lanes)]
        for r, value in enumerate(shuffles.transposed(b, rows)):
            b.store(value, taps, (square * lanes + r) * lanes, align=type.bytes * lanes)
    with b.loop(0, lanes) as i:
        here = [b.load(taps, type, (i * TAPS + t) * lanes) for t in range(TAPS)]
        _store(b, type, here, b.at(to, i * width, type), plane)


def turned_row(
    b: Builder, weight: Value, columns: Value, column: Value, i: Value, to: Value, plane: Value
) -> None:
    """A vector of columns from `column` on, for inner channel i."""
    type = microkernel.vector("f32")
    from_ = b.at(weight, (i * columns + column) * TAPS, type)
    taps = shuffles.dealt(b, [b.load(from_, type, t * type.lanes) for t in range(TAPS)])
    _store(b, type, taps[::-1], to, plane)


def _store(b: Builder, type: Type, taps: list[Value], to: Value, plane: Value) -> None:
    """Transform a vector's taps into its 36 planes."""
    rows = [taps[3 * r : 3 * r + 3] for r in range(3)]
    for i, row in enumerate(transforms.both(b, transforms.weight, rows)):
        for j, value in enumerate(row):
            b.store(value, to, plane * (6 * i + j))
