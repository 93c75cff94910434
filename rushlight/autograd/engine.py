"""Backward: entries in the order that every gradient is complete before it is passed on.

Without `create_graph` gradients are nodes and nothing is recorded. With it they are tensors, and each entry's rule is
itself recorded as an operation, differentiated by the primitives' own rules: so every derivative has a derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dtypes import FLOATING
from ..errors import GradientError, ShapeError
from ..executors.observing import watched
from ..graph.gradient import fit
from ..graph.node import STAND_IN, Node, constant
from ..graph.walk import topological
from ..memory import Storage
from ..ops.elementwise import cast
from ..tensor import Tensor, dtype_of, node_of, on_storage, shape_of, wrap
from .anomaly import check_gradients, explain
from .entry import FREED, AccumulateGrad, Entry, Op, Part
from .modes import enable_grad, no_grad, state
from .record import edge_of, operation, primitive


class Plain:
    """Gradients as nodes: nothing is recorded."""

    create = False

    @staticmethod
    def enter(tensor: Tensor) -> Node:
        return node_of(tensor)

    @staticmethod
    def leave(g: Node) -> Tensor:
        return wrap(g)

    @staticmethod
    def add(a: Node, b: Node) -> Node:
        return a + b

    @staticmethod
    def fit(g: Node, shape: tuple[int, ...], dtype: Any) -> Node:
        return g if g.shape == shape and g.dtype is dtype else fit(g, shape, dtype)

    @staticmethod
    def apply(entry: Entry, g: Any) -> Sequence[Node | None]:
        return entry.apply(g)

    @staticmethod
    def zeros(shape: tuple[int, ...], dtype: Any) -> Node:
        return constant(0, dtype).expand(shape)


_FIT = Op("FitBackward", lambda g, shape, dtype: fit(g, shape, dtype))
_SUM = Op("AddBackward0", lambda a, b: a + b)


class Recorded:
    """Gradients as tensors: what backward does is on the tape as well."""

    create = True

    @staticmethod
    def enter(tensor: Tensor) -> Tensor:
        return tensor

    @staticmethod
    def leave(g: Tensor) -> Tensor:
        return g

    @staticmethod
    def add(a: Tensor, b: Tensor) -> Tensor:
        return operation(_SUM, (a, b))

    @staticmethod
    def fit(g: Tensor, shape: tuple[int, ...], dtype: Any) -> Tensor:
        if shape_of(g) == shape and dtype_of(g) is dtype:
            return g
        return operation(_FIT, (g,), (shape, dtype))

    @staticmethod
    def apply(entry: Entry, g: Any) -> Sequence[Tensor | None]:
        if hasattr(entry, "apply_recorded"):
            return entry.apply_recorded(g)
        return _recorded(entry, g)

    @staticmethod
    def zeros(shape: tuple[int, ...], dtype: Any) -> Tensor:
        return wrap(constant(0, dtype).expand(shape))


def _recorded(entry: Entry, g: Any) -> list[Tensor | None]:
    """Run an entry's rule as an operation on the gradient and on what was saved, with the edges they have."""
    values = entry.values
    if values is None:
        raise GradientError(FREED)
    gs = list(g) if isinstance(g, tuple) else [g]
    several = isinstance(g, tuple)
    given = [_saved_tensor(entry, i, v) for i, v in enumerate(values)]
    present: list[int] = []
    bound: list[bool] = []

    def forward(*nodes: Node | None) -> Any:
        met = {n for n in nodes if n is not None}
        got, held = nodes[: len(gs)], nodes[len(gs) :]
        held = tuple(h if h is not None else v for h, v in zip(held, values))
        held = _with_hidden(entry, values, held)
        results: Any = entry.rule(tuple(got) if several else got[0], held)
        present[:] = [i for i, r in enumerate(results) if r is not None]
        bound[:] = [not met.isdisjoint(topological((results[i],), met)) for i in present]
        return tuple(results[i] for i in present)

    op = Op(type(entry).__name__.replace("Backward0", "BackwardBackward0"), forward)
    if not any(e is not None for e in entry.edges):
        return [None] * len(entry.edges)
    made = operation(op, (*gs, *given))
    results: list[Tensor | None] = [None] * len(entry.edges)
    for i, tensor, depends in zip(list(present), made, list(bound)):
        results[i] = tensor
        if not depends:
            tensor._edge = None  # a constant: it has no derivative of its own
    return results


