"""What a program tells of a run that is observed: for profiles, the flop counter and `rushlight bench`."""

from __future__ import annotations

from typing import NamedTuple


class Ran(NamedTuple):
    """Something that ran: a kernel, a primitive on NumPy, or the preparing of a program.

    Times are nanoseconds of time.perf_counter_ns. places: of the nodes of the recorded graph that it stands for, by which
    the user's lines are found. flops, bytes: as graph/cost.py and cpu/describing.py count them; made: bytes of its results.
    threads: of a kernel, when each began and ended; the first is the one that the program was run by, whose time
    from `start` to `end` includes waiting for the others.
    """

    name: str
    start: int
    end: int
    places: tuple[int, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    flops: int = 0
    bytes: int = 0
    made: int = 0
    native: bool = True
    threads: tuple[tuple[int, int], ...] = ()
    kernels: tuple[str, ...] = ()


PREPARING = "prepare program"
__all__ = ["PREPARING", "Ran"]
