"""Progress on the terminal: a bar with loss, rate and time left, by tqdm; plain lines where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any


def watch(epochs: int) -> Any:
    """A function (epoch, batches) -> batches that shows a bar on a terminal, and nothing elsewhere."""

    def bar(epoch: int, batches: Iterable) -> Iterable:
        if not sys.stderr.isatty():
            return batches
        try:
            from tqdm import tqdm
        except ImportError:
            return batches
        return tqdm(batches, desc=f"epoch {epoch}/{epochs}", unit="batch", leave=False, dynamic_ncols=True)

    return bar


def line(row: dict[str, Any], epochs: int) -> str:
    """An epoch in a line."""
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}", f"loss {row['train_loss']:.4f}"]
    parts.append(f"held-out loss {row['validation_loss']:.4f}")
    if "validation_accuracy" in row:
        parts.append(f"accuracy {100 * row['validation_accuracy']:.2f} %")
    left = row["seconds"] * (epochs - row["epoch"])
    parts.append(f"rate {row['learning_rate']:.2g}")
    parts.append(f"{row['seconds']:.1f} s" + (f", {left:.0f} s left" if left else ""))
    return "  ".join(parts)
