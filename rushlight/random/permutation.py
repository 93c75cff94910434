"""Random permutations: PyTorch's shuffle, worked out for all positions at once.

The shuffle itself is a loop of swaps, each depending on those before. `forward` finds its result without the
loop: who was last at each place is one scatter, and chains of moves are followed by doubling. `inside_out`
is the other shuffle, which PyTorch takes for very long permutations. The random words come from the caller.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np

# From here on PyTorch draws 64 bits for each position.
INSIDE_OUT_FROM = (2**32 - 1) // 20

_CHUNK = 2**16


def forward(words: np.ndarray) -> np.ndarray:
    """The outcome of swapping place i with place i + words[i] mod (n - i), for i = 0, 1, ..., n - 2.

    Args: words, n - 1 of them, uint32.
    Returns: int64, (n,).
    """
    n = len(words) + 1
    place = np.arange(n, dtype=np.int32)
    partner = place.copy()
    partner[:-1] += (words % (n - place[:-1]).astype(np.uint32)).astype(np.int32)
    found = _contents_when_met(place, partner)
    earlier = _earlier_with_same_partner(place, partner)
    # Step i puts what is at its partner's place into place i: the first to come finds that place untouched.
    return np.where(earlier < 0, partner, found[earlier]).astype(np.int64)


def _contents_when_met(place: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """What each place holds just before its own step.

    The last step that swapped into place k left there what its own place held; without such a step k holds k.
    """
    holds = place.copy()
    moved = partner != place
    holds[partner[moved]] = place[moved]  # of several steps into one place, the last assignment stays
    while True:
        further = holds[holds]
        if np.array_equal(further, holds):
            return holds
        holds = further


def _earlier_with_same_partner(place: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """For each step, the step before it that had the same partner; -1 if there was none.

    Each round takes the last remaining step of every partner; on average half of the steps remain.
    """
    earlier = np.full(len(place), -1, np.int32)
    last = np.empty(len(place), np.int32)
    last[partner] = place
    is_last = last[partner] == place
    later, steps = place[is_last], place[~is_last]
    while len(steps):
        to = partner[steps]
        last[to] = steps
        found = last[partner[later]]
        has_earlier = found != later
        earlier[later[has_earlier]] = found[has_earlier]
        is_last = last[to] == steps
        later, steps = steps[is_last], steps[~is_last]
    return earlier


def inside_out(n: int, words64: Callable[[int], np.ndarray]) -> np.ndarray:
    """Place i takes what is at random64 mod (i + 1), which takes i; for i = 0, 1, ..., n - 1. int64, (n,)."""
    places = array("q", [0]) * n
    for start in range(0, n, _CHUNK):
        steps = np.arange(start, min(start + _CHUNK, n), dtype=np.uint64)
        partners = words64(len(steps)) % (steps + np.uint64(1))
        for i, partner in enumerate(partners.tolist(), start):
            places[i] = places[partner]
            places[partner] = i
    return np.frombuffer(places, np.int64)
