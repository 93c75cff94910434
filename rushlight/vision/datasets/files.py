"""The files that datasets come in: IDX arrays, pickles of plain data, archives read in place.

Nothing here runs what a file contains. Every fault is a RuntimeError that names the file and what is wrong
with it.
"""

import gzip
import io
import os
import pickle
import struct
import tarfile
import zlib

import numpy as np

_IDX_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def existing(folder, name):
    """The path of a file in a folder, as it is or gzipped; None when there is neither."""
    for candidate in (name, name + ".gz"):
        path = os.path.join(folder, candidate)
        if os.path.isfile(path):
            return path
    return None


def missing_files(dataset, folder, names, source):
    """The error for files that are not there; the message says what to get and where to put it."""
    listed = ", ".join(names)
    return RuntimeError(
        f"{dataset}: files are missing and rushlight does not download data sets. Get {listed} from "
        f"{source} and put "
        f"them into {os.path.abspath(folder)}."
    )


def read_idx(path):
    """The array in an IDX file, gzipped or not, in the machine's byte order.

    The format: two zero bytes, a code for the type, the number of dimensions, each dimension as a big-endian
    32-bit number, the values in row-major order.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_DTYPES or content[3] == 0:
        raise RuntimeError(f"{path}: not an IDX file: it starts with {content[:4].hex(' ') or 'nothing'}")
    dims = content[3]
    start = 4 + 4 * dims
    if len(content) < start:
        raise RuntimeError(f"{path}: damaged: the file ends within its header, after {len(content)} bytes")
    shape = struct.unpack(f">{dims}I", content[4:start])
    dtype = np.dtype(_IDX_DTYPES[content[2]])
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if len(content) != expected:
        raise RuntimeError(
            f"{path}: damaged: its header announces {shape} values of {dtype.itemsize} bytes, {expected} "
            "bytes in all, "
            f"but the file has {len(content)}"
        )
    values = np.frombuffer(content, dtype=dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _content(path):
    if not path.endswith(".gz"):
        with open(path, "rb") as file:
            return file.read()
    try:
        with gzip.open(path, "rb") as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise RuntimeError(f"{path}: damaged gzip file: {fault}") from fault


class _DataUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, text, bytes and arrays, and refuses every other class."""

    def find_class(self, module, name):
        builders = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): _encoded,
        }
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _empty_array
        if (module, name) in builders:
            return builders[module, name]
        raise pickle.UnpicklingError(f"it wants to build {module}.{name}, which is no data")


def _empty_array(subtype, shape, dtype):
    if subtype is not np.ndarray:
        raise pickle.UnpicklingError(f"it wants to build an array of the class {subtype!r}")
    return np.ndarray.__new__(np.ndarray, shape, dtype)


def _encoded(text, encoding):
    # How Python 3 writes bytes in the older pickle protocols.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants to encode text as {encoding}")
    return text.encode("latin1")


def load_pickled_data(content, name):
    """The dictionary in a pickle of plain data, text keys as str; `name` is the file's name for messages.

    Pickles of Python 2 are read with latin1, as torchvision does.
    """
    try:
        loaded = _DataUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as fault:  # a damaged pickle may raise anything at all
        raise RuntimeError(f"{name}: not readable as pickled data: {fault}") from fault
    if not isinstance(loaded, dict):
        raise RuntimeError(f"{name}: damaged: it holds a {type(loaded).__name__}, a dictionary was expected")
    return {key.decode() if isinstance(key, bytes) else key: value for key, value in loaded.items()}


def read_members(archive, names):
    """The contents of the named members of a tar archive, in order, without unpacking it to disk."""
    contents = []
    try:
        with tarfile.open(archive, "r:*") as tar:
            for name in names:
                contents.append(_member(tar, archive, name))
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise RuntimeError(f"{archive}: damaged archive: {fault}") from fault
    return contents


def _member(tar, archive, name):
    try:
        file = tar.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise RuntimeError(f"{archive}: damaged: there is no file {name} in the archive")
    return file.read()
