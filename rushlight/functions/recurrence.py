"""Recurrent layers: torch.lstm, gru, rnn_tanh, rnn_relu, and one step of each (lstm_cell, ...).

One direction of one layer is one tape entry on the rows of all steps (ops/steps.py tells where they stand). Here: reading
arguments, layers and directions; what a cell computes is in cells.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.entry import Op
from ..autograd.record import operation
from ..dtypes import FLOATING
from ..errors import DTypeError, ShapeError
from ..ops.steps import Steps
from ..tensor import Tensor, array_of, dtype_of, shape_of
from .arguments import need_tensor
from .cells import GRU, LSTM, RELU, TANH
from .dropout import dropout as dropped
from .register import function
from .shaping import cat, stack

_GATES = {LSTM: 4, GRU: 3, TANH: 1, RELU: 1}

# ---------------------------------------------------------------- parameters


class _Weights:
    """The parameters of one direction of one layer; b_ih, b_hh and w_hr may be None."""

    __slots__ = ("w_ih", "w_hh", "b_ih", "b_hh", "w_hr")

    def __init__(
        self, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None, w_hr: Any = None
    ) -> None:
        self.w_ih, self.w_hh, self.b_ih, self.b_hh, self.w_hr = w_ih, w_hh, b_ih, b_hh, w_hr


def _weights_of(params: Sequence[Tensor], has_biases: bool, projected: bool) -> list[_Weights]:
    """The flat list of parameters, one _Weights a layer and direction."""
    each = 2 + 2 * has_biases + projected
    if len(params) % each:
        raise RuntimeError(
            f"got an incorrect number of RNN parameters: {len(params)} is no multiple of {each}"
        )
    found = []
    for i in range(0, len(params), each):
        part = list(params[i : i + each])
        b_ih, b_hh = part[2:4] if has_biases else (None, None)
        found.append(_Weights(part[0], part[1], b_ih, b_hh, part[-1] if projected else None))
    return found


def _check_weights(name: str, x: Tensor, weights: _Weights, gates: int, hidden: int, width: int) -> None:
    """Sizes and dtypes of one direction's parameters, for inputs of `width` and states of `hidden`."""
    w_ih, w_hh = shape_of(weights.w_ih), shape_of(weights.w_hh)
    if dtype_of(weights.w_ih) is not dtype_of(x):
        raise DTypeError(
            f"mat1 and mat2 must have the same dtype, but got input {dtype_of(x)} and weight {dtype_of(weights.w_ih)}"
        )
    if len(w_ih) != 2 or w_ih[1] != width:
        raise ShapeError(
            f"{name}: mat1 and mat2 shapes cannot be multiplied: input has {width} features, weight_ih is {list(w_ih)}"
        )
    if len(w_hh) != 2 or w_ih[0] != w_hh[0] or w_hh[0] % gates or w_hh[1] != hidden:
        raise ShapeError(
            f"{name}: weight_hh {list(w_hh)} does not fit weight_ih {list(w_ih)} and a hidden state of {hidden}"
        )


# ---------------------------------------------------------------- layers and directions


def _one_direction(op: Op, rows: Tensor, states: list, weights: _Weights, steps: Steps) -> tuple:
    inputs = (rows, *states, weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh)
    if len(states) == 2:
        inputs = (*inputs, weights.w_hr)
    return operation(op, inputs, (steps,))


def _run(
    name: str, op: Op, rows: Tensor, states: list[Tensor], steps: Steps, params: Sequence[Tensor], has_biases: bool,
    num_layers: int, dropout: float, train: bool, bidirectional: bool,
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """(rows of the last layer, last states) for the rows of all steps."""
    directions = 2 if bidirectional else 1
    projected = _projected(states)
    weights = _weights_of(params, has_biases, projected)
    if len(weights) < num_layers * directions:
        raise RuntimeError(
            f"got an incorrect number of RNN parameters: {len(weights)} sets for {num_layers} layers and "
            f"{directions} directions"
        )
    _check_states(name, rows, states, num_layers * directions, steps.batch)
    if not 0 <= dropout <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout}")
    last: list[list[Tensor]] = [[] for _ in states]
    for layer in range(num_layers):
        made = []
        for direction in range(directions):
            k = layer * directions + direction
            hidden, width = shape_of(states[0])[2], shape_of(rows)[1]
            _check_weights(name, rows, weights[k], _GATES[op], hidden, width)
            way = steps._replace(reverse=direction == 1)
            found = _one_direction(op, rows, [s[k] for s in states], weights[k], way)
            made.append(found[0])
            for kept, state in zip(last, found[1:]):
                kept.append(state)
        rows = made[0] if directions == 1 else cat(made, 1)
        if dropout and train and layer < num_layers - 1:
            rows = dropped(rows, dropout)
    return rows, [stack(kept) for kept in last]


def _projected(states: list[Tensor]) -> bool:
    """Whether an LSTM's hidden state is narrower than its cell."""
    return len(states) == 2 and shape_of(states[0])[-1] != shape_of(states[1])[-1]


