"""Tensors that a Module recognises: Parameter, Buffer, and their not yet shaped forms for lazy modules.

Registration itself is in modules/module.py. A Parameter is a Tensor of its own class; a Buffer is an ordinary
Tensor carrying a mark, so `type(Buffer(t)) is Tensor` while `isinstance(Buffer(t), Buffer)` holds.
"""

from __future__ import annotations

from collections import OrderedDict

from .. import dtypes
from .. import functions as fn
from ..memory import Storage
from ..tensor import Tensor

__all__ = [
    "Parameter",
    "UninitializedParameter",
    "is_lazy",
    "Buffer",
    "UninitializedBuffer",
    "UninitializedTensorMixin",
]


class _ParameterMeta(type):
    """Lets a Tensor subclass that was wrapped by Parameter count as one (it carries `_is_param`)."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module takes as one of its parameters when it is assigned as an attribute.

    Args:
        data: the values; shared, not copied. None: an empty float tensor.
        requires_grad: whether gradients are accumulated in `.grad`; integers cannot require them.
    Raises:
        RuntimeError: requires_grad with a dtype that is neither floating nor complex.
    Source: torch.nn.Parameter.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        Parameter containing:
        tensor([1., 2.], requires_grad=True)
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = fn.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        marked = data.detach().requires_grad_(requires_grad)
        if type(marked) is not type(data):
            raise RuntimeError(
                f"Parameter: detach() of a {type(data).__name__} returned a {type(marked).__name__}; "
                "a Tensor subclass can only become a Parameter when detach() keeps its class."
            )
        marked._is_param = True
        return marked

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        state = dict(getattr(self, "__dict__", None) or {})
        arguments = (self.data, self.requires_grad, OrderedDict())
        if not state:
            return _rebuild_parameter, arguments
        return _rebuild_parameter_with_state, (*arguments, state)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    """What a pickled Parameter unpickles through; backward_hooks is always empty."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    """As _rebuild_parameter, for one that carried attributes of its own."""
    parameter = Parameter(data, requires_grad)
    for name, value in state.items():
        setattr(parameter, name, value)
    return parameter


class _OpenStorage(Storage):
    """The storage of a tensor that has no shape yet: a dtype and a device, and a refusal to be read."""

    __slots__ = ()

    def __init__(self, dtype, device):
        self.version = 0
        self.device = device
        self.dtype = dtype

    @property
    def node(self):
        raise ValueError(
            "Attempted to use an uninitialized parameter. This happens with a `LazyModule` or with explicit "
            "`nn.parameter.UninitializedParameter` objects. With lazy modules, call `forward` on a "
            "first batch to "
            "initialize the parameters before calling functions on them."
        )


def _open_tensor(cls, requires_grad, dtype, device):
    """A tensor of class cls without a shape."""
    made = Tensor._make_subclass(cls, fn.empty(0, dtype=dtype, device=device), requires_grad)
    made._storage = _OpenStorage(fn.empty(0, dtype=dtype, device=device).dtype, made.device)
    made._view = None
    return made


class UninitializedTensorMixin:
    """A tensor whose shape is not known until a lazy module sees its first input.

    It has a dtype and a device and can be cast and moved; whatever reads it raises a ValueError that says
    why.
    """

    __slots__ = ()
    cls_to_become: type = Tensor

    def materialize(self, shape, device=None, dtype=None):
        """Give it a shape; it becomes an ordinary Parameter or Tensor, its values unset."""
        device = self.device if device is None else device
        dtype = self.dtype if dtype is None else dtype
        self.data = fn.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This usually happens in "
            "`load_state_dict` when an uninitialized parameter is loaded into an initialized one. "
            "Call `forward` once to initialize the parameters before reading their attributes."
        )

    @property
    def dtype(self):
        return self._storage.dtype

    @property
    def data(self):
        """One of its kind off the tape; assigning gives it a dtype and device, or for good a shape."""
        return _open_tensor(type(self), False, self.dtype, self.device)

    @data.setter
    def data(self, value):
        if is_lazy(value):
            self._storage = value._storage
        else:
            Tensor.data.fset(self, value)

    def is_floating_point(self):
        return self._storage.dtype.is_floating_point

    def is_complex(self):
        return self._storage.dtype.is_complex

    def to(self, *args, **kwargs):
        """Another of its kind with the dtype and device that Tensor.to would give."""
        target = fn.empty(0, dtype=self.dtype, device=self.device).to(*args, **kwargs)
        return _open_tensor(type(self), False, target.dtype, target.device)

    def type(self, dtype):
        return self.to(dtype)

    def cpu(self):
        return self.to("cpu")

    def cuda(self, device=None):
        return self.to("cuda" if device is None else device)

    def float(self):
        return self.to(dtypes.float32)

    def double(self):
        return self.to(dtypes.float64)

    def half(self):
        return self.to(dtypes.float16)

    def bfloat16(self):
        return self.to(dtypes.bfloat16)

    def copy_(self, src, non_blocking=False):
        """Of another without a shape nothing is copied; anything else has to be materialized first."""
        return self if is_lazy(src) else super().copy_(src, non_blocking)

    def share_memory_(self):
        """Refused until there is memory to share."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` once to initialize the parameters before `module.share_memory()`."
        )

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.requires_grad, self.device, self.dtype)
        memo[id(self)] = copied
        return copied

    def __repr__(self):
        return f"<{self.__class__.__name__}>"

    def __reduce_ex__(self, protocol):
        return self.__class__, (self.requires_grad, None, self.dtype)


def is_lazy(param):
    """Whether param still waits for its shape. Source: torch.nn.parameter.is_lazy."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape a lazy module settles at its first call.

    Source: torch.nn.UninitializedParameter.
    Example:
        >>> import rushlight as torch
        >>> p = torch.nn.UninitializedParameter()
        >>> p.materialize((2, 3))
        >>> p.shape
        torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return _open_tensor(cls, requires_grad, dtype, device)


class _BufferMeta(type):
    """Makes isinstance(t, Buffer) ask for the mark that Buffer leaves on a plain Tensor."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module takes as one of its buffers when it is assigned as an attribute.

    Args:
        data: the values; shared, not copied. None: an empty float tensor.
        persistent: whether the buffer is part of the module's state_dict.
    Source: torch.nn.Buffer.
    Example:
        >>> import rushlight as torch
        >>> m = torch.nn.Module()
        >>> m.mean = torch.nn.Buffer(torch.zeros(2))
        >>> list(m.state_dict())
        ['mean']
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = fn.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape a lazy module settles at its first call. Source: torch.nn.UninitializedBuffer."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        waiting = _open_tensor(cls, requires_grad, dtype, device)
        waiting.persistent = persistent
        waiting._is_buffer = True
        return waiting
