"""Attention with scores and masks by functions of the user's own (torch.nn.attention.flex_attention).

score_mod(score, b, h, q_idx, kv_idx) changes a score; mask_mod(b, h, q_idx, kv_idx) says whether it counts.
Both are
called once, with tensors that broadcast over all scores: b (B, 1, 1, 1), h (1, H, 1, 1), q_idx (1, 1, Q, 1),
kv_idx (1, 1, 1, K). A BlockMask keeps which blocks of a mask are empty, partial or full.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

from ... import functions as fn
from ...dtypes import bool as bool_dtype
from ...dtypes import float32, float64, int32, int64
from ...tensor import Tensor

__all__ = [
    "BlockMask",
    "flex_attention",
    "AuxOutput",
    "AuxRequest",
    "create_block_mask",
    "create_mask",
    "or_masks",
    "and_masks",
    "noop_mask",
]

_DEFAULT_BLOCK = 128


class AuxRequest(NamedTuple):
    """What flex_attention shall return besides its output: log-sum-exps of the scores, largest scores."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by an AuxRequest, each (B, H, Q)."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """The mask under which everything counts."""
    return fn.ones((), dtype=bool_dtype, device=batch.device)


def and_masks(*mask_mods):
    """The mask_mod of what all of mask_mods let through.

    Raises:
        RuntimeError: one of them is no function.
    """
    _check_callable("and_masks", mask_mods)

    def and_mask(b, h, q_idx, kv_idx):
        result = fn.ones((), dtype=bool_dtype, device=b.device)
        for mask_mod in mask_mods:
            result = result & mask_mod(b, h, q_idx, kv_idx)
        return result

    return and_mask


def or_masks(*mask_mods):
    """The mask_mod of what any of mask_mods lets through.

    Raises:
        RuntimeError: one of them is no function.
    """
    _check_callable("or_masks", mask_mods)

    def or_mask(b, h, q_idx, kv_idx):
        result = fn.zeros((), dtype=bool_dtype, device=b.device)
        for mask_mod in mask_mods:
            result = result | mask_mod(b, h, q_idx, kv_idx)
        return result

    return or_mask


def _check_callable(name, mask_mods):
    if not all(callable(mask_mod) for mask_mod in mask_mods):
        raise RuntimeError(f"{name} expects functions (b, h, q_idx, kv_idx) -> bool, got {mask_mods}")


