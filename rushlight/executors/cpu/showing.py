"""What RUSHLIGHT_SHOW prints of native programs: their kernels, and the plan of their memory. `llvm` is target.py's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from typing import Any

from ... import settings
from ...graph.lines import behind, line_of, written
from ...graph.node import Node
from ...graph.show import kind_of
from .kernel import Buffer
from .memory import lifetimes

# Operands that are written out for a kernel, and buffers in whose place another stands.
_MOST = 4


def show(program: Any) -> None:
    """Print what is asked for of a program that has just been prepared, in one piece: others may print too."""
    parts = [
        text(program) for word, text in (("kernels", kernels), ("memory", memory)) if word in settings.SHOW
    ]
    if parts:
        print("\n".join(parts), file=sys.stderr, flush=True)


def quantity(number: float, unit: str) -> str:
    """'12.8 MFLOP': three digits and a prefix."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {prefix}{unit}"
    return f"{number:.3g} {unit}"


def several(count: int, what: str) -> str:
    """'1 step', '2 steps'."""
    return f"{count} {what}{'' if count == 1 else 's'}"


# ---------------------------------------------------------------- kernels


def kernels(program: Any) -> str:
    """The steps in running order: what each computes, its operands, operations and bytes, the lines that asked for it."""
    lines = {place: line for place, line in enumerate(map(line_of, program.order)) if line is not None}
    recorded = sum(node.buffer is None for node in program.order)
    barriers = sum(program.waits)
    steps = [(number, work) for number, work in enumerate(program.work) if not work.picks]
    found = [
        f"rushlight: kernels: {several(recorded, 'node')} in {several(len(steps), 'step')}: "
        f"{several(len(program.calls), 'kernel call')}, {several(barriers, 'barrier')}, {several(program.workers, 'thread')}"
    ]
    for number, work in steps:
        if any(program.waits[work.first : work.first + 1]):
            found.append("     -- barrier")
        found.append(f"{number:4} {work.name}{'  (on NumPy)' if work.numpy else ''}")
        found.append(f"       {operands(work.inputs)} -> {operands(work.outputs)}")
        sizes = [quantity(work.flops, "FLOP")] if work.flops else []
        sizes.append(quantity(work.bytes, "B"))
        at = written(behind(work.places, lines))
        found.append("       " + ", ".join([*sizes, *([f"at {at}"] if at else [])]))
        names = dict.fromkeys(call.kernel.name for call in program.calls[work.first : work.last])
        found += [f"       {name}" for name in names]
    return "\n".join(found)


def operands(nodes: Sequence[Node]) -> str:
    """'float32[2, 3], float32[3]'; of many the first."""
    more = f" and {len(nodes) - _MOST} more" if len(nodes) > _MOST else ""
    return ", ".join(map(kind_of, nodes[:_MOST])) + more or "nothing"


# ---------------------------------------------------------------- memory


def memory(program: Any) -> str:
    """Every buffer of the arena: its place and size, the steps that touch it, and the buffers whose memory it takes over."""
    offsets: dict[Buffer, int] = program.offsets
    first, last = lifetimes(program.calls, program.waits, ())
    order = sorted(offsets, key=lambda b: (first[b], offsets[b]))
    numbers = {buffer: number for number, buffer in enumerate(order)}
    steps = _touched(program)
    results = sum(prod(shape) * dtype.itemsize for _, shape, dtype in program.image.outputs)
    held = sum(array.nbytes for array in program.image.held.values())
    found = [
        f"rushlight: memory: {several(len(order), 'buffer')} of {quantity(sum(b.size for b in order), 'B')} in an arena of "
        f"{quantity(program.image.arena, 'B')}, of which at most {quantity(_peak(order, first, last), 'B')} are in use at "
        f"a time; beside it results of {quantity(results, 'B')}, constants and what is NumPy's of {quantity(held, 'B')}"
    ]
    if order:
        found.append("buffer       offset         size     steps  holds")
    for buffer in order:
        under = [b for b in order if last[b] < first[buffer] and _overlap(offsets, b, buffer)]
        latest = max((last[b] for b in under), default=0)
        reused = ", ".join(f"#{numbers[b]}" for b in under if last[b] == latest)
        found.append(
            f"#{numbers[buffer]:<5} {offsets[buffer]:12} {buffer.size:12} {_span(steps[buffer]):>9}  {buffer.name}"
            + (f", in place of {reused}" if reused else "")
        )
    return "\n".join(found)


def _touched(program: Any) -> dict[Buffer, list[int]]:
    """The numbers of the steps that touch each buffer."""
    found: dict[Buffer, list[int]] = {}
    for number, work in enumerate(program.work):
        for call in program.calls[work.first : work.last]:
            for buffer in (*call.reads, *call.writes, *call.shares):
                found.setdefault(buffer.whole or buffer, []).append(number)
    return found


def _span(steps: Sequence[int]) -> str:
    return str(steps[0]) if steps[0] == steps[-1] else f"{steps[0]}-{steps[-1]}"


def _overlap(offsets: dict[Buffer, int], a: Buffer, b: Buffer) -> bool:
    return offsets[a] < offsets[b] + b.size and offsets[b] < offsets[a] + a.size


def _peak(order: Sequence[Buffer], first: dict[Buffer, int], last: dict[Buffer, int]) -> int:
    """The most bytes of buffers that are needed at the same time."""
    moments = {first[buffer] for buffer in order}
    return max((sum(b.size for b in order if first[b] <= now <= last[b]) for now in moments), default=0)


__all__ = ["kernels", "memory", "operands", "quantity", "show"]
