"""`Tensor`: the handle that a user holds. A storage, perhaps a view of it, and a place on the tape.

Here: what a tensor is, how its value is read and written, views, and what does not compute (sizes, dtype, NumPy
interchange, pickling). Functions and operators come from functions/, which attaches them as methods; backward from
autograd/.

A tensor is `_storage` seen through `_view` (None: the whole of it). `_edge` is the tape entry that made it, an
AccumulateGrad for a leaf that requires grad, or None. Strides and offset are worked out only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .devices import CPU, META, Device
from .dtypes import DType
from .executors import queue
from .executors.observing import watched
from .graph.node import Node, of_array
from .layouts import strided
from .memory import Storage
from .shapes import Size, contiguous_strides, is_contiguous

_new = object.__new__


class View:
    """How a tensor sees its storage: primitives with a `layout`, applied in order to the whole value.

    `base` is the tensor whose history the view shares (None for what `detach` gives); `base_edge` is base's place on
    the tape when the view's own was worked out.
    """

    __slots__ = ("base", "steps", "shape", "dtype", "base_edge", "node", "version")

    def __init__(self, base: Any, steps: tuple, shape: tuple[int, ...], dtype: DType) -> None:
        self.base = base
        self.steps = steps
        self.shape = shape
        self.dtype = dtype
        self.base_edge = None if base is None else base._edge
        self.node: Node | None = None
        self.version = -1


class Tensor:
    """A multi-dimensional array of one dtype, recorded as it is computed and differentiable.

    Source: torch.Tensor.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ("_storage", "_view", "_edge", "_grad", "__weakref__", "__dict__")

    _storage: Storage
    _view: View | None
    _edge: Any
    _grad: Any

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

        def __add__(self, other: Any) -> Tensor: ...

        def __radd__(self, other: Any) -> Tensor: ...

        def __iadd__(self, other: Any) -> Tensor: ...

        def __sub__(self, other: Any) -> Tensor: ...

        def __rsub__(self, other: Any) -> Tensor: ...

        def __isub__(self, other: Any) -> Tensor: ...

        def __mul__(self, other: Any) -> Tensor: ...

        def __rmul__(self, other: Any) -> Tensor: ...

        def __imul__(self, other: Any) -> Tensor: ...

        def __truediv__(self, other: Any) -> Tensor: ...

        def __rtruediv__(self, other: Any) -> Tensor: ...

        def __itruediv__(self, other: Any) -> Tensor: ...

        def __floordiv__(self, other: Any) -> Tensor: ...

        def __rfloordiv__(self, other: Any) -> Tensor: ...

        def __ifloordiv__(self, other: Any) -> Tensor: ...

        def __mod__(self, other: Any) -> Tensor: ...

        def __rmod__(self, other: Any) -> Tensor: ...

        def __imod__(self, other: Any) -> Tensor: ...

        def __pow__(self, other: Any) -> Tensor: ...

        def __rpow__(self, other: Any) -> Tensor: ...

        def __ipow__(self, other: Any) -> Tensor: ...

        def __matmul__(self, other: Any) -> Tensor: ...

        def __rmatmul__(self, other: Any) -> Tensor: ...

        def __imatmul__(self, other: Any) -> Tensor: ...

        def __and__(self, other: Any) -> Tensor: ...

        def __rand__(self, other: Any) -> Tensor: ...

        def __iand__(self, other: Any) -> Tensor: ...

        def __or__(self, other: Any) -> Tensor: ...

        def __ror__(self, other: Any) -> Tensor: ...

        def __ior__(self, other: Any) -> Tensor: ...

        def __xor__(self, other: Any) -> Tensor: ...

        def __rxor__(self, other: Any) -> Tensor: ...

        def __ixor__(self, other: Any) -> Tensor: ...

        def __lshift__(self, other: Any) -> Tensor: ...

        def __rlshift__(self, other: Any) -> Tensor: ...

        def __ilshift__(self, other: Any) -> Tensor: ...

        def __rshift__(self, other: Any) -> Tensor: ...

        def __rrshift__(self, other: Any) -> Tensor: ...

        def __irshift__(self, other: Any) -> Tensor: ...

        def __lt__(self, other: Any) -> Tensor: ...

        def __le__(self, other: Any) -> Tensor: ...

        def __gt__(self, other: Any) -> Tensor: ...

        def __ge__(self, other: Any) -> Tensor: ...

        def __neg__(self) -> Tensor: ...

        def __pos__(self) -> Tensor: ...

        def __abs__(self) -> Tensor: ...

        def __invert__(self) -> Tensor: ...

        def __getitem__(self, index: Any) -> Tensor: ...

        def __setitem__(self, index: Any, value: Any) -> None: ...

        def __iter__(self) -> Iterator[Tensor]: ...

        def __bool__(self) -> bool: ...

        def __int__(self) -> int: ...

        def __float__(self) -> float: ...

        def __index__(self) -> int: ...

        def __contains__(self, element: Any) -> bool: ...

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray: ...

    __hash__ = object.__hash__  # functions/ gives == elementwise meaning

    # ------------------------------------------------------------ what it is

    @property
    def shape(self) -> Size:
        """The sizes, as a tuple."""
        return Size(shape_of(self))

    def size(self, dim: int | None = None) -> Any:
        """All sizes, or that of `dim`."""
        if dim is None:
            return Size(shape_of(self))
        shape = shape_of(self)
        n = len(shape) or 1
        if not -n <= dim < n or not shape:
            if not shape:
                raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
            )
        return shape[dim]

    @property
    def dtype(self) -> DType:
        return dtype_of(self)

    @property
    def device(self) -> Device:
        return self._storage.device

    @property
    def layout(self) -> Any:
        return strided

    @property
    def ndim(self) -> int:
        return len(shape_of(self))

    def dim(self) -> int:
        """How many dimensions there are."""
        return len(shape_of(self))

    ndimension = dim

    def numel(self) -> int:
        """How many elements there are."""
        n = 1
        for size in shape_of(self):
            n *= size
        return n

    nelement = numel

    def __len__(self) -> int:
        shape = shape_of(self)
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def element_size(self) -> int:
        """Bytes an element."""
        return dtype_of(self).itemsize

    @property
    def itemsize(self) -> int:
        return dtype_of(self).itemsize

    @property
    def nbytes(self) -> int:
        return self.numel() * dtype_of(self).itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Elements between neighbours along each dimension, or along `dim`."""
        strides = layout_of(self)[0]
        if dim is None:
            return strides
        if not strides or not -len(strides) <= dim < len(strides):
            n = len(strides) or 1
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
            )
        return strides[dim]

    def storage_offset(self) -> int:
        """Elements of the storage before this tensor's first one."""
        return layout_of(self)[1]

    def is_floating_point(self) -> bool:
        return dtype_of(self).is_floating_point

    def is_complex(self) -> bool:
        return dtype_of(self).is_complex

    def is_signed(self) -> bool:
        return dtype_of(self).is_signed

    @property
    def _version(self) -> int:
        return self._storage.version

    # ------------------------------------------------------------ numbers out

    def item(self) -> Any:
        """The only element, as a Python number; RuntimeError when there is more than one."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return array_of(self).item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        array = array_of(self)
        if array.dtype.kind == "V" or array.dtype.name not in dtypes.NAMES or dtype_of(self) in dtypes.NARROW:
            array = array.astype(np.float32)
        return array.tolist()

    def __deepcopy__(self, memo: dict) -> Tensor:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment: call .detach() first"
            )
        made = _copied(self, memo)
        memo[id(self)] = made
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        return made


def _copied(tensor: Tensor, memo: dict) -> Tensor:
    """A leaf on a copy of the whole storage, so that tensors that share one before share one after."""
    import copy

    key = ("storage", id(tensor._storage))
    storage = memo.get(key)
    if storage is None:
        storage = memo[key] = Storage(tensor._storage.current(), tensor._storage.device)
        memo[id(memo)] = [*memo.get(id(memo), []), tensor]  # alive until the copy is done
        _note(storage)
    made = _new(type(tensor))
    made._storage, made._edge, made._grad = storage, None, None
    view = tensor._view
    made._view = None if view is None else View(None, view.steps, view.shape, view.dtype)
    if tensor.requires_grad:
        made.requires_grad_(True)
    if tensor.__dict__:
        made.__dict__.update(copy.deepcopy(tensor.__dict__, memo))
    return made


def _note(storage: Storage) -> None:
    node = storage.node
    if node is not None and node.buffer is None and storage.device is not META:
        queue.record(storage)


# ---------------------------------------------------------------- making


def wrap(node: Node, device: Device = CPU) -> Tensor:
    """A new tensor with a storage of its own, off the tape."""
    tensor: Any = _new(Tensor)
    tensor._storage = storage = Storage(node, device)
    tensor._view = tensor._edge = tensor._grad = None
    if node.buffer is None and device is not META:
        queue.record(storage)
    return tensor


def on_storage(storage: Storage, view: View | None = None, cls: type = Tensor) -> Any:
    """A tensor of class `cls` on a storage that is there already, off the tape."""
    tensor: Any = _new(cls)
    tensor._storage = storage
    tensor._view = view
    tensor._edge = tensor._grad = None
    return tensor


def from_array(array: np.ndarray, dtype: DType | None = None) -> Tensor:
    """A tensor of an array that nobody else will write to."""
    return wrap(of_array(array, dtype or dtypes.from_numpy(array.dtype)))


# ---------------------------------------------------------------- reading


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The sizes as a plain tuple."""
    view = tensor._view
    if view is not None:
        return view.shape
    node = tensor._storage.node
    return node.shape if node is not None else tensor._storage.shape()


