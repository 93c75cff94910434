"""`torch.utils.flop_counter`: floating-point operations of matrix products and convolutions that run in a block."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .. import settings
from ..executors import queue
from ..executors.ran import Ran
from ..graph.cost import contracts


class FlopCounterMode:
    """Counts 2 for each multiplication with its addition, in forward and backward; all under "Global".

    Source: torch.utils.flop_counter.FlopCounterMode. Operations carry the names of rushlight's primitives.
    Example:
        >>> import rushlight as torch
        >>> with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> counter.get_total_flops()
        48
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None
    ) -> None:
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def _count(self, ran: Ran, lines: tuple) -> None:
        if ran.flops and contracts(ran.name):
            self.flop_counts["Global"][ran.name] += ran.flops

    def __enter__(self) -> FlopCounterMode:
        queue.realize()
        self.flop_counts.clear()
        queue.observers.append(self._count)
        # What is called is what is counted, also where nobody keeps the result: each call runs at once.
        self._eager = settings.EAGER
        settings.EAGER, queue.limit = True, 1
        return self

    def __exit__(self, *exc: object) -> None:
        settings.EAGER = self._eager
        queue.realize()
        queue.observers.remove(self._count)
        if self.display:
            print(self.get_table(self.depth))

    def get_total_flops(self) -> int:
        """All of them."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """{"Global": {primitive: operations}}."""
        return {module: dict(counts) for module, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """As text, with shares of the whole."""
        total = self.get_total_flops()
        rows = [("Global", total), *((f" - {name}", n) for name, n in self.flop_counts["Global"].items())]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {n:>14}  {100 * n / max(total, 1):6.2f}%" for name, n in rows)