def _first_hidden(entry: Any) -> int | None:
    """Where in an entry's values the results begin that only its rule sees; None where there are none."""
    op = getattr(entry, "op", None)
    return None if op is None or op.visible is None else entry.places + op.visible


def _with_hidden(entry: Any, values: tuple, held: tuple) -> tuple:
    """`held` with hidden results computed anew from the inputs, through which their derivatives have to flow."""
    first = _first_hidden(entry)
    if first is None or all(v is None or v.prim is STAND_IN for v in values[first:]):
        return held
    outs = entry.op.forward(*held[: entry.places], *entry.params)
    return (*held[:first], *outs[entry.op.visible :])


def _saved_tensor(entry: Entry, i: int, value: Node | None) -> Tensor | None:
    if value is None or value.prim is STAND_IN:
        return None
    first = _first_hidden(entry)
    if first is not None and i >= first:
        return None
    tensor = on_storage(Storage(value))
    if i < len(entry.edges):
        tensor._edge = entry.edges[i]
        if isinstance(tensor._edge, AccumulateGrad) and not _floats(value):
            tensor._edge = None
    elif _floats(value):
        outputs = i - (len(entry.values or ()) - _outputs(entry))
        tensor._edge = Part(entry, outputs) if isinstance(entry.shape, list) else entry
        if isinstance(entry.shape, list) and outputs >= len(entry.shape):
            tensor._edge = None
    return tensor


def _outputs(entry: Entry) -> int:
    return len(entry.values or ()) - getattr(entry, "places", len(entry.values or ()) - 1)


def _floats(node: Node) -> bool:
    return node.dtype.category >= FLOATING


# ---------------------------------------------------------------- the pass


def run_plain(root: Entry, g: Node, keep: bool) -> None:
    """The ordinary backward: one scalar's entry, nothing recorded, every leaf accumulates."""
    waits = _count_uses([root])
    flowing: dict[Entry, Any] = {}  # what has arrived at entries that wait for more
    ready: list[tuple[Entry, Any]] = [(root, g)]
    anomaly = state.anomaly
    while ready:
        entry, g = ready.pop()
        grads: Sequence[Any] = ()
        if g is None:
            pass
        elif entry.hooks is not None or type(g) is not Node or anomaly:
            with no_grad():
                grads = _process(entry, g, Plain, keep, None, [], True)
        elif type(entry) is AccumulateGrad:
            _accumulate(entry, g, Plain)
            continue
        else:
            grads = entry.apply(g)
            if not keep and entry.holds:
                entry.free()
        i = -1
        for after in entry.edges:
            i += 1
            if after is None:
                continue
            part = grads[i] if grads else None
            if type(after) is Part:
                edge, after = after, after.entry
                if part is not None:
                    _arrive(flowing, after, edge, part, Plain)
                part = flowing.pop(after, None)
            elif part is not None:
                if part.shape != after.shape or part.dtype is not after.dtype:
                    part = fit(part, after.shape, after.dtype)
                if after in flowing:
                    part = flowing.pop(after) + part
            left = waits[after] - 1
            if left:
                waits[after] = left
                if part is not None:
                    flowing[after] = part
            else:
                ready.append((after, part if part is not None else flowing.pop(after, None)))


def run_backward(
    roots: Sequence[tuple[Any, Any]],
    keep: bool,
    mode: Any,
    targets: dict[Any, int] | None = None,
    accumulate: bool = True,
) -> list[Any]:
    """Send gradients from `roots`, (edge, gradient) pairs, down the tape.

    `targets` maps edges whose gradients are wanted to their place in the result; then only what leads to them runs,
    and leaves accumulate only when `accumulate` says so.
    """
    start = [(_entry(edge), edge, g) for edge, g in roots]
    waits = _count_uses([entry for entry, _, _ in start])
    wanted, captured = _wanted(waits, targets)
    found: list[Any] = [None] * (len(targets) if targets is not None else 0)
    flowing: dict[Entry, Any] = {}
    for entry, edge, g in start:
        _arrive(flowing, entry, edge, g, mode)
    ready = [entry for entry in dict.fromkeys(e for e, _, _ in start) if not waits[entry]]
    context = enable_grad() if mode.create else no_grad()
    with context:
        while ready:
            entry = ready.pop()
            g = flowing.pop(entry, None)
            grads: Sequence[Any] = ()
            if g is not None and (wanted is None or entry in wanted):
                grads = _process(entry, g, mode, keep, captured.get(entry), found, accumulate)
            for i, edge in enumerate(entry.edges):
                if edge is None:
                    continue
                after = _entry(edge)
                if grads and i < len(grads) and grads[i] is not None:
                    _arrive(flowing, after, edge, grads[i], mode)
                waits[after] -= 1
                if not waits[after]:
                    ready.append(after)
    return found


