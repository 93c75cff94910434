"""`torch._foreach_*`: a function applied to every tensor of a list. PyTorch fuses them by hand; here work is fused
anyway, so each is a loop. Those that end in "_" write into their first list and give it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor import Tensor
from . import arithmetic, magnitude, numeric, pointwise, products, reduction, shaping, transcendental
from .register import FUNCTIONS

# The modules whose functions are looked up below have to be there first.
_NEEDED = (arithmetic, magnitude, numeric, pointwise, products, reduction, shaping, transcendental)


def _spread(tensors: Sequence[Tensor], argument: Any) -> list:
    """The argument for each tensor: one of a list (of tensors or numbers), or the same for all."""
    if not isinstance(argument, (tuple, list)):
        return [argument] * len(tensors)
    if len(argument) != len(tensors):
        raise RuntimeError(
            f"Tensor lists must have the same number of tensors, got {len(tensors)} and {len(argument)}"
        )
    return list(argument)


def _checked(tensors: Any) -> list[Tensor]:
    found = list(tensors)
    if not found:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return found


def _publish(name: str, compute: Callable, inplace: bool = True) -> None:
    """`_foreach_name`, and `_foreach_name_`, which calls the method `name_` of each tensor."""

    def every(tensors: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        given = _checked(tensors)
        columns = [_spread(given, a) for a in args]
        return tuple(compute(*row, **kwargs) for row in zip(given, *columns))

    def written(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        given = _checked(tensors)
        columns = [_spread(given, a) for a in args]
        for row in zip(given, *columns):
            getattr(row[0], f"{name}_")(*row[1:], **kwargs)
        return tensors

    every.__name__ = every.__qualname__ = f"_foreach_{name}"
    every.__doc__ = f"torch.{name} of every tensor of a list. Source: torch._foreach_{name}."
    PUBLIC[every.__name__] = every
    if inplace:
        written.__name__ = written.__qualname__ = f"_foreach_{name}_"
        written.__doc__ = f"In-place `{name}` of every tensor of a list. Source: torch._foreach_{name}_."
        PUBLIC[written.__name__] = written


PUBLIC: dict[str, Any] = {}
_ONE = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma", "log",
    "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan",
    "tanh", "trunc",
)  # fmt: skip
for _name in (*_ONE, "add", "sub", "mul", "div", "clamp_min", "clamp_max", "lerp"):
    _publish(_name, FUNCTIONS[_name])
for _name in ("clone", "mm", "norm"):
    _publish(_name, FUNCTIONS[_name], inplace=False)
_publish("max", lambda x: x.max(), inplace=False)
_publish("powsum", lambda x, ord=2: (x.abs() ** ord).sum(), inplace=False)


def _of_extreme(name: str, clamp: str) -> None:
    """maximum and minimum, with tensors or with numbers."""
    pair = FUNCTIONS[name]

    def compute(x: Tensor, other: Any) -> Tensor:
        return pair(x, other) if isinstance(other, Tensor) else getattr(x, clamp)(other)

    _publish(name, compute, inplace=False)

    def written(tensors: Any, other: Any) -> Any:
        given = _checked(tensors)
        for x, y in zip(given, _spread(given, other)):
            x.copy_(compute(x, y))
        return tensors

    written.__name__ = written.__qualname__ = f"_foreach_{name}_"
    written.__doc__ = f"In-place `{name}` of every tensor of a list. Source: torch._foreach_{name}_."
    PUBLIC[written.__name__] = written


_of_extreme("maximum", "clamp_min")
_of_extreme("minimum", "clamp_max")


def _scaled(name: str) -> None:
    """addcmul and addcdiv, whose factor is a number, a list of them, or a vector."""
    compute = FUNCTIONS[name]

    def rows(tensors: Any, tensor1: Any, tensor2: Any, value: Any) -> list[tuple]:
        given = _checked(tensors)
        value = value.tolist() if isinstance(value, Tensor) else value
        return list(zip(given, _spread(given, tensor1), _spread(given, tensor2), _spread(given, value)))

    def every(
        tensors: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None
    ) -> tuple[Tensor, ...]:
        value = value if scalars is None else scalars
        return tuple(compute(x, a, b, value=v) for x, a, b, v in rows(tensors, tensor1, tensor2, value))

    def written(tensors: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None) -> Any:
        value = value if scalars is None else scalars
        for x, a, b, v in rows(tensors, tensor1, tensor2, value):
            getattr(x, f"{name}_")(a, b, value=v)
        return tensors

    for made, suffix in ((every, ""), (written, "_")):
        made.__name__ = made.__qualname__ = f"_foreach_{name}{suffix}"
        made.__doc__ = (
            f"torch.{name}{suffix} of every tensor of a list. Source: torch._foreach_{name}{suffix}."
        )
        PUBLIC[made.__name__] = made


_scaled("addcmul")
_scaled("addcdiv")


def _foreach_pow(tensors: Any, exponent: Any) -> tuple[Tensor, ...]:
    """torch.pow over lists: either side may be one number. Source: torch._foreach_pow."""
    if isinstance(tensors, (tuple, list)):
        given = _checked(tensors)
        return tuple(FUNCTIONS["pow"](x, e) for x, e in zip(given, _spread(given, exponent)))
    return tuple(FUNCTIONS["pow"](tensors, e) for e in _checked(exponent))


def _foreach_pow_(tensors: Any, exponent: Any) -> Any:
    """In-place pow of every tensor of a list. Source: torch._foreach_pow_."""
    given = _checked(tensors)
    for x, e in zip(given, _spread(given, exponent)):
        x.pow_(e)
    return tensors


def _foreach_copy_(tensors: Any, src: Any, non_blocking: bool = False) -> Any:
    """Write each source into its tensor. Source: torch._foreach_copy_."""
    given = _checked(tensors)
    for x, y in zip(given, _spread(given, src)):
        x.copy_(y)
    return tensors


def _foreach_zero_(tensors: Any) -> Any:
    """Make every element of every tensor 0. Source: torch._foreach_zero_."""
    for x in _checked(tensors):
        x.zero_()
    return tensors


for _made in (_foreach_pow, _foreach_pow_, _foreach_copy_, _foreach_zero_):
    PUBLIC[_made.__name__] = _made
