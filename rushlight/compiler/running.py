"""Which Python code a call runs, seen through `sys.setprofile`.

A replay does not run this code again, so a capture has to know what it may read (reach.py) and that it does nothing
that a replay would leave out: functions written in C that act on the world, such as print or time.time, are noted with
the user's line. Code of this package that works on tensors is not looked at: what it does is told in other ways
(executors/observing.py).
"""

from __future__ import annotations

import dis
import gc
import os
import sys
import sysconfig
from collections import deque
from types import CodeType, FrameType, MappingProxyType, TracebackType
from typing import Any

# Kinds of code: this package's own, and NumPy's; Python's library, whose globals nobody changes; everything else.
TRUSTED, LIBRARY, USER = "trusted", "library", "user"

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.join(sysconfig.get_paths()["stdlib"], "")
_PACKAGES = tuple(
    {sysconfig.get_paths()[key] for key in ("purelib", "platlib")} | {os.path.join(_LIBRARY, "site-packages")}
)

# Parts of this package that are programs themselves: files, processes, loops over data.
_PROGRAMS = tuple(
    os.path.join(_ROOT, part)
    for part in ("checkpoint", "cli", "compat", "data", "distributed", "multiprocessing", "report", "vision", "utils")
)  # fmt: skip
_UTILITIES = tuple(
    os.path.join(_ROOT, "utils", part)
    for part in ("checkpoint.py", "_pytree.py", "hooks.py", "deterministic.py")
)

_NUMERICAL = tuple(os.path.join(p, part, "") for p in _PACKAGES for part in ("numpy", "scipy"))

# C functions that only compute, by their module; and builtins that do not.
_PURE_MODULES = frozenset(
    """
    builtins math cmath operator _operator itertools functools _functools collections _collections _collections_abc _abc
    abc types typing _typing enum re _sre string _string numbers inspect weakref _weakref copyreg _warnings struct _struct
    numpy _stat _bisect bisect _heapq heapq _statistics statistics _contextvars unicodedata zlib binascii _json
    """.split()
)
_IMPURE_BUILTINS = frozenset(("print", "input", "open", "breakpoint", "__import__", "exec", "eval"))
# Types whose methods are pure, or write only to what a capture compares before and after.
_PLAIN_TYPES = (
    str, bytes, bytearray, int, float, complex, list, tuple, dict, set, frozenset, range, slice, type, deque,
    MappingProxyType, property, type(None), type(lambda: 0), type(len), TracebackType, BaseException,
)  # fmt: skip
_PLAIN_NAMES = frozenset(
    ("Pattern", "Match", "generator", "ndarray", "dict_keys", "dict_values", "dict_items", "object")
)
# Methods that object has for every class, and that are called on classes of the user's own.
_OF_OBJECT = frozenset(
    (
        "__new__",
        "__init_subclass__",
        "__subclasshook__",
        "__reduce_ex__",
        "__reduce__",
        "__format__",
        "__dir__",
    )
)

# By identity, with the code kept alive: hashing a code object reads all of it.
_kinds: dict[int, tuple[CodeType, str]] = {}


def kind_of(code: CodeType) -> str:
    """Whose code this is: TRUSTED, LIBRARY or USER."""
    found = _kinds.get(id(code))
    if found is None:
        if len(_kinds) > 1 << 16:
            _kinds.clear()
        found = _kinds[id(code)] = (code, kind_of_file(code.co_filename))
    return found[1]


def kind_of_file(file: str) -> str:
    """Whose code a file holds."""
    if file.startswith(_ROOT):
        return USER if file.startswith(_PROGRAMS) and not file.startswith(_UTILITIES) else TRUSTED
    if file.startswith(_NUMERICAL):
        return TRUSTED
    if file.startswith("<frozen") or file.startswith(_LIBRARY) and not file.startswith(_PACKAGES):
        return LIBRARY
    return USER


