"""Reading a pickle without ever running what it asks for.

A pickle is a program for a small stack machine whose instructions can call any function there is. `Machine`
is that machine without this power: it knows plain values and containers by itself, and asks a `Builder`
(building.py) for everything that has a name. Python's own unpickler is not used. Instructions that nothing
here writes and that reach further (the extension registry, old-style instances) are refused.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, Protocol

from .errors import CorruptFileError, RefusedError

HIGHEST_PROTOCOL = 5

_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)


class Builder(Protocol):
    """Who answers for named things. Each method may refuse by raising an UnpicklingError."""

    def find(self, module: str, name: str) -> Any:
        """What the file means by that name."""

    def call(self, function: Any, args: tuple) -> Any:
        """What the file wants from calling `function`, which `find` or `call` gave."""

    def new(self, cls: Any, args: tuple, kwargs: dict) -> Any:
        """A bare object of a class that `find` gave."""

    def set_state(self, obj: Any, state: Any) -> None:
        """Give `obj` its attributes."""

    def persistent(self, pid: Any) -> Any:
        """What stands outside the pickle under that id."""

    def check_key(self, key: Any) -> None:
        """Refuse a key or set element that cannot be hashed safely."""

    def is_trusted(self, obj: Any) -> bool:
        """Whether the user vouches for the object's class."""


class Source:
    """The bytes to read, which are never asked for more than there are."""

    def __init__(self, file: Any, end: int) -> None:
        self.file = file
        self._left = end - file.tell()

    @classmethod
    def of_bytes(cls, data: bytes) -> Source:
        return cls(io.BytesIO(data), len(data))

    def read(self, count: int) -> bytes:
        if count > self._left:
            raise _cut_short()
        self._left -= count
        data = self.file.read(count)
        if len(data) != count:
            raise _cut_short()
        return data

    def readline(self) -> bytes:
        line = self.file.readline()
        self._left -= len(line)
        if self._left < 0 or line[-1:] != b"\n":
            raise _cut_short()
        return line[:-1]


def _cut_short() -> CorruptFileError:
    return CorruptFileError("the pickled data ends in the middle: the file was cut short or changed")


