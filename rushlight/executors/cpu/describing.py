"""What each step of a native program does, in the field's words: for RUSHLIGHT_SHOW, profiles and `rushlight bench`.

Operations are counted by their definitions (graph/cost.py), so Winograd's convolutions may exceed what the machine can do.
Bytes are those of the values a step reads and writes, once each, as if no cache kept any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...graph import cost
from ...graph.node import CONSTANT, Node
from ...graph.walk import topological
from .assembly import ASSEMBLY
from .fusion import VIEWS
from .planner import Step, Steps

# The field's words for what this executor calls otherwise.
_NAMES = {
    "conv_forward": "convolution",
    "conv_input_gradient": "convolution backward (input)",
    "conv_weight_gradient": "convolution backward (weight)",
    "attention_rows_first": "attention",
    "attention_gradient": "attention backward",
    "attention_gradient_rows_first": "attention backward",
    "lstm_gradient": "lstm backward",
    "gru_gradient": "gru backward",
    "rnn_gradient": "rnn backward",
    "iota": "arange",
    "unslice": "pad",
}
_LOWERED = {
    "attention_rows_first": cost.RULES["attention"],
    "attention_gradient_rows_first": cost.RULES["attention_gradient"],
    **dict.fromkeys(
        ("conv_forward", "conv_input_gradient", "conv_weight_gradient"), lambda n: n.params[0].operations
    ),
}
# What may read less of its first input than there is.
_PARTIAL = ("slice", "gather", "take", "diagonal", "as_strided")


class Work(NamedTuple):
    """One step of a program.

    operations: what it computes, in order. places: those of the recorded graph's nodes that it stands for. flops, bytes:
    counted as said above; made: bytes of the values it stores. [first, last): its calls in the program's table.
    """

    name: str
    operations: tuple[str, ...]
    places: tuple[int, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    flops: int
    bytes: int
    made: int
    first: int
    last: int
    numpy: bool

    @property
    def picks(self) -> bool:
        """Whether it only takes one of several results that are there."""
        return self.operations == ("pick",)


def described(planned: Steps, order: Sequence[Node]) -> list[Work]:
    """The steps of a planned graph; `order` is that of the graph as it was recorded."""
    found: list[Work] = []
    at = 0
    for step in planned.steps:
        if step.calls or step.node is not None:
            found.append(_work(step, planned, order, at))
            at += len(step.calls)
    return found


def _work(step: Step, planned: Steps, order: Sequence[Node], at: int) -> Work:
    inside = _inside(step)
    computing = [n for n in inside if n.prim.name not in VIEWS and n.prim.name != "pick"]
    places = {place for node in computing or inside for place in planned.origins.get(node, ())}
    operations = tuple(dict.fromkeys(_word(n, planned, order) for n in computing or inside)) or ("copy",)
    kind = "" if len(operations) == 1 else "fused: " if computing else "copy: "
    inputs = _read(inside) if inside else step.uses
    outputs = tuple([n for n in step.computes if step.node is not None or _stored(n, planned)])
    made = sum(map(cost.size_of, outputs))
    return Work(
        kind + ", ".join(operations),
        operations,
        tuple(sorted(places)),
        inputs,
        outputs,
        sum(_LOWERED.get(n.prim.name, cost.flops)(n) for n in inside),
        made + sum(_bytes_read(n, inside) for n in inputs),
        made,
        at,
        at + len(step.calls),
        step.node is not None,
    )


def _inside(step: Step) -> list[Node]:
    """What the step computes, on the way too: everything between what it reads and what it gives, in running order."""
    ends = {*step.reads, *step.uses}.difference(step.computes)
    return [
        n
        for n in topological(step.computes, ends)
        if n.buffer is None and n not in ends and n.prim is not CONSTANT
    ]


def _word(node: Node, planned: Steps, order: Sequence[Node]) -> str:
    if node.prim is ASSEMBLY:
        known = [order[place].prim for place in planned.origins.get(node, ())]
        return next((p.name for p in known if p.kind in ("movement", "indexing")), "concat")
    return _NAMES.get(node.prim.name, node.prim.name)


def _read(inside: Sequence[Node]) -> tuple[Node, ...]:
    mine = set(inside)
    read = dict.fromkeys(source for node in inside for source in node.inputs)
    return tuple([n for n in read if n not in mine and n.prim is not CONSTANT])


def _stored(node: Node, planned: Steps) -> bool:
    return node in planned.buffers or isinstance(node.dtype, tuple)


def _bytes_read(node: Node, inside: Sequence[Node]) -> int:
    size = cost.size_of(node)
    total = 0
    for reader in inside:
        if node in reader.inputs:
            partly = reader.prim.name in _PARTIAL and reader.inputs[0] is node
            total += min(size, cost.size_of(reader)) if partly else size
    return min(total, size)


__all__ = ["Work", "described"]
