"""`rearrange`: dims named, split, merged and moved by a pattern such as "b (h w) c -> b c h w"."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..tensor import Tensor

_WORDS = re.compile(r"\(|\)|\.\.\.|[A-Za-z_]\w*|\d+|\S")

_REST = ["..."]


def _groups(text: str) -> list[list[str]]:
    """The dims of one side, each a list of names; _REST for "..." outside brackets."""
    found: list[list[str]] = []
    inside = False
    for word in _WORDS.findall(text):
        if word == "(":
            if inside:
                raise ValueError(f"rearrange: brackets do not nest: {text!r}")
            found.append([])
            inside = True
        elif word == ")":
            if not inside:
                raise ValueError(f"rearrange: bracket closed that was not opened: {text!r}")
            inside = False
        elif word == "..." or word.isidentifier() or word == "1":
            name = [] if word == "1" else [word]
            if inside:
                found[-1] += name
            else:
                found.append(_REST if word == "..." else name)
        else:
            raise ValueError(f"rearrange: {word!r} is no name in {text!r}")
    if inside:
        raise ValueError(f"rearrange: bracket left open: {text!r}")
    return found


def _spelled(groups: list[list[str]], count: int) -> list[list[str]]:
    """With "..." written as `count` dims of its own."""
    extra = [f".{i}" for i in range(count)]
    found: list[list[str]] = []
    for group in groups:
        if group is _REST:
            found += [[e] for e in extra]
        else:
            found.append([n for name in group for n in (extra if name == "..." else [name])])
    return found


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Any:
    """The tensor with its dims split, moved and merged as the pattern says.

    Args:
        pattern: "left -> right"; names for dims, brackets for merged ones, "..." for any others, 1 for size one.
        axes_lengths: sizes of named dims that the tensor alone does not tell.
    Raises:
        ValueError: a pattern that does not fit the tensor.
    Source: torch.func.rearrange.
    Example:
        >>> import rushlight as torch
        >>> torch.func.rearrange(torch.arange(4), "(a b) -> b a", a=2)
        tensor([[0, 2],
                [1, 3]])
    """
    x = tensor if isinstance(tensor, Tensor) else fn.stack(list(tensor))
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: expected one '->' in the pattern, got {pattern!r}")
    left, right = _groups(sides[0]), _groups(sides[1])
    rest = x.dim() - sum(g is not _REST for g in left)
    if rest < 0 or (rest and _REST not in left):
        raise ValueError(f"rearrange: {pattern!r} names {len(left)} dims, the tensor has {x.dim()}")
    left, right = _spelled(left, rest), _spelled(right, rest)
    before, after = [n for g in left for n in g], [n for g in right for n in g]
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ValueError(f"rearrange: both sides of {pattern!r} must hold the same names, each once")
    sizes = _sizes(left, tuple(x.shape), axes_lengths, pattern)
    x = x.reshape([sizes[n] for n in before]).permute([before.index(n) for n in after])
    return x.reshape([math.prod(sizes[n] for n in g) for g in right])


def _sizes(left: list[list[str]], shape: tuple, given: dict[str, int], pattern: str) -> dict[str, int]:
    sizes = dict(given)
    for group, size in zip(left, shape):
        unknown = [n for n in group if n not in sizes]
        known = math.prod(sizes[n] for n in group if n in sizes)
        if len(unknown) > 1:
            raise ValueError(f"rearrange: give the size of all but one of {unknown} in {pattern!r}")
        if unknown and known and size % known == 0:
            sizes[unknown[0]] = size // known
        elif unknown or known != size:
            raise ValueError(f"rearrange: a dim of size {size} does not fit {group} with sizes {given}")
    return sizes