def _entry(edge: Any) -> Entry:
    return edge.entry if type(edge) is Part else edge


def _count_uses(roots: list[Entry]) -> dict[Entry, int]:
    """For every entry below the roots: how many times others will send to it."""
    waits: dict[Entry, int] = dict.fromkeys(roots, 0)
    stack = list(waits)
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            entry = edge.entry if type(edge) is Part else edge
            if entry in waits:
                waits[entry] += 1
            else:
                waits[entry] = 1
                stack.append(entry)
    return waits


def _wanted(entries: dict[Entry, int], targets: dict[Any, int] | None) -> tuple[set | None, dict]:
    """Which entries lead to the targets, and by entry the (part, place) pairs to be captured."""
    if targets is None:
        return None, {}
    captured: dict[Entry, list] = {}
    for edge, place in targets.items():
        part = edge[1] if isinstance(edge, tuple) else None
        captured.setdefault(edge[0] if isinstance(edge, tuple) else edge, []).append((part, place))
    leads: dict[Entry, bool] = {}
    for root in entries:
        stack = [(root, False)]
        while stack:
            entry, done = stack.pop()
            if done:
                leads[entry] = entry in captured or any(
                    leads.get(_entry(e), False) for e in entry.edges if e is not None
                )
            elif entry not in leads:
                leads[entry] = entry in captured
                stack.append((entry, True))
                stack.extend(
                    (_entry(e), False) for e in entry.edges if e is not None and _entry(e) not in leads
                )
    return {entry for entry, yes in leads.items() if yes}, captured


def _arrive(flowing: dict, entry: Entry, edge: Any, g: Any, mode: Any) -> None:
    """Add a gradient to what waits for an entry, fitted to the output it belongs to."""
    if type(edge) is Part:
        parts = flowing.get(entry)
        if parts is None:
            parts = flowing[entry] = [None] * len(entry.shape)
        k = edge.index
        g = mode.fit(g, entry.shape[k], entry.dtype[k])
        parts[k] = g if parts[k] is None else mode.add(parts[k], g)
        return
    g = mode.fit(g, entry.shape, entry.dtype)
    before = flowing.get(entry)
    flowing[entry] = g if before is None else mode.add(before, g)


def _process(
    entry: Entry, g: Any, mode: Any, keep: bool, captures: list | None, found: list, accumulate: bool
) -> Sequence[Any]:
    """Hooks, captures, then the entry's rule; gives the gradients of its inputs."""
    hooks = entry.hooks
    if hooks is not None:
        g = _before(entry, g, mode, hooks)
    if captures is not None:
        for part, place in captures:
            found[place] = g if part is None else g[part]
    if type(entry) is AccumulateGrad:
        if accumulate:
            _accumulate(entry, g, mode)
        return ()
    if isinstance(g, list):
        g = _complete(entry, g, mode)
    if state.anomaly:
        with explain(entry):
            grads = mode.apply(entry, g)
            check_gradients(entry, [None if x is None else mode.leave(x) for x in grads])
    else:
        grads = mode.apply(entry, g)
    if not keep:
        entry.free()
    if hooks is not None and "post" in hooks:
        grads = _after(hooks["post"], grads, g, mode)
    return grads


def _complete(entry: Entry, parts: list, mode: Any) -> tuple:
    """Zeros for outputs that no gradient reached, unless the entry's Op or a user's Function wants to see None."""
    ctx = getattr(entry, "ctx", None)
    if ctx is not None and not getattr(ctx, "materialize_grads", True):
        return tuple(parts)
    op = getattr(entry, "op", None)
    if op is not None and not op.zeros:
        return tuple(parts)
    return tuple(
        mode.zeros(s, d) if part is None and d is not None else part
        for part, s, d in zip(parts, entry.shape, entry.dtype)
    )


