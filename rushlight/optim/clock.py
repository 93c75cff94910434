"""Numbers of an optimizer's step that the host computes: rates, bias corrections, and the counts they follow from.

Parameters of one group that have taken the same steps share a `Clock`: the algorithm's `numbers` are asked for once, and
their count tensors hold one node. Which of the numbers are floats, and what the others are, is the program; the floats'
values are its inputs. A captured step keeps its clocks and asks them again each time (executors/observing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..dtypes import DType, float32
from ..executors.observing import Feed, watched
from ..graph.node import Node, of_array
from ..tensor import Tensor, array_of, wrap

_scalars: dict[tuple[Any, DType], Node] = {}
_INPUT = object()


def number(value: Any) -> Any:
    """An option as a Python number: learning rates may be tensors."""
    return value.item() if isinstance(value, Tensor) else value


def scalar(value: float, dtype: DType) -> Node:
    """A number as an input of the program: another value is the same program."""
    found = _scalars.get((value, dtype))
    if found is None:
        if len(_scalars) > 4096:
            _scalars.clear()
        found = _scalars[value, dtype] = of_array(np.array(value, dtype=dtype.numpy), dtype)
    return found


class Clock(Feed):
    """The numbers of one step for parameters of a group whose counts are equal.

    `tensors` are the members' count tensors, as many a member as the algorithm has counts.
    """

    def __init__(self, optimizer: Any, group: dict[str, Any], counts: tuple[float, ...]) -> None:
        self.optimizer, self.group = optimizer, group
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self._sources: list[tuple[str, DType]] = []  # what each of `nodes` is
        self._by_dtype: dict[DType, dict[str, Any]] = {}
        self._arrays: list[np.ndarray] = []
        self._values: list[float] = []
        self._counted: list[Node] = []  # what all members' count tensors hold since the last tick
        self._ask(counts)
        if watched.capture is not None:
            self.pattern = self._pattern()

    @classmethod
    def of(
        cls, optimizer: Any, group: dict[str, Any], held: dict[str, Any], clocks: dict[tuple, Clock]
    ) -> Clock:
        """The clock of a parameter with this state, among those of the step that is being recorded."""
        counts = tuple([_count(held, name) for name in optimizer.counts])
        clock = clocks.get(counts)
        if clock is None:
            clock = clocks[counts] = cls(optimizer, group, counts)
            if watched.capture is not None:
                watched.capture.feed(clock)
        clock.tensors += [held[name] for name in optimizer.counts]
        return clock

    @property
    def advances(self) -> Sequence[Tensor]:  # type: ignore[override]
        return self.tensors

    def numbers(self, dtype: DType) -> dict[str, Any]:
        """By name: floats as 0-d nodes of a dtype, everything else as it is."""
        found = self._by_dtype.get(dtype)
        if found is None:
            found = {
                name: self._node(name, value, dtype) if type(value) is float else value
                for name, value in self.asked.items()
            }
            self._by_dtype[dtype] = found
        return found

    def _node(self, name: str, value: float, dtype: DType) -> Node:
        if watched.capture is None:
            return scalar(value, dtype)
        # A node of its own, told apart from others that are equal by chance.
        node = of_array(np.array(value, dtype.numpy), dtype)
        self.nodes.append(node)
        self._sources.append((name, dtype))
        self._values.append(value)
        self._arrays.append(node.buffer)
        return node

    def tick(self) -> None:
        """The step has been taken: every member's count tensors say so."""
        names = self.optimizer.counts
        self._counted = [of_array(np.array(self.after[name], np.float32), float32) for name in names]
        for i, tensor in enumerate(self.tensors):
            storage, node = tensor._storage, self._counted[i % len(names)]
            if storage.node is None or tensor._view is not None:
                tensor.fill_(self.after[names[i % len(names)]])
            else:
                storage.node = node
                storage.version += 1

    # ------------------------------------------------------------ replayed

    def holds(self) -> bool:
        counted, n = self._counted, len(self._counted)
        for i, tensor in enumerate(self.tensors):
            if tensor._storage.node is not counted[i % n] or tensor._view is not None:
                return self._set_from_outside()
        self._ask(tuple([node.buffer.item() for node in counted]))
        return self._pattern() == self.pattern

    def _set_from_outside(self) -> bool:
        """The counts are not what the last step left: go on from there, if all members agree."""
        n = len(self.optimizer.counts)
        values = [float(array_of(t)) for t in self.tensors]
        if values != values[:n] * (len(values) // n):
            return False
        self._ask(tuple(values[:n]))
        return self._pattern() == self.pattern

    def arrays(self) -> Sequence[np.ndarray]:
        values, asked = self._values, self.asked
        for i, (name, dtype) in enumerate(self._sources):
            value = asked[name]
            if value != values[i]:
                values[i] = value
                self._arrays[i] = np.array(value, dtype.numpy)
        return self._arrays

    def commit(self) -> None:
        self.tick()

    def _ask(self, counts: tuple[float, ...]) -> None:
        self.after = dict(zip(self.optimizer.counts, counts))
        with _unwatched():
            self.asked = self.optimizer.numbers(self.group, self.after)

    def _pattern(self) -> list:
        return [_INPUT if type(value) is float else value for value in self.asked.values()]


def _unwatched() -> Any:
    """What the host reads for its own numbers is no business of a capture, which asks for the numbers each time."""
    return _NOTHING if watched.capture is None else watched.capture.pause()


_NOTHING = nullcontext()


def _count(held: dict[str, Any], name: str) -> float:
    value = held[name]
    if isinstance(value, Tensor):
        node = value._storage.node
        if node is None or node.buffer is None:
            with _unwatched():
                return float(array_of(value))
        return node.buffer.item()
    held[name] = wrap(of_array(np.array(value, np.float32), float32))  # a plain number in an old checkpoint
    return float(value)
