"""The models that `--model` names: cnn, mlp, linear, resnet18, or `module:Class` of the user's own."""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

from .. import nn

NAMES = ("cnn", "mlp", "linear", "resnet18")


def make_model(name: str, shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A new model for inputs of `shape` and this many outputs.

    Raises: ValueError for an unknown name, or pictures asked of a source that has none.
    """
    if ":" in name:
        return _own(name)
    if name not in NAMES:
        raise ValueError(f"unknown model {name!r}: use {', '.join(NAMES)} or module:Class")
    features = math.prod(shape)
    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(features, outputs))
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(features, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, outputs),
        )
    if len(shape) != 3:
        raise ValueError(
            f"the model {name} is for pictures, the inputs have the shape {tuple(shape)}: use mlp or linear"
        )
    return _cnn(shape, outputs) if name == "cnn" else _resnet18(shape, outputs)


def _cnn(shape: tuple[int, ...], outputs: int) -> nn.Module:
    C, H, W = shape
    layers = [
        nn.Conv2d(C, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
    ]  # fmt: skip
    H, W = H // 2, W // 2
    while min(H, W) > 8:
        layers += [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        H, W = H // 2, W // 2
    layers += [nn.Flatten(), nn.Linear(64 * H * W, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, outputs)]
    return nn.Sequential(*layers)


def _resnet18(shape: tuple[int, ...], outputs: int) -> nn.Module:
    from ..vision.models import resnet18

    model = resnet18(num_classes=outputs)
    if shape[0] != 3 or min(shape[1:]) < 64:
        # Small pictures would be gone after the first stride: no stride and no pooling at the start.
        model.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
        model.maxpool = nn.Identity()
    return model


def _own(name: str) -> nn.Module:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ValueError(f"--model {name}: {error}") from None
    except AttributeError:
        raise ValueError(f"--model {name}: the module {module} has no {attribute!r}") from None
    model = found()
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model {name}: {attribute}() gave a {type(model).__name__}, not a Module")
    return model


def parameter_count(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
