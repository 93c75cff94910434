"""What the `llvm` rules of ops/ see: `Emit`, with the mathematics by name, choices, casts, comparisons and bits.

The functions themselves take and give emit's values, of any number of lanes: straight lines of fma and polynomials, no call.
They are right for NaN, infinities, both zeros and denormals. They stand in exponentials.py, angles.py, special.py and
division.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import angles, division, exponentials, special
from .emit import Builder, Type, Value
from .exponentials import log as log
from .formats import horner as horner
from .formats import trunc

FUNCTIONS: dict[str, Callable[..., Value]] = {
    name: getattr(module, name)
    for module, names in {
        exponentials: "exp exp2 expm1 log log2 log10 log1p pow hypot sigmoid sinh cosh tanh asinh acosh atanh",
        angles: "sin cos tan asin acos atan atan2",
        special: "erf erfc erfinv lgamma digamma",
        division: "fmod remainder floor_divide whole_pow gcd lcm nextafter mantissa",
    }.items()
    for name in names.split()
}
# One instruction each.
FUNCTIONS |= {
    "sqrt": lambda b, x: b.sqrt(x),
    "rsqrt": lambda b, x: 1.0 / b.sqrt(x),
    "abs": lambda b, x: b.abs(x),
    "copysign": lambda b, size, sign: b.copysign(size, sign),
    "floor": lambda b, x: b.floor(x),
    "ceil": lambda b, x: b.intrinsic("ceil", x.type, x),
    "trunc": trunc,
    "trunc_divide": lambda b, x, y: trunc(b, x / y),
    "round": lambda b, x: b.round_even(x),  # halves to the even one
}


class Emit:
    """The tools of a rule `llvm(emit, *values, *params)` of a primitive.

    b: the builder. out: the type of the result, i1 for booleans. Each of FUNCTIONS is a method: `emit.exp(x)`.
    """

    def __init__(self, b: Builder, out: Type) -> None:
        self.b, self.out = b, out

    def __getattr__(self, name: str) -> Callable[..., Value]:
        function = FUNCTIONS.get(name)
        if function is None:
            raise AttributeError(f"an emitter has no {name!r}")
        return partial(function, self.b)

    # ------------------------------------------------------------ choice, constants, casts

    def constant(self, number: Any, like: Value | None = None) -> Value:
        """A number of the result's type, or of the type of `like`."""
        return self.b.constant(number, self.out if like is None else like.type)

    def select(self, condition: Value, a: Any, c: Any) -> Value:
        """a where the condition holds, else c. A number takes the other's type, or the result's."""
        if not isinstance(a, Value) and not isinstance(c, Value):
            a = self.constant(a)
        return self.b.select(condition, a, c)

    def convert(self, x: Value, kind: str | None = None) -> Value:
        """The same number of another kind, `out`'s by default.

        Fractions are cut off towards whole numbers; what is out of range gives what the machine gives.
        """
        b, kind = self.b, kind or self.out.kind
        new = Type(kind, x.type.lanes)
        if not x.type.floating or new.floating or kind == "i1":
            return b.convert(x, kind)
        if kind == "u64":
            return self._to_u64(x)
        through = "i64" if new.bits == 64 or kind == "u32" else "i32"
        return b.convert(self._cut(x, through), kind)

    def cast(self, x: Value, name: str) -> Value:
        """x in the dtype called `name`; to float16, the float32 that the caller rounds to it."""
        if name == "float16" and x.type.kind == "f64" and self.out.kind == "f32":
            return self.b.odd_single(x)
        return self.convert(x)

    def _cut(self, x: Value, kind: str) -> Value:
        """One conversion instruction. Out of range it is poison to LLVM; frozen, it is some number."""
        b, new = self.b, Type(kind, x.type.lanes)
        cut = b.emit(new, f"fptosi {x.type.text} {x.text} to {new.text}")
        return b.emit(new, f"freeze {new.text} {cut.text}")

    def _to_u64(self, x: Value) -> Value:
        b, high = self.b, x.ge(2.0**63)
        below = self._cut(b.select(high, x - 2.0**63, x), "i64")
        return b.convert(below ^ b.select(high, b.constant(-(2**63), below.type), 0), "u64")

    # ------------------------------------------------------------ comparisons and bits

    def maximum(self, a: Value, c: Value) -> Value:
        """The larger; NaN wins."""
        larger = self.b.maximum(a, c)  # c where either is NaN
        return self.b.select(a.is_nan(), a, larger) if a.type.floating else larger

    def minimum(self, a: Value, c: Value) -> Value:
        """The smaller; NaN wins."""
        smaller = self.b.minimum(a, c)
        return self.b.select(a.is_nan(), a, smaller) if a.type.floating else smaller

    def sign(self, x: Value) -> Value | None:
        """-1, 0 or 1; NaN stays."""
        b = self.b
        if x.type.kind == "i1":
            return None
        one = b.constant(1, x.type)
        if x.type.floating:
            return b.select(b.abs(x).gt(0.0), b.copysign(one, x), x + 0.0)  # -0 gives 0
        found = b.select(x.gt(0), one, 0)
        return b.select(x.lt(0), -one, found) if x.type.signed else found

    def signbit(self, x: Value) -> Value:
        if x.type.kind == "i1":
            return self.constant(False)
        return (self.b.bitcast(x, x.type.as_int()) if x.type.floating else x).lt(0)

    def shift_left(self, a: Value, count: Value) -> Value | None:
        """a << count; 0 for a count that is negative or not below the width."""
        if a.type.kind == "i1":
            return None
        fits = count.ge(0) & count.lt(a.type.bits)
        return self.b.select(fits, a << self.b.select(fits, count, 0), 0)

    def shift_right(self, a: Value, count: Value) -> Value | None:
        """a >> count with the sign kept; all sign for a count that is negative or not below the width."""
        if a.type.kind == "i1":
            return None
        most = a.type.bits - 1
        if a.type.signed:
            return a >> self.b.select(count.ge(0) & count.lt(a.type.bits), count, most)
        fits = count.lt(a.type.bits)
        return self.b.select(fits, a >> self.b.select(fits, count, 0), 0)

    def exponent(self, x: Value) -> Value:
        """The power of two above |x|, of the result's kind; 0 for 0, infinities and NaN."""
        return self.convert(division.frexp(self.b, x)[1])