class Running:
    """A context that notes what this thread runs.

    `codes`: by identity, code objects that are not trusted, with the globals they ran in. `acts`: what C functions were called that
    do more than compute, with the line: (name, file, line). `paused`: a context that nothing is noted in.
    """

    def __init__(self) -> None:
        self.codes: dict[int, tuple[CodeType, dict[str, Any]]] = {}
        self.acts: list[tuple[str, str, int]] = []
        self.paused = 0
        self._importing = 0
        self._collecting = False

    def __enter__(self) -> Running:
        # A collection runs callbacks and finalizers of objects that are no concern of the call.
        self._collecting = gc.isenabled()
        gc.disable()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        if self._collecting:
            gc.enable()

    def _note(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        kind = kind_of(code)
        if kind is TRUSTED:
            return
        if code.co_filename.startswith("<frozen importlib"):
            # What happens while a module is imported happens once.
            self._importing += (event == "call") - (event == "return")
            return
        if self.paused or self._importing:
            return
        if event == "call":
            if id(code) not in self.codes:
                self.codes[id(code)] = (code, frame.f_globals)
        elif event == "c_call" and not _is_pure(arg) and _asked_by_user(frame):
            self.acts.append((_name(arg), *_line(frame)))


def _is_pure(function: Any) -> bool:
    """Whether a function written in C only computes, or changes what is compared before and after a call."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type(sys)):
        kind = owner if isinstance(owner, type) else type(owner)
        return (
            issubclass(kind, _PLAIN_TYPES) or kind.__name__ in _PLAIN_NAMES or function.__name__ in _OF_OBJECT
        )
    module = getattr(function, "__module__", None) or "builtins"
    if module == "builtins":
        return function.__name__ not in _IMPURE_BUILTINS
    return module.partition(".")[0] in _PURE_MODULES


def _asked_by_user(frame: FrameType) -> bool:
    """Whether code is the user's, or Python's library called by it and not by this package."""
    at: FrameType | None = frame
    while at is not None and kind_of(at.f_code) is LIBRARY:
        at = at.f_back
    return at is not None and kind_of(at.f_code) is USER


def _name(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type(sys)):
        return f"{type(owner).__name__}.{function.__name__}()"
    module = getattr(function, "__module__", None)
    return f"{function.__name__}()" if module in (None, "builtins") else f"{module}.{function.__name__}()"


def _line(frame: FrameType) -> tuple[str, int]:
    """The nearest line of the user's own."""
    at: FrameType | None = frame
    while at is not None:
        if kind_of(at.f_code) is USER:
            return at.f_code.co_filename, at.f_lineno
        at = at.f_back
    return frame.f_code.co_filename, frame.f_lineno


# ---------------------------------------------------------------- what code names


class Named:
    """What a code object names: its globals, the attributes and keys it may read or write, modules it imports."""

    __slots__ = ("globals", "attributes", "tested", "imports", "dynamic")

    def __init__(self, code: CodeType) -> None:
        self.globals: set[str] = set()
        self.imports: set[str] = set()
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"):
                self.globals.add(step.argval)
            elif step.opname == "IMPORT_NAME":
                self.imports.add(step.argval)
        # getattr(x, "name") names an attribute by a constant.
        texts = {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}
        self.attributes = set(code.co_names) | texts
        self.tested = texts if not {"hasattr", "getattr"}.isdisjoint(code.co_names) else set()
        self.dynamic = not _DYNAMIC.isdisjoint(code.co_names)


_DYNAMIC = frozenset(("getattr", "setattr", "vars", "__dict__", "delattr", "dir", "__getattribute__"))
_named: dict[int, tuple[CodeType, Named]] = {}


def named_by(code: CodeType) -> Named:
    """What a code object names, found once."""
    found = _named.get(id(code))
    if found is None:
        if len(_named) > 1 << 14:
            _named.clear()
        found = _named[id(code)] = (code, Named(code))
    return found[1]
