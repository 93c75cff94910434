"""Where training data comes from: `digits`, `mnist:DIR`, `cifar10:DIR`, `images:DIR`, `csv:FILE`.

Each gives a `Source`: a training and a held-out data set of (input, target) pairs, what an input looks like, and, for
the report, names of classes and pictures. Pixels are scaled to mean 0 and deviation 1 of the training part.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import functions as fn
from ..data import TensorDataset


@dataclass
class Source:
    """Data ready to train on.

    Attributes:
        train, held_out: data sets of (input tensor, target).
        shape: of one input, (C, H, W) for pictures or (features,).
        classes: names; empty for regression.
        targets: how many numbers a regression predicts.
        prepare: a new input (a picture file, a row of numbers) as the model wants it.
        pictures: the held-out pictures, for the gallery of mistakes.
        about: what the scaling was, kept with the run so that prediction scales the same.
    """

    name: str
    train: Any
    held_out: Any
    shape: tuple[int, ...]
    classes: list[str] = field(default_factory=list)
    targets: int = 0
    pictures: Any = None
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "classification" if self.classes else "regression"


def open_source(spec: str, limit: int | None = None) -> Source:
    """The source that `digits`, `mnist:DIR`, ... names; ValueError lists what there is."""
    name, _, where = spec.partition(":")
    if name == "digits":
        return _digits(limit)
    if name in ("mnist", "fashion-mnist", "cifar10", "images", "csv"):
        if not where:
            raise ValueError(f"{name} needs a place: {name}:{'FILE' if name == 'csv' else 'DIR'}")
        if not Path(where).exists():
            raise FileNotFoundError(
                f"{where}: no such {'file' if name == 'csv' else 'directory'} (for the source {spec})"
            )
        if name == "csv":
            return _table(Path(where), limit)
        return _images(where, limit) if name == "images" else _archive(name, where, limit)
    raise ValueError(
        f"unknown source {spec!r}: use digits, mnist:DIR, fashion-mnist:DIR, cifar10:DIR, images:DIR or csv:FILE"
    )


# ---------------------------------------------------------------- pictures


def _scaled(train: np.ndarray, held_out: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """uint8 pictures (N, C, H, W) as float32 of mean 0 and deviation 1 by channel, measured on the training part."""
    a, b = train.astype(np.float32) / 255, held_out.astype(np.float32) / 255
    mean = a.mean((0, 2, 3), dtype=np.float64)
    deviation = np.maximum(a.std((0, 2, 3), dtype=np.float64), 1e-6)
    about = {"mean": mean.tolist(), "deviation": deviation.tolist(), "size": list(train.shape[2:])}
    return normalized(a, about), normalized(b, about), about


def normalized(pixels: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """Pixels in [0, 1], (N, C, H, W), scaled as the training part was."""
    mean = np.array(about["mean"], np.float32).reshape(1, -1, 1, 1)
    deviation = np.array(about["deviation"], np.float32).reshape(1, -1, 1, 1)
    return ((pixels - mean) / deviation).astype(np.float32)


def _pictures(
    name: str, parts: list[tuple[np.ndarray, np.ndarray]], classes: list[str], limit: int | None
) -> Source:
    (train, train_labels), (held, held_labels) = [(x[:limit], y[:limit]) for x, y in parts]
    a, b, about = _scaled(train, held)
    sets = [
        TensorDataset(fn.from_numpy(x), fn.from_numpy(y.astype(np.int64)))
        for x, y in ((a, train_labels), (b, held_labels))
    ]
    return Source(name, sets[0], sets[1], tuple(train.shape[1:]), list(classes), pictures=held, about=about)


def _digits(limit: int | None) -> Source:
    from ..vision.datasets import Digits

    parts = []
    for train in (True, False):
        held = Digits(train=train)
        parts.append((held.data.numpy()[:, None], held.targets.numpy()))
    return _pictures("digits", parts, Digits.classes, limit)


def _archive(name: str, where: str, limit: int | None) -> Source:
    from ..vision import datasets

    cls: Any = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "cifar10": datasets.CIFAR10}[
        name
    ]
    parts = []
    for train in (True, False):
        held: Any = cls(where, train=train)
        pixels = np.asarray(held.data)
        pixels = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        parts.append((pixels, np.asarray(held.targets)))
    return _pictures(name, parts, [str(c) for c in held.classes], limit)


def _images(where: str, limit: int | None, size: int = 64) -> Source:
    """A folder a class; `train` and `val` (or `test`) inside, else every fifth picture of a class is held out."""
    from ..vision.datasets import ImageFolder

    root = Path(where)
    held_name = next((n for n in ("val", "valid", "test") if (root / n).is_dir()), None)
    if (root / "train").is_dir() and held_name:
        folders = [ImageFolder(str(root / "train")), ImageFolder(str(root / held_name))]
        if folders[0].classes != folders[1].classes:
            raise ValueError(
                f"{where}: train has the classes {folders[0].classes}, {held_name} has {folders[1].classes}"
            )
        parts = [_loaded(f.samples, size) for f in folders]
        return _pictures(root.name, parts, folders[0].classes, limit)
    folder = ImageFolder(where)
    seen: dict[int, int] = {}
    train: list = []
    held: list = []
    for path, label in folder.samples:
        seen[label] = seen.get(label, 0) + 1
        (held if seen[label] % 5 == 0 else train).append((path, label))
    if not held:
        raise ValueError(f"{where}: too few pictures to hold any out (5 of a class are needed)")
    return _pictures(root.name, [_loaded(train, size), _loaded(held, size)], folder.classes, limit)


def _loaded(samples: list, size: int) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.stack([picture_array(path, 3, (size, size)) for path, _ in samples])
    return pixels, np.array([label for _, label in samples])


def picture_array(path: Any, channels: int, size: tuple[int, int]) -> np.ndarray:
    """A picture file as uint8 (C, H, W), resized; ValueError names a file that is no picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = opened.convert("L" if channels == 1 else "RGB").resize((size[1], size[0]))
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not a picture that Pillow can read") from None
    pixels = np.asarray(picture)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