def dtype_of(tensor: Tensor) -> DType:
    """The dtype."""
    view = tensor._view
    if view is not None:
        return view.dtype
    node = tensor._storage.node
    return node.dtype if node is not None else tensor._storage.dtype


def node_of(tensor: Tensor) -> Node:
    """The tensor's value now, as a node."""
    view = tensor._view
    storage = tensor._storage
    if view is None:
        node = storage.node
        return node if node is not None else storage.current()
    return _viewed(storage, view)


def _viewed(storage: Storage, view: View) -> Node:
    if storage.node is None and storage.exposed():
        return of_array(_seen(storage.memory, view).copy(), view.dtype)
    if view.version == storage.version and view.node is not None:
        return view.node
    node = storage.node
    assert node is not None
    for prim, params in view.steps:
        node = prim.build(node, *params)
    view.node, view.version = node, storage.version
    return node


def _seen(memory: np.ndarray, view: View) -> np.ndarray:
    """The view's part of memory, sharing it."""
    for prim, params in view.steps:
        memory = prim.numpy(np, memory, *params)
        if not isinstance(memory, np.ndarray):
            raise AssertionError(f"{prim.name} of shared memory is not a view")
    return memory


def array_of(tensor: Tensor) -> np.ndarray:
    """The numbers; nobody may write to this array."""
    if tensor._storage.device is META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    node = node_of(tensor)
    if watched.capture is not None:
        watched.capture.reads("a tensor's numbers are read", node)
    if node.buffer is None:
        queue.realize((node,))
    return node.buffer


