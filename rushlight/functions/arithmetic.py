"""Arithmetic on two operands: the operators, and the functions behind them.

The operators are the hottest path of recording: `_fast` handles two tensors of one dtype and a tensor with a number
that keeps its dtype; everything else goes through promotion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from ..autograd.entry import Op
from ..autograd.modes import state
from ..autograd.noting import note_pair
from ..autograd.record import edge_of, operation, primitive
from ..devices import META
from ..dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL
from ..dtypes import bool as bool_dtype
from ..executors import queue
from ..graph.node import Node, constant, constants
from ..memory import Storage
from ..ops import elementwise as ops
from ..shapes import broadcast
from ..tensor import Tensor, dtype_of, from_array, node_of
from .arguments import is_number, operands, plain, to_dtype
from .register import FUNCTIONS, alias, function

_new = object.__new__
waiting = queue.values


def _fast(prim: Any, slow: Callable, compares: bool = False, whole: bool = True) -> Callable:
    """The operator of a binary primitive. `whole`: integers are computed as integers."""
    least_for_float = FLOATING
    least_for_int = INTEGRAL if whole else FLOATING

    def operator(a: Tensor, b: Any) -> Tensor:
        storage = a._storage
        device = storage.device
        na = storage.node if a._view is None else None
        if na is None:
            na = node_of(a)
        dtype = na.dtype
        shape = na.shape
        kind = type(b)
        eb = None
        if kind is float or kind is int:
            if dtype.category < (least_for_float if kind is float else least_for_int):
                return slow(a, b)
            nb = constants[dtype].get(b) if b else None
            if nb is None:
                nb = constant(b, dtype)
        elif kind is Tensor or isinstance(b, Tensor):
            nb = b._storage.node if b._view is None else None
            if nb is None:
                nb = node_of(b)
            if nb.dtype is not dtype or b._storage.device is not device:
                return slow(a, b)
            if not whole and dtype.category < FLOATING:
                return slow(a, b)
            if nb.shape != shape:
                shape = broadcast(shape, nb.shape)
            eb = b._edge if b._view is None else edge_of(b)
        else:
            return slow(a, b)
        # What Node, wrap and Storage do, without the three calls.
        node = _new(Node)
        node.prim = prim
        node.inputs = (na, nb)
        node.params = ()
        node.shape = shape
        node.dtype = bool_dtype if compares else dtype
        node.buffer = None
        made = _new(Tensor)
        made._storage = fresh = _new(Storage)
        fresh.node = node
        fresh.version = 0
        fresh.device = device
        made._view = made._edge = made._grad = None
        if device is not META:
            waiting.append(ref(fresh))
            if len(waiting) >= queue.limit:
                queue.overflow()
        ea = a._edge if a._view is None else edge_of(a)
        if (ea is not None or eb is not None) and state.grad and not compares and dtype.category >= FLOATING:
            made._edge = note_pair(prim, na, nb, node, ea, eb)
        return made

    return operator


def _slow(prim: Any, name: str, floating: bool = False) -> Callable:
    def compute(a: Any, b: Any) -> Any:
        if not isinstance(a, Tensor) and not isinstance(b, Tensor) and not (is_number(a) and is_number(b)):
            raise TypeError(
                f"{name}(): arguments must be Tensor or numbers, got {type(a).__name__}, {type(b).__name__}"
            )
        return primitive(prim, tuple(operands(name, a, b, floating=floating)))

    return compute


_slow_add = _slow(ops.add, "add")
_slow_mul = _slow(ops.mul, "mul")
_slow_div = _slow(ops.div, "div", floating=True)


def _slow_sub(a: Any, b: Any) -> Tensor:
    a, b = operands("sub", a, b)
    if dtype_of(a) is bool_dtype:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    return primitive(ops.sub, (a, b))


_add = _fast(ops.add, _slow_add)
_sub = _fast(ops.sub, _slow_sub)
_mul = _fast(ops.mul, _slow_mul)
_div = _fast(ops.div, _slow_div, whole=False)


def _scaled(name: str, other: Any, alpha: Any, dtype: Any) -> Any:
    """other * alpha, with PyTorch's demands on alpha."""
    if isinstance(alpha, bool) and dtype.category != BOOL:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and dtype.category < FLOATING:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and dtype.category < COMPLEX:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    return _mul(other, alpha) if isinstance(other, Tensor) else other * alpha