def _places(B, H, Q_LEN, KV_LEN, device):
    """The four index tensors that a score_mod or mask_mod is called with."""

    def along(position, length):
        shape = [1, 1, 1, 1]
        shape[position] = length
        return fn.arange(length, dtype=int64, device=device).reshape(shape)

    return tuple(along(position, length) for position, length in enumerate((B, H, Q_LEN, KV_LEN)))


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The mask (B, H, Q_LEN, KV_LEN) of a mask_mod, or of what a score_mod does not set to -inf.

    Args:
        B, H: None: 1.
    Source: torch.nn.attention.flex_attention.create_mask.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.nn.attention.flex_attention import create_mask
        >>> create_mask(lambda b, h, q, kv: q >= kv, None, None, 2, 2)
        tensor([[[[ True, False],
                  [ True,  True]]]])
    """
    size = (B or 1, H or 1, Q_LEN, KV_LEN)
    places = _places(*size, device)
    if _positional_count(mod_fn) == 5:
        scores = mod_fn(fn.zeros(size, device=device), *places)
        return (scores != float("-inf")).expand(size)
    return mod_fn(*places).to(bool_dtype).expand(size)


def _positional_count(function):
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    count = sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in parameters)
    if count not in (4, 5):
        raise AssertionError(
            f"a mask_mod takes (b, h, q_idx, kv_idx) and a score_mod (score, b, h, q_idx, kv_idx), "
            f"got a function of {count} arguments"
        )
    return count


def _both(size):
    return (size, size) if isinstance(size, int) else tuple(size)


class BlockMask:
    """A mask by blocks: which key blocks each query block has to look at, partly or wholly.

    Attributes:
        seq_lengths: numbers of queries and keys.
        kv_num_blocks, kv_indices: (B, H, rows) and (B, H, rows, columns), int32: how many partial key blocks
            each query block has, and which, those first.
        full_kv_num_blocks, full_kv_indices: the same of blocks that count wholly, or None.
        BLOCK_SIZE: queries and keys in a block.
        mask_mod: the function that decides within partial blocks.
    Source: torch.nn.attention.flex_attention.BlockMask.
    """

    def __init__(
        self,
        seq_lengths,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        q_num_blocks=None,
        q_indices=None,
        full_q_num_blocks=None,
        full_q_indices=None,
        BLOCK_SIZE=(_DEFAULT_BLOCK, _DEFAULT_BLOCK),
        mask_mod=noop_mask,
    ):
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        self.seq_lengths = tuple(seq_lengths)
        self.kv_num_blocks = kv_num_blocks
        self.kv_indices = kv_indices
        self.full_kv_num_blocks = full_kv_num_blocks
        self.full_kv_indices = full_kv_indices
        self.q_num_blocks = q_num_blocks
        self.q_indices = q_indices
        self.full_q_num_blocks = full_q_num_blocks
        self.full_q_indices = full_q_indices
        self.BLOCK_SIZE = _both(BLOCK_SIZE)
        self.mask_mod = mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        BLOCK_SIZE=_DEFAULT_BLOCK,
        mask_mod=None,
        seq_lengths=None,
        compute_q_blocks=True,
    ):
        """A BlockMask from the key blocks of each query block; what it says by query blocks is worked out."""
        block = _both(BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * block[0], kv_indices.shape[-1] * block[1])
        queries = full_queries = (None, None)
        if compute_q_blocks:
            queries = _ordered(_dense(kv_num_blocks, kv_indices).transpose(-2, -1))
            if full_kv_num_blocks is not None:
                full_queries = _ordered(_dense(full_kv_num_blocks, full_kv_indices).transpose(-2, -1))
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            *queries,
            *full_queries,
            BLOCK_SIZE=block,
            mask_mod=noop_mask if mask_mod is None else mask_mod,
        )

    @property
    def shape(self):
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """Number of scores."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    def to_dense(self):
        """(B, H, rows, columns), int32: 1 for blocks that are not empty."""
        dense = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is not None:
            dense = dense | _dense(self.full_kv_num_blocks, self.full_kv_indices)
        return dense.to(int32)

    def sparsity(self):
        """Percentage of scores in empty blocks (below 0 where blocks reach past the ends)."""
        computed = int(self.kv_num_blocks.sum())
        if self.full_kv_num_blocks is not None:
            computed += int(self.full_kv_num_blocks.sum())
        return 100 * (1 - computed * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to(self, device):
        """The same on another device."""
        names = [
            f"{full}{axis}_{what}" for axis in "kv q".split() for full in ("", "full_") for what in _PARTS
        ]
        moved = {name: getattr(self, name) for name in names}
        moved = {name: None if value is None else value.to(device) for name, value in moved.items()}
        return BlockMask(self.seq_lengths, **moved, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod)

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, BLOCK_SIZE={self.BLOCK_SIZE})"


_PARTS = ("num_blocks", "indices")


def _ordered(dense):
    """(number of blocks, indices with those first) of each row of a boolean (..., rows, columns)."""
    counts = dense.sum(dim=-1).to(int32)
    order = fn.argsort(dense.to(int32), dim=-1, descending=True, stable=True)
    return counts, order.to(int32)


def _dense(counts, indices):
    """The boolean matrix that _ordered was given."""
    columns = indices.shape[-1]
    listed = fn.arange(columns, device=indices.device) < counts.unsqueeze(-1)
    return fn.zeros(indices.shape, dtype=bool_dtype, device=indices.device).scatter(
        -1, indices.to(int64), listed
    )


