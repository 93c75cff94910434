"""scaled_dot_product_attention, and multi_head_attention_forward around it.

Attention is one tape entry: its rule reads q, k, v and the mask, and computes the scores again, so that no
score matrix is kept. Without a mask it is a primitive (ops/attention.py); with one it is composed here. With dropout it
is made of its parts, since what was dropped has to be kept anyway.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..autograd.record import operation
from ..dtypes import FLOATING, DType, float32
from ..dtypes import bool as bool_dtype
from ..errors import DTypeError, ShapeError
from ..graph.node import Node, constant
from ..graph.registry import PICK
from ..ops.attention import attention, attention_gradient, scores
from ..ops.contraction import transposed
from ..shapes import broadcast_all
from ..tensor import Tensor, dtype_of, shape_of
from .arguments import need_tensor
from .creation import zeros, zeros_like
from .dropout import dropout
from .opmath import widened
from .padding import pad
from .pointwise import where
from .products import baddbmm, bmm, linear, matmul
from .shaping import cat
from .softmax import softmax
from .spatial import c_name

# ---------------------------------------------------------------- attention on nodes


def _scores(q: Node, k: Node, mask: Node | None, causal: bool, scale: float) -> Node:
    found = scores(q, k, causal, scale)
    if mask is None:
        return found
    if mask.dtype is bool_dtype:
        return mask.where(found, -math.inf)
    return found + (mask if mask.dtype is found.dtype else mask.cast(found.dtype))


def _exponentials(scores: Node, masked: bool) -> tuple[Node, Node]:
    """(e, their sums along the last dimension): a softmax is their quotient. A row of -inf alone gives zeros."""
    last = (len(scores.shape) - 1,)
    peak = scores.amax(last, True)
    if masked:
        peak = peak.eq(-math.inf).where(0, peak)
    e = (scores - peak).exp()
    total = e.sum(last, True)
    return e, total.eq(0).where(1, total) if masked else total


def _attend(q: Node, k: Node, v: Node, mask: Node | None, causal: bool, scale: float) -> Node:
    if not k.shape[-2]:
        lead = broadcast_all((q.shape[:-2], k.shape[:-2], v.shape[:-2]))
        return constant(0, q.dtype).expand((*lead, q.shape[-2], v.shape[-1]))
    e, total = _exponentials(_scores(q, k, mask, causal, scale), mask is not None)
    return e.matmul(v) / total


def _attend_rule(g: Node, out: Node, ins: tuple, needs: tuple, causal: bool, scale: float) -> tuple:
    q, k, v, mask = ins
    if not k.shape[-2]:
        return tuple(None if x is None else constant(0, g.dtype).expand(x.shape) for x in ins)
    e, total = _exponentials(_scores(q, k, mask, causal, scale), mask is not None)
    p = e / total
    gv = transposed(p).matmul(g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return None, None, gv, None
    weighted = p * g.matmul(transposed(v))
    gs = weighted - p * weighted.sum((len(p.shape) - 1,), True)
    gq = gs.matmul(k) * scale if needs[0] else None
    gk = transposed(gs).matmul(q) * scale if needs[1] else None
    return gq, gk, gv, gs if needs[3] else None


def _flash(q: Node, k: Node, v: Node, causal: bool, scale: float) -> tuple[Node, Node]:
    found = attention(q, k, v, causal, scale)
    return PICK(found, 0), PICK(found, 1)


def _flash_rule(g: Node, outs: tuple, ins: tuple, needs: tuple, causal: bool, scale: float) -> tuple:
    found = attention_gradient(g, *outs, *ins, causal, scale)
    return tuple(PICK(found, i) if need else None for i, need in enumerate(needs))


_NAME = "ScaledDotProductFlashAttentionForCpuBackward0"

_masked_attention = widened(_NAME, _attend, _attend_rule)
# Of its results logsumexp is there for the rule alone.
_plain_attention = widened(_NAME, _flash, _flash_rule, visible=1)


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, params: tuple) -> Tensor:
    q, k, v = shape_of(query), shape_of(key), shape_of(value)
    if mask is None and q[:-2] == k[:-2] == v[:-2] and 0 not in (*q, *v):
        return operation(_plain_attention, (query, key, value), params)
    return operation(_masked_attention, (query, key, value, mask), params)


def _weigh(q: Node, k: Node, mask: Node | None, causal: bool, scale: float) -> Node:
    e, total = _exponentials(_scores(q, k, mask, causal, scale), mask is not None)
    return e / total


_weights = widened("SafeSoftmaxBackward0", _weigh)

# ---------------------------------------------------------------- scaled_dot_product_attention


def _check(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    for i, (argument, tensor) in enumerate((("query", query), ("key", key), ("value", value))):
        need_tensor("scaled_dot_product_attention", tensor, i + 1, argument)
    q, k, v = shape_of(query), shape_of(key), shape_of(value)
    if min(len(q), len(k), len(v)) < 2:
        raise ShapeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{len(q)} key.dim: {len(k)} and value.dim: {len(v)} instead."
        )
    if not dtype_of(query) is dtype_of(key) is dtype_of(value):
        raise DTypeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{c_name(query)} key.dtype: {c_name(key)} and value.dtype: {c_name(value)} instead."
        )
    if dtype_of(query).category != FLOATING:
        raise NotImplementedError(f"scaled_dot_product_attention is not implemented for {dtype_of(query)}")
    if q[-1] != k[-1] or k[-2] != v[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: query {list(q)} and key {list(k)} need one last dimension, key and value "
            f"{list(v)} one length"
        )
    if mask is not None:
        _check_mask(mask, query, (*broadcast_all((q[:-2], k[:-2])), q[-2], k[-2]))


def _check_mask(mask: Tensor, query: Tensor, scores: tuple[int, ...]) -> None:
    need_tensor("scaled_dot_product_attention", mask, 4, "attn_mask")
    if dtype_of(mask) not in (bool_dtype, float32, dtype_of(query)):
        raise DTypeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{c_name(mask)} and  query.dtype: {c_name(query)} instead."
        )
    broadcast_all((scores, shape_of(mask)))


def _heads_repeated(tensor: Tensor, heads: int) -> Tensor:
    """Each head of (..., H, S, E) as often as it takes to have `heads` of them."""
    *lead, own, length, width = shape_of(tensor)
    if own == heads:
        return tensor
    if not own or heads % own:
        raise ShapeError(
            "Number of heads in key and value must divide the number of heads in query: "
            f"{own} does not divide {heads}"
        )
    each = heads // own
    spread_out = tensor.unsqueeze(-3).expand(*lead, own, each, length, width)
    return spread_out.reshape(*lead, heads, length, width)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T scale + mask) value.

    Args:
        query: (..., L, E); key: (..., S, E); value: (..., S, Ev); leading dimensions broadcast.
        attn_mask: broadcast to (..., L, S): True where a key takes part, or floating and added to the scores.
            A query that no key is left to gets zeros.
        dropout_p: share of the weights dropped, whether training or not.
        is_causal: query i sees keys 0 to i.
        scale: 1 / sqrt(E) by default.
        enable_gqa: fewer heads of keys and values than of queries, each serving several.
    Returns: (..., L, Ev).
    Raises: RuntimeError when sizes, dtypes or dropout_p do not fit.
    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al. 2017; Dao et al. 2022 for the gradient.
    Example:
        >>> import rushlight as torch
        >>> v = torch.tensor([[1.0], [3.0]])
        >>> torch.nn.functional.scaled_dot_product_attention(torch.zeros(1, 4), torch.zeros(2, 4), v)
        tensor([[2.]])
    """
    if enable_gqa:
        heads = shape_of(query)[-3] if query.dim() > 2 else 1
        if key.dim() > 2 and value.dim() > 2:
            key, value = _heads_repeated(key, heads), _heads_repeated(value, heads)
    _check(query, key, value, attn_mask)
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if scale is None:
        scale = 1 / math.sqrt(shape_of(query)[-1]) if shape_of(query)[-1] else 1.0
    params = (bool(is_causal), float(scale))
    if dropout_p == 0 or not shape_of(key)[-2]:
        return _attended(query, key, value, attn_mask, params)
    weights = operation(_weights, (query, key, attn_mask), params)
    return matmul(dropout(weights, dropout_p), value)


