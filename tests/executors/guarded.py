"""Programs of the cpu executor between pages that nobody may touch: a stray read or write ends the process.

`Guards(at_end)` puts every input, result and buffer of the arena flush against such a page, behind it or before it, and fills
what no input wrote with one byte before each run. As a program it does so for random graphs, or the primitives' samples;
test_guards.py starts it.
"""

import ctypes
import mmap
import random
import sys
from functools import partial
from pathlib import Path

import numpy as np

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None)


class Region:
    """Memory for blocks of the given sizes, each with a forbidden page on both sides."""

    def __init__(self, sizes, at_end):
        self.sizes, self.starts = sizes, []
        place = PAGE
        for size in sizes:
            room = -(-max(size, 1) // PAGE) * PAGE
            self.starts.append(place + (room - size if at_end else 0))
            place += room + PAGE
        self.memory = mmap.mmap(-1, place)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._forbid(0)
        place = PAGE
        for size in sizes:
            place += -(-max(size, 1) // PAGE) * PAGE
            self._forbid(place)
            place += PAGE

    def _forbid(self, offset):
        if _libc.mprotect(ctypes.c_void_p(self.address + offset), ctypes.c_size_t(PAGE), 0):
            raise OSError("mprotect failed")

    def fill(self, byte):
        for start, size in zip(self.starts, self.sizes):
            ctypes.memset(self.address + start, byte, size)

    def array(self, shape, dtype):
        """The first block as an array."""
        kept = (ctypes.c_char * self.sizes[0]).from_address(self.address + self.starts[0])
        kept.region = self
        return np.frombuffer(kept, dtype, int(np.prod(shape))).reshape(shape)


class Guards:
    """Stands in for the arena, the spare arrays and the placing of programs."""

    def __init__(self, at_end, byte):
        self.at_end, self.byte = at_end, byte
        self.arenas = {}
        self.addresses = {}

    def install(self, program, running):
        program.place, running.arena, running.spares = self.place, self, self

    def place(self, calls, waits, fixed):
        """Every buffer for itself."""
        buffers = {b.whole or b: None for call in calls for b in (*call.reads, *call.writes, *call.shares)}
        apart = [b for b in buffers if b not in set(fixed)]
        # Rounded up as the arena does, so that vectors which may be aligned are.
        region = Region([-(-max(b.size, 1) // 64) * 64 for b in apart], self.at_end)
        number = len(self.arenas)
        self.arenas[number] = region
        return dict(zip(apart, region.starts)), number

    def reserve(self, number):
        self.arenas[number].fill(self.byte)
        return self.arenas[number].address

    def take(self, shape, dtype):
        region = Region([int(np.prod(shape)) * dtype.itemsize], self.at_end)
        region.fill(self.byte)
        made = region.array(shape, dtype)
        return made, region.address + region.starts[0]

    def copied(self, array):
        region = Region([array.nbytes], self.at_end)
        if array.nbytes:
            ctypes.memmove(
                region.address + region.starts[0], np.ascontiguousarray(array).ctypes.data, array.nbytes
            )
        return region.array(array.shape, array.dtype)


def run(roots, label):
    """Run a graph with its memory before and behind forbidden pages, and compare."""
    from agreement import check, expected, native, outcome

    from rushlight.executors.cpu import program, running

    print(label, flush=True)
    rng = random.Random(str(label))
    right = expected(roots)
    for at_end in (True, False):
        guards = Guards(at_end, rng.choice((0xFF, 0xAA)))  # 0xFF is NaN in every floating format
        guards.install(program, running)
        made, arrays = native(roots, rng.choice((1, 2, 3, 7)))
        guarded = [guards.copied(a) for a in arrays]
        check(right, outcome(partial(made.run, guarded)), roots, made.workers)


def random_graphs(first, last):
    from random_graphs import graph

    for seed in range(first, last):
        run(list(dict.fromkeys(graph(seed, 20, bad_indices=seed % 5 == 0))), seed)


def records(first, last):
    """The samples of the primitives with these initial letters."""
    from test_cpu import GIVEN, accepted

    from rushlight.graph.node import PRIMITIVES

    for name, prim in sorted(PRIMITIVES.items()):
        for dtype in (GIVEN, "float32", "bool") if first <= name[0] <= last else ():
            for roots in accepted(prim, dtype):
                run([root for root in roots if root.buffer is None], f"{name} {dtype}")


def recurrent():
    """Recurrent layers of every size, sharing sequences and sharing columns."""
    from recurrent_graphs import CELLS, every_size, graphs

    from rushlight.executors.cpu import recurrence

    for by_rows in (True, False):
        recurrence._by_rows = lambda *_: by_rows  # noqa: B023
        for cell in CELLS:
            for H, steps in every_size(cell, [(False, False), (True, True)]):
                for roots in graphs(cell, H, steps):
                    run(roots, f"{cell} {H} {steps} {by_rows}")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.path[:0] = [str(here.parents[1]), str(here.parent), str(here.parent / "fuzz")]
    if sys.argv[1] == "records":
        records(*sys.argv[2:])
    elif sys.argv[1] == "recurrent":
        recurrent()
    else:
        random_graphs(*map(int, sys.argv[2:]))
