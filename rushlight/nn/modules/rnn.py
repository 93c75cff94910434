"""Recurrent layers and cells: RNN, LSTM, GRU (torch.nn.modules.rnn).

The recurrences are functions (lstm, gru, rnn_tanh, ...); here are the weights, the checks and the shapes.
Weights of layer k have names like weight_ih_l{k}, with _reverse for the backward direction. All start as
U(-1 / sqrt(hidden_size), 1 / sqrt(hidden_size)).
"""

from __future__ import annotations

import math
import numbers
import warnings

from ... import functions as fn
from .. import init
from ..packed_sequence import PackedSequence
from ..parameter import Parameter
from .module import Module

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _apply_permutation(tensor, permutation, dim=1):
    return tensor.index_select(dim, permutation)


def apply_permutation(tensor, permutation, dim=1):
    """Deprecated: tensor.index_select(dim, permutation)."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return _apply_permutation(tensor, permutation, dim)


class RNNBase(Module):
    """Weights, checks and shapes of a recurrent network of several layers.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size, hidden_size: numbers of features of input and state.
        num_layers: layers stacked on each other.
        bias: whether there are biases.
        batch_first: input and output are (N, L, *) rather than (L, N, *).
        dropout: share dropped from the output of all layers but the last, in training.
        bidirectional: a second set of layers runs backwards; outputs are joined.
        proj_size: an LSTM's states are projected to this size; 0: not.
    Raises:
        ValueError, TypeError: an argument out of range or of the wrong type.
    Source: torch.nn.RNNBase.
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_sizes(mode, input_size, hidden_size, num_layers, bias, batch_first, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                shapes = self._layer_shapes(layer, f"_l{layer}{suffix}")
                for name, shape in shapes.items():
                    setattr(self, name, Parameter(fn.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(list(shapes))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def _layer_shapes(self, layer, ending):
        """Names and shapes of one layer's weights in one direction."""
        gates = _GATES[self.mode] * self.hidden_size
        directions = 2 if self.bidirectional else 1
        state = self.proj_size or self.hidden_size
        shapes = {
            f"weight_ih{ending}": (gates, self.input_size if layer == 0 else state * directions),
            f"weight_hh{ending}": (gates, state),
        }
        if self.bias:
            shapes[f"bias_ih{ending}"] = (gates,)
            shapes[f"bias_hh{ending}"] = (gates,)
        if self.proj_size:
            shapes[f"weight_hr{ending}"] = (self.proj_size, self.hidden_size)
        return shapes

    @property
    def _flat_weights(self):
        """All weights in the order the recurrence functions take them."""
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        """The weights, one list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Nothing to do: weights need not lie next to each other here."""

    def reset_parameters(self):
        """Draw all weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input, batch_sizes):
        """Refuse an input of another dtype, number of dimensions or features than the weights ask for."""
        expected_dtype = getattr(self, self._flat_weights_names[0]).dtype
        if input.dtype != expected_dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({expected_dtype}). "
                f"Convert input: input.to({expected_dtype}), or convert model: model.to({input.dtype})"
            )
        expected_dim = 3 if batch_sizes is None else 2
        if input.dim() != expected_dim:
            raise RuntimeError(f"input must have {expected_dim} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.size(-1)}"
            )

    def _state_size(self, input, batch_sizes, features):
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0 if self.batch_first else 1)
        return self.num_layers * (2 if self.bidirectional else 1), batch, features

    def get_expected_hidden_size(self, input, batch_sizes):
        """(layers * directions, batch, features) of the hidden state."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Refuse a state of another size."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Refuse inputs and states that do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The state with its batch in another order; None keeps it."""
        return hx if permutation is None else _apply_permutation(hx, permutation)

    def _zero_state(self, input, batch_sizes):
        size = self.get_expected_hidden_size(input, batch_sizes)
        return fn.zeros(size, dtype=input.dtype, device=input.device)

    def _batched_state(self, hx, batched):
        """A given state with a batch dimension, checked for it."""
        expected, kind = (3, "batched") if batched else (2, "unbatched")
        if hx.dim() != expected:
            raise RuntimeError(
                f"For {kind} {expected}-D input, hx should also be {expected}-D but got {hx.dim()}-D tensor"
            )
        return hx if batched else hx.unsqueeze(1)

    def _unbatched_state(self, hx):
        return hx.squeeze(1)

    def _recur(self, *args):
        """The recurrence function of this kind of layer: (output, state)."""
        raise NotImplementedError(f"{type(self).__name__} has no recurrence; use RNN, LSTM or GRU")

    def forward(self, input, hx=None):
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(self._wrong_dim(input.dim()))
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
        hx = self._zero_state(input, None) if hx is None else self._batched_state(hx, batched)
        self.check_forward_args(input, hx, None)
        output, state = self._recur(input, hx, self._flat_weights, *self._options(), self.batch_first)
        if batched:
            return output, state
        return output.squeeze(batch_dim), self._unbatched_state(state)

    def _wrong_dim(self, dim):
        return f"{type(self).__name__}: Expected input to be 2D or 3D, got {dim}D instead"

    def _forward_packed(self, packed, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        if hx is None:
            hx = self._zero_state(data, batch_sizes)
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        output, state = self._recur(data, batch_sizes, hx, self._flat_weights, *self._options())
        output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return output, self.permute_hidden(state, unsorted_indices)

    def _options(self):
        return self.bias, self.num_layers, self.dropout, self.training, self.bidirectional

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size != 0:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.batch_first is not False:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout != 0:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional is not False:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)

    def __getstate__(self):
        state = super().__getstate__()
        state["_flat_weights"] = self._flat_weights  # PyTorch's own class reads it back from there
        return state

    def __setstate__(self, state):
        super().__setstate__({name: value for name, value in state.items() if name != "_flat_weights"})
        self.__dict__.setdefault("proj_size", 0)


def _check_dropout(dropout, num_layers):
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
            f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )


def _check_sizes(mode, input_size, hidden_size, num_layers, bias, batch_first, proj_size):
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError("Unrecognized RNN mode: " + mode)


def _refuse_projection(kwargs):
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or relu in place of tanh (Elman 1990).

    Args:
        input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, device, dtype: as in RNNBase.
    Shape: input (L, N, input_size), (N, L, input_size) with batch_first, (L, input_size) or a
        PackedSequence; output likewise with directions * hidden_size features; hx and h_n (layers *
        directions, N, hidden_size).
    Source: torch.nn.RNN.
    Example:
        >>> import rushlight as torch
        >>> output, h = torch.nn.RNN(10, 20, 2)(torch.ones(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args, **kwargs):
        _refuse_projection(kwargs)
        if len(args) > 3:
            nonlinearity = args[3]
            args = (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)

    def _recur(self, *args):
        return fn.rnn_tanh(*args) if self.mode == "RNN_TANH" else fn.rnn_relu(*args)

    def _wrong_dim(self, dim):
        return f"RNN: Expected input to be 2D or 3D, got {dim}D tensor instead"


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; projections after Sak et al. 2014).

    i, f, o = sigmoid(...), g = tanh(...) of W_ih x_t + b_ih + W_hh h_(t-1) + b_hh, in the order i, f, g, o;
    c_t = f c_(t-1) + i g; h_t = o tanh(c_t), times W_hr with proj_size.

    Args:
        input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
        proj_size=0, device, dtype: as in RNNBase.
    Shape: input and output as in RNN; hx and the second output are pairs (h, c), h (layers * directions, N,
        proj_size or hidden_size), c (layers * directions, N, hidden_size).
    Source: torch.nn.LSTM.
    Example:
        >>> import rushlight as torch
        >>> output, (h, c) = torch.nn.LSTM(10, 20, 2, bidirectional=True)(torch.ones(5, 3, 10))
        >>> output.shape, c.shape
        (torch.Size([5, 3, 40]), torch.Size([4, 3, 20]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        """(layers * directions, batch, hidden_size), the size of the cell state."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input, hidden, batch_sizes):
        """Refuse inputs and states that do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}"
        )
        self.check_hidden_size(
            hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}"
        )

    def permute_hidden(self, hx, permutation):
        """Both states with their batch in another order; None keeps it."""
        if permutation is None:
            return hx
        return _apply_permutation(hx[0], permutation), _apply_permutation(hx[1], permutation)

    def _zero_state(self, input, batch_sizes):
        cell = self.get_expected_cell_size(input, batch_sizes)
        zeros = fn.zeros(cell, dtype=input.dtype, device=input.device)
        return super()._zero_state(input, batch_sizes), zeros

    def _batched_state(self, hx, batched):
        expected, kind = (3, "batched") if batched else (2, "unbatched")
        if hx[0].dim() != expected or hx[1].dim() != expected:
            raise RuntimeError(
                f"For {kind} {expected}-D input, hx and cx should also be {expected}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return hx if batched else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))

    def _unbatched_state(self, hx):
        return hx[0].squeeze(1), hx[1].squeeze(1)

    def _recur(self, *args):
        output, hidden, cell = fn.lstm(*args)
        return output, (hidden, cell)


class GRU(RNNBase):
    """Gated recurrent unit (Cho et al. 2014).

    r, z = sigmoid(...) and n = tanh(W_in x_t + b_in + r (W_hn h_(t-1) + b_hn)), in the order r, z, n;
    h_t = (1 - z) n + z h_(t-1).

    Args:
        input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, device,
        dtype: as in RNNBase.
    Shape: as in RNN.
    Source: torch.nn.GRU.
    Example:
        >>> import rushlight as torch
        >>> output, h = torch.nn.GRU(10, 20, batch_first=True)(torch.ones(3, 5, 10))
        >>> output.shape, h.shape
        (torch.Size([3, 5, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(self, *args, **kwargs):
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def _recur(self, *args):
        return fn.gru(*args)


class RNNCellBase(Module):
    """Weights and checks of a single step; num_chunks is the number of gates.

    Source: torch.nn.RNNCellBase.
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(fn.empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(fn.empty((gates, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            if bias:
                setattr(self, name, Parameter(fn.empty(gates, device=device, dtype=dtype)))
            else:
                self.register_parameter(name, None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check_input(self, input):
        """Whether input has a batch dimension."""
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        return input.dim() == 2

    def _step(self, function, input, hx):
        """function on input and one state, either with or without a batch dimension."""
        batched = self._check_input(input)
        if hx is not None and hx.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead"
            )
        if not batched:
            input = input.unsqueeze(0)
            hx = None if hx is None else hx.unsqueeze(0)
        if hx is None:
            hx = self._zeros(input)
        state = function(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return state if batched else state.squeeze(0)

    def _zeros(self, input):
        return fn.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """One step of RNN: tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    Shape: x (N, input_size) or (input_size), h (N, hidden_size) or (hidden_size), zeros if None -> the new h.
    Source: torch.nn.RNNCell.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.RNNCell(10, 20)(torch.ones(3, 10)).shape
        torch.Size([3, 20])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity == "tanh":
            return self._step(fn.rnn_tanh_cell, input, hx)
        if self.nonlinearity == "relu":
            return self._step(fn.rnn_relu_cell, input, hx)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of LSTM.

    Shape: x (N, input_size) or (input_size), hx a pair (h, c) of (N, hidden_size) or (hidden_size), zeros if
        None -> the new pair.
    Source: torch.nn.LSTMCell.
    Example:
        >>> import rushlight as torch
        >>> h, c = torch.nn.LSTMCell(10, 20)(torch.ones(3, 10))
        >>> c.shape
        torch.Size([3, 20])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input, hx=None):
        batched = self._check_input(input)
        for position, state in enumerate(hx or ()):
            if state.dim() not in (1, 2):
                raise ValueError(
                    f"LSTMCell: Expected hx[{position}] to be 1D or 2D, got {state.dim()}D instead"
                )
        if not batched:
            input = input.unsqueeze(0)
            hx = None if hx is None else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        if hx is None:
            zeros = self._zeros(input)
            hx = (zeros, zeros)
        h, c = fn.lstm_cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of GRU.

    Shape: as in RNNCell.
    Source: torch.nn.GRUCell.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.GRUCell(10, 20)(torch.ones(3, 10)).shape
        torch.Size([3, 20])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input, hx=None):
        return self._step(fn.gru_cell, input, hx)
