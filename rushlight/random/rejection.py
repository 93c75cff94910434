"""Distributions whose samples take an unforeseeable number of draws: Poisson, binomial, gamma.

These are loops over elements, in PyTorch's order and with its methods: products of uniforms or transformed
rejection (Hoermann 1993) for Poisson, geometric jumps or the latter for binomial, Marsaglia and Tsang (2000)
for gamma. `Tape` hands out single numbers from blocks drawn ahead and gives back those not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .engine import Engine

_BLOCK = 4096
_INT64_MIN = -(2**63)
_THIRD = np.float32(1) / np.float32(3)
_SQUEEZE = float(np.float32(0.0331))

# log(k!) less Stirling's approximation to it, for k = 0, ..., 9.
_STIRLING_TAILS = [
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
    0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287,
]  # fmt: skip

Uniform = Callable[[], float]


class Tape:
    """Single 53-bit uniforms and normals from an engine, left standing right behind the last one used.

    Example: `with Tape(engine) as tape: u = tape.uniform()`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._block: list[float] = []
        self._used = 0
        self._mark: tuple | None = None

    def __enter__(self) -> Tape:
        return self

    def __exit__(self, *error: object) -> None:
        if self._mark is not None:
            self._engine.rewind(self._mark)
            self._engine.skip(2 * self._used)

    def uniform(self) -> float:
        if self._used == len(self._block):
            self._mark = self._engine.mark()
            self._block = self._engine.doubles(_BLOCK).tolist()
            self._used = 0
        self._used += 1
        return self._block[self._used - 1]

    def normal(self) -> float:
        """A standard normal number; they are made in twos, and the second is kept in the engine."""
        kept = self._engine.next_normal
        if kept is not None:
            self._engine.next_normal = None
            return kept
        angle = 2.0 * math.pi * self.uniform()
        radius = math.sqrt(-2.0 * math.log1p(-self.uniform()))
        self._engine.next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)


def poisson(engine: Engine, rates: np.ndarray) -> np.ndarray:
    """One Poisson number for each rate: float64, >= 0, (n,). Returns int64, (n,)."""
    with Tape(engine) as tape:
        return np.array([_poisson(rate, tape.uniform) for rate in rates.tolist()], np.int64)


def _poisson(rate: float, uniform: Uniform) -> int:
    if rate >= 10:
        return _poisson_by_rejection(rate, uniform)
    if rate == 0:
        return 0
    limit = math.exp(-rate)
    product = uniform()
    events = 0
    while product > limit:
        events += 1
        product *= uniform()
    return events


def _poisson_by_rejection(rate: float, uniform: Uniform) -> int:
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    accepted_at_once = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = uniform() - 0.5
        v = uniform()
        distance = 0.5 - abs(u)
        if distance == 0:
            continue
        k = _floor((2 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= accepted_at_once:
            return k
        if k < 0 or (distance < 0.013 and v > distance):
            continue
        accepted = -rate + k * log_rate - math.lgamma(k + 1.0)
        if _log(v) + log_inverse_alpha - math.log(a / (distance * distance) + b) <= accepted:
            return k


def binomial(engine: Engine, counts: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """One binomial number for each count and probability, both (n,) and both float32 or float64.

    Counts below 0 count as 0 and probabilities outside [0, 1] as the nearer end; NaN gives NaN.
    """
    real = counts.dtype.type
    found = np.empty_like(counts)
    with Tape(engine) as tape, np.errstate(all="ignore"):
        for place, (count, p) in enumerate(zip(counts, probabilities)):
            found[place] = _binomial(count, p, real, tape.uniform)
    return found


def _binomial(count, p, real, uniform: Uniform):
    """`count` and `p` are NumPy numbers of type `real`, and what is made of them alone is rounded to it."""
    if count <= 0 or p <= 0:
        return 0
    if p >= 1:
        return count
    if p <= 0.5:
        return _successes(count, p, real, uniform)
    if p > 0.5:
        return count - _successes(count, real(1) - p, real, uniform)
    return math.nan


def _successes(count, p, real, uniform: Uniform):
    if count * p >= 10:
        return _binomial_by_rejection(count, p, real, uniform)
    return real(_binomial_by_jumps(float(count), float(np.log1p(-p)), uniform))


def _binomial_by_jumps(count: float, log_failure: float, uniform: Uniform) -> int:
    """Successes in `count` trials, going from each to the next by a geometric number."""
    trials = 0.0
    successes = 0
    while True:
        trials += _geometric(uniform(), log_failure)
        if not trials <= count:
            return successes
        successes += 1


def _geometric(u: float, log_failure: float) -> float:
    if u == 0 or log_failure == 0:
        return math.inf
    return math.ceil(math.log(u) / log_failure)


def _binomial_by_rejection(count, p, real, uniform: Uniform):
    one = real(1)
    deviation = float(np.sqrt(count * p * (one - p)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    center = float(count * p) + 0.5
    accepted_at_once = 0.92 - 4.2 / b
    while True:
        u = uniform() - 0.5
        v = uniform()
        distance = 0.5 - abs(u)
        if distance == 0:
            continue
        k = real(math.floor((2 * a / distance + b) * u + center))
        if k < 0 or k > count:
            continue
        if distance >= 0.07 and v <= accepted_at_once:
            return k
        alpha = (2.83 + 5.1 / b) * deviation
        if _log(v * alpha / (a / (distance * distance) + b)) <= _log_binomial_ratio(count, p, k, one):
            return k


def _log_binomial_ratio(count, p, k, one) -> float:
    """log of the probability of k successes over that of the likeliest number."""
    odds = float(p / (one - p))
    mode = float(np.floor((count + one) * p))
    failures_at_mode = float(count) - mode + 1
    failures = float(count - k + one)
    return (
        (mode + 0.5) * math.log((mode + 1) / (odds * failures_at_mode))
        + float(count + one) * math.log(failures_at_mode / failures)
        + (float(k) + 0.5) * math.log(odds * failures / float(k + one))
        + _stirling_tail(mode)
        + _stirling_tail(float(count) - mode)
        - _stirling_tail(float(k))
        - _stirling_tail(float(count - k))
    )


def _stirling_tail(k: float) -> float:
    if k < len(_STIRLING_TAILS):
        return _STIRLING_TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def gamma(engine: Engine, alphas: np.ndarray) -> np.ndarray:
    """One Gamma(alpha, 1) number for each alpha: float32 or float64, (n,), and so is what is returned.

    None is below the smallest normal number of the type.
    """
    smallest = np.finfo(alphas.dtype).tiny
    found = np.empty_like(alphas)
    with Tape(engine) as tape:
        for place, alpha in enumerate(alphas):
            found[place] = _gamma(alpha, tape)
    return np.maximum(found, smallest)


def _gamma(alpha, tape: Tape) -> float:
    """`alpha` is a NumPy number, and what is made of it alone is rounded to its type."""
    real = type(alpha)
    if not alpha > 0:
        return math.nan if math.isnan(alpha) else 0.0
    scale = 1.0
    if alpha < 1:
        scale = math.pow(1 - tape.uniform(), float(real(1) / alpha))
        alpha += real(1)
    d = float(alpha - real(_THIRD))
    c = 1 / math.sqrt(9 * d)
    while True:
        x = tape.normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - tape.uniform()
        square = x * x
        if u < 1 - _SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


def _log(x: float) -> float:
    return math.log(x) if x else -math.inf


def _floor(x: float) -> int:
    """x rounded down, and converted as x86 does it: what does not fit int64 is the smallest number."""
    if not -(2.0**63) <= x < 2.0**63:
        return _INT64_MIN
    return math.floor(x)