def _with_alpha(name: str, fast: Callable, slow: Callable) -> Callable:
    def compute(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
        if not (type(alpha) is int and alpha == 1):
            a, b = operands(name, input, other)
            return fast(a, _scaled(name, b, plain(alpha), dtype_of(a)))
        return fast(input, other) if isinstance(input, Tensor) else slow(input, other)

    return compute


add_function = _with_alpha("add", _add, _slow_add)
sub_function = _with_alpha("sub", _sub, _slow_sub)


@function(inplace=True)
def add(input: Any, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """input + alpha * other, broadcast and promoted. Source: torch.add.

    >>> import rushlight as torch
    >>> torch.add(torch.tensor([1, 2]), 0.5)
    tensor([1.5000, 2.5000])
    """
    if old:  # PyTorch's old form gives alpha before the tensor
        alpha, other = other, old[0]
    return add_function(input, other, alpha=alpha)


@function(inplace=True)
def sub(input: Any, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """input - alpha * other, broadcast and promoted. Source: torch.sub."""
    if old:  # PyTorch's old form gives alpha before the tensor
        alpha, other = other, old[0]
    return sub_function(input, other, alpha=alpha)


@function(inplace=True)
def mul(input: Any, other: Any) -> Tensor:
    """input * other, broadcast and promoted. Source: torch.mul."""
    return _mul(input, other) if isinstance(input, Tensor) else _slow_mul(input, other)


def _flat(g: Node, out: Node, ins: tuple, needs: tuple) -> tuple:
    return tuple(constant(0, x.dtype).expand(x.shape) for x in ins)


_ROUNDED = {
    "floor": Op("DivBackward2", lambda a, b: a.floor_divide(b), _flat),
    "trunc": Op("DivBackward2", lambda a, b: a.trunc_divide(b), _flat),
}


@function(inplace=True)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; `rounding_mode` "trunc" or "floor" rounds the quotient and keeps integers.

    Source: torch.div.
    Example:
        >>> import rushlight as torch
        >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
        tensor([ 3, -4])
    """
    if rounding_mode is None:
        return _div(input, other) if isinstance(input, Tensor) else _slow_div(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return operation(_ROUNDED[rounding_mode], tuple(operands("div", input, other)))


@function(inplace=True)
def floor_divide(input: Any, other: Any) -> Tensor:
    """The largest whole number not above input / other. Source: torch.floor_divide."""
    return primitive(ops.floor_divide, tuple(operands("floor_divide", input, other)))


@function(inplace=True)
def remainder(input: Any, other: Any) -> Tensor:
    """Python's modulus: the sign is other's. Source: torch.remainder."""
    return primitive(ops.remainder, tuple(operands("remainder", input, other)))


@function(inplace=True)
def fmod(input: Any, other: Any) -> Tensor:
    """C's modulus: the sign is input's. Source: torch.fmod."""
    return primitive(ops.fmod, tuple(operands("fmod", input, other)))


_square = Op(
    "PowBackward0",
    lambda x: x * x,
    lambda g, out, ins, needs: (g * (ins[0] * 2).conj(),),
)
_power_of_number = Op(
    "PowBackward0",
    lambda x, n: x.pow(n),
    lambda g, out, ins, needs, n: (g * 0 if n == 0 else g * (ins[0].pow(n - 1) * n).conj(),),
)


@function(inplace=True)
def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, broadcast and promoted; integers to negative integers are refused. Source: torch.pow."""
    if isinstance(input, Tensor) and is_number(exponent):
        exponent = plain(exponent)
        (base, _) = operands("pow", input, exponent)
        if dtype_of(base).category >= FLOATING:
            if exponent == 2:
                return operation(_square, (base,))
            return operation(_power_of_number, (base,), (exponent,))
        if isinstance(exponent, int) and exponent < 0 and dtype_of(base).category == INTEGRAL:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        return primitive(ops.pow, tuple(operands("pow", base, exponent)))
    return primitive(ops.pow, tuple(operands("pow", input, exponent)))


@function()
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input. Source: torch.rsub."""
    return sub_function(other, input, alpha=alpha)


alias("subtract", "sub")
alias("multiply", "mul")
alias("divide", "div")


@function(inplace=True)
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other in floating point. Source: torch.true_divide."""
    return div(input, other)


def _compare(name: str, prim: Any) -> Callable:
    slow = _slow(prim, name)
    fast = _fast(prim, slow, compares=True)

    def compare(input: Any, other: Any) -> Tensor:
        return fast(input, other) if isinstance(input, Tensor) else slow(input, other)

    compare.__name__ = name
    compare.__doc__ = f"{prim.doc} Elementwise, broadcast; boolean. Source: torch.{name}."
    return function(name, inplace=True)(compare)


eq = _compare("eq", ops.eq)
ne = _compare("ne", ops.ne)
lt = _compare("lt", ops.lt)
le = _compare("le", ops.le)
gt = _compare("gt", ops.gt)
ge = _compare("ge", ops.ge)
for _name, _of in (
    ("not_equal", "ne"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("greater", "gt"),
    ("greater_equal", "ge"),
):
    alias(_name, _of)


def _pair(name: str, prim: Any, floating: bool = False, inplace: bool = True, source: str = "") -> Callable:
    def compute(input: Any, other: Any) -> Tensor:
        return primitive(prim, tuple(operands(name, input, other, floating=floating)))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise, broadcast and promoted. Source: torch.{name}."
    return function(name, inplace=inplace)(compute)


maximum = _pair("maximum", ops.maximum, inplace=False)
minimum = _pair("minimum", ops.minimum, inplace=False)
atan2 = _pair("atan2", ops.atan2, floating=True)
alias("arctan2", "atan2")
hypot = _pair("hypot", ops.hypot)
copysign = _pair("copysign", ops.copysign, floating=True)
nextafter = _pair("nextafter", ops.nextafter)
gcd = _pair("gcd", ops.gcd)
lcm = _pair("lcm", ops.lcm)


def _bits(name: str, prim: Any) -> Callable:
    def compute(input: Any, other: Any) -> Tensor:
        a, b = operands(name, input, other)
        if dtype_of(a).category > INTEGRAL:
            raise RuntimeError(f'"{name}_cpu" not implemented for {dtype_of(a)}: integers and booleans only')
        return primitive(prim, (a, b))

    compute.__name__ = name
    compute.__doc__ = f"{prim.doc} Elementwise on integers and booleans. Source: torch.{name}."
    return function(name, inplace=True)(compute)


bitwise_and = _bits("bitwise_and", ops.bitwise_and)
bitwise_or = _bits("bitwise_or", ops.bitwise_or)
bitwise_xor = _bits("bitwise_xor", ops.bitwise_xor)
bitwise_left_shift = _bits("bitwise_left_shift", ops.shift_left)
bitwise_right_shift = _bits("bitwise_right_shift", ops.shift_right)


@function(inplace=True)
def bitwise_not(input: Tensor) -> Tensor:
    """~input of integers and booleans. Source: torch.bitwise_not."""
    if dtype_of(input).category > INTEGRAL:
        raise RuntimeError(
            f"~ (operator.invert) is only implemented on integer and Boolean-type tensors, got {input.dtype}"
        )
    return primitive(ops.bitwise_not, (input,))


def as_bool(tensor: Tensor) -> Tensor:
    """Where the tensor is not zero."""
    return tensor if dtype_of(tensor) is bool_dtype else to_dtype(tensor, bool_dtype)


def _logic(name: str, prim: Any) -> Callable:
    def compute(input: Tensor, other: Tensor) -> Tensor:
        return primitive(prim, (as_bool(input), as_bool(other)))

    compute.__name__ = name
    compute.__doc__ = (
        f"{name.split('_')[1]} of truth values; a number is true unless it is 0. Source: torch.{name}."
    )
    return function(name, inplace=True)(compute)


logical_and = _logic("logical_and", ops.bitwise_and)
logical_or = _logic("logical_or", ops.bitwise_or)
logical_xor = _logic("logical_xor", ops.bitwise_xor)


@function(inplace=True)
def logical_not(input: Tensor) -> Tensor:
    """Where the tensor is zero. Source: torch.logical_not."""
    return primitive(ops.bitwise_not, (as_bool(input),))


# ---------------------------------------------------------------- operators


def _operator(compute: Callable) -> Callable:
    """A dunder: operands that are neither tensors nor numbers get their turn (NotImplemented)."""

    def operate(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor) or is_number(other):
            return compute(self, other)
        if isinstance(other, np.ndarray):
            return compute(self, as_operand(other))
        return NotImplemented

    return operate


def as_operand(array: np.ndarray) -> Tensor:
    """A NumPy array as an operand."""
    return from_array(array.copy())


def _reflected(compute: Callable) -> Callable:
    def operate(self: Tensor, other: Any) -> Any:
        return compute(other, self) if is_number(other) or isinstance(other, Tensor) else NotImplemented

    return operate


def _either_way(forward: Callable, compute: Callable) -> Callable:
    """`_reflected` of an operator that does not mind which operand comes first."""
    reflected = _reflected(compute)

    def operate(self: Tensor, other: Any) -> Any:
        return forward(self, other) if type(other) is float or type(other) is int else reflected(self, other)

    return operate


def _written(name: str) -> Callable:
    def operate(self: Tensor, other: Any) -> Tensor:
        return getattr(Tensor, name)(self, other)

    return operate


# The four that loops are made of go straight to `_fast`; what it does not handle comes back to `_operator`.
_OPERATORS = {
    "add": (_fast(ops.add, _operator(_slow_add)), add_function),
    "sub": (_fast(ops.sub, _operator(_slow_sub)), sub_function),
    "mul": (_fast(ops.mul, _operator(_slow_mul)), mul),
    "truediv": (_fast(ops.div, _operator(_slow_div), whole=False), div),
    "floordiv": (floor_divide, floor_divide), "mod": (remainder, remainder), "pow": (pow, pow),
    "and": (bitwise_and, bitwise_and), "or": (bitwise_or, bitwise_or), "xor": (bitwise_xor, bitwise_xor),
    "lshift": (bitwise_left_shift, bitwise_left_shift), "rshift": (bitwise_right_shift, bitwise_right_shift),
}  # fmt: skip
_METHOD_OF = {
    "truediv": "div_", "floordiv": "floor_divide_", "mod": "remainder_", "and": "bitwise_and_", "or": "bitwise_or_",
    "xor": "bitwise_xor_", "lshift": "bitwise_left_shift_", "rshift": "bitwise_right_shift_",
}  # fmt: skip
for _name, (_forward, _function) in _OPERATORS.items():
    _direct = _name in ("add", "sub", "mul", "truediv")
    setattr(Tensor, f"__{_name}__", _forward if _direct else _operator(_forward))
    _turned = _either_way(_forward, _function) if _name in ("add", "mul") else _reflected(_function)
    setattr(Tensor, f"__r{_name}__", _turned)
    setattr(Tensor, f"__i{_name}__", _written(_METHOD_OF.get(_name, _name + "_")))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_name}__", _operator(FUNCTIONS[_name]))


setattr(Tensor, "__rdiv__", Tensor.__rtruediv__)  # noqa: B010
setattr(Tensor, "__invert__", bitwise_not)  # noqa: B010
