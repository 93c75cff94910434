"""What a trained run says of new inputs: picture files, or rows of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import functions as fn
from .runs import load_model, read_run
from .sources import normalized, picture_array


def predict(run: str, inputs: Sequence[str], top: int) -> Iterator[str]:
    """A line for each input: its likeliest classes with their probabilities, or the number predicted."""
    held = read_run(run)
    model = load_model(held)
    source = held["source"]
    for given in inputs:
        x = _input(given, source)
        with fn.no_grad():
            output = model(fn.from_numpy(x))[0]
        if not source["classes"]:
            yield f"{given}: {source['about']['target']} = {output.item():.6g}"
            continue
        chances = output.softmax(0)
        best = chances.topk(min(top, len(source["classes"])))
        named = [
            f"{source['classes'][int(i)]} {100 * float(p):.1f} %" for p, i in zip(best.values, best.indices)
        ]
        yield f"{given}: {', '.join(named)}"


def _input(given: str, source: dict[str, Any]) -> np.ndarray:
    about, shape = source["about"], source["shape"]
    if len(shape) == 3:
        if not Path(given).exists():
            raise FileNotFoundError(f"{given}: no such picture")
        pixels = picture_array(given, shape[0], (shape[1], shape[2]))
        return normalized(pixels[None].astype(np.float32) / 255, about)
    try:
        row = np.array([float(v) for v in given.split(",")], np.float32)
    except ValueError:
        raise ValueError(f"{given}: a row of numbers such as 1,2.5,3 was expected") from None
    if len(row) != shape[0]:
        raise ValueError(
            f"{given}: {len(row)} numbers, the run takes {shape[0]}: {', '.join(about['columns'])}"
        )
    return ((row - np.array(about["mean"])) / np.array(about["deviation"])).astype(np.float32)[None]
