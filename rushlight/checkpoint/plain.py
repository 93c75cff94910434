"""Plain Python values that a checkpoint may hold: containers, numbers, dates, paths and options.

Each is built here from checked arguments by a function of its own, never by calling what a file names with
what a file says. `NAMES` maps names in files to objects; `MAKERS` maps those objects (by id) to the functions
that build them: maker(builder, *args).
"""

from __future__ import annotations

import argparse
import datetime
import functools
import os
import pathlib
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..devices import Device
from ..dtypes import DType
from ..layouts import Named
from ..nn import Module
from ..shapes import Size
from ..tensor import Tensor
from .errors import CorruptFileError, RefusedError, shown
from .torch_names import TorchName, is_own

# Names that stand for a way of building something, not for a value.
ENCODE = TorchName("_codecs", "encode")
RECONSTRUCTOR = TorchName("copyreg", "_reconstructor")
NEW_OBJECT = TorchName("copyreg", "__newobj__")
OBJECT = TorchName("builtins", "object")
TYPE = TorchName("builtins", "type")
SLICE = TorchName("builtins", "slice")
RANGE = TorchName("builtins", "range")

_BUILTINS = (int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset)

NAMES: dict[tuple[str, str], Any] = {
    **{("builtins", kind.__name__): kind for kind in _BUILTINS},
    ("builtins", "Ellipsis"): Ellipsis,
    ("builtins", "NotImplemented"): NotImplemented,
    ("builtins", "object"): OBJECT,
    ("builtins", "type"): TYPE,
    ("builtins", "slice"): SLICE,
    ("builtins", "range"): RANGE,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    ("collections", "Counter"): Counter,
    ("collections", "deque"): deque,
    ("_codecs", "encode"): ENCODE,
    ("copyreg", "_reconstructor"): RECONSTRUCTOR,
    ("copyreg", "__newobj__"): NEW_OBJECT,
    ("functools", "partial"): functools.partial,
    ("argparse", "Namespace"): argparse.Namespace,
    ("types", "SimpleNamespace"): types.SimpleNamespace,
    **{
        ("datetime", name): getattr(datetime, name)
        for name in ("date", "time", "datetime", "timedelta", "timezone")
    },
    **{
        (module, name): getattr(pathlib, name)
        for module in ("pathlib", "pathlib._local")
        for name in ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath")
    },
}

# Objects of these are made empty and then given attributes.
NAMESPACES = (argparse.Namespace, types.SimpleNamespace)

_KEY_TYPES = frozenset(
    (
        str, int, float, bool, type(None), bytes, complex, DType, Device, type(Ellipsis), range,
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone, *(
            kind for (module, _), kind in NAMES.items() if module == "pathlib"
        ),
    )
)  # fmt: skip
_LARGEST_KEY = 4096


def is_key(key: Any) -> bool:
    """Whether hashing `key` runs none but Python's and rushlight's own code.

    Raises: RefusedError for nested tuples so large that hashing them would take forever.
    """
    pending = [(key, 0)]
    count = 0
    while pending:
        item, depth = pending.pop()
        count += 1
        if count > _LARGEST_KEY or depth > 50:
            raise RefusedError("the file holds a dict key or set element that is too large to be hashed")
        if type(item) in _KEY_TYPES:
            continue
        if type(item) in (Size, frozenset) or (isinstance(item, tuple) and _hashes_like(item, tuple)):
            pending.extend((part, depth + 1) for part in item)
        elif not _hashes_plainly(item):
            return False
    return True


def _hashes_plainly(item: Any) -> bool:
    if isinstance(item, (np.generic, Named)):
        return True
    if isinstance(item, Tensor):
        return _hashes_like(item, Tensor)
    if isinstance(item, Module):
        return _hashes_like(item, Module)
    return type(item) is type


def _hashes_like(item: Any, cls: type) -> bool:
    kind = type(item)
    return kind.__hash__ is cls.__hash__ and kind.__eq__ is cls.__eq__


# Makers -----------------------------------------------------------------------------------------------------


def _ordered_dict(builder: Any, pairs: Any = ()) -> OrderedDict:
    return OrderedDict(_checked_pairs(builder, pairs))