def _before(entry: Entry, g: Any, mode: Any, hooks: dict) -> Any:
    """Tensor hooks and prehooks may replace the gradient; retain_grad sees what they leave."""
    parts = g if isinstance(g, list) else [g]
    for kind, table in list(hooks.items()):
        if isinstance(kind, tuple) and kind[0] == "tensor":
            k = kind[1]
            for hook in list(table.values()):
                if parts[k] is None:
                    continue
                changed = hook(mode.leave(parts[k]))
                if changed is not None:
                    parts[k] = _checked(mode.enter(changed), parts[k])
    for hook in list(hooks.get("pre", {}).values()):
        changed = hook(tuple(None if p is None else mode.leave(p) for p in parts))
        if changed is not None:
            changed = changed if isinstance(changed, tuple) else (changed,)
            parts = [None if c is None else mode.enter(c) for c in changed]
    for k, keep in hooks.get("retain", {}).items():
        if parts[k] is not None:
            keep(mode.leave(parts[k]))
    return parts if isinstance(g, list) else parts[0]


def _checked(new: Any, old: Any) -> Any:
    before = old.shape if isinstance(old, Node) else shape_of(old)
    after = new.shape if isinstance(new, Node) else shape_of(new)
    if tuple(before) != tuple(after):
        raise RuntimeError(
            f"hook '<unknown>' has changed the size of value: from {list(before)} to {list(after)}"
        )
    return new


def _after(hooks: dict, grads: Sequence[Any], g: Any, mode: Any) -> Sequence[Any]:
    outputs = tuple(mode.leave(p) for p in (g if isinstance(g, tuple) else (g,)))
    for hook in list(hooks.values()):
        changed = hook(tuple(None if x is None else mode.leave(x) for x in grads), outputs)
        if changed is not None:
            changed = changed if isinstance(changed, tuple) else (changed,)
            grads = [None if c is None else mode.enter(c) for c in changed]
    return grads


def _accumulate(entry: AccumulateGrad, g: Any, mode: Any) -> None:
    """Add to the leaf's `.grad`: in place when it is there, as PyTorch does."""
    variable = entry.variable
    if variable is None:
        return
    if watched.capture is not None:
        watched.capture.meets_gradient(variable)
    grad = variable._grad
    if grad is None:
        if mode.create:
            variable._grad = g
        else:
            variable._grad = wrap(g, variable._storage.device)
    elif mode.create:
        variable._grad = mode.add(grad, g)
    else:
        total = node_of(grad) + g
        if grad._view is None and grad._edge is None:
            grad._storage.replace(total)
        else:
            variable._grad = wrap(total, variable._storage.device)
    if entry.hooks is not None:
        for hook in list(entry.hooks.get("accumulated", {}).values()):
            hook(variable)


# ---------------------------------------------------------------- what users call


def _as_tuple(value: Any) -> tuple:
    if value is None or isinstance(value, Tensor):
        return (value,)
    return tuple(value)


def _seeds(tensors: tuple, grads: tuple, create: bool) -> list[tuple[Any, Any]]:
    """(edge, gradient) for each output; a scalar's gradient is 1."""
    if len(grads) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    seeds = []
    for tensor, grad in zip(tensors, grads):
        edge = edge_of(tensor)
        if edge is None:
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        seeds.append((edge, _seed(tensor, grad, create)))
    return seeds