# ---------------------------------------------------------------- masks


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: DType | None,
    other_name: str,
    target_type: DType,
    check_other: bool = True,
) -> Tensor | None:
    """A boolean mask (True: left out) as one to be added: 0 or -inf. Floating masks stay as they are."""
    if mask is None:
        return None
    dtype = dtype_of(mask)
    floating = dtype.category == FLOATING
    if dtype is not bool_dtype and not floating:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=2,
        )
    if floating:
        return mask
    return where(mask, zeros_like(mask, dtype=target_type) - math.inf, zeros_like(mask, dtype=target_type))


def _none_or_dtype(input: Tensor | None) -> DType | None:
    """The dtype of a tensor, None for None."""
    if input is None:
        return None
    if isinstance(input, Tensor):
        return dtype_of(input)
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _mha_shape_check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether the input is batched; AssertionError when the ranks do not fit one another."""
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    kind = f"For {'batched (3-D)' if dims == 3 else 'unbatched (2-D)'} `query`, expected"
    _demand(
        key.dim() == dims and value.dim() == dims,
        f"{kind} `key` and `value` to be {dims}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively",
    )
    if key_padding_mask is not None:
        _demand(
            key_padding_mask.dim() == dims - 1,
            f"{kind} `key_padding_mask` to be `None` or {dims - 1}-D but found {key_padding_mask.dim()}-D tensor "
            "instead",
        )
    if attn_mask is not None:
        _demand(
            attn_mask.dim() in (2, 3),
            f"{kind} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead",
        )
        if dims == 2 and attn_mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            _demand(
                shape_of(attn_mask) == expected,
                f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}",
            )
    return dims == 3


# ---------------------------------------------------------------- multi-head attention


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Projections of q, k and v by the three parts of one weight (3 E, E); what is the same is projected at once."""
    E = shape_of(q)[-1]
    if q is k and k is v:
        found = linear(q, w, b).split(E, -1)
        return found[0], found[1], found[2]
    if k is v:
        w_q, w_kv = w.split([E, E * 2])
        b_q, b_kv = (None, None) if b is None else b.split([E, E * 2])
        both = linear(k, w_kv, b_kv).split(E, -1)
        return linear(q, w_q, b_q), both[0], both[1]
    w_q, w_k, w_v = w.chunk(3)
    b_q, b_k, b_v = (None, None, None) if b is None else b.chunk(3)
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _in_projection_separate(
    q: Tensor, k: Tensor, v: Tensor, weights: tuple, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    for which, w in zip("qkv", weights):
        _demand(w is not None, f"use_separate_proj_weight is True but {which}_proj_weight is None")
    E = shape_of(q)[-1]
    for which, w, x in zip("qkv", weights, (q, k, v)):
        wanted = (E, shape_of(x)[-1])
        _demand(
            shape_of(w) == wanted,
            f"expecting {dict(q='query', k='key', v='value')[which]} weights shape of {wanted}, but got {w.shape}",
        )
    parts = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = (linear(x, w, b) for x, w, b in zip((q, k, v), weights, parts))
    return q, k, v


def _project(query: Tensor, key: Tensor, value: Tensor, weight: Any, bias: Any, separate: Any) -> tuple:
    """The projected q, k and v; `separate` is None or the three weights."""
    if separate is None:
        _demand(weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        _demand(
            shape_of(key) == shape_of(value),
            f"key shape {key.shape} does not match value shape {value.shape}",
        )
        return _in_projection_packed(query, key, value, weight, bias)
    _demand(
        shape_of(key)[:2] == shape_of(value)[:2],
        f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
    )
    return _in_projection_separate(query, key, value, separate, bias)


def _fitting_mask(mask: Tensor | None, length: int, source: int, rows: int) -> Tensor | None:
    """The attention mask as (1 or rows, length, source)."""
    if mask is None:
        return None
    wanted = (length, source) if mask.dim() == 2 else (rows, length, source)
    if shape_of(mask) != wanted:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _one_more(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else pad(mask, (0, 1))


def _by_heads(x: Tensor, static: Tensor | None, which: str, rows: int, width: int) -> Tensor:
    """(T, N, E) as (N * heads, T, width); or what was given to be used instead."""
    if static is None:
        return x.reshape(x.shape[0], rows, width).transpose(0, 1)
    for dim, wanted in ((0, rows), (2, width)):
        _demand(
            static.size(dim) == wanted,
            f"expecting static_{which}.size({dim}) of {wanted}, but got {static.size(dim)}",
        )
    return static


def _with_padding(
    mask: Tensor | None, padding: Tensor | None, batch: int, heads: int, source: int
) -> Tensor | None:
    """The attention mask and the keys' padding mask as one to be added."""
    if padding is None:
        return mask
    for dim, wanted in ((0, batch), (1, source)):
        _demand(
            padding.shape[dim] == wanted,
            f"Expected key_padded_mask.shape[{dim}] to be {wanted}, but got {padding.shape[dim]}",
        )
    spread_out = (
        padding.reshape(batch, 1, 1, source).expand(-1, heads, -1, -1).reshape(batch * heads, 1, source)
    )
    return spread_out if mask is None else mask + spread_out


def _added_keys(
    k: Tensor, v: Tensor, bias_k: Tensor | None, bias_v: Tensor | None, batch: int, static: tuple
) -> tuple[Tensor, Tensor, bool]:
    """k and v with one more, learned, key and value; and whether there is one."""
    if bias_k is None and bias_v is None:
        return k, v, False
    if bias_v is None:
        raise AssertionError("bias_k is set but bias_v is None")
    if bias_k is None:
        raise AssertionError("bias_v is set but bias_k is None")
    _demand(static[0] is None, "bias cannot be added to static key.")
    _demand(static[1] is None, "bias cannot be added to static value.")
    return cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)]), True