def _counter(builder: Any, counts: Any = None) -> Counter:
    if counts is not None and type(counts) is not dict:
        raise CorruptFileError(f"the file makes a Counter of a {type(counts).__name__}")
    return Counter(counts)


def _checked_pairs(builder: Any, pairs: Any) -> list[tuple]:
    if type(pairs) is dict:
        return list(pairs.items())
    if type(pairs) not in (list, tuple) or any(
        type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs
    ):
        raise CorruptFileError("the file makes an OrderedDict of something that is no list of pairs")
    for key, _ in pairs:
        builder.check_key(key)
    return [tuple(pair) for pair in pairs]


_FACTORIES = (None, *_BUILTINS, OrderedDict, defaultdict, Counter, deque)


def _default_dict(builder: Any, factory: Any = None, items: Any = None) -> defaultdict:
    if not any(factory is known for known in _FACTORIES) and not builder.is_vouched(factory):
        raise RefusedError(
            f"the file holds a defaultdict whose default comes from {shown(factory)}; list, dict, int and the "
            "like can be loaded"
        )
    return defaultdict(factory, {} if items is None else dict(_checked_pairs(builder, items)))


def _deque(builder: Any, items: Any = (), maxlen: Any = None) -> deque:
    if type(items) not in (list, tuple) or not (maxlen is None or type(maxlen) is int):
        raise CorruptFileError("the file makes a deque of something that is no list")
    return deque(items, maxlen)


def _set_of(kind: type) -> Callable:
    def make(builder: Any, items: Any = ()) -> Any:
        if type(items) not in (list, tuple, set, frozenset):
            raise CorruptFileError(f"the file makes a {kind.__name__} of a {type(items).__name__}")
        for item in items:
            builder.check_key(item)
        return kind(items)

    return make


def _complex(builder: Any, real: Any = 0.0, imag: Any = 0.0) -> complex:
    if type(real) not in (int, float) or type(imag) not in (int, float):
        raise CorruptFileError("the file makes a complex number of something else than two numbers")
    return complex(real, imag)


_ENCODINGS = ("latin1", "latin-1", "ascii", "utf-8", "utf8")


def _encode(builder: Any, text: Any, encoding: Any = "utf-8") -> bytes:
    if type(text) is not str or type(encoding) is not str or encoding not in _ENCODINGS:
        raise RefusedError(
            f"the file encodes a {type(text).__name__} as {shown(encoding)}; only text as latin1 is read"
        )
    return text.encode(encoding)


def _bytes(builder: Any, *args: Any) -> bytes:
    return b"".join(bytes(part) for part in _octets(args))


def _bytearray(builder: Any, *args: Any) -> bytearray:
    if len(args) == 2 and type(args[0]) is str:  # Python 2's form
        return bytearray(_encode(builder, *args))
    return bytearray(b"".join(_octets(args)))


def _octets(args: tuple) -> tuple:
    if len(args) > 1 or any(type(part) not in (bytes, bytearray) for part in args):
        raise CorruptFileError("the file makes bytes of something that is none")
    return args


def _slice(builder: Any, *args: Any) -> slice:
    return slice(*args)


def _range(builder: Any, *args: Any) -> range:
    if any(type(part) is not int for part in args):
        raise CorruptFileError("the file makes a range of something else than whole numbers")
    return range(*args)


def _type(builder: Any, of: Any, *more: Any) -> type:
    if more or not (of is None or of is Ellipsis or of is NotImplemented):
        raise RefusedError(
            "the file makes a class with type(); loading makes no classes. Define it in your program."
        )
    return type(of)


def _reconstruct(builder: Any, cls: Any, base: Any, state: Any) -> Any:
    if base is not OBJECT or state is not None:
        raise RefusedError(
            f"the file makes a {shown(cls)} from another kind of object, which loading refuses"
        )
    return builder.new(cls, (), {})


def _new_object(builder: Any, cls: Any, *args: Any) -> Any:
    return builder.new(cls, args, {})


def _partial(builder: Any, function: Any, *args: Any) -> functools.partial:
    check_partial_of(builder, function)
    return functools.partial(function, *args)


