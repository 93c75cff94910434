"""Messages between a loader and its workers: pickled, with large ones carried in memory files.

Why this way. A pipe holds 64 to 200 kB: a worker that wrote its batch into one would stand still until the
loader reads, and could not prefetch. Named shared memory outlives a process that is killed, and is small in
containers. So a message beyond `INLINE_LIMIT` is written to an anonymous file in memory (Linux: memfd),
whose descriptor alone goes through the socket: the worker goes on at once, the kernel frees the memory with
the last descriptor however a process ends, and no limit on /dev/shm applies. The receiver copies each array
out of it into ordinary memory of its own and closes the descriptor: one copy more than mapping the file, but
no descriptor is held for each batch kept, and keeping a batch's labels does not keep its images. Where there
are no memory files everything goes inline.

Arrays travel as they are in memory (pickle protocol 5, out of band). Tensors travel as their NumPy arrays.
"""

import errno
import io
import os
import pickle
import struct
import time
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .. import dtypes
from .. import functions as fn
from ..tensor import Tensor

# Bytes of a message that still go through the socket itself: several fit into its buffer.
INLINE_LIMIT = 32 * 1024

HAS_MEMORY_FILES = hasattr(os, "memfd_create")

# NumPy's own dtypes, by the tensor dtype's name; tensors of others (bfloat16, float8) travel as their bytes.
NUMPY_NAMES = frozenset(
    "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 float32 float64".split()
    + ["complex64", "complex128"]
)

_PREFIX = struct.Struct("<?I")  # whether a memory file follows, number of parts
_SIZE = struct.Struct("<Q")  # bytes of one part


def send(connection: Connection, message) -> None:
    """Write one message. Raises what pickling raises, before anything is written."""
    parts = _pickled(message)
    sizes = [part.nbytes for part in parts]
    in_file = HAS_MEMORY_FILES and sum(sizes) > INLINE_LIMIT
    header = _PREFIX.pack(in_file, len(parts)) + b"".join(map(_SIZE.pack, sizes))
    if not in_file:
        connection.send_bytes(b"".join([header, *parts]))
        return
    descriptor = _memory_file(parts)
    try:
        connection.send_bytes(header)
        _send_descriptor(connection, descriptor)
    finally:
        os.close(descriptor)


def receive(connection: Connection):
    """Read one message; EOFError or OSError when the other side is gone."""
    frame = connection.recv_bytes()
    in_file, count = _PREFIX.unpack_from(frame)
    start = _PREFIX.size + count * _SIZE.size
    sizes = [size for (size,) in _SIZE.iter_unpack(frame[_PREFIX.size : start])]
    if in_file:
        body, *buffers = _read_memory_file(connection, sizes)
    else:
        body, *buffers = _split(memoryview(frame)[start:], sizes)
    return pickle.loads(body, buffers=buffers)


def _pickled(message) -> list[memoryview]:
    """The pickle, followed by the arrays' memory."""
    stream = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    MessagePickler(stream, 5, True, buffers.append).dump(message)
    return [stream.getbuffer(), *(buffer.raw() for buffer in buffers)]


class MessagePickler(reduction.ForkingPickler):
    """multiprocessing's pickler, with tensors reduced to arrays."""

    def reducer_override(self, value):
        if type(value) is Tensor:
            return _reduce_tensor(value)
        return NotImplemented


def _reduce_tensor(tensor: Tensor):
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "DataLoader: a tensor with a gradient history cannot be sent between processes "
            f"(shape {tuple(tensor.shape)}); call .detach() on it in the dataset or collate_fn"
        )
    name = str(tensor.dtype).rpartition(".")[2]
    values = tensor.detach().cpu()
    if name not in NUMPY_NAMES:
        values = values.contiguous().reshape(-1).view(dtypes.uint8)
    array: Any = np.ascontiguousarray(values.numpy())
    memory = pickle.PickleBuffer(array)
    return _rebuild_tensor, (memory, name, tuple(tensor.shape), str(tensor.device), tensor.requires_grad)


def _rebuild_tensor(memory: np.ndarray, name: str, shape: tuple, device: str, requires_grad: bool) -> Tensor:
    # Arrays, not memoryviews, come in, so the tensor's array owns its memory and nobody else has it.
    if not memory.size:
        tensor = fn.empty(shape, dtype=getattr(dtypes, name))
    elif name in NUMPY_NAMES:
        tensor = fn.from_numpy(memory.view(name).reshape(shape))
    else:
        tensor = fn.from_numpy(memory).view(getattr(dtypes, name)).reshape(shape)
    if device != "cpu":
        tensor = tensor.to(device)
    return tensor.requires_grad_() if requires_grad else tensor


def _memory_file(parts: list[memoryview]) -> int:
    """A descriptor of a new memory file that holds the parts one after another."""
    descriptor = os.memfd_create("rushlight-batch")
    try:
        for part in parts:
            written = 0
            while written < part.nbytes:
                written += os.write(descriptor, part[written:])
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _send_descriptor(connection: Connection, descriptor: int) -> None:
    """Pass a descriptor on, waiting while the user's limit of descriptors under way is reached."""
    while True:
        try:
            return reduction.send_handle(connection, descriptor, None)
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS:
                raise
            time.sleep(0.01)


def _read_memory_file(connection: Connection, sizes: list[int]) -> list[Any]:
    try:
        descriptor = reduction.recv_handle(connection)
    except RuntimeError as error:
        raise RuntimeError(
            "DataLoader could not take over a batch from its worker, most likely because this process has "
            "too many open files; raise the limit with `ulimit -n`"
        ) from error
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return [_read(descriptor, size) for size in sizes]
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int) -> Any:
    # np.empty, unlike bytearray, does not write zeros first.
    part: Any = np.empty(size, np.uint8)
    read = 0
    while read < size:
        count = os.readv(descriptor, [part[read:]])
        if not count:
            raise EOFError(f"a batch's memory file ends {size - read} bytes early")
        read += count
    return part


def _split(blob: memoryview, sizes: list[int]) -> list[Any]:
    """Arrays of consecutive parts of `blob`, each with memory of its own."""
    parts = []
    start = 0
    for size in sizes:
        parts.append(np.array(blob[start : start + size]))
        start += size
    return parts