class Machine:
    """Runs one pickle and gives the object it describes.

    Args:
        source: where the pickle stands; reading stops behind it.
        builder: answers for everything that has a name.
        encoding, errors: how 8-bit strings of Python 2 are read; encoding "bytes" leaves them as bytes.
    """

    def __init__(
        self, source: Source, builder: Builder, encoding: str = "utf-8", errors: str = "strict"
    ) -> None:
        self.source = source
        self.builder = builder
        self.encoding = encoding
        self.errors = errors
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The object. Raises: UnpicklingError in one of its kinds."""
        read, instructions = self.source.read, _INSTRUCTIONS
        try:
            while True:
                code = read(1)
                if code == pickle.STOP:
                    return self.pop()
                instruction = instructions.get(code)
                if instruction is None:
                    raise _unknown(code)
                instruction(self)
        except (struct.error, UnicodeError, OverflowError, KeyError, IndexError, ValueError) as problem:
            if isinstance(problem, pickle.UnpicklingError):
                raise
            raise CorruptFileError(
                f"the pickled data makes no sense ({type(problem).__name__}: {problem})"
            ) from problem

    # The stack ----------------------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack:
            raise CorruptFileError("the pickled data makes no sense: it takes a value where there is none")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise CorruptFileError("the pickled data makes no sense: it uses a value where there is none")
        return self.stack[-1]

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise CorruptFileError("the pickled data makes no sense: it closes a group that was not opened")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_to_mark()

    def drop_to_mark(self) -> None:
        self.pop_to_mark()

    def duplicate(self) -> None:
        self.push(self.top())

    # Plain values -------------------------------------------------------------------------------------------

    def protocol(self) -> None:
        number = self.source.read(1)[0]
        if number > HIGHEST_PROTOCOL:
            raise CorruptFileError(
                f"pickle protocol {number} is unknown; 0 to {HIGHEST_PROTOCOL} can be read"
            )

    def frame(self) -> None:
        self.source.read(8)

    def text_int(self) -> None:
        line = self.source.readline()
        self.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))

    def text_long(self) -> None:
        self.push(int(self.source.readline().rstrip(b"L")))

    def text_float(self) -> None:
        self.push(float(self.source.readline()))

    def text_unicode(self) -> None:
        self.push(str(self.source.readline(), "raw-unicode-escape"))

    def number(self, form: struct.Struct) -> None:
        self.push(form.unpack(self.source.read(form.size))[0])

    def long(self, form: struct.Struct) -> None:
        self.push(int.from_bytes(self._counted(form), "little", signed=True))

    def text(self, form: struct.Struct) -> None:
        self.push(str(self._counted(form), "utf-8", "surrogatepass"))

    def octets(self, form: struct.Struct) -> None:
        self.push(self._counted(form))

    def byte_array(self) -> None:
        self.push(bytearray(self._counted(_U8)))

    def old_string(self, form: struct.Struct) -> None:
        data = self._counted(form)
        self.push(data if self.encoding == "bytes" else str(data, self.encoding, self.errors))

    def _counted(self, form: struct.Struct) -> bytes:
        count = form.unpack(self.source.read(form.size))[0]
        if count < 0:
            raise CorruptFileError(f"the pickled data holds a value of {count} bytes")
        return self.source.read(count)

    # Containers ---------------------------------------------------------------------------------------------

    def tuple_of_marked(self) -> None:
        items = self.pop_to_mark()
        self.push(tuple(items))

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise CorruptFileError("the pickled data makes no sense: a tuple of more values than there are")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def list_of_marked(self) -> None:
        items = self.pop_to_mark()
        self.push(items)

    def dict_of_marked(self) -> None:
        items = self.pop_to_mark()
        self.push({})
        self._set_items(items)

    def frozenset_of_marked(self) -> None:
        items = self.pop_to_mark()
        self._check_keys(items)
        self.push(frozenset(items))

    def append(self) -> None:
        item = self.pop()
        self._appendable().append(item)

    def extend(self) -> None:
        items = self.pop_to_mark()
        self._appendable().extend(items)

    def _appendable(self) -> Any:
        target = self.top()
        if type(target) not in (list, deque) and not self.builder.is_trusted(target):
            raise RefusedError(
                f"the file appends to a {type(target).__name__}; only lists and deques take that"
            )
        return target

    def add_items(self) -> None:
        items = self.pop_to_mark()
        target = self.top()
        if type(target) is not set:
            raise RefusedError(f"the file adds elements to a {type(target).__name__}; only sets take that")
        self._check_keys(items)
        target.update(items)

    def set_item(self) -> None:
        value = self.pop()
        key = self.pop()
        self._set_items([key, value])

    def set_items(self) -> None:
        self._set_items(self.pop_to_mark())

    def _set_items(self, items: list[Any]) -> None:
        target = self.top()
        if type(target) not in _MAPPINGS and not self.builder.is_trusted(target):
            raise RefusedError(f"the file sets items of a {type(target).__name__}; only dicts take that")
        if len(items) % 2:
            raise CorruptFileError("the pickled data makes no sense: a key without a value")
        for i in range(0, len(items), 2):
            key = items[i]
            if type(key) is not str:
                self.builder.check_key(key)
            target[key] = items[i + 1]

    def _check_keys(self, items: list[Any]) -> None:
        for item in items:
            self.builder.check_key(item)

    # The memo -----------------------------------------------------------------------------------------------

    def recall(self, form: struct.Struct) -> None:
        self.push(self._remembered(form.unpack(self.source.read(form.size))[0]))

    def text_recall(self) -> None:
        self.push(self._remembered(int(self.source.readline())))

    def _remembered(self, index: int) -> Any:
        if index not in self.memo:
            raise CorruptFileError(f"the pickled data refers to value {index}, which was not stored before")
        return self.memo[index]

    def remember(self, form: struct.Struct) -> None:
        self.memo[form.unpack(self.source.read(form.size))[0]] = self.top()

    def text_remember(self) -> None:
        self.memo[int(self.source.readline())] = self.top()

    def memoize(self) -> None:
        self.memo[len(self.memo)] = self.top()

    # What has a name ----------------------------------------------------------------------------------------

    def global_lines(self) -> None:
        module = str(self.source.readline(), "utf-8")
        name = str(self.source.readline(), "utf-8")
        self.push(self.builder.find(module, name))

    def global_from_stack(self) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise CorruptFileError("the pickled data makes no sense: a name that is not text")
        self.push(self.builder.find(module, name))

    def reduce(self) -> None:
        args = self.pop()
        function = self.pop()
        if type(args) is not tuple:
            raise CorruptFileError("the pickled data makes no sense: a call whose arguments are no tuple")
        self.push(self.builder.call(function, args))

    def new_object(self) -> None:
        args = self.pop()
        self._new(self.pop(), args, {})

    def new_object_with_keywords(self) -> None:
        kwargs, args = self.pop(), self.pop()
        self._new(self.pop(), args, kwargs)

    def _new(self, cls: Any, args: Any, kwargs: Any) -> None:
        if type(args) is not tuple or type(kwargs) is not dict:
            raise CorruptFileError(
                "the pickled data makes no sense: an object made without a tuple of arguments"
            )
        self.push(self.builder.new(cls, args, kwargs))

    def build(self) -> None:
        state = self.pop()
        self.builder.set_state(self.top(), state)

    def persistent(self) -> None:
        self.push(self.builder.persistent(self.pop()))


_U1, _U2, _I4, _U4, _U8 = (struct.Struct(form) for form in ("<B", "<H", "<i", "<I", "<Q"))
_F8 = struct.Struct(">d")


def _with(method: Callable[[Machine, Any], None], argument: Any) -> Callable[[Machine], None]:
    return lambda machine: method(machine, argument)


def _pushing(make: Callable[[], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.push(make())


_INSTRUCTIONS: dict[bytes, Callable[[Machine], None]] = {
    pickle.PROTO: Machine.protocol,
    pickle.FRAME: Machine.frame,
    pickle.MARK: Machine.mark,
    pickle.POP: Machine.drop,
    pickle.POP_MARK: Machine.drop_to_mark,
    pickle.DUP: Machine.duplicate,
    pickle.NONE: _pushing(lambda: None),
    pickle.NEWTRUE: _pushing(lambda: True),
    pickle.NEWFALSE: _pushing(lambda: False),
    pickle.INT: Machine.text_int,
    pickle.LONG: Machine.text_long,
    pickle.FLOAT: Machine.text_float,
    pickle.UNICODE: Machine.text_unicode,
    pickle.BININT: _with(Machine.number, _I4),
    pickle.BININT1: _with(Machine.number, _U1),
    pickle.BININT2: _with(Machine.number, _U2),
    pickle.BINFLOAT: _with(Machine.number, _F8),
    pickle.LONG1: _with(Machine.long, _U1),
    pickle.LONG4: _with(Machine.long, _I4),
    pickle.SHORT_BINUNICODE: _with(Machine.text, _U1),
    pickle.BINUNICODE: _with(Machine.text, _U4),
    pickle.BINUNICODE8: _with(Machine.text, _U8),
    pickle.SHORT_BINBYTES: _with(Machine.octets, _U1),
    pickle.BINBYTES: _with(Machine.octets, _U4),
    pickle.BINBYTES8: _with(Machine.octets, _U8),
    pickle.BYTEARRAY8: Machine.byte_array,
    pickle.SHORT_BINSTRING: _with(Machine.old_string, _U1),
    pickle.BINSTRING: _with(Machine.old_string, _I4),
    pickle.EMPTY_TUPLE: _pushing(tuple),
    pickle.EMPTY_LIST: _pushing(list),
    pickle.EMPTY_DICT: _pushing(dict),
    pickle.EMPTY_SET: _pushing(set),
    pickle.TUPLE: Machine.tuple_of_marked,
    pickle.TUPLE1: _with(Machine.tuple_of, 1),
    pickle.TUPLE2: _with(Machine.tuple_of, 2),
    pickle.TUPLE3: _with(Machine.tuple_of, 3),
    pickle.LIST: Machine.list_of_marked,
    pickle.DICT: Machine.dict_of_marked,
    pickle.FROZENSET: Machine.frozenset_of_marked,
    pickle.APPEND: Machine.append,
    pickle.APPENDS: Machine.extend,
    pickle.ADDITEMS: Machine.add_items,
    pickle.SETITEM: Machine.set_item,
    pickle.SETITEMS: Machine.set_items,
    pickle.GET: Machine.text_recall,
    pickle.BINGET: _with(Machine.recall, _U1),
    pickle.LONG_BINGET: _with(Machine.recall, _U4),
    pickle.PUT: Machine.text_remember,
    pickle.BINPUT: _with(Machine.remember, _U1),
    pickle.LONG_BINPUT: _with(Machine.remember, _U4),
    pickle.MEMOIZE: Machine.memoize,
    pickle.GLOBAL: Machine.global_lines,
    pickle.STACK_GLOBAL: Machine.global_from_stack,
    pickle.REDUCE: Machine.reduce,
    pickle.NEWOBJ: Machine.new_object,
    pickle.NEWOBJ_EX: Machine.new_object_with_keywords,
    pickle.BUILD: Machine.build,
    pickle.BINPERSID: Machine.persistent,
}

_REFUSED = {
    pickle.INST: "INST (an old-style instance)",
    pickle.OBJ: "OBJ (an old-style instance)",
    pickle.EXT1: "EXT1 (the extension registry)",
    pickle.EXT2: "EXT2 (the extension registry)",
    pickle.EXT4: "EXT4 (the extension registry)",
    pickle.PERSID: "PERSID (an external id as text)",
    pickle.STRING: "STRING (an escaped string)",
    pickle.NEXT_BUFFER: "NEXT_BUFFER (an external buffer)",
    pickle.READONLY_BUFFER: "READONLY_BUFFER (an external buffer)",
}


def _unknown(code: bytes) -> Exception:
    if code in _REFUSED:
        return RefusedError(
            f"the pickled data uses the instruction {_REFUSED[code]}, which no checkpoint needs and loading "
            "refuses"
        )
    return CorruptFileError(f"the pickled data makes no sense: byte {code!r} is no instruction")


__all__ = ["Builder", "Machine", "Source"]
