"""Random tensors on PyTorch's own stream: the same seed gives the same numbers.

Numbers are drawn when the call is made, so their order is the program's order. Generators stand in random/.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import devices, dtypes
from ..autograd.entry import Op
from ..autograd.record import check_writable, operation, overwrite
from ..devices import META
from ..dtypes import DType, float32, int64
from ..graph.node import constant
from ..random.generator import default_generator, stream_of
from ..random.mt19937 import Stream
from ..shapes import check_sizes, sizes_from
from ..tensor import Tensor, array_of, contiguous_of, dtype_of, from_array, shape_of
from .creation import placed, wants_grad
from .register import function


def _made(array: np.ndarray, dtype: DType, device: Any, requires_grad: bool) -> Tensor:
    made = from_array(array, dtype)
    if device is not None and devices.resolve(device) is META:
        from_node = made._storage.node
        assert from_node is not None
        return placed(from_node, META, requires_grad)
    return wants_grad(made, requires_grad)


def _sizes(size: tuple, kwargs: dict, name: str) -> tuple[int, ...]:
    if "size" in kwargs:
        size = (kwargs.pop("size"),)
    if kwargs:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
    return check_sizes(sizes_from(size))


@function(method=False)
def rand(
    *size: Any,
    generator: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    names: Any = None,
    **kwargs: Any,
) -> Tensor:
    """Uniform numbers in [0, 1). Source: torch.rand."""
    kind = dtype or dtypes.get_default_dtype()
    shape = _sizes(size, kwargs, "rand")
    return _made(stream_of(generator).uniform(shape, kind), kind, device, requires_grad)


@function(method=False)
def randn(
    *size: Any,
    generator: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    names: Any = None,
    **kwargs: Any,
) -> Tensor:
    """Normal numbers of mean 0 and variance 1. Source: torch.randn."""
    kind = dtype or dtypes.get_default_dtype()
    shape = _sizes(size, kwargs, "randn")
    return _made(stream_of(generator).normal(shape, kind), kind, device, requires_grad)


@function(method=False)
def randint(
    *args: Any,
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: Any = None,
    dtype: DType = int64,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Whole numbers in [low, high). Source: torch.randint."""
    given = list(args)
    if size is None:
        size = given.pop()
    if high is None:
        high = given.pop()
    if given:
        low = given.pop()
    shape = check_sizes(sizes_from((size,)))
    kind = dtype or int64
    low, high = int(low or 0), int(high)
    return _made(stream_of(generator).randint(low, high, shape, kind), kind, device, requires_grad)


