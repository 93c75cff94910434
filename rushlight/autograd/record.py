"""How a call gets on the tape: `primitive` and `operation` compute and record, `in_place` writes and records.

These are all that functions/ needs: they take tensors of the dtypes the primitive wants (promotion has been settled)
and give tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtypes import FLOATING, can_cast
from ..errors import DeviceError, DTypeError, ShapeError
from ..graph.node import Node
from ..ops.elementwise import cast
from ..tensor import Tensor, View, dtype_of, node_of, on_storage, shape_of, view_on, wrap, write
from .entry import AccumulateGrad, Entry, Op, Part
from .modes import state
from .noting import note, note_lone, note_op


def edge_of(tensor: Tensor) -> Any:
    """The tensor's place on the tape: an Entry, a Part, or None when it needs no gradient."""
    view = tensor._view
    if view is None or view.base is None:
        return tensor._edge
    edge = view.base._edge
    if edge is not view.base_edge and not isinstance(edge, AccumulateGrad):
        _share_history(tensor, view)
    return tensor._edge


def _share_history(tensor: Tensor, view: View) -> None:
    """The base was written to since: the view's history is what the base's is now."""
    edge = view.base_edge = view.base._edge
    if edge is None:
        tensor._edge = None
        return
    node = node_of(view.base)
    for prim, params in _steps_from(view.base, view):
        out = prim(node, *params)
        edge = note(prim, (node,), params, out, (edge,))
        node = out
    tensor._edge = edge


def requires_grad(tensor: Tensor) -> bool:
    """Whether gradients are wanted for this tensor."""
    return edge_of(tensor) is not None


def device_of(tensors: Sequence[Tensor | None], name: str) -> Any:
    """The device they are all on; 0-d CPU tensors go with any. DeviceError names two that differ."""
    found = None
    for t in tensors:
        if t is None:
            continue
        device = t._storage.device
        if found is None or found is device:
            found = device
        elif t.dim() == 0 and device.type == "cpu":
            continue
        elif found.type == "cpu" and all(
            u is None or u._storage.device is device or u.dim() == 0 for u in tensors
        ):
            found = device
        else:
            raise DeviceError(
                f"{name}: Expected all tensors to be on the same device, but found at least two devices, "
                f"{found} and {device}!"
            )
    return found


def primitive(prim: Any, tensors: tuple, params: tuple = ()) -> Tensor:
    """Apply a primitive to tensors, and record it."""
    if prim.arity == 1:
        return _lone(prim, tensors[0], params)
    nodes = tuple([node_of(t) for t in tensors])
    device = device_of(tensors, prim.name)
    out = prim.build(nodes, *params) if prim.arity is None else prim.build(*nodes, *params)
    made = wrap(out, device)
    if state.grad and prim.vjp is not None and out.dtype.category >= FLOATING:
        edges = tuple([edge_of(t) for t in tensors])
        if edges.count(None) < len(edges):
            made._edge = note(prim, nodes, params, out, edges)
    return made


def _lone(prim: Any, tensor: Tensor, params: tuple) -> Tensor:
    node = node_of(tensor)
    out = prim.build(node, *params)
    made = wrap(out, tensor._storage.device)
    if state.grad and prim.vjp is not None:
        edge = edge_of(tensor)
        if edge is not None and out.dtype.category >= FLOATING:
            made._edge = note_lone(prim, node, params, out, edge)
    return made


def operation(op: Op, tensors: tuple, params: tuple = ()) -> Any:
    """Apply an Op to tensors (or None), and record it as one entry. Gives what forward gives, as tensors."""
    return operation_and_hidden(op, tensors, params)[0]


def operation_and_hidden(op: Op, tensors: tuple, params: tuple = ()) -> tuple[Any, tuple[Node, ...]]:
    """As `operation`, and with it the nodes of the results that `op.visible` keeps from the caller."""
    nodes = tuple([None if t is None else node_of(t) for t in tensors])
    device = device_of(tensors, op.name)
    found = op.forward(*nodes, *params)
    several = isinstance(found, tuple)
    outs = found if several else (found,)
    visible = len(outs) if op.visible is None else op.visible
    single = visible == 1 and (op.visible is not None or not several)
    made = [wrap(node, device) for node in outs[:visible]]
    if state.grad:
        edges = tuple([None if t is None else edge_of(t) for t in tensors])
        if edges.count(None) < len(edges) and (
            outs[0].dtype.category >= FLOATING or max([o.dtype.category for o in outs[:visible]]) >= FLOATING
        ):
            entry = note_op(op, nodes, params, outs, edges, visible, not single)
            _attach(entry, made, single)
    return made[0] if single else tuple(made), outs[visible:]


def _attach(entry: Entry, made: list[Tensor], single: bool) -> None:
    if single:
        made[0]._edge = entry
        return
    for i, tensor in enumerate(made):
        if dtype_of(tensor).category >= FLOATING:
            tensor._edge = Part(entry, i)