# ---------------------------------------------------------------- tables


def _table(path: Path, limit: int | None) -> Source:
    """A CSV file with a header row: the last column is the target, the others are numbers.

    Targets that are all words or few whole numbers are classes; others are predicted as numbers.
    """
    header, rows = _read_rows(path)
    features = np.array(
        [[_number(path, i, header[j], v) for j, v in enumerate(r[:-1])] for i, r in enumerate(rows)],
        np.float32,
    )
    raw = [r[-1] for r in rows]
    order = np.random.default_rng(0).permutation(len(rows))
    features, raw = features[order], [raw[i] for i in order]
    held = max(1, len(rows) // 5)
    mean, deviation = features[held:].mean(0), np.maximum(features[held:].std(0), 1e-6)
    features = (features - mean) / deviation
    about: dict[str, Any] = {
        "columns": header[:-1],
        "target": header[-1],
        "mean": mean.tolist(),
        "deviation": deviation.tolist(),
    }
    classes = _class_names(raw)
    if classes:
        targets: Any = np.array([classes.index(t) for t in raw], np.int64)
    else:
        targets = np.array([_number(path, i, header[-1], t) for i, t in enumerate(raw)], np.float32)[:, None]
    cut = slice(held, None if limit is None else held + limit)
    sets = [
        TensorDataset(fn.from_numpy(features[s].copy()), fn.from_numpy(targets[s].copy()))
        for s in (cut, slice(held))
    ]
    return Source(
        path.stem, sets[0], sets[1], (features.shape[1],), classes, 0 if classes else 1, about=about
    )


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 6:
        raise ValueError(f"{path}: a header and at least 5 rows are needed, found {len(rows)} rows in all")
    header, rows = rows[0], rows[1:]
    if len(header) < 2:
        raise ValueError(
            f"{path}: at least two columns are needed, the last of them the target; found {header}"
        )
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"{path}: row {i + 2} has {len(row)} values, the header has {len(header)}")
    return header, rows


def _number(path: Path, row: int, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path}: {text!r} in row {row + 2}, column {column!r} is not a number") from None


def _class_names(raw: list[str]) -> list[str]:
    distinct = sorted(set(raw))
    try:
        numbers = [float(t) for t in distinct]
    except ValueError:
        return distinct
    whole = all(n == int(n) for n in numbers)
    few = len(distinct) <= max(2, min(20, len(raw) // 10))
    return sorted(distinct, key=float) if whole and few else []
