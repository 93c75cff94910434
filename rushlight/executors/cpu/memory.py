"""Where the buffers of a program stand: one arena for all that lives only inside it, placed by lifetimes.

Time is counted in epochs, the stretches between two barriers. A buffer may take the place of another that was last
touched in an earlier epoch. The arena belongs to the process: programs run one at a time, and it is as large as the
largest of them needs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from .kernel import Buffer, Call

ALIGNMENT = 64
# Buffers a multiple of this apart share cache sets, so large ones are set off by a little.
_PAGE = 4096


def barriers(calls: Sequence[Call]) -> list[bool]:
    """For each call, whether all workers have to wait before it."""
    out = []
    written: set[Buffer] = set()
    read: set[Buffer] = set()
    shared: dict[Buffer, object] = {}  # and the group that shares it
    for call in calls:
        reads, writes, shares = set(call.reads), set(call.writes), set(call.shares)
        touched = reads | writes
        wait = (
            bool(written & (touched | shares))
            or bool(read & (writes | shares))
            or bool(shared.keys() & touched)
        )
        wait = wait or any(shared.get(buffer, call.group) is not call.group for buffer in shares)
        wait = wait or _pieces_wait(reads, writes, shares, read, written)
        if wait:
            written.clear()
            read.clear()
            shared.clear()
        out.append(wait)
        written |= writes
        read |= reads
        shared.update(dict.fromkeys(shares, call.group))
    return out


def _pieces_wait(reads: set, writes: set, shares: set, read: set, written: set) -> bool:
    """Whether a call touches a buffer of which a piece was touched, or a piece of a buffer.

    Who shares a whole writes places that are no such piece's.
    """
    whole_written = {b.whole for b in written if b.whole}
    whole_read = {b.whole for b in read if b.whole}
    if whole_written & (reads | writes) or whole_read & writes:
        return True
    return any(b.whole in written or (b.whole in read and b in writes) for b in reads | writes if b.whole)


def lifetimes(
    calls: Sequence[Call], waits: Sequence[bool], fixed: Iterable[Buffer]
) -> tuple[dict[Buffer, int], dict[Buffer, int]]:
    """The first and the last epoch in which each buffer that is not `fixed` is touched."""
    skipped = set(fixed)
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    epoch = 0
    for call, wait in zip(calls, waits):
        epoch += wait
        for buffer in (*call.reads, *call.writes, *call.shares):
            buffer = buffer.whole or buffer
            if buffer not in skipped:
                first.setdefault(buffer, epoch)
                last[buffer] = epoch
    return first, last


def place(
    calls: Sequence[Call], waits: Sequence[bool], fixed: Iterable[Buffer]
) -> tuple[dict[Buffer, int], int]:
    """(offset of every buffer that is not `fixed`, bytes of the arena)."""
    first, last = lifetimes(calls, waits, fixed)
    space = _Space()
    offsets: dict[Buffer, int] = {}
    alive: list[Buffer] = []
    for buffer in sorted(first, key=lambda b: (first[b], -b.size)):
        for old in [b for b in alive if last[b] < first[buffer]]:
            space.give(offsets[old], _rounded(old.size))
            alive.remove(old)
        offsets[buffer] = space.take(_rounded(buffer.size))
        alive.append(buffer)
    return offsets, space.size


def _rounded(size: int) -> int:
    size = -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
    return size + 3 * ALIGNMENT if size % _PAGE == 0 else size


class _Space:
    """Free stretches of the arena, by offset."""

    def __init__(self) -> None:
        self.size = 0
        self.free: list[tuple[int, int]] = []

    def take(self, size: int) -> int:
        fits = [(n, at) for at, n in self.free if n >= size]
        if fits:
            n, at = min(fits)
            self.free.remove((at, n))
            if n > size:
                self.free.append((at + size, n - size))
            return at
        if self.free:
            at, n = max(self.free)
            if at + n == self.size:  # the last stretch grows
                self.free.remove((at, n))
                self.size = at + size
                return at
        at = self.size
        self.size += size
        return at

    def give(self, at: int, size: int) -> None:
        stretches = sorted([*self.free, (at, size)])
        merged: list[tuple[int, int]] = []
        for start, n in stretches:
            if merged and merged[-1][0] + merged[-1][1] == start:
                merged[-1] = (merged[-1][0], merged[-1][1] + n)
            else:
                merged.append((start, n))
        self.free = merged


class Arena:
    """Memory that all programs use in turn."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self.size = 0
        self.address = 0

    def reserve(self, size: int) -> int:
        """The address of at least `size` bytes; what stood there before is lost."""
        if size > self.size:
            self._memory = np.empty(size + _PAGE, np.uint8)
            self.size = size
            self.address = -(-self._memory.ctypes.data // _PAGE) * _PAGE
        return self.address


arena = Arena()


class Spares:
    """Arrays that were handed out and that nobody holds any more, to be handed out again.

    Fresh memory costs a page fault every 4096 bytes, more than most kernels take to fill it. An array is free when
    only this list refers to it.
    """

    # Arrays looked at before a new one is made, and bytes kept at most.
    TRIES = 12
    MOST = 1 << 31

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, Any], deque[tuple[np.ndarray, int]]] = {}
        self._bytes = 0
        # By the identity of an array that is kept, so that finding an address costs a look.
        self.addresses: dict[int, int] = {}

    def take(self, shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, int]:
        """(an array of any contents, its address)."""
        kept = self._kept.get((shape, dtype))
        if kept is None:
            kept = self._kept[shape, dtype] = deque()
        for _ in range(min(len(kept), self.TRIES)):
            kept.rotate(-1)
            entry = kept[-1]
            # Held by: the entry, and getrefcount's argument.
            if getrefcount(entry[0]) == 2:
                return entry
        array = np.empty(shape, dtype)
        if self._bytes + array.nbytes > self.MOST:
            self.clear()
            kept = self._kept[shape, dtype] = deque()
        entry = array, array.ctypes.data
        self._bytes += array.nbytes
        self.addresses[id(array)] = entry[1]
        kept.append(entry)
        return entry

    def clear(self) -> None:
        """Let go of all of them; those in use go when their users do."""
        self.addresses.clear()
        self._kept.clear()
        self._bytes = 0


spares = Spares()

__all__ = ["Arena", "Spares", "arena", "barriers", "lifetimes", "place", "spares"]
