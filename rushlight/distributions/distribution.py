"""`Distribution`: what all distributions have in common."""

from __future__ import annotations

import warnings
from typing import Any

from .. import functions as fn
from ..shapes import Size
from ..tensor import Tensor
from . import constraints
from .utils import lazy_property


class Distribution:
    """A distribution over events of `event_shape`, one for each place of `batch_shape`.

    Subclasses give `arg_constraints`, `support`, `sample` or `rsample` (which gradients pass through), `log_prob`.
    Densities and entropies are in nats. Source: torch.distributions.Distribution.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked where a distribution is not told."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        try:
            demands = self.arg_constraints
        except NotImplementedError:
            demands = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                "the distribution with `validate_args=False` to turn off validation."
            )
        for name, constraint in demands.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property):
                continue
            value = getattr(self, name)
            if not bool(constraint.check(value).all()):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distribution with its batch dims expanded."""
        made = self._get_checked_instance(type(self), _instance)
        made.__dict__.update(self._expanded(Size(batch_shape)))
        made._batch_shape, made._event_shape = Size(batch_shape), self._event_shape
        made._validate_args = self._validate_args
        return made

    def _expanded(self, shape: Any) -> dict[str, Any]:
        """Attributes of the expanded distribution: each parameter, distribution and number as it becomes."""
        found = {}
        batch = len(self._batch_shape)
        for name, value in self.__dict__.items():
            if isinstance(value, Distribution):
                found[name] = value.expand(shape)
            elif (
                isinstance(value, Tensor)
                and name != "_unbroadcasted_scale_tril"
                and not name.startswith("_unb")
            ):
                found[name] = value.expand(shape + value.shape[batch:])
            else:
                found[name] = value
        return found

    @property
    def batch_shape(self) -> Any:
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        return self._event_shape

    @property
    def arg_constraints(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} says nothing of its parameters")

    @property
    def support(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} says nothing of its support")

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no mean in closed form")

    @property
    def mode(self) -> Tensor:
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no variance in closed form")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape (*sample_shape, *batch_shape, *event_shape), without gradient."""
        with fn.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """As sample, with gradients to the parameters."""
        raise NotImplementedError(
            f"{type(self).__name__} has no draws that gradients pass through; use sample()"
        )

    def sample_n(self, n: int) -> Tensor:
        """sample((n,))."""
        warnings.warn("sample_n(n) will be deprecated. Use .sample((n,)) instead.", UserWarning, stacklevel=2)
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or probability, at each event."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf in closed form")

    def icdf(self, value: Tensor) -> Tensor:
        """Where the cdf reaches value."""
        raise NotImplementedError(f"{type(self).__name__} has no inverse cdf in closed form")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Every value a discrete distribution can take, along a first dim."""
        raise NotImplementedError(f"{type(self).__name__} cannot list its support")

    def entropy(self) -> Tensor:
        """In nats."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy in closed form")

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return fn.exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = ()) -> Any:
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = len(value.shape) - len(self._event_shape)
        if tuple(value.shape[start:]) != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.size()} vs {self._event_shape}."
            )
        actual, expected = value.size(), self._batch_shape + self._event_shape
        for i, j in zip(reversed(actual), reversed(expected)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {actual} vs {expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation."
            )
            return
        if not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value: Any) -> None:
        if self._validate_args:
            self._validate_sample(value)

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ != cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def __repr__(self) -> str:
        names = [k for k in self.arg_constraints if k in self.__dict__]
        shown = [
            f"{k}: {self.__dict__[k] if self.__dict__[k].numel() == 1 else self.__dict__[k].size()}"
            for k in names
        ]
        return f"{self.__class__.__name__}({', '.join(shown)})"
