"""A small typed builder of LLVM's text: values with operators, loops and branches as `with` blocks.

Kernels are written with it, by hand (products.py, ...) or by loops.py from a graph. A value has a `Type`: a scalar kind
and a number of lanes, so the same lines of Python emit a scalar and a SIMD version. Nothing here knows about graphs.

    module = Module()
    with module.function("scale", [PTR, I64]) as (b, x, n):
        with b.loop(0, n) as i:
            b.store(b.load(x, F32, i) * 2.0, x, i)
    print(module.text())

Numbers follow IEEE: no fast-math flag is ever set but `contract`-free `fma`, which is asked for by name. Mutable
variables live on the stack and are promoted to registers by LLVM.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

_LLVM = {
    "f16": "half", "bf16": "bfloat", "f32": "float", "f64": "double", "i1": "i1", "i8": "i8", "u8": "i8",
    "i16": "i16", "u16": "i16", "i32": "i32", "u32": "i32", "i64": "i64", "u64": "i64", "ptr": "ptr",
}  # fmt: skip
_BITS = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64, "i1": 1, "ptr": 64}


class Type(NamedTuple):
    """A scalar kind ("f32", "i64", "u8", "i1", "ptr", ...) and how many lanes of it; 1 is a scalar."""

    kind: str
    lanes: int = 1

    @property
    def text(self) -> str:
        name = _LLVM[self.kind]
        return name if self.lanes == 1 else f"<{self.lanes} x {name}>"

    @property
    def suffix(self) -> str:
        """The type in the name of an overloaded intrinsic: v16f32, i64."""
        scalar = "p0" if self.kind == "ptr" else self.kind.replace("u", "i")
        return scalar if self.lanes == 1 else f"v{self.lanes}{scalar}"

    @property
    def bits(self) -> int:
        return _BITS.get(self.kind) or int(self.kind[1:])

    @property
    def bytes(self) -> int:
        """Bytes of one lane in memory."""
        return max(1, self.bits // 8)

    @property
    def floating(self) -> bool:
        return self.kind in ("f32", "f64", "f16", "bf16")

    @property
    def signed(self) -> bool:
        return self.kind[0] == "i" and self.kind != "i1"

    def of(self, lanes: int) -> Type:
        """This kind with another number of lanes."""
        return Type(self.kind, lanes)

    def as_int(self) -> Type:
        """Signed integers of the same width."""
        return Type(f"i{self.bits}", self.lanes)


F32, F64, I1, I8, U8, I16, I32, I64, PTR = (
    Type("f32"), Type("f64"), Type("i1"), Type("i8"), Type("u8"), Type("i16"), Type("i32"), Type("i64"),
    Type("ptr"),
)  # fmt: skip


def _bits(number: Any, code: str) -> int:
    """The bits of a number in the floating format that `struct` calls `code`, infinite where it is too large."""
    whole = {"e": "<H", "f": "<I", "d": "<Q"}[code]
    number = float(number)
    try:
        packed = struct.pack("<" + code, number)
    except OverflowError:
        packed = struct.pack("<" + code, math.copysign(math.inf, number))
    return struct.unpack(whole, packed)[0]


def word(number: Any, kind: str) -> int:
    """The bits of an "f32" or "f64" as a signed word."""
    return struct.unpack("<q", struct.pack("<Q", _bits(number, "f" if kind == "f32" else "d")))[0]


def literal(number: Any, kind: str) -> str:
    """A Python number as LLVM writes a scalar constant of this kind."""
    if kind == "f64":
        return f"0x{_bits(number, 'd'):016X}"
    if kind == "f32":
        return f"0x{_bits(struct.unpack('<f', struct.pack('<I', _bits(number, 'f')))[0], 'd'):016X}"
    if kind == "f16":
        return f"0xH{_bits(number, 'e'):04X}"
    if kind == "bf16":
        bits = _bits(number, "f")
        # To nearest, ties to even; a NaN keeps a bit set.
        rounded = bits + (bits >> 16 & 1) + 0x7FFF if number == number else bits | 1 << 22
        return f"0xR{rounded >> 16:04X}"
    if kind == "i1":
        return "true" if number else "false"
    if kind == "ptr":
        return "null" if not number else f"inttoptr (i64 {int(number)} to ptr)"
    return str(int(number))


class Value:
    """One SSA value. Operators emit; a Python number on the other side becomes a constant of this type.

    `/` and `//` on integers are C's division (towards zero); comparisons are methods, since `==` must not emit:
    `a.lt(b)`, `a.eq(b)`, ... give lanes of i1; on floats they are ordered, but for `ne`, which is true for NaN.
    """

    __slots__ = ("builder", "type", "text")

    def __init__(self, builder: Builder, type: Type, text: str) -> None:
        self.builder, self.type, self.text = builder, type, text

    def __repr__(self) -> str:
        return f"{self.type.text} {self.text}"

    def _binary(self, other: Any, whole: str, floating: str, swap: bool = False) -> Value:
        b = self.builder
        a, c = self, b.like(other, self.type)
        if a.type.lanes != c.type.lanes:
            a, c = b.spread(a, c.type.lanes), b.spread(c, a.type.lanes)
        if a.type != c.type and a.type.text != c.type.text:
            raise TypeError(f"{whole}: {a.type} and {c.type}")
        if swap:
            a, c = c, a
        op = floating if a.type.floating else whole
        return b.emit(a.type, f"{op} {a.type.text} {a.text}, {c.text}")

    def __add__(self, other: Any) -> Value:
        return self._binary(other, "add", "fadd")

    __radd__ = __add__

    def __sub__(self, other: Any) -> Value:
        return self._binary(other, "sub", "fsub")

    def __rsub__(self, other: Any) -> Value:
        return self._binary(other, "sub", "fsub", True)

    def __mul__(self, other: Any) -> Value:
        return self._binary(other, "mul", "fmul")

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Value:
        return self._binary(other, "sdiv" if self.type.signed else "udiv", "fdiv")

    def __rtruediv__(self, other: Any) -> Value:
        return self._binary(other, "sdiv" if self.type.signed else "udiv", "fdiv", True)

    __floordiv__ = __truediv__

    def __mod__(self, other: Any) -> Value:
        return self._binary(other, "srem" if self.type.signed else "urem", "frem")

    def __and__(self, other: Any) -> Value:
        return self._binary(other, "and", "and")

    def __or__(self, other: Any) -> Value:
        return self._binary(other, "or", "or")

    def __xor__(self, other: Any) -> Value:
        return self._binary(other, "xor", "xor")

    def __lshift__(self, other: Any) -> Value:
        return self._binary(other, "shl", "shl")

    def __rshift__(self, other: Any) -> Value:
        return self._binary(other, "ashr" if self.type.signed else "lshr", "lshr")

    def shift_right_logical(self, other: Any) -> Value:
        """Shift in zeros whatever the sign."""
        return self._binary(other, "lshr", "lshr")

    def __neg__(self) -> Value:
        if self.type.floating:
            return self.builder.emit(self.type, f"fneg {self.type.text} {self.text}")
        return self.builder.constant(0, self.type) - self

    def __invert__(self) -> Value:
        ones = True if self.type.kind == "i1" else -1
        return self ^ self.builder.constant(ones, self.type)

    def _compare(self, other: Any, signed: str, unsigned: str, floating: str) -> Value:
        b = self.builder
        a, c = self, b.like(other, self.type)
        a, c = b.spread(a, c.type.lanes), b.spread(c, a.type.lanes)
        if a.type.floating:
            op = f"fcmp {floating}"
        else:
            op = f"icmp {signed if a.type.signed or a.type.kind == 'ptr' else unsigned}"
        return b.emit(Type("i1", a.type.lanes), f"{op} {a.type.text} {a.text}, {c.text}")

    def lt(self, other: Any) -> Value:
        return self._compare(other, "slt", "ult", "olt")

    def le(self, other: Any) -> Value:
        return self._compare(other, "sle", "ule", "ole")

    def gt(self, other: Any) -> Value:
        return self._compare(other, "sgt", "ugt", "ogt")

    def ge(self, other: Any) -> Value:
        return self._compare(other, "sge", "uge", "oge")

    def eq(self, other: Any) -> Value:
        return self._compare(other, "eq", "eq", "oeq")

    def ne(self, other: Any) -> Value:
        return self._compare(other, "ne", "ne", "une")

    def is_nan(self) -> Value:
        return self.builder.emit(
            Type("i1", self.type.lanes), f"fcmp uno {self.type.text} {self.text}, {self.text}"
        )


class Variable:
    """A mutable variable of one type; `value` reads, `set` writes."""

    __slots__ = ("builder", "type", "text")

    def __init__(self, builder: Builder, type: Type) -> None:
        self.builder, self.type = builder, type
        self.text = builder.name()
        builder.entry.append(f"  {self.text} = alloca {type.text}")

    @property
    def value(self) -> Value:
        return self.builder.emit(self.type, f"load {self.type.text}, ptr {self.text}")

    def set(self, value: Any) -> None:
        value = self.builder.like(value, self.type)
        self.builder.line(f"store {self.type.text} {value.text}, ptr {self.text}")


class Builder:
    """Emits the body of one function. Everything that takes a value also takes a Python number where a type is known."""

    def __init__(self, module: Module, result: Type | None = None) -> None:
        self.module = module
        self.result = result
        self.entry: list[str] = []  # stack slots: at the head, so that a loop allocates nothing
        self.lines: list[str] = []
        self._count = 0
        self._blocks = 0

    # ------------------------------------------------------------ plumbing

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def emit(self, type: Type, text: str) -> Value:
        """One instruction that gives a value."""
        name = self.name()
        self.lines.append(f"  {name} = {text}")
        return Value(self, type, name)

    def _label(self) -> str:
        self._blocks += 1
        return f"b{self._blocks}"

    def _start(self, label: str) -> None:
        self.lines.append(f"{label}:")

    # ------------------------------------------------------------ constants, lanes, types

    def constant(self, number: Any, type: Type) -> Value:
        """A number as a constant; the same in every lane."""
        text = literal(number, type.kind)
        if type.lanes > 1:
            scalar = _LLVM[type.kind]
            text = f"splat ({scalar} {text})"
        return Value(self, type, text)

    def like(self, value: Any, type: Type) -> Value:
        """`value` itself, or a Python number as a constant of `type`."""
        return value if isinstance(value, Value) else self.constant(value, type)

    def i64(self, value: Any) -> Value:
        return self.like(value, I64)

    def spread(self, value: Value, lanes: int) -> Value:
        """A scalar in every lane; a vector stays what it is."""
        if lanes == 1 or value.type.lanes != 1:
            return value
        wide = value.type.of(lanes)
        if value.text[0] not in "%@":
            return Value(self, wide, f"splat ({value.type.text} {value.text})")
        one = self.emit(wide, f"insertelement {wide.text} poison, {value.type.text} {value.text}, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        return self.emit(wide, f"shufflevector {wide.text} {one.text}, {wide.text} poison, {zeros}")

    def lane_numbers(self, type: Type) -> Value:
        """0, 1, 2, ... of an integer vector type."""
        scalar = _LLVM[type.kind]
        if type.lanes == 1:
            return self.constant(0, type)
        return Value(self, type, f"<{', '.join(f'{scalar} {i}' for i in range(type.lanes))}>")

    def extract(self, value: Value, lane: int | Value) -> Value:
        at = lane.text if isinstance(lane, Value) else str(lane)
        return self.emit(value.type.of(1), f"extractelement {value.type.text} {value.text}, i64 {at}")

    def insert(self, vector: Value, scalar: Any, lane: int) -> Value:
        scalar = self.like(scalar, vector.type.of(1))
        return self.emit(
            vector.type,
            f"insertelement {vector.type.text} {vector.text}, {scalar.type.text} {scalar.text}, i64 {lane}",
        )

    def shuffle(self, a: Value, c: Value, lanes: Sequence[int]) -> Value:
        """Lanes picked by number from a, then c."""
        mask = ", ".join(f"i32 {i}" for i in lanes)
        return self.emit(
            a.type.of(len(lanes)),
            f"shufflevector {a.type.text} {a.text}, {c.type.text} {c.text}, <{len(lanes)} x i32> <{mask}>",
        )

    def bitcast(self, value: Value, type: Type) -> Value:
        if value.type.text == type.text:
            return Value(self, type, value.text)
        return self.emit(type, f"bitcast {value.type.text} {value.text} to {type.text}")

    def convert(self, value: Value, kind: str) -> Value:
        """C's conversion to another scalar kind. Booleans become 0 and 1; what is not 0 becomes true."""
        old, new = value.type, Type(kind, value.type.lanes)
        if old.kind == kind:
            return value
        if kind == "i1":
            return value.ne(0)
        if old.text == new.text:
            return Value(self, new, value.text)
        if "bf16" in (old.kind, kind):
            return self._convert_bfloat(value, kind)
        if kind == "f16" and old.floating:
            return self._convert_half(value)
        if old.floating and new.floating:
            op = "fpext" if new.bits > old.bits else "fptrunc"
        elif old.floating:
            # Out of range is poison in LLVM; the saturating form is defined.
            sign = "s" if new.signed else "u"
            return self.intrinsic(f"fpto{sign}i.sat", new, value, overload=(new, old))
        elif new.floating:
            op = "sitofp" if old.signed else "uitofp"
        elif new.bits < old.bits:
            op = "trunc"
        else:
            op = "sext" if old.signed else "zext"
        return self.emit(new, f"{op} {old.text} {value.text} to {new.text}")

    def _convert_half(self, value: Value) -> Value:
        """To float16 from float32, which processors have: for float64 LLVM would call a function that may not exist."""
        if value.type.kind == "f64":
            value = self.odd_single(value)
        # Without the fence LLVM may see two roundings of a float64 and make them one such call.
        value = self.intrinsic("arithmetic.fence", value.type, value)
        new = Type("f16", value.type.lanes)
        return self.emit(new, f"fptrunc {value.type.text} {value.text} to {new.text}")

    def odd_single(self, value: Value) -> Value:
        """A float64 as float32, rounded to an odd last digit: rounded again, to fewer digits, that is as good as once."""
        near = self.convert(value, "f32")
        back = self.convert(near, "f64")
        bits = self.bitcast(near, near.type.as_int())
        below = self.select(self.abs(back).gt(self.abs(value)), bits - 1, bits) | 1
        return self.bitcast(self.select(back.eq(value) | value.is_nan(), bits, below), near.type)

    def _convert_bfloat(self, value: Value, kind: str) -> Value:
        lanes = value.type.lanes
        if value.type.kind == "bf16":
            bits = self.convert(self.bitcast(value, Type("u16", lanes)), "u32")
            return self.convert(self.bitcast(bits << 16, Type("f32", lanes)), kind)
        single = self.convert(value, "f32")
        bits = self.bitcast(single, Type("u32", lanes))
        # Round to nearest, ties to even; a NaN keeps a bit set.
        rounded = (bits + ((bits >> 16) & 1) + 0x7FFF) >> 16
        rounded = self.select(single.is_nan(), self.constant(0x7FC0, rounded.type), rounded)
        return self.bitcast(self.convert(rounded, "u16"), Type("bf16", lanes))

    # ------------------------------------------------------------ calls

    def call(self, name: str, result: Type | None, *args: Value) -> Any:
        """Call a function by its symbol; declared on the way."""
        types = ", ".join(a.type.text for a in args)
        out = result.text if result else "void"
        self.module.declare(name, f"declare {out} @{name}({types})")
        text = f"call {out} @{name}({', '.join(f'{a.type.text} {a.text}' for a in args)})"
        if result is None:
            self.line(text)
            return None
        return self.emit(result, text)

    def intrinsic(self, name: str, result: Type, *args: Value, overload: Sequence[Type] = ()) -> Value:
        """llvm.NAME overloaded on `overload` (default: the result's type)."""
        types = overload or (result,)
        return self.call(f"llvm.{name}.{'.'.join(t.suffix for t in types)}", result, *args)

    def fma(self, a: Value, x: Any, y: Any) -> Value:
        """a * x + y, rounded once."""
        lanes = max(v.type.lanes for v in (a, x, y) if isinstance(v, Value))
        a = self.spread(a, lanes)
        x, y = self.spread(self.like(x, a.type), lanes), self.spread(self.like(y, a.type), lanes)
        return self.intrinsic("fma", a.type, a, x, y)

    def sqrt(self, x: Value) -> Value:
        return self.intrinsic("sqrt", x.type, x)

    def abs(self, x: Value) -> Value:
        if x.type.floating:
            return self.intrinsic("fabs", x.type, x)
        return self.select(x.lt(0), -x, x) if x.type.signed else x

    def floor(self, x: Value) -> Value:
        return self.intrinsic("floor", x.type, x)

    def round_even(self, x: Value) -> Value:
        """To the nearest whole number, ties to even."""
        return self.intrinsic("rint", x.type, x)

    def copysign(self, size: Value, sign: Any) -> Value:
        return self.intrinsic("copysign", size.type, size, self.like(sign, size.type))

    def minimum(self, a: Value, c: Any) -> Value:
        """The smaller; for floats `a < c ? a : c`, so c where either is NaN."""
        return self.select(a.lt(c), a, c)

    def maximum(self, a: Value, c: Any) -> Value:
        """The larger; for floats `a > c ? a : c`, so c where either is NaN."""
        return self.select(a.gt(c), a, c)

    def select(self, condition: Value, a: Any, c: Any) -> Value:
        """a where the condition holds, else c, lane by lane."""
        given = next((v for v in (a, c) if isinstance(v, Value)), None)
        if given is None:
            raise TypeError("select: one choice has to be a value")
        a, c = self.like(a, given.type), self.like(c, given.type)
        lanes = max(condition.type.lanes, a.type.lanes, c.type.lanes)
        condition, a, c = self.spread(condition, lanes), self.spread(a, lanes), self.spread(c, lanes)
        return self.emit(
            a.type,
            f"select {condition.type.text} {condition.text}, {a.type.text} {a.text}, {c.type.text} {c.text}",
        )

    def reduce(self, op: str, value: Value) -> Value:
        """All lanes into one. op: add, mul, and, or, xor, min, max; floating min and max let NaN win."""
        if value.type.lanes == 1:
            return value
        while value.type.lanes > 2:
            half = value.type.lanes // 2
            low = self.shuffle(value, value, range(half))
            high = self.shuffle(value, value, range(half, 2 * half))
            value = self.combine(op, low, high)
        return self.combine(op, self.extract(value, 0), self.extract(value, 1))

    def combine(self, op: str, a: Value, c: Value) -> Value:
        """Two partial results of a reduction as one."""
        if op == "add":
            return a + c
        if op == "mul":
            return a * c
        if op in ("and", "or", "xor"):
            return {"and": a.__and__, "or": a.__or__, "xor": a.__xor__}[op](c)
        if not a.type.floating:
            return self.minimum(a, c) if op == "min" else self.maximum(a, c)
        better = a.lt(c) if op == "min" else a.gt(c)
        return self.select(better | a.is_nan(), a, c)

    # ------------------------------------------------------------ memory

    def symbol(self, name: str) -> Value:
        """A pointer to a table of the module, or to anything else known by name."""
        return Value(self, PTR, f"@{name}")

    def at(self, pointer: Value, index: Any, type: Type) -> Value:
        """The address of element `index` of an array of `type`'s scalars at `pointer`."""
        index = self.i64(index)
        element = "i8" if type.kind == "i1" else _LLVM[type.kind]
        lanes = index.type.lanes
        result = Type("ptr", lanes)
        return self.emit(
            result, f"getelementptr {element}, ptr {pointer.text}, {index.type.text} {index.text}"
        )

    def load(self, pointer: Value, type: Type, index: Any = None, align: int | None = None) -> Value:
        """The scalar or vector of `type` at element `index`. Booleans are bytes in memory."""
        if index is not None:
            pointer = self.at(pointer, index, type)
        align = align or type.bytes
        if type.kind == "i1":
            return self.load(pointer, Type("u8", type.lanes), align=align).ne(0)
        return self.emit(type, f"load {type.text}, ptr {pointer.text}, align {align}")

    def store(self, value: Value, pointer: Value, index: Any = None, align: int | None = None) -> None:
        if index is not None:
            pointer = self.at(pointer, index, value.type)
        if value.type.kind == "i1":
            value = self.convert(value, "u8")
        self.line(
            f"store {value.type.text} {value.text}, ptr {pointer.text}, align {align or value.type.bytes}"
        )

    def load_masked(self, pointer: Value, type: Type, mask: Value) -> Value:
        """Consecutive lanes where the mask holds; 0 elsewhere, and memory there is not touched."""
        if type.kind == "i1":
            return self.load_masked(pointer, Type("u8", type.lanes), mask).ne(0)
        zero = self.constant(0, type)
        align = Value(self, I32, str(type.bytes))
        return self.intrinsic("masked.load", type, pointer, align, mask, zero, overload=(type, PTR))

    def store_masked(self, value: Value, pointer: Value, mask: Value) -> None:
        if value.type.kind == "i1":
            value = self.convert(value, "u8")
        align = Value(self, I32, str(value.type.bytes))
        self.call(f"llvm.masked.store.{value.type.suffix}.p0", None, value, pointer, align, mask)

    def gather(self, pointers: Value, type: Type, mask: Value) -> Value:
        """A lane from each pointer where the mask holds; 0 elsewhere."""
        if type.lanes == 1:
            raise TypeError("gather: one lane is a load")
        if type.kind == "i1":
            return self.gather(pointers, Type("u8", type.lanes), mask).ne(0)
        align = Value(self, I32, str(type.bytes))
        zero = self.constant(0, type)
        return self.intrinsic(
            "masked.gather", type, pointers, align, mask, zero, overload=(type, pointers.type)
        )

    def scatter(self, value: Value, pointers: Value, mask: Value) -> None:
        if value.type.kind == "i1":
            value = self.convert(value, "u8")
        align = Value(self, I32, str(value.type.bytes))
        self.call(
            f"llvm.masked.scatter.{value.type.suffix}.{pointers.type.suffix}",
            None,
            value,
            pointers,
            align,
            mask,
        )

    def mask_below(self, count: Any, lanes: int) -> Value:
        """Lanes whose number is below `count` (i64)."""
        count = self.spread(self.i64(count), lanes)
        return self.lane_numbers(Type("i64", lanes)).lt(count)

    def variable(self, value: Any, type: Type | None = None) -> Variable:
        """A mutable variable that starts as `value`."""
        if type is None:
            type = value.type
        variable = Variable(self, type)
        variable.set(value)
        return variable

    def array(self, type: Type, count: int, align: int = 64) -> Value:
        """`count` values of `type` on the stack."""
        name = self.name()
        self.entry.append(f"  {name} = alloca {type.text}, i64 {count}, align {align}")
        return Value(self, PTR, name)

    # ------------------------------------------------------------ control

    @contextmanager
    def loop(self, low: Any, high: Any, step: Any = 1) -> Iterator[Value]:
        """for (i = low; i < high; i += step), i of i64."""
        counter = self.variable(self.i64(low), I64)
        high, step = self.i64(high), self.i64(step)
        with self.repeat(lambda: counter.value.lt(high)):
            i = counter.value
            yield i
            counter.set(i + step)

    @contextmanager
    def repeat(self, condition: Any) -> Iterator[None]:
        """while (condition()): `condition` emits a fresh test each time round."""
        test, body, after = self._label(), self._label(), self._label()
        self.line(f"br label %{test}")
        self._start(test)
        self.line(f"br i1 {condition().text}, label %{body}, label %{after}")
        self._start(body)
        yield
        self.line(f"br label %{test}")
        self._start(after)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Run the block where a scalar condition holds."""
        body, after = self._label(), self._label()
        self.line(f"br i1 {condition.text}, label %{body}, label %{after}")
        self._start(body)
        yield
        self.line(f"br label %{after}")
        self._start(after)

    def ret(self, value: Value | None = None) -> None:
        """Return; what follows is not reached."""
        self.line("ret void" if value is None else f"ret {value.type.text} {value.text}")
        self._start(self._label())

    def minimum_i64(self, a: Any, c: Any) -> Value:
        a, c = self.i64(a), self.i64(c)
        return self.select(a.lt(c), a, c)

    def share(self, total: Any, part: Value, parts: Value, unit: int = 1) -> tuple[Value, Value]:
        """[low, high) of `total` things that worker `part` of `parts` does, cut at multiples of `unit`."""
        total = self.i64(total)
        units = (total + (unit - 1)) // unit if unit != 1 else total
        low, high = units * part // parts, units * (part + 1) // parts
        if unit != 1:
            low, high = low * unit, self.minimum_i64(high * unit, total)
        return low, high


class Module:
    """Functions and the declarations they need, as LLVM text."""

    def __init__(self) -> None:
        self._functions: list[str] = []
        self._declared: dict[str, str] = {}
        self._globals: list[str] = []

    def declare(self, name: str, text: str) -> None:
        self._declared.setdefault(name, text)

    def table(self, name: str, type: Type, numbers: Sequence[Any]) -> str:
        """A constant array in the module, made once a name; gives its symbol (`b.symbol(name)` points at it)."""
        if any(line.startswith(f"@{name} =") for line in self._globals):
            return name
        scalar = _LLVM[type.kind]
        items = ", ".join(f"{scalar} {literal(n, type.kind)}" for n in numbers)
        self._globals.append(f"@{name} = internal constant [{len(numbers)} x {scalar}] [{items}], align 64")
        return name

    @contextmanager
    def function(
        self, name: str, types: Sequence[Type], result: Type | None = None, internal: bool = False
    ) -> Iterator[tuple]:
        """Define a function: gives (builder, *arguments)."""
        self._declared[name] = ""
        b = Builder(self, result)
        arguments = [Value(b, type, f"%a{i}") for i, type in enumerate(types)]
        yield (b, *arguments)
        signature = ", ".join(f"{v.type.text} {v.text}" for v in arguments)
        out = result.text if result else "void"
        end = ["  ret void"] if result is None else ["  unreachable"]
        kind = "internal " if internal else ""
        body = "\n".join(["entry:", *b.entry, *b.lines, *end])
        self._functions.append(f"define {kind}{out} @{name}({signature}) #0 {{\n{body}\n}}\n")

    def text(self) -> str:
        declarations = [d for d in self._declared.values() if d]
        return "\n".join(
            [
                *self._globals,
                *declarations,
                *self._functions,
                'attributes #0 = { nounwind "no-trapping-math"="true" }',
                "",
            ]
        )