def _seed(tensor: Tensor, grad: Any, create: bool) -> Any:
    shape, dtype = shape_of(tensor), dtype_of(tensor)
    if grad is None:
        if tensor.numel() != 1:
            raise RuntimeError(
                f"grad can be implicitly created only for scalar outputs, got shape {list(shape)}: "
                "give backward() a gradient, or reduce with .sum() or .mean() first"
            )
        if dtype.is_complex:
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {dtype}")
        one = constant(1, dtype)
        one = one.expand(shape) if shape else one
        return wrap(one) if create else one
    if shape_of(grad) != shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[0] has a shape of {grad.shape} and output[0] has a shape of {tensor.shape}."
        )
    if create:
        return grad
    node = node_of(grad)
    return node if node.dtype is dtype else cast(node, dtype)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of every leaf the gradient of sum(tensors * grad_tensors).

    Args:
        tensors: what to differentiate, a tensor or a sequence; scalars need no `grad_tensors`.
        retain_graph: keep what was saved for another backward; by default what create_graph is.
        create_graph: record backward itself, for higher derivatives.
        inputs: only these leaves accumulate.
    Raises: RuntimeError when a tensor has no history, or the graph was freed by an earlier backward.
    Source: torch.autograd.backward.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.autograd.backward(x * x)
        >>> x.grad
        tensor(6.)
    """
    if type(tensors) is Tensor and grad_tensors is None and inputs is None and not create_graph:
        (seed,) = _seeds((tensors,), (None,), False)
        if type(seed[0]) is not Part:
            run_plain(seed[0], seed[1], bool(retain_graph))
            return
    tensors = _as_tuple(tensors)
    grads = _as_tuple(grad_tensors) if grad_tensors is not None else (None,) * len(tensors)
    keep = create_graph if retain_graph is None else retain_graph
    mode = Recorded if create_graph else Plain
    targets = None
    if inputs is not None:
        inputs = _as_tuple(inputs)
        if not inputs:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
        targets = _targets(inputs)
    found = run_backward(_seeds(tensors, grads, create_graph), keep, mode, targets, accumulate=True)
    if inputs is not None:
        _keep_inner(inputs, targets or {}, found, mode)


def _keep_inner(inputs: tuple, targets: dict, found: list, mode: Any) -> None:
    """Gradients asked for at tensors that are no leaves go into their `.grad` too."""
    for tensor in inputs:
        edge = edge_of(tensor)
        if not isinstance(edge, AccumulateGrad):
            g = found[targets[_key(edge)]]
            if g is not None:
                g = mode.leave(g)
                tensor._grad = g if tensor._grad is None else Recorded.add(tensor._grad, g)


def _key(edge: Any) -> Any:
    return (edge.entry, edge.index) if type(edge) is Part else edge


def _targets(inputs: Sequence[Tensor]) -> dict[Any, int]:
    targets: dict[Any, int] = {}
    for i, tensor in enumerate(inputs):
        edge = edge_of(tensor)
        if edge is None:
            raise RuntimeError(
                f"One of the differentiated Tensors does not require grad (input {i}, shape {list(tensor.shape)})"
            )
        targets.setdefault(_key(edge), len(targets))
    return targets


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """Gradients of sum(outputs * grad_outputs) with respect to `inputs`, as a tuple; no `.grad` is touched.

    Raises: RuntimeError when an input takes no part and `allow_unused` is False.
    Source: torch.autograd.grad.
    Example:
        >>> import rushlight as torch
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> (g,) = torch.autograd.grad(x**3, x, create_graph=True)
        >>> torch.autograd.grad(g, x)
        (tensor(12.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True")
    if allow_unused is None:
        allow_unused = materialize_grads
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    grads = _as_tuple(grad_outputs) if grad_outputs is not None else (None,) * len(outputs)
    if is_grads_batched:
        return _batched(outputs, inputs, grads, create_graph, allow_unused)
    keep = create_graph if retain_graph is None else retain_graph
    mode = Recorded if create_graph else Plain
    targets = _targets(inputs)
    found = run_backward(_seeds(outputs, grads, create_graph), keep, mode, targets, accumulate=False)
    results = []
    for tensor in inputs:
        g = found[targets[_key(edge_of(tensor))]]
        if g is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
        if g is None and materialize_grads:
            g = mode.zeros(shape_of(tensor), dtype_of(tensor))
        results.append(None if g is None else mode.leave(g))
    return tuple(results)


def _batched(outputs: tuple, inputs: tuple, grads: tuple, create_graph: bool, allow_unused: bool) -> tuple:
    """One pass for each slice of the gradients' first dimension, stacked."""
    from ..ops.movement import concat, reshape

    rows = []
    for i in range(len(grads[0])):
        rows.append(grad(outputs, inputs, tuple(g[i] for g in grads), True, create_graph, allow_unused))
    stacked: list[Any] = []
    for column in zip(*rows):
        if column[0] is None:
            stacked.append(None)
            continue
        tall = [primitive(reshape, (g,), ((1, *g.shape),)) for g in column]
        stacked.append(primitive(concat, tuple(tall), (0,)))
    return tuple(stacked)
