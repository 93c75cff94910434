"""The seam to the core: taking tensors apart for saving and building them on loading.

`describe` gives a tensor as its storage's bytes and the geometry of its view on them; a `LoadedStorage` gives
tensors on bytes that were read. Tensors that shared a storage before share one afterwards. Nothing else in
this folder knows how a tensor is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import functions as fn
from ..autograd.modes import no_grad
from ..devices import META
from ..dtypes import of_name
from ..memory import bytes_of as bytes_of_storage
from ..shapes import contiguous_strides, is_contiguous
from ..tensor import Tensor, array_of, dtype_of, from_array, layout_of, on_storage, shape_of
from .errors import CorruptFileError, shown

# The most dimensions a tensor can have, and the most elements a view can span.
MAX_DIMS = 64
MAX_NUMEL = 2**62


class Description(NamedTuple):
    """A tensor taken apart.

    `key` is one object for all tensors that share a storage; `numel` is how many elements of `dtype` the
    storage has.
    """

    key: Any
    dtype: str
    numel: int
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool


def describe(tensor: Tensor) -> Description:
    """What has to be written of `tensor` besides its storage's bytes."""
    storage, dtype = tensor._storage, dtype_of(tensor)
    size, (stride, offset) = shape_of(tensor), layout_of(tensor)
    numel = bytes_of_storage(storage) // dtype.itemsize
    key: Any = storage
    if not _inside(offset, size, stride, numel):
        # Memory of a foreign layout (from_numpy of a transposed array): written as a storage of its own.
        key, stride, offset, numel = tensor, contiguous_strides(size), 0, math.prod(size)
    return Description(key, dtype.name, numel, offset, size, stride, tensor.requires_grad)


def bytes_of(key: Any) -> np.ndarray:
    """All bytes of the storage that a Description names, as uint8, in this machine's byte order."""
    if isinstance(key, Tensor):
        array = array_of(key)
    elif key.device is META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    else:
        array = array_of(on_storage(key))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def array_to_write(tensor: Tensor) -> np.ndarray:
    """The tensor's own numbers, contiguous; nobody may write to this array."""
    return np.ascontiguousarray(array_of(tensor))


