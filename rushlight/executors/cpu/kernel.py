"""What a native program is made of: kernels, the buffers they work on, and calls of one on the other.

A kernel is a native function `void (ptr args, ptr slots, i64 worker, i64 workers)`. Every worker of the pool runs it,
each with its own number, and does its own share of the work. `args` holds first two words a pointer (slot, byte offset),
then plain whole numbers; `slots` holds the addresses of this run. So one kernel serves all sizes and places, and
a program is a table of calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from . import target
from .emit import I64, PTR, Builder, Module, Value


class Kernel(NamedTuple):
    """A native function: its symbol, the LLVM module that defines it, how many pointers and numbers it takes."""

    name: str
    text: str
    pointers: int
    numbers: int


class Buffer:
    """Memory of a program: `size` bytes, placed when the program is put together. Compared by identity.

    whole: the buffer of which it is a piece, from byte `start` on. Pieces of one buffer do not overlap.
    """

    __slots__ = ("size", "name", "whole", "start")

    def __init__(self, size: int, name: str = "scratch", whole: Buffer | None = None, start: int = 0) -> None:
        self.size, self.name, self.whole, self.start = size, name, whole, start

    def __repr__(self) -> str:
        return f"<{self.name}: {self.size} bytes>"


class Pointer(NamedTuple):
    """A place in a buffer, in bytes from its start."""

    buffer: Buffer
    offset: int = 0


class Call(NamedTuple):
    """One kernel on given memory.

    reads, writes: the buffers whose contents it uses and changes; the order of calls and the barriers between workers
    follow from them. shares: buffers of which it writes places that no other call of its `group` writes, so those need
    not wait for each other. `alone`: only worker 0 runs it. `work`: an estimate in nanoseconds of one core.
    """

    kernel: Kernel
    pointers: tuple[Pointer, ...]
    numbers: tuple[int, ...]
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    alone: bool = False
    work: float = 0.0
    shares: tuple[Buffer, ...] = ()
    group: object = None


class Body(NamedTuple):
    """What the body of a kernel sees: its builder, pointers, numbers, and which worker of how many runs it."""

    b: Builder
    pointers: list[Value]
    numbers: list[Value]
    worker: Value
    workers: Value


@contextmanager
def body(module: Module, name: str, pointers: int, numbers: int) -> Iterator[Body]:
    """Define a kernel in `module`: its pointers are resolved and its numbers loaded."""
    with module.function(name, [PTR, PTR, I64, I64]) as (b, args, slots, worker, workers):
        addresses = []
        for i in range(pointers):
            base = b.load(slots, PTR, b.load(args, I64, 2 * i))
            addresses.append(
                b.emit(PTR, f"getelementptr i8, ptr {base.text}, i64 {b.load(args, I64, 2 * i + 1).text}")
            )
        values = [b.load(args, I64, 2 * pointers + j) for j in range(numbers)]
        yield Body(b, addresses, values, worker, workers)


def kernel(prefix: str, pointers: int, numbers: int, write: Callable[[Body, Module], None]) -> Kernel:
    """The kernel whose body `write` emits. Its name is `prefix` and a hash of its text: equal kernels are one."""
    module = Module()
    with body(module, "@name@", pointers, numbers) as inside:
        write(inside, module)
    text = module.text()
    name = f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    return Kernel(name, text.replace("@name@", name), pointers, numbers)


def named(name: str, pointers: int, numbers: int, write: Callable[[Body, Module], None]) -> Kernel:
    """`kernel` where the name says all that is constant in what `write` emits, so that it is written once."""
    key = name, pointers, numbers, target.lanes()
    found = _named.get(key)
    if found is None:
        found = _named[key] = kernel(name, pointers, numbers, write)
    return found


_named: dict[tuple, Kernel] = {}


def words(call: Call, slots: dict[Buffer, tuple[int, int]]) -> Sequence[int]:
    """The `args` of a call, given each buffer's (slot, byte offset)."""
    out: list[int] = []
    for buffer, offset in call.pointers:
        slot, start = slots[buffer.whole or buffer]
        out += (slot, start + buffer.start + offset)
    return [*out, *call.numbers]