def check_partial_of(builder: Any, function: Any) -> None:
    """Refuse a functools.partial of anything but a layer's class or one of rushlight's functions."""
    harmless = callable(function) and not isinstance(function, TorchName)
    own = is_own(getattr(function, "__module__", None))
    layer = isinstance(function, type) and issubclass(function, Module)
    if not (harmless and (own or layer or builder.is_vouched(function))):
        raise RefusedError(f"the file holds a functools.partial of {shown(function)}, which loading refuses")


def _namespace_of(kind: type) -> Callable:
    def make(builder: Any) -> Any:
        return kind()

    return make


def _date(builder: Any, *args: Any) -> datetime.date:
    if len(args) == 1 and type(args[0]) is bytes and len(args[0]) == 4:
        data = args[0]
        args = (data[0] * 256 + data[1], data[2], data[3])
    return datetime.date(*_whole_numbers(args))


def _time(builder: Any, *args: Any) -> datetime.time:
    args, zone = _without_zone(args)
    if len(args) == 1 and type(args[0]) is bytes and len(args[0]) == 6:
        data = args[0]
        args = (data[0] & 0x7F, data[1], data[2], int.from_bytes(data[3:], "big"))
    return datetime.time(*_whole_numbers(args)).replace(tzinfo=zone)


def _datetime(builder: Any, *args: Any) -> datetime.datetime:
    args, zone = _without_zone(args)
    if len(args) == 1 and type(args[0]) is bytes and len(args[0]) == 10:
        data = args[0]
        args = (data[0] * 256 + data[1], data[2] & 0x7F, *data[3:7], int.from_bytes(data[7:], "big"))
    return datetime.datetime(*_whole_numbers(args)).replace(tzinfo=zone)


def _without_zone(args: tuple) -> tuple[tuple, datetime.timezone | None]:
    if args and type(args[-1]) is datetime.timezone:
        return args[:-1], args[-1]
    return args, None


def _timedelta(builder: Any, *args: Any) -> datetime.timedelta:
    return datetime.timedelta(*_whole_numbers(args))


def _timezone(builder: Any, offset: Any, *name: Any) -> datetime.timezone:
    if type(offset) is not datetime.timedelta or any(type(part) is not str for part in name):
        raise CorruptFileError("the file makes a time zone of something that is no difference of times")
    return datetime.timezone(offset, *name)


def _whole_numbers(args: tuple) -> tuple:
    if any(type(part) is not int for part in args):
        raise CorruptFileError("the file makes a date or time of something else than whole numbers")
    return args


def _path_of(kind: type) -> Callable:
    # A path of the other operating system can only be kept as a pure one.
    if kind is pathlib.PosixPath and os.name == "nt":
        kind = pathlib.PurePosixPath
    if kind is pathlib.WindowsPath and os.name != "nt":
        kind = pathlib.PureWindowsPath

    def make(builder: Any, *parts: Any) -> Any:
        if any(type(part) is not str for part in parts):
            raise CorruptFileError("the file makes a path of something that is no text")
        return kind(*parts)

    return make


MAKERS: dict[int, Callable] = {
    id(OrderedDict): _ordered_dict,
    id(Counter): _counter,
    id(defaultdict): _default_dict,
    id(deque): _deque,
    id(set): _set_of(set),
    id(frozenset): _set_of(frozenset),
    id(complex): _complex,
    id(bytes): _bytes,
    id(bytearray): _bytearray,
    id(ENCODE): _encode,
    id(SLICE): _slice,
    id(RANGE): _range,
    id(TYPE): _type,
    id(RECONSTRUCTOR): _reconstruct,
    id(NEW_OBJECT): _new_object,
    id(functools.partial): _partial,
    **{id(kind): _namespace_of(kind) for kind in NAMESPACES},
    id(datetime.date): _date,
    id(datetime.time): _time,
    id(datetime.datetime): _datetime,
    id(datetime.timedelta): _timedelta,
    id(datetime.timezone): _timezone,
    **{id(kind): _path_of(kind) for (module, _), kind in NAMES.items() if module == "pathlib"},
}

__all__ = ["MAKERS", "NAMES", "NAMESPACES", "OBJECT", "TYPE", "check_partial_of", "is_key"]
