"""`biject_to` and `transform_to`: from unconstrained numbers into a region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints, transforms


class ConstraintRegistry:
    """Transforms by class of region. Source: torch.distributions.constraint_registry.ConstraintRegistry."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """This function makes the transform into such a region; a decorator without it."""
        if factory is None:
            return lambda made: self.register(constraint, made)
        kind = constraint if isinstance(constraint, type) else type(constraint)
        if not issubclass(kind, constraints.Constraint):
            raise TypeError(
                f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """The transform into this region."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(region: Any, factory: Callable) -> None:
    biject_to.register(region, factory)
    transform_to.register(region, factory)


def _between(region: Any) -> Any:
    low, high = region.lower_bound, region.upper_bound
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)]
    )


def _above(region: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(region.lower_bound, 1)]
    )


def _below(region: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(region.upper_bound, -1)]
    )


def _positive_or_above(region: Any) -> Any:
    return (
        transforms.ExpTransform()
        if region is constraints.positive or region is constraints.nonnegative
        else _above(region)
    )


_both(constraints.real, lambda region: transforms.identity_transform)
_both(constraints.greater_than, _positive_or_above)
_both(constraints.greater_than_eq, _positive_or_above)
_both(constraints.less_than, _below)
_both(constraints.interval, _between)
_both(constraints.half_open_interval, _between)
transform_to.register(constraints.lower_cholesky, lambda region: transforms.LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda region: transforms.PositiveDefiniteTransform())
transform_to.register(
    constraints.positive_semidefinite, lambda region: transforms.PositiveDefiniteTransform()
)
_both(constraints.corr_cholesky, lambda region: transforms.CorrCholeskyTransform())
biject_to.register(constraints.simplex, lambda region: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda region: transforms.SoftmaxTransform())


def _independent(registry: ConstraintRegistry) -> None:
    def factory(region: Any) -> Any:
        base = registry(region.base_constraint)
        return transforms.IndependentTransform(base, region.reinterpreted_batch_ndims)

    registry.register(constraints.independent, factory)


_independent(biject_to)
_independent(transform_to)