def _check_states(name: str, rows: Tensor, states: list[Tensor], wanted: int, batch: int) -> None:
    for state in states:
        shape = shape_of(state)
        if len(shape) != 3 or shape[0] < wanted or shape[1] != batch:
            raise ShapeError(
                f"{name}: expected hidden states of {wanted} (layers x directions) x {batch} (batch) x hidden size, "
                f"got {list(shape)}"
            )
        if dtype_of(state) is not dtype_of(rows):
            raise DTypeError(f"{name}: input is {dtype_of(rows)} but a hidden state is {dtype_of(state)}")
    if dtype_of(rows).category != FLOATING:
        raise DTypeError(f"{name}: expected a floating input, got {dtype_of(rows)}")


def _padded_run(
    name: str, op: Op, input: Tensor, states: list, batch_first: bool, params: Sequence[Tensor], has_biases: bool,
    num_layers: int, dropout: float, train: bool, bidirectional: bool,
) -> tuple:  # fmt: skip
    """A run over (T, N, features), or (N, T, features) when batch_first."""
    if input.dim() != 3:
        raise ShapeError(f"{name}: Expected a 3-D input, got {list(shape_of(input))}")
    # Dropout draws its numbers step by step, whatever the order in memory; and what is composed goes by steps.
    dropping = num_layers > 1 and dropout and train
    turned = batch_first and (dropping or _projected(states) or shape_of(input)[1] == 1)
    if turned:
        input = input.transpose(0, 1)
    first, second, width = shape_of(input)
    as_given = batch_first and not turned
    T, N = (second, first) if as_given else (first, second)
    if not T:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    steps = Steps((N,) * T, as_given)
    rows, last = _run(
        name, op, input.reshape(T * N, width), states, steps, params, has_biases, num_layers, dropout, train,
        bidirectional,
    )  # fmt: skip
    output = rows.reshape(first, second, shape_of(rows)[1])
    return output.transpose(0, 1) if turned else output, last


def _packed_run(name: str, op: Op, data: Tensor, batch_sizes: Tensor, states: list, *rest: Any) -> tuple:
    """A run over packed rows."""
    sizes = tuple(int(n) for n in array_of(batch_sizes))
    if not sizes:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if any(b > a for a, b in zip(sizes, sizes[1:])) or min(sizes) < 1:
        raise RuntimeError(f"{name}: batch_sizes has to be positive and not to increase, got {list(sizes)}")
    if sum(sizes) > shape_of(data)[0]:
        raise RuntimeError(
            f"{name}: batch_sizes {list(sizes)} need {sum(sizes)} rows, data has {shape_of(data)[0]}"
        )
    if sum(sizes) < shape_of(data)[0]:
        data = data[: sum(sizes)]
    rows, last = _run(name, op, data, states, Steps(sizes), *rest)
    return rows, last


_NAMES = (
    "input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first",
)  # fmt: skip
_PACKED_NAMES = (
    "data", "batch_sizes", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional",
)  # fmt: skip


def _arguments(name: str, args: tuple, kwargs: dict) -> dict:
    """Both of PyTorch's signatures, told apart by batch_sizes."""
    second = args[1] if len(args) > 1 else kwargs.get("batch_sizes", kwargs.get("hx"))
    packed = "batch_sizes" in kwargs or (
        isinstance(second, Tensor) and len(args) > 2 and isinstance(args[2], (Tensor, tuple, list))
        and second.dim() == 1 and dtype_of(second).category < FLOATING
    )  # fmt: skip
    names = _PACKED_NAMES if packed else _NAMES
    if len(args) > len(names):
        raise TypeError(f"{name}() takes {len(names)} arguments, got {len(args)}")
    found = dict(zip(names, args))
    for key, value in kwargs.items():
        if key not in names or key in found:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        found[key] = value
    missing = [n for n in names if n not in found]
    if missing:
        raise TypeError(f"{name}() missing required arguments: {', '.join(missing)}")
    return found


def _layers(name: str, op: Op, states_of: Any, args: tuple, kwargs: dict) -> tuple:
    given = _arguments(name, args, kwargs)
    states = states_of(given["hx"])
    rest = (
        given["params"], bool(given["has_biases"]), int(given["num_layers"]), float(given["dropout"]),
        bool(given["train"]), bool(given["bidirectional"]),
    )  # fmt: skip
    if "batch_sizes" in given:
        output, last = _packed_run(name, op, given["data"], given["batch_sizes"], states, *rest)
    else:
        output, last = _padded_run(name, op, given["input"], states, bool(given["batch_first"]), *rest)
    return (output, *last)


def _two_states(hx: Any) -> list[Tensor]:
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise RuntimeError("lstm expects two hidden states")
    return list(hx)


def _one_state(hx: Any) -> list[Tensor]:
    return [need_tensor("rnn", hx, 2, "hx")]


