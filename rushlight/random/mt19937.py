"""PyTorch's random stream on the CPU: the same seed gives the same numbers, in the same order.

`Stream` is what torch.Generator holds. Its methods hand out C-contiguous NumPy arrays and use up exactly as
much of the stream as PyTorch does for a contiguous tensor of that size, so calls may be mixed in any order
and states exchanged. Where PyTorch's result depends on the machine, it is that of an x86 CPU with AVX2 that
Intel did not make (on Intel's, MKL draws Bernoulli and exponential numbers in its own way). The raw numbers
come from engine.py.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import SupportsInt

import numpy as np

from ..dtypes import DType, float16, float64, of_name
from . import arguments, box_muller, permutation, rejection, rounding
from .engine import Engine

# What torch.Generator() is seeded with.
DEFAULT_SEED = 67280421310721

# Numbers made at a time: whole blocks of 16, and few enough to stay in the cache.
_CHUNK = 16384

# Integers from a range of this width on take 64 bits each.
_WIDE_RANGE = 2**28

Shape = int | Sequence[int]


class Stream:
    """A random stream that agrees with torch.Generator on the CPU.

    Shapes are ints or sequences of them; dtypes are names ("float32") or DTypes. RuntimeErrors and
    NotImplementedErrors are raised for the arguments for which PyTorch raises them.

    Source: torch.Generator, and the functions named below.
    Example:
        >>> from rushlight.random.mt19937 import Stream
        >>> stream = Stream(0)
        >>> stream.uniform(2).tolist()
        [0.49625658988952637, 0.7682217955589294]
        >>> stream.randperm(5).tolist()
        [3, 1, 0, 4, 2]
    """

    def __init__(self, seed: SupportsInt = DEFAULT_SEED) -> None:
        self._engine = Engine(arguments.as_seed(seed))

    # Seeds and states

    def seed(self, value: SupportsInt) -> None:
        """Start anew from a seed in [-2^63, 2^64); a negative one counts back from 2^64.

        Raises: ValueError when the seed is out of range.
        Source: torch.manual_seed.
        """
        self._engine.reseed(arguments.as_seed(value))

    @property
    def initial_seed(self) -> int:
        """The seed last set, in [0, 2^64)."""
        return self._engine.seed

    def seed_random(self) -> int:
        """Start anew from 64 bits of the operating system's, and return them. Source: torch.seed."""
        value = int.from_bytes(os.urandom(8), "little")
        self._engine.reseed(value)
        return value

    def get_state(self) -> np.ndarray:
        """All that decides what comes next: uint8, (5056,), the bytes of torch.get_rng_state()."""
        return self._engine.to_bytes()

    def set_state(self, state: np.ndarray) -> None:
        """Go on from a state, which may be PyTorch's.

        Raises: TypeError unless it is uint8, RuntimeError when it is no state of a CPU generator.
        """
        self._engine.from_bytes(np.asarray(state))

    def clone(self) -> Stream:
        """A second stream that gives the same numbers from here on."""
        twin = Stream.__new__(Stream)
        twin._engine = self._engine.clone()
        return twin

    # Continuous distributions

    def uniform(
        self, shape: Shape, dtype: str | DType = "float32", low: float = 0.0, high: float = 1.0
    ) -> np.ndarray:
        """Uniform numbers in [low, high); for a complex dtype, in both parts.

        Raises: RuntimeError unless low <= high and both, and high - low, fit the dtype.
        Source: torch.rand, torch.Tensor.uniform_.
        """
        kind = arguments.as_dtype(dtype)
        if kind.is_complex:
            return _as_complex(self.uniform(_doubled(shape), kind.to_real(), low, high), kind)
        arguments.floating("uniform_", kind)
        arguments.check_uniform(kind, low, high)
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            rounding.store(part, self._uniforms(len(part), kind, low, high))
            if kind.itemsize == 2 or (low, high) != (0, 1):
                _keep_below(part, low, high)
        return out

    def normal(
        self,
        shape: Shape,
        dtype: str | DType = "float32",
        mean: float = 0.0,
        std: float = 1.0,
        *,
        contiguous: bool = True,
    ) -> np.ndarray:
        """Normal numbers; complex ones have half of the variance in each part.

        From 16 numbers on they are made in blocks. Fewer, and those for a tensor that is not `contiguous`,
        are made in twos, of which the second may be left for the next call.

        Raises: RuntimeError when std is negative or NaN.
        Source: torch.randn, torch.normal, torch.Tensor.normal_.
        """
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        kind = arguments.as_dtype(dtype)
        if kind.is_complex:
            share = std / math.sqrt(2.0)
            parts = self.normal(_doubled(shape), kind.to_real(), mean, share, contiguous=contiguous)
            return _as_complex(parts, kind)
        out = np.empty(shape, kind.numpy)
        if not out.size:
            return out
        arguments.floating("normal_", kind)
        if out.size >= 16 and contiguous:
            self._fill_blocks(out.reshape(-1), kind, mean, std)
        else:
            for part in _parts(out):
                rounding.store(part, rounding.multiply_add(self._normals(len(part)), std, mean))
        return out

    def log_normal(
        self, shape: Shape, dtype: str | DType = "float32", mean: float = 1.0, std: float = 2.0
    ) -> np.ndarray:
        """Numbers whose logarithm is normal. Raises: RuntimeError unless std > 0.

        Source: torch.Tensor.log_normal_.
        """
        kind = arguments.floating("log_normal_", dtype)
        arguments.check_above_zero("log_normal_", "std", std)
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            logarithms = rounding.multiply_add(self._normals(len(part)), std, mean)
            rounding.store(part, rounding.exp(logarithms))
        return out

    def exponential(self, shape: Shape, dtype: str | DType = "float32", rate: float = 1.0) -> np.ndarray:
        """Exponential numbers of mean 1 / rate. Raises: RuntimeError unless rate > 0.

        Source: torch.Tensor.exponential_.
        """
        arguments.check_above_zero("exponential_", "lambda", rate)
        kind = arguments.check_continuous("exponential", dtype)
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            rounding.store(part, -1.0 / float(rate) * rounding.log1p(-self._engine.doubles(len(part))))
        return out

    def cauchy(
        self, shape: Shape, dtype: str | DType = "float32", median: float = 0.0, sigma: float = 1.0
    ) -> np.ndarray:
        """Cauchy numbers. Raises: RuntimeError unless sigma > 0. Source: torch.Tensor.cauchy_."""
        kind = arguments.check_continuous("cauchy", dtype)
        arguments.check_above_zero("cauchy_", "sigma", sigma)
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            tangents = rounding.tan(math.pi * (self._engine.doubles(len(part)) - 0.5))
            rounding.store(part, rounding.multiply_add(tangents, sigma, median))
        return out

    def standard_gamma(self, alpha: np.ndarray) -> np.ndarray:
        """One Gamma(alpha, 1) number for each alpha, float32 or float64. Source: torch._standard_gamma."""
        kind = _single_or_double("_standard_gamma", alpha)
        found = rejection.gamma(self._engine, alpha.reshape(-1))
        return found.astype(kind.numpy, copy=False).reshape(alpha.shape)

    def dirichlet(self, alpha: np.ndarray) -> np.ndarray:
        """One point of the simplex for each row of the last dimension, float32 or float64.

        Source: torch._sample_dirichlet.
        """
        kind = _single_or_double("_sample_dirichlet", alpha)
        gammas = rejection.gamma(self._engine, alpha.astype(np.float64).reshape(-1)).reshape(alpha.shape)
        shares = (gammas / gammas.sum(-1, keepdims=True)).astype(kind.numpy)
        one = kind.numpy.type(1)
        return np.clip(shares, np.finfo(kind.numpy).tiny, np.nextafter(one, 0 * one))

    # Whole numbers

    def randint(self, low: int, high: int | None, shape: Shape, dtype: str | DType = "int64") -> np.ndarray:
        """Whole numbers in [low, high); with `high` None, up to the last that the dtype counts exactly.

        Raises: RuntimeError unless low < high and both fit the dtype; ValueError beyond 64 bits. A floating
        dtype that does not hold every number of the range gives a UserWarning.
        Source: torch.randint, torch.Tensor.random_(low, high).
        """
        kind = arguments.as_dtype(dtype)
        if high is None and low == arguments.INT64_MIN:
            return self._randint_64_bits(shape, kind)
        first, last = arguments.integer_range(kind, low, high)
        return self._integers(first, last - first + 1, shape, kind, wide=last - first + 1 >= _WIDE_RANGE)

    def random(self, shape: Shape, dtype: str | DType = "int64") -> np.ndarray:
        """Whole numbers from 0 to the last the dtype counts exactly: 2^63 - 1 for int64, 2^24 for float32.

        Source: torch.Tensor.random_().
        """
        kind = arguments.as_dtype(dtype)
        arguments.check_common("random_", kind)
        width = arguments.largest_counted(kind) + 1
        return self._integers(0, width, shape, kind, wide=kind.itemsize == 8)

    def randperm(self, n: int, dtype: str | DType = "int64") -> np.ndarray:
        """The numbers 0, ..., n - 1 in random order.

        Raises: RuntimeError when n is negative, or the dtype does not hold all of them exactly.
        Source: torch.randperm.
        """
        kind = arguments.as_dtype(dtype)
        arguments.check_permutation(kind, n)
        if n >= permutation.INSIDE_OUT_FROM:
            order = permutation.inside_out(n, self._engine.words64)
        elif n:
            order = permutation.forward(self._engine.words(n - 1))
        else:
            order = np.empty(0, np.int64)
        return order.astype(kind.numpy, copy=False)

    def geometric(self, p: float, shape: Shape, dtype: str | DType = "float32") -> np.ndarray:
        """Trials up to and with the first success, each of probability p.

        Raises: RuntimeError unless 0 < p < 1.
        Source: torch.Tensor.geometric_.
        """
        kind = arguments.as_dtype(dtype)
        arguments.check_common("geometric_", kind, bool_too=False)
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            trials = np.ceil(rounding.log(self._engine.doubles(len(part))) / math.log1p(-p))
            if kind.is_floating_point:
                rounding.store(part, trials)
            else:
                rounding.store_integers(part, np.minimum(trials, 2.0**62).astype(np.int64))
        return out

    def bernoulli(self, p: float, shape: Shape, dtype: str | DType = "float32") -> np.ndarray:
        """Ones with probability p, else zeros, each decided by 53 bits; dropout(q) draws with p = 1 - q.

        Raises: RuntimeError unless 0 <= p <= 1.
        Source: torch.Tensor.bernoulli_(p), torch.nn.functional.dropout.
        """
        kind = arguments.as_dtype(dtype)
        arguments.check_common("bernoulli_", kind)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            part[...] = self._engine.doubles(len(part)) < p
        return out

    def bernoulli_from(self, p: np.ndarray, dtype: str | DType | None = None) -> np.ndarray:
        """Ones with the probability in the same place of `p`, decided by 53 bits for float64, else by 24.

        Returns: an array of p's shape, and of p's dtype unless another is given.
        Raises: RuntimeError unless 0 <= p <= 1 everywhere.
        Source: torch.bernoulli, torch.Tensor.bernoulli_(tensor).
        """
        own = arguments.floating("bernoulli", p.dtype.name)
        kind = own if dtype is None else arguments.as_dtype(dtype)
        arguments.check_common("bernoulli", kind)
        valid = (p >= 0) & (p <= 1)
        if not valid.all():
            raise RuntimeError(
                f"bernoulli: expected every probability in [0, 1], got {float(p[~valid][0]):g}"
            )
        out = np.empty(p.shape, kind.numpy)
        draw = self._engine.doubles if own is float64 else self._engine.singles
        chances = p.reshape(-1)
        for start, part in zip(range(0, p.size, _CHUNK), _parts(out)):
            part[...] = draw(len(part)) < chances[start : start + _CHUNK]
        return out

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        """One Poisson number for each rate, in the dtype of the rates.

        Raises: RuntimeError when a rate is negative or NaN.
        Source: torch.poisson.
        """
        arguments.floating("poisson", rates.dtype.name)
        flat = rates.reshape(-1).astype(np.float64)
        invalid = ~(flat >= 0)
        if invalid.any():
            raise RuntimeError(
                f"invalid Poisson rate, expected rate to be non-negative, got {flat[invalid][0]:g}"
            )
        out = np.empty(rates.shape, rates.dtype)
        rounding.store_integers(out.reshape(-1), rejection.poisson(self._engine, flat))
        return out

    def binomial(self, count: np.ndarray, prob: np.ndarray) -> np.ndarray:
        """One binomial number for each count and probability, which broadcast; both float32 or both float64.

        Raises: RuntimeError when the dtypes differ.
        Source: torch.binomial.
        """
        _single_or_double("binomial", count)
        if count.dtype != prob.dtype:
            raise RuntimeError(
                f"binomial: count is {count.dtype.name} and prob {prob.dtype.name}; they must be of one dtype"
            )
        count, prob = np.broadcast_arrays(count, prob)
        return rejection.binomial(self._engine, count.reshape(-1), prob.reshape(-1)).reshape(count.shape)

    def multinomial(self, weights: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
        """Categories drawn with the given weights, which need not sum to 1.

        Args:
            weights: floating, (C,) or (N, C), not negative, each row with a positive sum.
        Returns:
            int64, (num_samples,) or (N, num_samples).
        Raises:
            RuntimeError: weights of another rank or dtype, or invalid ones; too many or no samples.
        Source: torch.multinomial.
        """
        kind = arguments.check_multinomial(weights, num_samples, replacement)
        rows = weights.reshape(-1, weights.shape[-1]) if weights.size else weights.reshape(0, 1)
        if weights.shape[-1] == 0:
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0): no categories")
        arguments.check_weights(rows)
        if replacement and num_samples > 1:
            found = self._draw_with_replacement(rows, num_samples)
        else:
            found = self._race(rows, num_samples, kind)
        return found.reshape(*weights.shape[:-1], num_samples)

    # How they are made

    def _uniforms(self, n: int, kind: DType, low: float, high: float) -> np.ndarray:
        """Half-width types are made in float32, before they are rounded."""
        if kind is float64:
            return rounding.multiply_add(self._engine.doubles(n), high - low, low)
        single_low = np.float32(low)
        return rounding.multiply_add(self._engine.singles(n), np.float32(high) - single_low, single_low)

    def _fill_blocks(self, flat: np.ndarray, kind: DType, mean: float, std: float) -> None:
        """Normal numbers in blocks of 16. What is left over is covered by one more block, drawn afresh."""
        draw = self._engine.doubles if kind is float64 else self._engine.singles
        n = len(flat)
        rest = n % 16
        for start in range(0, n - rest, _CHUNK):
            stop = min(start + _CHUNK, n - rest)
            uniforms = draw(stop - start)
            if rest and stop == n - rest:
                if kind.itemsize >= 4:  # PyTorch has drawn the rest as well, before it draws the last block
                    draw(rest)
                uniforms = np.concatenate([uniforms, draw(16)])
            numbers = _normal_blocks(uniforms, mean, std)
            rounding.store(flat[start:stop], numbers[: stop - start])
        if rest:
            rounding.store(flat[n - 16 :], numbers[-16:])

    def _normals(self, n: int) -> np.ndarray:
        """n > 0 standard normals made in twos, float64: a cosine and a sine, which may be left over."""
        out = np.empty(n)
        kept = self._engine.next_normal
        taken = 0
        if kept is not None:
            out[0] = kept
            taken = 1
            self._engine.next_normal = None
        wanted = n - taken
        uniforms = self._engine.doubles(2 * ((wanted + 1) // 2)).reshape(-1, 2)
        radius = np.sqrt(-2.0 * rounding.log1p(-uniforms[:, 1]))
        angle = 2.0 * math.pi * uniforms[:, 0]
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
        out[taken:] = pairs[:wanted]
        if wanted % 2:
            self._engine.next_normal = float(pairs[-1])
        return out

    def _integers(self, first: int, width: int, shape: Shape, kind: DType, *, wide: bool) -> np.ndarray:
        """first + a word, or 64 bits where `wide`, modulo width."""
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            if wide:
                numbers = self._engine.words64(len(part)) % np.uint64(width)
            else:
                numbers = (self._engine.words(len(part)) % np.uint32(width)).astype(np.uint64)
            numbers += np.uint64(first % 2**64)
            rounding.store_integers(part, numbers.view(np.int64))
        return out

    def _randint_64_bits(self, shape: Shape, kind: DType) -> np.ndarray:
        if kind is float16 or kind.is_complex:
            raise arguments.not_implemented("random_", kind)
        if kind.name not in ("int64", "float64", "float32", "bfloat16"):
            raise RuntimeError(
                f"random_: all of int64 fits int64, float64, float32 and bfloat16 only, got {kind.name}"
            )
        out = np.empty(shape, kind.numpy)
        for part in _parts(out):
            rounding.store_integers(part, self._engine.words64(len(part)).view(np.int64))
        return out

    def _draw_with_replacement(self, rows: np.ndarray, num_samples: int) -> np.ndarray:
        """The place of each uniform among the row's cumulated shares."""
        found = np.empty((len(rows), num_samples), np.int64)
        for row, out in zip(rows, found):
            shares = np.cumsum(row if row.dtype == np.float64 else row.astype(np.float32))
            shares /= shares[-1]
            shares[-1] = 1
            out[...] = np.searchsorted(shares.astype(np.float64), self._engine.doubles(num_samples))
        return found

    def _race(self, rows: np.ndarray, num_samples: int, kind: DType) -> np.ndarray:
        """Each category's weight over an exponential number: the largest ones win, in order."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            scores = rows / self.exponential(rows.shape, kind)
        if num_samples == 1:
            return scores.argmax(-1).reshape(-1, 1)
        return np.argsort(-scores, axis=-1, kind="stable")[:, :num_samples]


def _normal_blocks(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Blocks of 16 uniforms as blocks of 16 normals: 8 cosines, 8 sines."""
    blocks = uniforms.reshape(-1, 2, 8)
    cosines, sines = box_muller.pairs(1 - blocks[:, 0].reshape(-1), blocks[:, 1].reshape(-1))
    numbers = np.empty_like(blocks)
    numbers[:, 0] = cosines.reshape(-1, 8)
    numbers[:, 1] = sines.reshape(-1, 8)
    with np.errstate(over="ignore", invalid="ignore"):
        return rounding.multiply_add(numbers.reshape(-1), std, mean)


def _parts(out: np.ndarray) -> Iterator[np.ndarray]:
    """The elements of a contiguous array in flat views of at most _CHUNK."""
    flat = out.reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        yield flat[start : start + _CHUNK]


def _doubled(shape: Shape) -> tuple[int, ...]:
    return (shape, 2) if isinstance(shape, int) else (*shape, 2)


def _as_complex(parts: np.ndarray, kind: DType) -> np.ndarray:
    return parts.view(kind.numpy)[..., 0]


def _keep_below(part: np.ndarray, low: float, high: float) -> None:
    """A number that was rounded up to the excluded end becomes the other end."""
    ends = np.empty(2, part.dtype)
    rounding.store(ends, np.array([low, high]))
    part[part == ends[1]] = ends[0]


def _single_or_double(operation: str, array: np.ndarray) -> DType:
    kind = of_name(array.dtype.name)
    if kind.name not in ("float32", "float64"):
        raise arguments.not_implemented(operation, kind)
    return kind