def _weighted(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float
) -> tuple[Tensor, Tensor]:
    """(output, weights) for (N * heads, T, width)."""
    q = q * math.sqrt(1.0 / float(q.shape[-1]))
    scores = bmm(q, k.transpose(-2, -1)) if mask is None else baddbmm(mask, q, k.transpose(-2, -1))
    weights = softmax(scores, dim=-1)
    if dropout_p > 0.0:
        weights = dropout(weights, p=dropout_p)
    return bmm(weights, v), weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads, with projections before and after: what MultiheadAttention computes.

    Args:
        query: (L, N, E); key: (S, N, Ek); value: (S, N, Ev); all without N for one sample.
        in_proj_weight: (3 E, E), or with use_separate_proj_weight q_proj_weight and so on, each on its own.
        bias_k, bias_v: (1, 1, E), one more key and value; add_zero_attn: one more of zeros.
        key_padding_mask: (N, S): True, or -inf to be added, where a key is left out.
        attn_mask: (L, S) or (N * num_heads, L, S), likewise.
        need_weights: give the weights too, averaged over heads unless average_attn_weights is False.
        is_causal: a promise that attn_mask is causal, which it has to be given for.
    Returns: (output (L, N, E), weights (N, L, S) or (N, num_heads, L, S) or None).
    Raises: AssertionError and RuntimeError when sizes or arguments do not fit.
    Source: torch.nn.functional.multi_head_attention_forward; Vaswani et al. 2017, section 3.2.2.
    """
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same[0] else key.unsqueeze(1)
        value = key if same[1] else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = shape_of(query)
    source = shape_of(key)[0]
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", dtype_of(query)
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", dtype_of(query), check_other=False)
        is_causal = is_causal and key_padding_mask is None
    _demand(
        width == embed_dim_to_check,
        f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}",
    )
    _demand(width % num_heads == 0, f"embed_dim {width} not divisible by num_heads {num_heads}")
    each, rows = width // num_heads, batch * num_heads

    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias, separate)
    attn_mask = _fitting_mask(attn_mask, length, source, rows)
    k, v, added = _added_keys(k, v, bias_k, bias_v, batch, (static_k, static_v))
    if added:
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    q = q.reshape(length, rows, each).transpose(0, 1)
    k, v = _by_heads(k, static_k, "k", rows, each), _by_heads(v, static_v, "v", rows, each)
    if add_zero_attn:
        empty = zeros((rows, 1, each), dtype=dtype_of(k), device=k.device)
        k, v = cat([k, empty], dim=1), cat([v, empty], dim=1)
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    source = k.size(1)
    mask = _with_padding(attn_mask, key_padding_mask, batch, num_heads, source)
    dropout_p = dropout_p if training else 0.0

    if need_weights:
        if is_causal and mask is None:
            raise AssertionError("FIXME: is_causal not implemented for need_weights")
        output, weights = _weighted(q, k, v, mask, dropout_p)
        output = linear(output.transpose(0, 1).reshape(length * batch, width), out_proj_weight, out_proj_bias)
        output = output.reshape(length, batch, output.size(1))
        weights = weights.reshape(batch, num_heads, length, source)
        if average_attn_weights:
            weights = weights.mean(dim=1)
        return (output, weights) if batched else (output.squeeze(1), weights.squeeze(0))

    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.reshape(batch, num_heads, -1, source)
    q, k, v = (x.reshape(batch, num_heads, -1, each) for x in (q, k, v))
    output = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    output = output.permute(2, 0, 1, 3).reshape(batch * length, width)
    output = linear(output, out_proj_weight, out_proj_bias)
    output = output.reshape(length, batch, output.size(1))
    return (output if batched else output.squeeze(1)), None
