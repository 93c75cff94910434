"""Machine code that can be called: compiled, kept, loaded.

`address(name, text)` gives the address of function `name`. Code is made once: its object is kept in memory and, named by
a hash of the text, the CPU and the library versions, in a folder on disk (`RUSHLIGHT_CACHE`), so a later process loads
it in a fraction of the time. A damaged or foreign file is simply made again. llvmlite is imported at first use.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ... import settings
from ..threads import CORES
from .compiling import Machine, object_codes

_MAGIC = b"rushlight object 1\n"
_DIGEST = 32

_lock = threading.RLock()
_compiling = threading.Lock()
_loaded: dict[str, int] = {}
_keys: dict[str, str] = {}  # what the object of a function is named by on disk


class Counters:
    """What was compiled and what was found on disk: read by tests and by `rushlight doctor`."""

    compiled = 0
    loaded = 0


class _Target(Machine):
    """The machine, and the engine that holds all code of the process."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.llvm.create_mcjit_compiler(self.llvm.parse_assembly(""), self.target())

    def load(self, code: bytes, name: str) -> int:
        self.engine.add_object_file(self.llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        return self.engine.get_function_address(name)


def target() -> _Target:
    """The target of this process, made at first use."""
    return _target or _made()


_target: _Target | None = None


def _made() -> _Target:
    # The lock, because a second target, made by another thread meanwhile, would take its code with it when it goes.
    global _target
    with _lock:
        if _target is None:
            machine = _Target()
            for symbol, address in _library_symbols().items():
                machine.llvm.add_symbol(symbol, address)
            _target = machine
        return _target


@cache
def blas() -> ctypes.CDLL:
    """OpenBLAS, set to one thread a call: the workers share the work themselves."""
    with _one_thread():
        import scipy_openblas32  # it loads the library itself

        folder = Path(scipy_openblas32.get_lib_dir())
        library = ctypes.CDLL(str(next(folder.glob("libscipy_openblas.*"))))
    library.scipy_openblas_set_num_threads(1)
    return library


@contextmanager
def _one_thread() -> Iterator[None]:
    """What OpenBLAS looks for when it is loaded. Told later, it has started threads, which spin for 0.1 s each."""
    name = "OPENBLAS_NUM_THREADS"
    given = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if given is None:
            del os.environ[name]
        else:
            os.environ[name] = given


def _library_symbols() -> dict[str, int]:
    library = blas()
    names = ("sgemm", "dgemm", "cgemm", "zgemm", "sgemv", "dgemv")
    found = {f"scipy_cblas_{n}": getattr(library, f"scipy_cblas_{n}") for n in names}
    return {name: ctypes.cast(f, ctypes.c_void_p).value or 0 for name, f in found.items()}


@cache
def lanes() -> int:
    """float32 numbers in one vector of this CPU: 16 with AVX-512, 8 with AVX2, else 4."""
    features = target().features
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx2") else 4


def address(name: str, text: str) -> int:
    """The address of function `name`, defined in the LLVM module `text`; names are unique to a text."""
    return addresses({name: text})[name]


def addresses(texts: Mapping[str, str]) -> dict[str, int]:
    """The addresses of functions, each given with the module that defines it; what has to be compiled is at once."""
    new = missing(texts)
    if new:
        machine = target()
        _load(machine, _objects(machine, {name: texts[name] for name in new}))
    return {name: _loaded[name] for name in texts}


def missing(texts: Iterable[str]) -> list[str]:
    """The functions, by name, that are not in this process."""
    return [name for name in texts if name not in _loaded]


def known(keys: Mapping[str, str]) -> dict[str, int] | None:
    """The addresses of functions, given the keys of their objects; None if one has to be compiled."""
    root = folder()
    new = missing(keys)
    if new and root is None:
        return None
    codes = {}
    for name in new:
        code = codes[name] = read(root / f"{keys[name]}.o")  # type: ignore[operator]
        if code is None:
            return None
    if codes:
        Counters.loaded += len(codes)
        _keys.update({name: keys[name] for name in codes})
        _load(target(), codes)
    return {name: _loaded[name] for name in keys}


def key_of(name: str) -> str:
    """The key of the object of a function that is in this process."""
    return _keys[name]


def _load(machine: _Target, codes: Mapping[str, Any]) -> None:
    with _lock:
        for name, code in codes.items():
            if name not in _loaded:
                _loaded[name] = machine.load(code, name)


def _objects(machine: _Target, texts: dict[str, str]) -> dict[str, bytes]:
    """Object code by name, from the folder or made and put there."""
    paths = {name: _path(machine, name, text) for name, text in texts.items()}
    found = {name: code for name, path in paths.items() if (code := read(path)) is not None}
    if "llvm" in settings.SHOW:
        for name, text in texts.items():
            where = f"compiled before, in {paths[name]}" if name in found else "compiled now"
            print(f"; rushlight: llvm: {name}, {where}\n{text}", file=sys.stderr, flush=True)
    Counters.loaded += len(found)
    left = [name for name in texts if name not in found]
    if left:
        with _compiling:
            made = object_codes(machine, [texts[name] for name in left], CORES)
        Counters.compiled += len(left)
        for name, code in zip(left, made):
            write(paths[name], code)
            found[name] = code
    return found


def to_compile(texts: Mapping[str, str]) -> list[str]:
    """Of functions and the modules that define them, the modules that neither this process nor the folder has."""
    left = []
    for name in missing(texts):
        path = _path(target(), name, texts[name])
        if path is None or not path.exists():
            left.append(texts[name])
    return left


# ---------------------------------------------------------------- the folder


@cache
def folder() -> Path | None:
    """Where objects are kept; None when there is no such place (`RUSHLIGHT_CACHE=off`)."""
    place = settings.CACHE
    if place in ("off", "0"):
        return None
    root = Path(place) if place else _user_cache() / "rushlight"
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return root


def _user_cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else Path.home() / ".cache"


def _path(machine: _Target, name: str, text: str) -> Path | None:
    key = _keys.get(name)
    if key is None:
        key = _keys[name] = hashlib.sha256(f"{machine.identity}\n{name}\n{text}".encode()).hexdigest()[:40]
    root = folder()
    return None if root is None else root / f"{key}.o"


def read(path: Path | None) -> bytes | None:
    """The object in the file; None when it is not there or not whole."""
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + _DIGEST
    code = data[head:]
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(code).digest() != data[len(_MAGIC) : head]:
        return None
    return code


def write(path: Path | None, code: bytes) -> None:
    """Write aside, then rename: another process sees the whole file or none."""
    if path is None:
        return
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(code).digest() + code)
        os.rename(aside, path)
    except OSError:
        # A full disk or a folder taken away costs the next process a compilation, nothing more.
        return


def symbol(address_: Any, name: str) -> None:
    """Let code call `name` at this address."""
    target().llvm.add_symbol(name, address_)


def _hold() -> None:
    _compiling.acquire()
    _lock.acquire()


def _release() -> None:
    _lock.release()
    _compiling.release()


# A child that is forked while a thread compiles would find the locks held by nobody.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
