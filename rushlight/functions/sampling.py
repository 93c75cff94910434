"""Random tensors on PyTorch's own stream: the same seed gives the same numbers.

Numbers are drawn when the call is made, so their order is the program's order. Generators stand in random/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import devices, dtypes
from ..autograd.entry import Op
from ..autograd.record import check_writable, operation, overwrite
from ..devices import META
from ..dtypes import DType, float32, int64
from ..graph.node import constant
from ..random.drawing import drawn
from ..random.generator import stream_of
from ..random.mt19937 import Stream
from ..shapes import check_sizes, sizes_from
from ..tensor import Tensor, array_of, contiguous_of, dtype_of, from_array, shape_of
from .creation import placed, wants_grad
from .register import function

Drawing = Callable[[Stream], np.ndarray]


def _made(generator: Any, draw: Any, dtype: DType, device: Any, requires_grad: bool) -> Tensor:
    made = drawn(generator, draw, dtype)
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
    return _made(generator, lambda s: s.uniform(shape, kind), kind, device, requires_grad)


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
    return _made(generator, lambda s: s.normal(shape, kind), kind, device, requires_grad)


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
    return _made(generator, lambda s: s.randint(low, high, shape, kind), kind, device, requires_grad)


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
    return _made(generator, lambda s: s.randperm(n, kind), kind, device, requires_grad)


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
        shape = shape_of(input)
        return _made(generator, lambda s: draw(s, shape, kind), kind, where, requires_grad)

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
    shape = shape_of(input)
    return _made(generator, lambda s: s.randint(low, high, shape, kind), kind, where, requires_grad)


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
        shape = sizes_from((size,))
        return _made(generator, lambda s: s.normal(shape, kind, mean, std), kind, device, requires_grad)
    if isinstance(std, Tensor) and bool((std < 0).any()):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    both = isinstance(mean, Tensor) and isinstance(std, Tensor)
    like = mean + std if both else mean if isinstance(mean, Tensor) else std
    shape = shape_of(like)
    kind = dtype_of(mean if isinstance(mean, Tensor) else std)
    unit = drawn(generator, lambda s: s.normal(shape, kind), kind)
    return _without_gradient("NormalBackward3", (unit * std + mean).detach(), mean, std)


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
        chance, shape = float(p), shape_of(input)
        made = drawn(generator, lambda s: s.bernoulli(chance, shape, kind), kind)
    else:
        made = from_array(stream_of(generator).bernoulli_from(array_of(input)), kind)
    return _without_gradient("BernoulliBackward0", made, input)


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


def _filling(name: str, draw: Any, source: str) -> None:
    def fill(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        check_writable(self, name)
        if self._storage.device is META:  # nothing to fill, and PyTorch draws nothing either
            return self
        kind = dtype_of(self)
        make = draw(self, *args, **kwargs)
        overwrite(self, drawn(generator, lambda s: np.asarray(make(s)).astype(kind.numpy, copy=False), kind))
        return self

    fill.__name__ = name
    fill.__doc__ = f"Fill with {source}. Source: torch.Tensor.{name}."
    setattr(Tensor, name, fill)


# Each gives, for a tensor and the method's arguments, what draws its numbers from a stream.


def _uniform(t: Tensor, from_: float = 0, to: float = 1, **named: Any) -> Drawing:
    shape, kind, low = shape_of(t), dtype_of(t), named.get("from", from_)
    return lambda s: s.uniform(shape, kind, low, to)


def _normal(t: Tensor, mean: float = 0, std: float = 1) -> Drawing:
    shape, kind, contiguous = shape_of(t), dtype_of(t), contiguous_of(t)
    return lambda s: s.normal(shape, kind, mean, std, contiguous=contiguous)


def _random(t: Tensor, from_: int | None = None, to: int | None = None, **named: Any) -> Drawing:
    from_ = named.get("from", from_)
    shape, kind = shape_of(t), dtype_of(t)
    if from_ is None and to is None:
        return lambda s: s.random(shape, kind)
    if to is None and "from" not in named:
        from_, to = 0, from_
    low, high = int(from_ or 0), None if to is None else int(to)
    return lambda s: s.randint(low, high, shape, kind)


def _bernoulli(t: Tensor, p: Any = 0.5) -> Drawing:
    shape, kind = shape_of(t), dtype_of(t)
    if isinstance(p, Tensor):
        chances = np.broadcast_to(array_of(p), shape)
        return lambda s: s.bernoulli_from(chances)
    chance = float(p)
    return lambda s: s.bernoulli(chance, shape, kind)


def _exponential(t: Tensor, lambd: float = 1.0) -> Drawing:
    shape, kind = shape_of(t), dtype_of(t)
    return lambda s: s.exponential(shape, kind, lambd)


def _geometric(t: Tensor, p: float) -> Drawing:
    shape, kind = shape_of(t), dtype_of(t)
    return lambda s: s.geometric(p, shape, kind)


def _cauchy(t: Tensor, median: float = 0.0, sigma: float = 1.0) -> Drawing:
    shape, kind = shape_of(t), dtype_of(t)
    return lambda s: s.cauchy(shape, kind, median, sigma)


def _log_normal(t: Tensor, mean: float = 1.0, std: float = 2.0) -> Drawing:
    shape, kind = shape_of(t), dtype_of(t)
    return lambda s: s.log_normal(shape, kind, mean, std)


_filling("uniform_", _uniform, "uniform numbers in [from, to)")
_filling("normal_", _normal, "normal numbers of `mean` and `std`")
_filling("random_", _random, "whole numbers in [from, to), by default all that the dtype counts")
_filling("bernoulli_", _bernoulli, "1 with probability p, else 0")
_filling("exponential_", _exponential, "exponential numbers of rate lambd")
_filling("geometric_", _geometric, "geometric numbers of probability p")
_filling("cauchy_", _cauchy, "Cauchy numbers")
_filling("log_normal_", _log_normal, "numbers whose logarithm is normal")


def dropout_mask(shape: tuple[int, ...], keep: float) -> Tensor:
    """1 with probability `keep`, else 0, float32, off the tape: what dropout multiplies by."""
    return drawn(None, lambda s: s.bernoulli(keep, shape, float32), float32)
