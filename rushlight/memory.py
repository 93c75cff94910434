"""Storage: the current value of a tensor's memory, and the only mutation there is.

A storage holds a node; writing replaces the node and counts a version. When its memory has been handed out
(`numpy()`, `from_numpy`, DLPack), `node` is None and the memory itself is the value: reads take a copy of it as it
stands, and writes go back into it at once. Memory that nobody outside holds any more becomes an ordinary value again.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .devices import CPU, META, Device
from .dtypes import DType
from .executors import queue
from .executors.observing import watched
from .graph.node import Node, of_array


class Storage:
    """`node` is the value of the whole storage, in the shape of the tensor it was made for, or None.

    When it is None, `memory` is an array that others can see, of dtype `dtype`; `pinned` says that it stays handed
    out for good. These three are set only then.
    """

    __slots__ = ("node", "version", "device", "memory", "dtype", "pinned", "__weakref__")

    node: Any  # Node | None: the hot paths check it themselves
    version: int
    device: Device
    memory: np.ndarray
    dtype: DType
    pinned: bool

    def __init__(self, node: Node | None, device: Device = CPU) -> None:
        self.node = node
        self.version = 0
        self.device = device

    @classmethod
    def of_memory(cls, array: np.ndarray, dtype: DType) -> Storage:
        """A storage whose value is what stands in `array`, for as long as others hold it."""
        storage = cls(None)
        storage.memory, storage.dtype = array, dtype
        # Only memory laid out as a tensor's own, and owned by an array, can become an ordinary value.
        owner = array.base if array.base is not None else array
        owned = type(owner) is np.ndarray and owner.base is None
        storage.pinned = not (owned and array.flags.c_contiguous and array.flags.writeable)
        return storage

    def shape(self) -> tuple[int, ...]:
        """The sizes of the whole storage."""
        return self.memory.shape if self.node is None else self.node.shape

    def kind(self) -> DType:
        """The dtype of the whole storage."""
        return self.dtype if self.node is None else self.node.dtype

    def current(self) -> Node:
        """The value now; of memory that others can write to, a copy as it stands."""
        if self.exposed():
            return of_array(self.memory.copy(), self.dtype)
        assert self.node is not None
        return self.node

    def exposed(self) -> bool:
        """Whether others can see or write this memory."""
        if self.node is not None:
            return False
        if self.pinned or _held_outside(self):
            return True
        self.node = of_array(self.memory, self.dtype)
        del self.memory
        return False

    def replace(self, node: Node) -> None:
        """Write: `node` is the value from now on."""
        if watched.capture is not None:
            watched.capture.writes(self)
        self.version += 1
        if self.node is None and self.exposed():
            if node.buffer is None:
                queue.realize((node,))
            np.copyto(self.memory, node.buffer, casting="unsafe")
            return
        self.node = node
        if node.buffer is None and self.device is not META:
            queue.record(self)

    def expose(self) -> np.ndarray:
        """The memory itself, to be handed out; from now on the value is what stands there."""
        if watched.capture is not None:
            watched.capture.reads("memory is handed out")
        if not self.exposed():
            if self.node.buffer is None:
                queue.realize((self.node,))
            self.dtype = self.node.dtype
            self.memory = _private(self)
            self.pinned = False
            self.node = None
        return self.memory

    def cover(self) -> bool:
        """Let an ordinary value stand for memory that others can see, until `uncover`; whether there was such memory."""
        if not self.exposed():
            return False
        self.node = of_array(self.memory.copy(), self.dtype)
        return True

    def uncover(self, before: Node) -> None:
        """Back to the memory, which gets the value if that is not what `cover` put there."""
        node, self.node = self.node, None
        if node is not before:
            if node.buffer is None:
                queue.realize((node,))
            np.copyto(self.memory, node.buffer, casting="unsafe")


def _held_outside(storage: Storage) -> bool:
    """Whether anything but the storage refers to its memory, or to the array that owns it."""
    # For the memory: the storage's slot and getrefcount's argument. For its owner: `base` and the argument.
    if sys.getrefcount(storage.memory) > 2:
        return True
    return storage.memory.base is not None and sys.getrefcount(storage.memory.base) > 2


def _private(storage: Storage) -> np.ndarray:
    """The storage's numbers in memory that nothing else reads: the buffer itself where that is so, else a copy."""
    buffer = storage.node.buffer
    # The node: the slot and the argument. Its buffer: the node, this frame and the argument.
    alone = sys.getrefcount(storage.node) <= 2 and sys.getrefcount(buffer) <= 3
    usable = type(buffer) is np.ndarray and buffer.base is None and buffer.flags.c_contiguous
    return buffer if alone and usable and buffer.flags.writeable else np.array(buffer, order="C")


def bytes_of(storage: Storage) -> int:
    """The storage's size in bytes."""
    count = 1
    for n in storage.shape():
        count *= n
    return count * storage.kind().itemsize
