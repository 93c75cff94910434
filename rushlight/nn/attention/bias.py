"""Causal masks for queries and keys of different lengths (torch.nn.attention.bias).

PyTorch's are tensors of a class of their own, for its kernels; here they are boolean masks, True where a
query may see a key, which scaled_dot_product_attention takes as attn_mask.
"""

from __future__ import annotations

from enum import IntEnum, auto

from ... import functions as fn
from ...dtypes import bool as bool_dtype

__all__ = ["causal_upper_left", "causal_lower_right", "CausalVariant", "CausalBias"]


class CausalVariant(IntEnum):
    """Which corner the diagonal starts from. Source: torch.nn.attention.bias.CausalVariant."""

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()


def CausalBias(variant, seq_len_q, seq_len_kv):
    """The causal mask (seq_len_q, seq_len_kv) of a variant. Source: torch.nn.attention.bias.CausalBias."""
    diagonal = 0 if variant == CausalVariant.UPPER_LEFT else seq_len_kv - seq_len_q
    return fn.tril(fn.ones(seq_len_q, seq_len_kv, dtype=bool_dtype), diagonal=diagonal)


def causal_upper_left(*size):
    """Query i sees keys 0 to i. Source: torch.nn.attention.bias.causal_upper_left.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.attention.bias.causal_upper_left(2, 3)
        tensor([[ True, False, False],
                [ True,  True, False]])
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *_lengths(size))


def causal_lower_right(*size):
    """The last query sees all keys, each one before it one fewer.

    Source: torch.nn.attention.bias.causal_lower_right.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.attention.bias.causal_lower_right(2, 3)
        tensor([[ True,  True, False],
                [ True,  True,  True]])
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *_lengths(size))


def _lengths(size):
    if len(size) != 2:
        raise RuntimeError(f"a causal mask takes the lengths of queries and keys, got {size}")
    return size