class LoadedStorage:
    """A storage of a file that is being loaded; its bytes are fetched when the first tensor asks for them.

    Args:
        dtype: the name of its numbers' type ("float32"), or None for raw bytes that each tensor types for
            itself.
        nbytes: how many bytes it has.
        fetch: fetch(array), filling an uint8 array of that many bytes; or, with mapped memory, None.
        mapped: an uint8 array of the file's mapped memory.
        place: puts a tensor on its device.
        swapped: whether the bytes are in the other byte order.
    """

    def __init__(
        self,
        dtype: str | None,
        nbytes: int,
        fetch: Callable[[np.ndarray], None] | None,
        place: Callable[[Tensor], Tensor],
        *,
        mapped: np.ndarray | None = None,
        swapped: bool = False,
        meta: bool = False,
    ) -> None:
        self.dtype = dtype
        self.nbytes = nbytes
        self._fetch = fetch
        self._place = place
        self._mapped = mapped
        self._swapped = swapped
        self._meta = meta
        self._first: Tensor | None = None
        self._first_dtype = ""
        # How often the file named this storage, and how often a tensor was made of it.
        self.named = 0
        self.used = 0

    def tensor(self, dtype: str, offset: int, size: tuple, stride: tuple) -> Tensor:
        """The view of this storage with that geometry, which is checked to stay inside.

        Raises: CorruptFileError when it does not.
        """
        numel = self.nbytes // of_name(dtype).itemsize
        check_geometry(offset, size, stride, numel)
        whole = offset == 0 and math.prod(size) == numel and is_contiguous(size, stride)
        if self._first is None:
            self._first = self._load(dtype, size if whole else (numel,))
            self._first_dtype = dtype
            if whole:
                return on_storage(self._first._storage)
        with no_grad():
            return self._typed(dtype).as_strided(size, stride, offset).detach()

    def face(self) -> Any:
        """The storage as users see it, for a file that holds one outside any tensor."""
        dtype = of_name(self.dtype or "uint8")
        numel = self.nbytes // dtype.itemsize
        untyped = self.tensor(dtype.name, 0, (numel,), (1,)).untyped_storage()
        if self.dtype is None:
            return untyped
        typed = object.__new__(fn.TypedStorage)  # its __init__ warns
        typed.dtype, typed._untyped_storage = dtype, untyped
        return typed

    def _typed(self, dtype: str) -> Tensor:
        """The whole storage as numbers of that type."""
        assert self._first is not None
        if dtype == self._first_dtype:
            return self._first
        return self._first.reshape(-1).view(of_name(dtype))

    def _load(self, dtype: str, shape: tuple[int, ...]) -> Tensor:
        if self._meta:
            return fn.empty(shape, dtype=of_name(dtype), device="meta")
        # Nobody else ever writes to the array, mapped or not, so it can be the tensor's value itself.
        return self._place(from_array(self._array(of_name(dtype).numpy, shape), of_name(dtype)))

    def _array(self, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        numbers = math.prod(shape)
        if self._mapped is not None:
            array = self._mapped[: numbers * dtype.itemsize]
            if array.ctypes.data % dtype.itemsize:
                array = array.copy()
            array = array.view(dtype).reshape(shape)
        else:
            array = self._filled(dtype, shape)
        if self._swapped:
            element = dtype if self.dtype is None else of_name(self.dtype).numpy
            array.view(element).byteswap(inplace=True)
        if dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            array = array.view(np.uint8) != 0  # a bool of any other byte is no bool to NumPy
        return array

    def _filled(self, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        fetch = self._fetch
        assert fetch is not None
        # A new array in the tensor's own type and shape: the tensor can take it over as its memory.
        array = np.empty(shape, dtype)
        view = array.reshape(-1).view(np.uint8)
        if view.nbytes == self.nbytes:
            fetch(view)
        else:  # the storage ends with part of an element
            padded = np.empty(self.nbytes, np.uint8)
            fetch(padded)
            view[:] = padded[: view.nbytes]
        return array


def check_geometry(offset: int, size: tuple, stride: tuple, numel: int) -> None:
    """CorruptFileError unless a view of that geometry lies inside a storage of `numel` elements."""
    numbers = (offset, *size, *stride)
    if any(type(n) is not int or n < 0 for n in numbers) or len(size) != len(stride) or len(size) > MAX_DIMS:
        raise CorruptFileError(
            f"the file holds a tensor of impossible geometry: size {shown(size)}, stride {shown(stride)}, "
            f"offset {shown(offset)}"
        )
    if math.prod(size) > MAX_NUMEL:
        raise CorruptFileError(f"the file holds a tensor of size {size}, more elements than there can be")
    if not _inside(offset, size, stride, numel):
        last = offset + sum((n - 1) * step for n, step in zip(size, stride))
        raise CorruptFileError(
            f"the file holds a tensor (size {size}, stride {stride}, offset {offset}) that reaches to "
            f"element {last} of a storage of {numel}"
        )


def _inside(offset: int, size: tuple, stride: tuple, numel: int) -> bool:
    """Whether a view of that geometry stays inside a storage of `numel` elements."""
    return 0 in size or offset + sum((n - 1) * step for n, step in zip(size, stride)) < numel


def meta_tensor(dtype: str, size: tuple, stride: tuple) -> Tensor:
    """A tensor of sizes and type alone."""
    check_geometry(0, size, stride, MAX_NUMEL)
    return fn.empty_strided(size, stride, dtype=of_name(dtype), device="meta")


def blank_tensor(dtype: str, size: tuple, stride: tuple) -> Tensor:
    """A tensor of zeros, for values that are still to be made."""
    check_geometry(0, size, stride, MAX_NUMEL)
    return fn.zeros(size, dtype=of_name(dtype))


__all__ = [
    "Description", "LoadedStorage", "array_to_write", "blank_tensor", "bytes_of", "check_geometry",
    "describe", "meta_tensor",
]  # fmt: skip