@function(method=False, out=False)
def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory over sequences: (output, h_n, c_n).

    lstm(input, (h_0, c_0), params, has_biases, num_layers, dropout, train, bidirectional, batch_first), or, for packed
    sequences, lstm(data, batch_sizes, (h_0, c_0), params, has_biases, num_layers, dropout, train, bidirectional).

    Args:
        input: (T, N, features), or (N, T, features) when batch_first.
        params: for each layer and direction w_ih (4 H, features), w_hh (4 H, H), with biases b_ih and b_hh (4 H), and
            w_hr (P, H) where h_0 is narrower than c_0: the output is then projected to P.
        dropout: share of what goes from one layer to the next that is dropped while `train`.
    Returns: output (T, N, directions * H), and the last states (layers * directions, N, H).
    Raises: RuntimeError when sizes or dtypes do not fit.
    Source: torch.lstm; Hochreiter and Schmidhuber 1997, projections after Sak et al. 2014.
    Example:
        >>> import rushlight as torch
        >>> state, params = torch.zeros(1, 1, 2), [torch.ones(8, 3), torch.ones(8, 2)]
        >>> output, h, c = torch.lstm(
        ...     torch.zeros(5, 1, 3), (state, state), params, False, 1, 0.0, False, False, False
        ... )
        >>> output.shape, h.tolist()
        (torch.Size([5, 1, 2]), [[[0.0, 0.0]]])
    """
    return _layers("lstm", LSTM, _two_states, args, kwargs)


@function(method=False, out=False)
def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Gated recurrent units over sequences: (output, h_n). Arguments as lstm's, with one state.

    Source: torch.gru; Cho et al. 2014, with the reset gate behind the recurrent product.
    """
    return _layers("gru", GRU, _one_state, args, kwargs)


@function(method=False, out=False)
def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """h = tanh(w_ih x + b_ih + w_hh h + b_hh) over sequences. Arguments as gru's. Source: torch.rnn_tanh."""
    return _layers("rnn_tanh", TANH, _one_state, args, kwargs)


@function(method=False, out=False)
def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """As rnn_tanh with max(., 0) in place of tanh. Source: torch.rnn_relu."""
    return _layers("rnn_relu", RELU, _one_state, args, kwargs)


# ---------------------------------------------------------------- cells


def _check_cell(name: str, input: Tensor, states: list[Tensor], weights: _Weights, gates: int) -> None:
    need_tensor(name, input)
    x, w_ih, w_hh = shape_of(input), shape_of(weights.w_ih), shape_of(weights.w_hh)
    if len(x) != 2:
        raise ShapeError(f"{name}: expected a 2-D input (batch, features), got {list(x)}")
    if x[1] != w_ih[1]:
        raise ShapeError(f"input has inconsistent input_size: got {x[1]} expected {w_ih[1]}")
    for i, state in enumerate(states):
        h = shape_of(need_tensor(name, state, 2, "hx"))
        if len(h) != 2:
            raise ShapeError(f"{name}: expected a 2-D hidden{i} (batch, hidden), got {list(h)}")
        if h[0] != x[0]:
            raise ShapeError(f"Input batch size {x[0]} doesn't match hidden{i} batch size {h[0]}")
        if h[1] != w_hh[1]:
            raise ShapeError(f"hidden{i} has inconsistent hidden_size: got {h[1]}, expected {w_hh[1]}")
    if w_ih[0] != gates * w_hh[1]:
        raise ShapeError(
            f"weight_ih first dim must be {gates} * hidden_size = {gates * w_hh[1]}, but got {w_ih[0]}"
        )
    for which, bias in (("bias_ih", weights.b_ih), ("bias_hh", weights.b_hh)):
        if bias is not None and shape_of(bias) != w_ih[:1]:
            raise ShapeError(f"{name}: {which} has to have {w_ih[0]} elements, got {list(shape_of(bias))}")
    _check_weights(name, input, weights, gates, w_hh[1], x[1])
    _check_states(name, input, [s.unsqueeze(0) for s in states], 1, x[0])


def _step(name: str, op: Op, input: Tensor, states: list[Tensor], weights: _Weights) -> tuple:
    _check_cell(name, input, states, weights, _GATES[op])
    return _one_direction(op, input, states, weights, Steps((shape_of(input)[0],)))[1:]


@function(method=False, out=False)
def lstm_cell(
    input: Tensor, hx: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One step of lstm: (h, c) from an input (N, features) and the states before. Source: torch.lstm_cell."""
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    return _step("lstm_cell", LSTM, input, list(hx), _Weights(w_ih, w_hh, b_ih, b_hh))


@function(method=False, out=False)
def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of gru: h from an input (N, features) and the state before. Source: torch.gru_cell."""
    return _step("gru_cell", GRU, input, [hx], _Weights(w_ih, w_hh, b_ih, b_hh))[0]


@function(method=False, out=False)
def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of rnn_tanh. Source: torch.rnn_tanh_cell."""
    return _step("rnn_tanh_cell", TANH, input, [hx], _Weights(w_ih, w_hh, b_ih, b_hh))[0]


@function(method=False, out=False)
def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of rnn_relu. Source: torch.rnn_relu_cell."""
    return _step("rnn_relu_cell", RELU, input, [hx], _Weights(w_ih, w_hh, b_ih, b_hh))[0]