def shared_array(tensor: Tensor) -> np.ndarray:
    """The numbers in memory that tensor and caller share from now on."""
    if tensor._storage.device is META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    memory = tensor._storage.expose()
    return memory.view() if tensor._view is None else _seen(memory.view(), tensor._view)


def layout_of(tensor: Tensor) -> tuple[tuple[int, ...], int]:
    """(strides, offset), in elements."""
    storage, view = tensor._storage, tensor._view
    shape = storage.shape()
    if storage.node is None and not storage.memory.flags.c_contiguous:
        strides = tuple(s // storage.memory.itemsize for s in storage.memory.strides)
    else:
        strides = contiguous_strides(shape)
    offset = 0
    if view is not None:
        for prim, params in view.steps:
            if prim.name == "bitcast":
                strides, offset = _recast_layout(tensor, strides, offset, params[0])
                shape = view.shape if prim is view.steps[-1][0] else shape
                continue
            shape, strides, offset = prim.layout(shape, strides, offset, *params)
            assert strides is not None, "a view that strides cannot show"
    return strides, offset


def _recast_layout(tensor: Tensor, strides: tuple, offset: int, dtype: DType) -> tuple[tuple, int]:
    before = tensor._storage.kind().itemsize
    if before == dtype.itemsize or not strides:
        return strides, offset * before // dtype.itemsize
    scaled = tuple(s * before // dtype.itemsize for s in strides[:-1])
    return (*scaled, 1), offset * before // dtype.itemsize


def contiguous_of(tensor: Tensor) -> bool:
    """Whether the elements stand in memory in row-major order."""
    if tensor._view is None and tensor._storage.node is not None:
        return True
    return is_contiguous(shape_of(tensor), layout_of(tensor)[0])


# ---------------------------------------------------------------- writing


def write(tensor: Tensor, node: Node) -> None:
    """Replace the tensor's value by `node`, of the same shape and dtype: in its storage, for all its views."""
    storage, view = tensor._storage, tensor._view
    if view is None or not view.steps:
        storage.replace(node)
        return
    if storage.node is None and storage.exposed():
        if node.buffer is None:
            queue.realize((node,))
        storage.version += 1
        np.copyto(_seen(storage.memory, view), node.buffer, casting="unsafe")
        return
    stages = [storage.node]
    for prim, params in view.steps[:-1]:
        stages.append(prim(stages[-1], *params))
    for stage, (prim, params) in zip(reversed(stages), reversed(view.steps)):
        node = prim.write(stage, node, *params)
    storage.replace(node)


def view_on(
    tensor: Tensor, prim: Any, params: tuple, shape: tuple[int, ...], dtype: DType, base: Any
) -> Tensor:
    """A tensor that sees `tensor` through one more step."""
    view = tensor._view
    steps = ((prim, params),) if view is None else (*view.steps, (prim, params))
    made: Any = _new(Tensor)
    made._storage = tensor._storage
    made._view = View(base, steps, shape, dtype)
    made._edge = made._grad = None
    return made
