"""A run's folder: checkpoint.pt, metrics.json, pictures and report.html; and how a run is opened again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import checkpoint, report
from .models import make_model, parameter_count
from .training import CHECKPOINT, Config, Trainer


def new_folder(config: Config, out: str | None) -> Path:
    """The run's folder, made: `out`, or runs/SOURCE-MODEL with a number when that is taken."""
    if out is not None:
        folder = Path(out)
    else:
        name = f"{config.source.partition(':')[0]}-{config.model.replace(':', '.')}"
        folder = Path("runs") / name
        number = 2
        while folder.exists():
            folder = Path("runs") / f"{name}-{number}"
            number += 1
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_run(path: str) -> dict[str, Any]:
    """The checkpoint of a run's folder (or the file itself); errors say what is missing."""
    file = Path(path)
    file = file / CHECKPOINT if file.is_dir() else file
    if not file.exists():
        raise FileNotFoundError(f"{file}: no such checkpoint; give a folder that `rushlight train` wrote")
    held = checkpoint.load(file)
    if not isinstance(held, dict) or "config" not in held or "model" not in held:
        raise ValueError(f"{file}: not a checkpoint of `rushlight train`: it has no config and model")
    return held


def load_model(held: dict[str, Any]) -> Any:
    """The trained model of a run, in evaluation mode."""
    source = held["source"]
    model = make_model(
        held["config"]["model"], tuple(source["shape"]), len(source["classes"]) or source["targets"]
    )
    model.load_state_dict(held["model"])
    return model.eval()


def evaluate(trainer: Trainer) -> Any:
    """The report of a trained run on what was held out."""
    outputs, targets = trainer.outputs()
    if trainer.source.classes:
        return report.classification(targets, outputs, trainer.source.classes)
    return report.regression(targets, outputs, [trainer.source.about["target"]])


def write_report(trainer: Trainer, results: Any) -> list[Path]:
    """Write metrics.json, the pictures and report.html; gives their paths."""
    folder, source, config = trainer.folder, trainer.source, trainer.config
    learning = report.learning_curves(trainer.history)
    metrics = folder / "metrics.json"
    metrics.write_text(
        json.dumps(
            {"config": config.to_dict(), "results": results.to_dict(), "history": trainer.history}, indent=2
        )
        + "\n"
    )
    written = [metrics]
    for name, picture in _pictures(results, learning).items():
        path = folder / f"{name}.png"
        path.write_bytes(picture)
        written.append(path)
    wrong: Any = ()
    if source.pictures is not None and source.classes:
        wrong = report.wrong_examples(results, source.pictures)
    settings = {
        **config.to_dict(),
        "parameters": parameter_count(trainer.model),
        "training examples": len(source.train),
    }
    settings = {k: v for k, v in settings.items() if v is not None}
    page = report.save_page(
        folder / "report.html",
        results,
        title=f"{config.model} on {source.name}",
        settings=settings,
        learning=learning,
        wrong=wrong,
    )
    return [*written, page]


def _pictures(results: Any, learning: Any) -> dict[str, bytes]:
    draw = report.pictures
    made = {"learning_curves": draw.learning_curves(learning)}
    if isinstance(results, report.ClassificationReport):
        made["confusion_matrix"] = draw.confusion_matrix(results)
        if results.probabilities is not None:
            made["roc"] = draw.roc_curves(results)
        made["per_class"] = draw.class_bars(results)
    else:
        made["regression"] = draw.regression_scatter(results)
        made["residuals"] = draw.regression_residuals(results)
    return made