@function(method=False)
def randperm(
    n: int,
    *,
    generator: Any = None,
    dtype: DType = int64,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers 0, ..., n - 1 in random order. Source: torch.randperm."""
    kind = dtype or int64
    return _made(stream_of(generator).randperm(n, kind), kind, device, requires_grad)


def _like(name: str, draw: Any) -> Any:
    def make(
        input: Tensor,
        *,
        dtype: DType | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
        generator: Any = None,
        pin_memory: bool = False,
    ) -> Tensor:
        kind = dtype or dtype_of(input)
        where = input._storage.device if device is None else device
        return _made(draw(stream_of(generator), shape_of(input), kind), kind, where, requires_grad)

    make.__name__ = name
    make.__doc__ = (
        f"As torch.{name.removesuffix('_like')}, of input's sizes, dtype and device. Source: torch.{name}."
    )
    return function(name, method=False, out=False)(make)


rand_like = _like("rand_like", lambda s, shape, kind: s.uniform(shape, kind))
randn_like = _like("randn_like", lambda s, shape, kind: s.normal(shape, kind))


@function(method=False, out=False)
def randint_like(
    input: Tensor,
    *args: Any,
    low: Any = None,
    high: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: Any = None,
) -> Tensor:
    """Whole numbers in [low, high) of input's sizes. Source: torch.randint_like."""
    given = list(args)
    high = given.pop() if high is None else high
    low = (given.pop() if given else 0) if low is None else low
    low, high = (int(n) for n in (low, high))
    kind = dtype or dtype_of(input)
    where = input._storage.device if device is None else device
    return _made(stream_of(generator).randint(low, high, shape_of(input), kind), kind, where, requires_grad)


@function(method=False)
def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers of a mean and a standard deviation, each a number or a tensor. Source: torch.normal."""
    if size is not None:
        kind = dtype or dtypes.get_default_dtype()
        return _made(
            stream_of(generator).normal(sizes_from((size,)), kind, mean, std), kind, device, requires_grad
        )
    if isinstance(std, Tensor) and bool((std < 0).any()):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    shape = (
        (mean + std).shape
        if isinstance(mean, Tensor) and isinstance(std, Tensor)
        else (mean if isinstance(mean, Tensor) else std).shape
    )
    kind = dtype_of(mean if isinstance(mean, Tensor) else std)
    drawn = from_array(stream_of(generator).normal(tuple(shape), kind), kind)
    return _without_gradient("NormalBackward3", (drawn * std + mean).detach(), mean, std)


def _without_gradient(name: str, drawn: Tensor, *inputs: Any) -> Tensor:
    """What was drawn does not follow its parameters: their gradients are zeros."""
    op = Op(
        name,
        lambda out, *ins: out.copy(),
        lambda g, out, ins, needs: (None, *(constant(0, i.dtype).expand(i.shape) for i in ins[1:])),
    )
    return operation(op, (drawn, *(i for i in inputs if isinstance(i, Tensor))))


@function(inplace=False)
def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None) -> Tensor:
    """1 with the probability that each element gives (or `p`), else 0. Source: torch.bernoulli."""
    kind = dtype_of(input)
    if p is not None:
        drawn = stream_of(generator).bernoulli(float(p), shape_of(input), kind)
    else:
        drawn = stream_of(generator).bernoulli_from(array_of(input))
    return _without_gradient("BernoulliBackward0", from_array(drawn, kind), input)


@function()
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Positions drawn with the probabilities that each row gives. Source: torch.multinomial."""
    return from_array(stream_of(generator).multinomial(array_of(input), num_samples, replacement), int64)


@function(method=False)
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers of the rates that the elements give. Source: torch.poisson."""
    return from_array(stream_of(generator).poisson(array_of(input)), dtype_of(input))


@function(method=False)
def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """Binomial numbers of `count` trials of probability `prob`. Source: torch.binomial."""
    return from_array(stream_of(generator).binomial(array_of(count), array_of(prob)), dtype_of(count))


@function("_standard_gamma", method=False)
def standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma(input, 1) numbers. Source: torch._standard_gamma."""
    return from_array(stream_of(generator).standard_gamma(array_of(input)), dtype_of(input))


@function("_sample_dirichlet", method=False)
def sample_dirichlet(input: Tensor, generator: Any = None) -> Tensor:
    """Dirichlet points of the concentrations in each row. Source: torch._sample_dirichlet."""
    return from_array(stream_of(generator).dirichlet(array_of(input)), dtype_of(input))


# ---------------------------------------------------------------- in place


def _drawn_into(self: Tensor, name: str, array: np.ndarray) -> Tensor:
    check_writable(self, name)
    if self._storage.device is META:
        return self
    overwrite(self, from_array(np.asarray(array).astype(dtype_of(self).numpy, copy=False), dtype_of(self)))
    return self


def _filling(name: str, draw: Any, source: str) -> None:
    def fill(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        if self._storage.device is META:  # nothing to fill, and PyTorch draws nothing either
            check_writable(self, name)
            return self
        return _drawn_into(self, name, draw(stream_of(generator), self, *args, **kwargs))

    fill.__name__ = name
    fill.__doc__ = f"Fill with {source}. Source: torch.Tensor.{name}."
    setattr(Tensor, name, fill)


def _uniform(s: Stream, t: Tensor, from_: float = 0, to: float = 1, **named: Any) -> np.ndarray:
    return s.uniform(shape_of(t), dtype_of(t), named.get("from", from_), to)


def _normal(s: Stream, t: Tensor, mean: float = 0, std: float = 1) -> np.ndarray:
    return s.normal(shape_of(t), dtype_of(t), mean, std, contiguous=contiguous_of(t))


def _random(
    s: Stream, t: Tensor, from_: int | None = None, to: int | None = None, **named: Any
) -> np.ndarray:
    from_ = named.get("from", from_)
    kind = dtype_of(t)
    if from_ is None and to is None:
        return s.random(shape_of(t), kind)
    if to is None and "from" not in named:
        from_, to = 0, from_
    return s.randint(int(from_ or 0), None if to is None else int(to), shape_of(t), kind)


def _bernoulli(s: Stream, t: Tensor, p: Any = 0.5) -> np.ndarray:
    kind = dtype_of(t)
    if isinstance(p, Tensor):
        drawn = s.bernoulli_from(np.broadcast_to(array_of(p), shape_of(t)))
        return drawn.astype(kind.numpy)
    return s.bernoulli(float(p), shape_of(t), kind)


_filling("uniform_", _uniform, "uniform numbers in [from, to)")
_filling("normal_", _normal, "normal numbers of `mean` and `std`")
_filling("random_", _random, "whole numbers in [from, to), by default all that the dtype counts")
_filling("bernoulli_", _bernoulli, "1 with probability p, else 0")
_filling(
    "exponential_",
    lambda s, t, lambd=1.0: s.exponential(shape_of(t), dtype_of(t), lambd),
    "exponential numbers of rate lambd",
)
_filling(
    "geometric_",
    lambda s, t, p: s.geometric(p, shape_of(t), dtype_of(t)),
    "geometric numbers of probability p",
)
_filling(
    "cauchy_",
    lambda s, t, median=0.0, sigma=1.0: s.cauchy(shape_of(t), dtype_of(t), median, sigma),
    "Cauchy numbers",
)
_filling(
    "log_normal_",
    lambda s, t, mean=1.0, std=2.0: s.log_normal(shape_of(t), dtype_of(t), mean, std),
    "numbers whose logarithm is normal",
)


def dropout_mask(shape: tuple[int, ...], keep: float) -> Tensor:
    """1 with probability `keep`, else 0, float32, off the tape: what dropout multiplies by."""
    return from_array(default_generator.stream.bernoulli(keep, shape, float32), float32)
