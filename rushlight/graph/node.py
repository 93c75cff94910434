"""A value in the graph: one primitive applied to other values.

A node never changes, except that once it has been computed its `buffer` holds the numbers and its `inputs` are let go.
Shape and dtype are settled when it is made. What a primitive is stands in registry.py, which makes every primitive a
method of `Node` too (`x.exp()`, `g.sum(dims, False)`), so rules can use one another without importing one another.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import COMPLEX, FLOATING, DType

# Every primitive by its name; registry.py fills it.
PRIMITIVES: dict[str, Any] = {}


class Node:
    """One value: `prim` applied to `inputs` with static `params`, of one `shape` and `dtype`.

    A primitive with several results makes a node whose shape and dtype are tuples; `pick` takes one of them.
    `buffer` is None until the value has been computed. `line` is set by primitives that can fail when run.
    """

    __slots__ = ("prim", "inputs", "params", "shape", "dtype", "buffer", "line", "__weakref__")

    line: tuple[str, int]

    def __init__(self, prim: Any, inputs: tuple, params: tuple, shape: tuple, dtype: Any) -> None:
        self.prim = prim
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.buffer: Any = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        state = "" if self.buffer is None else " computed"
        return f"<{self.prim.name} {self.dtype.name if isinstance(self.dtype, DType) else '...'}{list(self.shape)}{state}>"

    if TYPE_CHECKING:  # registry.py sets them, as each primitive is declared

        def __getattr__(self, name: str) -> Any: ...

        def __add__(self, other: Any) -> Node: ...

        def __radd__(self, other: Any) -> Node: ...

        def __sub__(self, other: Any) -> Node: ...

        def __rsub__(self, other: Any) -> Node: ...

        def __mul__(self, other: Any) -> Node: ...

        def __rmul__(self, other: Any) -> Node: ...

        def __truediv__(self, other: Any) -> Node: ...

        def __rtruediv__(self, other: Any) -> Node: ...

        def __pow__(self, other: Any) -> Node: ...

        def __matmul__(self, other: Any) -> Node: ...

        def __and__(self, other: Any) -> Node: ...

        def __or__(self, other: Any) -> Node: ...

        def __neg__(self) -> Node: ...

        def __invert__(self) -> Node: ...


class Source:
    """The primitive of a value that nothing here computes: given memory, a number, a stand-in."""

    __slots__ = ("name",)
    arity = 0
    moves = True
    fallible = False
    vjp = None

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BUFFER = Source("buffer")
CONSTANT = Source("constant")
FIXED = Source("fixed")
STAND_IN = Source("stand_in")

# Constants by dtype and value; those that are no plain number by their text.
constants: defaultdict[DType, dict[Any, Node]] = defaultdict(dict)
_stand_ins: dict[tuple, Node] = {}
_KEPT = 1 << 14


def of_array(array: np.ndarray, dtype: DType) -> Node:
    """A node that holds `array`, which nobody may write to from now on."""
    node = Node(BUFFER, (), (), array.shape, dtype)
    node.buffer = array
    return node


def of_fixed(array: np.ndarray, dtype: DType) -> Node:
    """A node for a table that is kept: its numbers follow from the operation's own parameters, whoever asks."""
    node = Node(FIXED, (), (), array.shape, dtype)
    node.buffer = array
    return node


def constant(value: Any, dtype: DType) -> Node:
    """The 0-d node of a Python number; the same number of the same type is the same node."""
    node = constants[dtype].get(value)
    if node is not None and (value or _positive_zero(value)):
        return node
    return _new_constant(value, dtype)


def _positive_zero(value: Any) -> bool:
    return type(value) is int or type(value) is float and math.copysign(1.0, value) > 0


def _new_constant(given: Any, dtype: DType) -> Node:
    value = _as_held(given, dtype)
    # 0.0 and -0.0 are equal but not the same number, and NaN equals nothing: they are told apart by their text.
    plain = bool(value) and value == value
    key = value if plain else repr(value)
    known = constants[dtype]
    node = known.get(key)
    if node is None:
        if len(known) >= _KEPT:
            known.clear()
        node = known[key] = Node(CONSTANT, (), (key, value), (), dtype)
        with np.errstate(over="ignore"):  # a number too large is infinite
            node.buffer = np.array(value).astype(dtype.numpy)
    if not given and _positive_zero(given):
        known[0] = node
    return node


def _as_held(value: Any, dtype: DType) -> Any:
    """The number as its type holds it: what NumPy would refuse or warn about is settled here."""
    if dtype.category == FLOATING:
        return float(value) if not isinstance(value, complex) else float(value.real)
    if dtype.category == COMPLEX:
        return complex(value)
    if dtype.name == "bool":
        return bool(value)
    if isinstance(value, float) and not math.isfinite(value):
        return -(1 << (8 * dtype.itemsize - 1)) if dtype.is_signed else 0
    whole = int(value)
    bits = 8 * dtype.itemsize
    whole &= (1 << bits) - 1
    return whole - (1 << bits) if dtype.is_signed and whole >> (bits - 1) else whole


def stand_in(shape: tuple[int, ...], dtype: DType) -> Node:
    """A node with a shape and a dtype but no value: given to rules in place of what they do not read."""
    node = _stand_ins.get((shape, dtype))
    if node is None:
        if len(_stand_ins) >= _KEPT:
            _stand_ins.clear()
        node = _stand_ins[shape, dtype] = Node(STAND_IN, (), (), shape, dtype)
    return node