def create_block_mask(
    mask_mod,
    B,
    H,
    Q_LEN,
    KV_LEN,
    device=None,
    BLOCK_SIZE=_DEFAULT_BLOCK,
    _compile=False,
    separate_full_blocks=True,
):
    """The BlockMask of a mask_mod.

    Args:
        B, H: None: 1, for a mask that is the same for all.
        BLOCK_SIZE: queries and keys in a block, one number or two.
        separate_full_blocks: keep blocks that count wholly apart from partial ones.
    Source: torch.nn.attention.flex_attention.create_block_mask.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.nn.attention.flex_attention import create_block_mask
        >>> create_block_mask(lambda b, h, q, kv: q >= kv, None, None, 256, 256).to_dense()
        tensor([[[[1, 0],
                  [1, 1]]]], dtype=torch.int32)
    """
    rows, columns = block = _both(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    batch, heads = mask.shape[:2]
    down, across = -(-Q_LEN // rows), -(-KV_LEN // columns)
    padded = fn.zeros(batch, heads, down * rows, across * columns, dtype=int32, device=mask.device)
    padded[:, :, :Q_LEN, :KV_LEN] = mask.to(int32)
    counts = padded.reshape(batch, heads, down, rows, across, columns).sum(dim=(3, 5))
    if separate_full_blocks:
        full = counts == rows * columns
        partial = (counts > 0) & ~full
        full_blocks = _ordered(full)
    else:
        partial = counts > 0
        full_blocks = (None, None)
    return BlockMask.from_kv_blocks(
        *_ordered(partial), *full_blocks, BLOCK_SIZE=block, mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    """softmax(score_mod(scale query key^T)) value over what block_mask lets through.

    Args:
        query: (B, H_q, Q, E); key (B, H_kv, K, E); value (B, H_kv, K, E_v).
        scale: None: 1 / sqrt(E).
        enable_gqa: H_q is a multiple of H_kv, and each head of key and value serves a group of queries.
        return_lse: return (output, log-sum-exp of the scores) too.
        return_aux: an AuxRequest; return (output, AuxOutput).
        kernel_options: accepted.
    Returns:
        (B, H_q, Q, E_v); zeros for queries that may see nothing.
    Raises:
        ValueError: sizes that do not fit.
    Source: torch.nn.attention.flex_attention.flex_attention.
    Example:
        >>> import rushlight as torch
        >>> from rushlight.nn.attention.flex_attention import flex_attention
        >>> x = torch.ones(1, 2, 4, 8)
        >>> flex_attention(x, x, x, score_mod=lambda score, b, h, q, kv: score + h).shape
        torch.Size([1, 2, 4, 8])
    """
    _check_sizes(query, key, value, block_mask, enable_gqa)
    heads = query.size(1)
    if key.size(1) != heads:
        key = key.repeat_interleave(heads // key.size(1), dim=1)
        value = value.repeat_interleave(heads // value.size(1), dim=1)
    working = float64 if query.dtype == float64 else float32
    if scale is None:
        scale = query.size(-1) ** -0.5
    scores = (query @ key.transpose(-2, -1)).to(working) * scale
    places = _places(*scores.shape, query.device)
    if score_mod is not None:
        scores = score_mod(scores, *places)
    if block_mask is not None:
        allowed = block_mask.mask_mod(*places)
        scores = fn.where(allowed, scores, fn.full((), float("-inf"), dtype=working, device=query.device))
    largest = scores.amax(dim=-1, keepdim=True)
    nothing = largest == float("-inf")
    weights = fn.exp(scores - largest.masked_fill(nothing, 0.0))
    total = weights.sum(dim=-1, keepdim=True)
    output = (weights / total.masked_fill(nothing, 1.0)).to(value.dtype) @ value
    lse = (largest.masked_fill(nothing, 0.0) + fn.log(total)).squeeze(-1)
    if return_aux is not None:
        return output, AuxOutput(
            lse=lse if return_aux.lse else None,
            max_scores=largest.squeeze(-1) if return_aux.max_scores else None,
        )
    return (output, lse) if return_lse else output


def _check_sizes(query, key, value, block_mask, enable_gqa):
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if tensor.dim() != 4:
            raise ValueError(f"flex_attention: {name} must be 4D (B, H, L, E), got {tensor.dim()}D")
    if query.dtype != key.dtype or query.dtype != value.dtype:
        raise ValueError(
            "Expected query, key, and value to have the same dtype, but got "
            f"query.dtype: {query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead."
        )
    heads, shared = query.size(1), key.size(1)
    if heads != shared and not enable_gqa:
        raise ValueError(
            "Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={shared}. Try setting enable_gqa=True for GQA."
        )
    if heads % shared != 0:
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and "
            f"Hkv={shared}."
        )
    if block_mask is not None:
        lengths = (query.size(-2), key.size(-2))
        if lengths != tuple(block_mask.seq_lengths):
            raise ValueError(
                f"block_mask was created for block_mask.shape={block_mask.shape} but got "
                f"q_len={lengths[0]} and "
                f"kv_len={lengths[1]}. Create a block mask for these lengths."
            )
