"""Where parameters and samples may lie. `check` says for each element (or event) whether it does."""

from __future__ import annotations

from typing import Any

from .. import functions as fn
from ..dtypes import bool as bool_


class Constraint:
    """A region. `event_dim`: how many dims make one event. Source: torch.distributions.constraints.Constraint."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Any) -> Any:
        """Whether each event lies within."""
        raise TypeError(f"{type(self).__name__} says nothing of what lies within")

    def __repr__(self) -> str:
        return self.__class__.__name__[1:] + "()"


class _Dependent(Constraint):
    """A region that depends on other values: it can be asked about only through a distribution."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        if self._is_discrete is NotImplemented:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return self._is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        if self._event_dim is NotImplemented:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return self._event_dim

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> _Dependent:
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Any) -> Any:
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether the region depends on other values."""
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of a distribution whose value is a constraint; read from the class it is a dependent one."""

    def __init__(
        self, function: Any = None, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> None:
        super().__init__(function)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, function: Any) -> _DependentProperty:  # type: ignore[override]
        return _DependentProperty(function, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    """The last dims of another region taken as one event."""

    def __init__(self, base_constraint: Any, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Any) -> Any:
        result = self.base_constraint.check(value)
        n = self.reinterpreted_batch_ndims
        if result.dim() < n:
            raise ValueError(
                f"Expected value.dim() >= {self.base_constraint.event_dim + n} but got {value.dim()}"
            )
        return result.reshape(result.shape[: result.dim() - n] + (-1,)).all(-1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__[1:]}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The region of every component of a mixture."""

    def __init__(self, base_constraint: Any) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"base_constraint {base_constraint} is not a Constraint")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim

    def check(self, value: Any) -> Any:
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        n = self.event_dim
        if value.dim() < n:
            raise ValueError(f"Expected value.dim() >= {n} but got {value.dim()}")
        flat = result.reshape(result.shape[: value.dim() - n] + (-1,))
        return flat.all(-1)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.base_constraint!r})"


def _bounded(name: str, template: str, check: Any, discrete: bool = False) -> Any:
    """A class of regions between bounds, which are numbers or tensors."""
    words = template.split()

    def start(self: Any, *bounds: Any, **named: Any) -> None:
        given = dict(zip(words, bounds), **named)
        for word in words:
            setattr(self, word, given[word])

    def within(self: Any, value: Any) -> Any:
        return check(value, *(getattr(self, w) for w in words))

    def show(self: Any) -> str:
        return f"{name}({', '.join(f'{w}={getattr(self, w)}' for w in words)})"

    members = {
        "__init__": start,
        "check": within,
        "__repr__": show,
        "is_discrete": discrete,
        "__doc__": f"Between {template}.",
    }
    return type(name[0].upper() + name[1:], (Constraint,), members)


integer_interval = _bounded(
    "IntegerInterval", "lower_bound upper_bound", lambda v, a, b: (v % 1 == 0) & (a <= v) & (v <= b), True
)
_AtLeast = _bounded("IntegerGreaterThan", "lower_bound", lambda v, a: (v % 1 == 0) & (v >= a), True)
greater_than = _bounded("GreaterThan", "lower_bound", lambda v, a: a < v)
greater_than_eq = _bounded("GreaterThanEq", "lower_bound", lambda v, a: a <= v)
less_than = _bounded("LessThan", "upper_bound", lambda v, b: v < b)
interval = _bounded("Interval", "lower_bound upper_bound", lambda v, a, b: (a <= v) & (v <= b))
half_open_interval = _bounded(
    "HalfOpenInterval", "lower_bound upper_bound", lambda v, a, b: (a <= v) & (v < b)
)


def _region(name: str, check: Any, event_dim: int = 0, discrete: bool = False) -> Any:
    """One region without bounds of its own."""
    members = {"check": lambda self, value: check(value), "event_dim": event_dim, "is_discrete": discrete}
    return type("_" + name, (Constraint,), members)()


def _square(value: Any) -> Any:
    return fn.full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=bool_, device=value.device)


def _symmetric(value: Any) -> Any:
    if value.shape[-2] != value.shape[-1]:
        return _square(value)
    return fn.isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


def _definite(value: Any) -> Any:
    symmetric_ = _symmetric(value)
    if not bool(symmetric_.all()):
        return symmetric_
    return fn.linalg.cholesky_ex(value).info.eq(0)


def _semidefinite(value: Any) -> Any:
    symmetric_ = _symmetric(value)
    if not bool(symmetric_.all()):
        return symmetric_
    return fn.linalg.eigvalsh(value).ge(0).all(-1)


def _corr_cholesky(value: Any) -> Any:
    tolerance = fn.finfo(value.dtype).eps * value.shape[-1] * 10
    unit = ((value * value).sum(-1) - 1).abs().le(tolerance).all(-1)
    return _lower_cholesky(value) & unit


def _lower_triangular(value: Any) -> Any:
    return (value.tril() == value).reshape(value.shape[:-2] + (-1,)).min(-1)[0]


def _lower_cholesky(value: Any) -> Any:
    return _lower_triangular(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).min(-1)[0]


def _one_hot(value: Any) -> Any:
    return ((value == 0) | (value == 1)).all(-1) & value.sum(-1).eq(1)


class multinomial(Constraint):
    """Counts that add up to at most `upper_bound`."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Any) -> Any:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _Several(Constraint):
    """Regions side by side along a dim."""

    def __init__(self, cseq: Any, dim: int = 0) -> None:
        self.cseq, self.dim = list(cseq), dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return max(c.event_dim for c in self.cseq)


class cat(_Several):
    """Regions of parts of given lengths along a dim."""

    def __init__(self, cseq: Any, dim: int = 0, lengths: Any = None) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    def check(self, value: Any) -> Any:
        parts, start = [], 0
        for part, length in zip(self.cseq, self.lengths):
            parts.append(part.check(value.narrow(self.dim, start, length)))
            start += length
        return fn.cat(parts, self.dim)


class stack(_Several):
    """A region for each place along a dim."""

    def check(self, value: Any) -> Any:
        parts = [c.check(value.select(self.dim, i)) for i, c in enumerate(self.cseq)]
        return fn.stack(parts, self.dim)


dependent = _Dependent()
dependent_property = _DependentProperty
independent = _IndependentConstraint
boolean = _region("Boolean", lambda v: (v == 0) | (v == 1), 0, True)
one_hot = _region("OneHot", _one_hot, 1, True)
nonnegative_integer = _AtLeast(0)
positive_integer = _AtLeast(1)
real = _region("Real", lambda v: v == v)
real_vector = independent(real, 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = _region("Simplex", lambda v: (v >= 0).all(-1) & ((v.sum(-1) - 1).abs() < 1e-6), 1)
lower_triangular = _region("LowerTriangular", _lower_triangular, 2)
lower_cholesky = _region("LowerCholesky", _lower_cholesky, 2)
corr_cholesky = _region("CorrCholesky", _corr_cholesky, 2)
square = _region("Square", _square, 2)
symmetric = _region("Symmetric", _symmetric, 2)
positive_semidefinite = _region("PositiveSemidefinite", _semidefinite, 2)
positive_definite = _region("PositiveDefinite", _definite, 2)