def view(prim: Any, tensor: Tensor, params: tuple, shape: tuple[int, ...] | None = None) -> Tensor:
    """A view of `tensor` through one primitive, sharing its storage and its history."""
    node = None
    if shape is None:
        node = node_of(tensor)
        out = prim.build(node, *params)
        shape, dtype = out.shape, out.dtype
    else:
        dtype = dtype_of(tensor)
    before = tensor._view
    base = tensor if before is None or before.base is None else before.base
    made = view_on(tensor, prim, params, shape, dtype, base)
    if node is not None and tensor._storage.node is not None:
        seen: Any = made._view
        seen.node, seen.version = out, tensor._storage.version
    if state.grad:
        edge = edge_of(tensor)
        if edge is not None and dtype.category >= FLOATING:
            if node is None:
                node = node_of(tensor)
                out = prim.build(node, *params)
            made._edge = note_lone(prim, node, params, out, edge)
    return made


def alias(tensor: Tensor, cls: type = Tensor) -> Any:
    """Another tensor on the same storage and view, off the tape: what `detach` and `.data` give."""
    before = tensor._view
    if before is None:
        return on_storage(tensor._storage, None, cls)
    seen = View(None, before.steps, before.shape, before.dtype)
    seen.node, seen.version = before.node, before.version
    return on_storage(tensor._storage, seen, cls)


def check_writable(tensor: Tensor, name: str) -> None:
    """Refuse in-place work on a leaf that requires grad, and on memory that shows one element twice."""
    if state.grad and edge_of(tensor) is not None:
        if isinstance(tensor._edge, AccumulateGrad):
            raise RuntimeError(
                f"a leaf Variable that requires grad is being used in an in-place operation. ({name})"
            )
        seen = tensor._view
        if seen is not None and seen.base is not None and isinstance(seen.base._edge, AccumulateGrad):
            raise RuntimeError(
                f"a view of a leaf Variable that requires grad is being used in an in-place operation. ({name})"
            )
    if tensor._view is not None:
        _check_overlap(tensor, name)


def _check_overlap(tensor: Tensor, name: str) -> None:
    for prim, _ in tensor._view.steps:  # type: ignore[union-attr]
        if prim.name in ("expand", "as_strided", "windows"):
            break
    else:
        return
    strides = tensor.stride()
    ordered = sorted((s, n) for s, n in zip(strides, shape_of(tensor)) if n > 1)
    reach = 0
    for s, n in ordered:
        if s <= reach:
            raise RuntimeError(
                f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single "
                "memory location. Please clone() the tensor before performing the operation."
            )
        reach += s * (n - 1)


def _copy_slices(steps: tuple) -> Op:
    """The base after the part that `steps` show has been replaced."""

    def forward(base: Node, value: Node) -> Node:
        stages = [base]
        for prim, params in steps[:-1]:
            stages.append(prim(stages[-1], *params))
        for stage, (prim, params) in zip(reversed(stages), reversed(steps)):
            value = prim.write(stage, value, *params)
        return value

    return Op("CopySlices", forward)


# What is overwritten passes no gradient on, but what depended on a gradient goes on requiring one.
_REPLACE = Op("CopyBackwards", lambda old, new: new)


def in_place(tensor: Tensor, result: Tensor, name: str) -> Tensor:
    """Make `tensor` hold `result`, which was computed from it; on the tape too. Gives `tensor`.

    Raises: RuntimeError when result's shape or dtype does not fit, or the tensor may not be written to.
    """
    check_writable(tensor, name)
    shape, dtype = shape_of(tensor), dtype_of(tensor)
    if shape_of(result) != shape:
        raise ShapeError(
            f"{name}: output with shape {list(shape)} doesn't match the broadcast shape {list(shape_of(result))}"
        )
    found = dtype_of(result)
    if found is not dtype:
        if not can_cast(found, dtype):
            raise DTypeError(
                f"{name}: result type {title(found)} can't be cast to the desired output type {title(dtype)}"
            )
        result = primitive(cast, (result,), (dtype,))
    overwrite(tensor, result)
    return tensor


def overwrite(tensor: Tensor, result: Tensor) -> None:
    """Write `result`, of the tensor's own shape and dtype, into it; its history becomes the tensor's."""
    node = node_of(result)
    if state.grad and dtype_of(tensor).category >= FLOATING:
        before, after = edge_of(tensor), edge_of(result)
        seen = tensor._view
        if seen is not None and seen.base is not None and seen.steps:
            base = seen.base
            if after is not None or edge_of(base) is not None:
                base._edge = edge_of(operation(_copy_slices(_steps_from(base, seen)), (base, result)))
                write(tensor, node)
                return
        elif after is None and before is not None:
            after = edge_of(operation(_REPLACE, (tensor, result)))
            tensor._edge = after
        else:
            tensor._edge = after
    write(tensor, node)


def _steps_from(base: Tensor, seen: View) -> tuple:
    """The steps that lead from the base to the view."""
    return seen.steps if base._view is None else seen.steps[len(base._view.steps) :]


def title(dtype: Any) -> str:
    """PyTorch's C++ name of a dtype, as its messages have it."""
    return _TITLES.get(dtype.name, dtype.name.capitalize())


_TITLES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long",
    "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip

__all__ = [
    "alias", "check_writable", "device_of", "edge_of", "in_place", "operation", "operation_and_hidden", "overwrite",
    "primitive", "requires_grad", "title", "view",
]  # fmt: skip
