"""Planned programs on disk: a graph that some process has met before is neither planned nor compiled again.

A program's file is named by a hash of its graph, of what it was planned for, and of the state of this package's code. It
names the objects of its kernels, which target.py keeps in the same folder. What cannot be told from data alone is not kept:
operations whose parameters are more than numbers and words, and steps of the reference executor in the middle. The oldest files
go when all take more than `MOST` bytes.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ... import dtypes
from ...dtypes import DType
from ...graph.node import CONSTANT, PRIMITIVES, Node
from . import target
from .running import Image, Running, Stretch

MOST = 64 << 20
# A graph of fewer nodes is planned in less time than it takes to look.
LEAST_NODES = 48

_SUFFIX = ".program"
# Without references to what was met before: equal data gives equal bytes.
_PLAIN = 2


class _Unknown(Exception):
    """Something that cannot be told from data alone."""


def name_of(graph: tuple, workers: int, updates: Sequence[tuple[int, int]]) -> str | None:
    """The name under which the program of a graph is kept; None where none is."""
    order, inputs, roots = graph
    if len(order) < LEAST_NODES or target.folder() is None:
        return None
    try:
        told = _graph(order, inputs, roots)
    except _Unknown:
        return None
    about = (target.target().identity, _code(), workers, tuple(updates))
    return hashlib.sha256(marshal.dumps((about, told), _PLAIN)).hexdigest()[:40]


def _graph(order: Sequence[Node], inputs: Sequence[Node], roots: Sequence[Node]) -> tuple:
    number = {node: i for i, node in enumerate(order)}
    told: list[Any] = []
    for node in order:
        name = node.prim.name
        if node.prim is CONSTANT:
            told.append((_plain(node.params[0]), _plain(node.dtype)))
        elif node.buffer is not None:
            told.append((_plain(node.shape), _plain(node.dtype)))
        elif PRIMITIVES.get(name) is not node.prim:
            raise _Unknown
        else:
            sources = tuple([number[source] for source in node.inputs])
            told.append((name, _plain(node.params), _plain(node.shape), _plain(node.dtype), sources))
    return tuple(told), tuple([number[n] for n in inputs]), tuple([number[n] for n in roots])


def _plain(value: Any) -> Any:
    """The value as data."""
    kind = type(value)
    if kind is int or kind is str or kind is float or kind is bool or value is None or kind is complex:
        return value
    if isinstance(value, tuple):
        return tuple([_plain(v) for v in value])
    if isinstance(value, DType):
        return "dtype", str(value.name)
    raise _Unknown


@cache
def _code() -> tuple:
    """What programs depend on beside the graph: the versions, and the files that plan."""
    root = Path(__file__).resolve().parents[2]
    files = sorted(path for part in ("executors", "graph", "ops") for path in (root / part).rglob("*.py"))
    states = [(str(path), (about := path.stat()).st_size, about.st_mtime_ns) for path in files]
    return sys.version, np.__version__, tuple(states)


# ---------------------------------------------------------------- files


def find(name: str | None, graph: tuple) -> Running | None:
    """The program of that name, ready to run; None where it, or a kernel of it, is not there."""
    path = _path(name)
    data = target.read(path)
    if data is None:
        return None
    *parts, keys = marshal.loads(zlib.decompress(data))
    kernels = target.known(keys)
    if kernels is None:
        return None
    assert path is not None
    os.utime(path)  # the oldest go first
    program = Running(_image(*parts), graph)
    program.load(kernels)
    return program


def keep(name: str | None, image: Image) -> None:
    """Put a program that has been loaded where the next process finds it."""
    path = _path(name)
    if path is None or not all(isinstance(step, Stretch) for step in image.steps):
        return
    keys = {kernel: target.key_of(kernel) for kernel in image.kernels}
    target.write(path, zlib.compress(marshal.dumps((*_parts(image), keys)), 1))
    _prune(path.parent)


def _path(name: str | None) -> Path | None:
    folder = target.folder()
    return None if name is None or folder is None else folder / f"{name}{_SUFFIX}"


def _parts(image: Image) -> tuple:
    """An image as data: (fields that are data, outputs, constants, arguments)."""
    fields = image._asdict()
    outputs = [(at, shape, dtypes.from_numpy(dtype).name) for at, shape, dtype in fields.pop("outputs")]
    held = [
        (at, dtypes.from_numpy(array.dtype).name, array.shape, array.tobytes())
        for at, array in fields.pop("held").items()
    ]
    arguments = fields.pop("arguments")
    lengths = [len(given) for given in arguments]
    together = np.concatenate(arguments).tobytes() if arguments else b""
    fields["steps"] = [tuple(step) for step in image.steps]
    fields["last"] = None if image.last is None else tuple(image.last)
    return fields, outputs, held, (lengths, together)


def _image(fields: dict, outputs: list, held: list, arguments: tuple) -> Image:
    lengths, together = arguments
    ends: Any = np.cumsum(lengths)[:-1]
    fields["steps"] = [Stretch(*step) for step in fields["steps"]]
    fields["last"] = None if fields["last"] is None else Stretch(*fields["last"])
    return Image(
        **fields,
        outputs=[(at, shape, getattr(dtypes, name).numpy) for at, shape, name in outputs],
        held={
            at: np.frombuffer(data, getattr(dtypes, name).numpy).reshape(shape)
            for at, name, shape, data in held
        },
        arguments=np.split(np.frombuffer(together, np.int64), ends) if lengths else [],
    )


def _prune(folder: Path) -> None:
    """Let the oldest programs go when all take too much room."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX):
                about = entry.stat()
                found.append((about.st_mtime_ns, about.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MOST:
            break
        Path(path).unlink(missing_ok=True)
        total -= size
