"""`torch.nn.functional`: names handed on from functions/, where the computations live.

Public names only; nothing is computed here.
"""
# ruff: noqa: F401

# ---- activations, losses, norms, dropout, embedding, distances
from ..functions.activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from ..functions.products import linear
from ..functions.softmax import gumbel_softmax, log_softmax, softmax, softmin

# ---- convolution, pooling, padding, resampling, attention, recurrence
