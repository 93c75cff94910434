"""The training loop: epochs, checkpoints from which it goes on to the bit, evaluation of what is held out.

A checkpoint is written before the first epoch and after each one, with the model, the optimizer, the schedule and the
state of the random stream. An interrupted epoch is done again from its start, so resuming gives the same numbers as
never having stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint, nn, optim
from .. import functions as fn
from ..compiler import compile
from ..data import DataLoader
from ..functions import info
from ..optim import lr_scheduler
from .models import make_model
from .sources import Source, open_source

CHECKPOINT = "checkpoint.pt"


@dataclass
class Config:
    """What a run is: everything that decides its numbers."""

    source: str
    model: str = "cnn"
    epochs: int = 15
    batch_size: int = 64
    optimizer: str = "adam"
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    seed: int = 0
    device: str = "cpu"
    workers: int = 0
    limit: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


OPTIMIZERS: dict[str, tuple[str, float]] = {
    "adam": ("Adam", 1e-3),
    "adamw": ("AdamW", 1e-3),
    "sgd": ("SGD", 5e-2),
    "rmsprop": ("RMSprop", 1e-3),
}
SCHEDULES = ("none", "cosine", "step", "onecycle")


class Trainer:
    """One run in one folder: `fit` trains it, `evaluate` measures it."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder = config, folder
        fn.manual_seed(config.seed)
        info.use_deterministic_algorithms(True)  # a run that is resumed goes on to the bit
        self.source: Source = open_source(config.source, config.limit)
        outputs = len(self.source.classes) or self.source.targets
        self.model = make_model(config.model, self.source.shape, outputs).to(config.device)
        self.optimizer = self._make_optimizer()
        self.loader = DataLoader(
            self.source.train, config.batch_size, shuffle=True, num_workers=config.workers
        )
        self.schedule = self._make_schedule()
        self.loss = nn.CrossEntropyLoss() if self.source.classes else nn.MSELoss()
        self.history: list[dict[str, float]] = []
        self._compiled_step = compile(self._step)

    def _make_optimizer(self) -> Any:
        config = self.config
        if config.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {config.optimizer!r}: use {', '.join(OPTIMIZERS)}")
        name, default = OPTIMIZERS[config.optimizer]
        options: dict[str, Any] = {
            "lr": default if config.lr is None else config.lr,
            "weight_decay": config.weight_decay,
        }
        if config.optimizer == "sgd":
            options["momentum"] = config.momentum
        return getattr(optim, name)(self.model.parameters(), **options)

    def _make_schedule(self) -> Any:
        config = self.config
        if config.schedule == "none":
            return None
        if config.schedule == "cosine":
            return lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=max(1, config.epochs))
        if config.schedule == "step":
            return lr_scheduler.StepLR(self.optimizer, step_size=max(1, config.epochs // 3), gamma=0.1)
        if config.schedule == "onecycle":
            top = self.optimizer.param_groups[0]["lr"] * 3
            return lr_scheduler.OneCycleLR(self.optimizer, max_lr=top, total_steps=max(2, config.epochs))
        raise ValueError(f"unknown schedule {config.schedule!r}: use {', '.join(SCHEDULES)}")

    # ------------------------------------------------------------ checkpoints

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        checkpoint.save(
            {
                "config": self.config.to_dict(),
                "source": {"classes": self.source.classes, "shape": list(self.source.shape), "about": self.source.about,
                           "targets": self.source.targets, "name": self.source.name},
                "epoch": len(self.history),
                "history": self.history,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": None if self.schedule is None else self.schedule.state_dict(),
                "random": fn.get_rng_state(),
            },
            self.folder / CHECKPOINT,
        )  # fmt: skip

    def restore(self) -> None:
        """Go on from the folder's checkpoint."""
        held = checkpoint.load(self.folder / CHECKPOINT)
        self.model.load_state_dict(held["model"])
        self.optimizer.load_state_dict(held["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(held["schedule"])
        self.history = held["history"]
        fn.set_rng_state(held["random"])

    # ------------------------------------------------------------ training

    def fit(self, watch: Callable[[int, Iterable], Iterable], after_epoch: Callable[[dict], None]) -> None:
        """Train the epochs that are left.

        Args:
            watch: wraps the batches of an epoch, to show progress.
            after_epoch: told the epoch's row of the history.
        """
        if not self.history:
            self.save()
        while len(self.history) < self.config.epochs:
            row = self._epoch(len(self.history) + 1, watch)
            self.history.append(row)
            self.save()
            after_epoch(row)

    def _epoch(self, number: int, watch: Callable[[int, Iterable], Iterable]) -> dict[str, float]:
        started = time.perf_counter()
        self.model.train()
        losses, right, seen = 0.0, 0, 0
        for inputs, targets in watch(number, self.loader):
            inputs, targets = inputs.to(self.config.device), targets.to(self.config.device)
            loss, hits = self._compiled_step(inputs, targets)
            losses += loss.item() * len(targets)
            seen += len(targets)
            right += int(hits)
        rate = self.optimizer.param_groups[0]["lr"]
        if self.schedule is not None:
            self.schedule.step()
        row = {"epoch": number, "train_loss": losses / seen, "learning_rate": rate}
        if self.source.classes:
            row["train_accuracy"] = right / seen
        row.update(self._validation())
        row["seconds"] = time.perf_counter() - started
        return row

    def _step(self, inputs: Any, targets: Any) -> tuple[Any, Any]:
        """One update of the model on one batch; (loss, how many were classified right)."""
        outputs = self.model(inputs)
        loss = self.loss(outputs, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        hits = (outputs.argmax(1) == targets).sum() if self.source.classes else 0
        return loss.detach(), hits

    def _validation(self) -> dict[str, float]:
        outputs, targets = self.outputs()
        loss = self.loss(fn.from_numpy(outputs), fn.from_numpy(targets)).item()
        row = {"validation_loss": loss}
        if self.source.classes:
            row["validation_accuracy"] = float((outputs.argmax(1) == targets).mean())
        return row

    def outputs(self) -> tuple[np.ndarray, np.ndarray]:
        """(outputs, targets) of the held-out part."""
        return model_outputs(self.model, self.source.held_out, self.config.device)


def model_outputs(model: nn.Module, data: Any, device: str) -> tuple[np.ndarray, np.ndarray]:
    """(outputs, targets) of a model in evaluation mode over a whole data set."""
    model.eval()
    outputs, targets = [], []
    with fn.no_grad():
        for inputs, wanted in DataLoader(data, 256):
            outputs.append(model(inputs.to(device)).numpy())
            targets.append(wanted.numpy())
    return np.concatenate(outputs), np.concatenate(targets)
