"""LLVM: from a module's text to machine code that can be called, for the CPU this runs on.

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
from functools import cache
from pathlib import Path
from typing import Any

from ... import settings

_MAGIC = b"rushlight object 1\n"
_DIGEST = 32

_lock = threading.RLock()
_compiling = threading.Lock()
_loaded: dict[str, int] = {}


class Counters:
    """What was compiled and what was found on disk: read by tests and by `rushlight doctor`."""

    compiled = 0
    loaded = 0


class _Target:
    """The machine: one LLVM target and one engine that holds all code of the process."""

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.llvm = llvm
        self.triple = llvm.get_process_triple()
        self.cpu = llvm.get_host_cpu_name()
        self.features = llvm.get_host_cpu_features()
        make = llvm.Target.from_triple(self.triple).create_target_machine
        self.machine = make(cpu=self.cpu, features=self.features.flatten(), opt=2, jit=True)
        self.layout = str(self.machine.target_data)
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self.machine)
        self.identity = "|".join([llvmlite.__version__, self.triple, self.cpu, self.features.flatten()])

    def object_code(self, text: str) -> bytes:
        llvm = self.llvm
        module = llvm.parse_assembly(text)
        module.triple, module.data_layout = self.triple, self.layout
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        # Kernels are written in vectors of the right width; LLVM is to keep them as they are.
        options.loop_vectorization = options.slp_vectorization = False
        options.loop_unrolling = False
        builder = llvm.create_pass_builder(self.machine, options)
        builder.getModulePassManager().run(module, builder)
        return self.machine.emit_object(module)

    def load(self, code: bytes, name: str) -> int:
        self.engine.add_object_file(self.llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        return self.engine.get_function_address(name)


@cache
def target() -> _Target:
    """The target of this process, made at first use."""
    machine = _Target()
    for symbol, address in _library_symbols().items():
        machine.llvm.add_symbol(symbol, address)
    return machine


@cache
def blas() -> ctypes.CDLL:
    """OpenBLAS, set to one thread a call: the workers share the work themselves."""
    import scipy_openblas32

    folder = Path(scipy_openblas32.get_lib_dir())
    path = next(folder.glob("libscipy_openblas.*"))
    library = ctypes.CDLL(str(path))
    library.scipy_openblas_set_num_threads(1)
    return library


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
    with _lock:
        found = _loaded.get(name)
        if found is not None:
            return found
    machine = target()
    path = _path(machine, name, text)
    code = _read(path)
    if "llvm" in settings.SHOW:
        where = "compiled now" if code is None else f"compiled before, in {path}"
        print(f"; rushlight: llvm: {name}, {where}\n{text}", file=sys.stderr, flush=True)
    if code is None:
        with _compiling:
            code = machine.object_code(text)
        Counters.compiled += 1
        _write(path, code)
    else:
        Counters.loaded += 1
    with _lock:
        found = _loaded.get(name)
        if found is None:
            found = _loaded[name] = machine.load(code, name)
        return found


def available(name: str) -> bool:
    """Whether the function is in this process already."""
    return name in _loaded


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
    root = folder()
    if root is None:
        return None
    key = hashlib.sha256(f"{machine.identity}\n{name}\n{text}".encode()).hexdigest()
    return root / f"{key[:40]}.o"


def _read(path: Path | None) -> bytes | None:
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


def _write(path: Path | None, code: bytes) -> None:
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
