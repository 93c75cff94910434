"""`rushlight COMMAND`: reads the arguments and hands them to the command.

Commands raise ValueError, FileNotFoundError and the like for bad input; these end as one line on stderr and exit
status 2. Ctrl-C while training leaves a checkpoint and exit status 130.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    top = argparse.ArgumentParser(
        prog="rushlight", description="PyTorch's programming model as a framework of its own."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _train_arguments(commands.add_parser("train", help="train a model, and write its checkpoint and report"))
    one = commands.add_parser("evaluate", help="measure a trained run on what was held out")
    one.add_argument("run", help="the run's folder")
    one.add_argument("--source", help="other data than the run's own")
    one = commands.add_parser("predict", help="what a trained run says of new inputs")
    one.add_argument("run", help="the run's folder")
    one.add_argument("inputs", nargs="+", help="picture files, or rows of numbers as 1,2,3")
    one.add_argument("--top", type=int, default=3, help="how many classes to name (default 3)")
    one = commands.add_parser("run", help="run a PyTorch program, unchanged, on rushlight")
    one.add_argument("-m", dest="module", action="store_true", help="PROGRAM is a module's name")
    one.add_argument("program", metavar="PROGRAM")
    one.add_argument("arguments", nargs=argparse.REMAINDER)
    one = commands.add_parser("launch", help="run a program as several processes that train together")
    one.add_argument("-n", dest="processes", type=_positive, required=True, help="how many processes")
    one.add_argument("-m", dest="module", action="store_true", help="PROGRAM is a module's name")
    one.add_argument("program", metavar="PROGRAM")
    one.add_argument("arguments", nargs=argparse.REMAINDER)
    one = commands.add_parser("bench", help="measure this machine, and what small workloads reach on it")
    one.add_argument(
        "workloads",
        nargs="*",
        metavar="WORKLOAD",
        help="mlp, cnn, resnet, gpt, lstm, elementwise (default: all)",
    )
    one.add_argument("--compile", action="store_true", help="compile the steps with torch.compile")
    one.add_argument("--steps", type=_positive, help="steps to time (default: two seconds of them)")
    one.add_argument("--json", action="store_true", help="the numbers as JSON")
    commands.add_parser("doctor", help="what is installed here and what works")
    return top


def _train_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "source", nargs="?", help="digits, mnist:DIR, fashion-mnist:DIR, cifar10:DIR, images:DIR or csv:FILE"
    )
    p.add_argument(
        "--model",
        help="cnn, mlp, linear, resnet18 or module:Class (default: cnn for pictures, mlp for tables)",
    )
    p.add_argument("--epochs", type=_positive, help="default 15")
    p.add_argument("--batch-size", type=_positive, help="default 64")
    p.add_argument("--optimizer", help="adam, adamw, sgd or rmsprop (default adam)")
    p.add_argument("--lr", type=float, help="learning rate (default: the optimizer's usual one)")
    p.add_argument("--momentum", type=float, help="of sgd, default 0.9")
    p.add_argument("--weight-decay", type=float, help="default 0")
    p.add_argument("--schedule", help="none, cosine, step or onecycle (default cosine)")
    p.add_argument("--seed", type=int, help="default 0")
    p.add_argument("--device", help="default cpu")
    p.add_argument("--workers", type=int, help="processes that load data, default 0")
    p.add_argument("--limit", type=_positive, help="use only so many examples of each part")
    p.add_argument("--out", help="the run's folder (default runs/SOURCE-MODEL)")
    p.add_argument("--resume", metavar="RUN", help="go on with a run from its last checkpoint")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    options = parser().parse_args(argv)
    if options.command == "run":
        from .running import run_program

        return run_program(options.program, options.arguments, options.module)
    from ..functions import info

    repeatable = info.are_deterministic_algorithms_enabled()
    try:
        return COMMANDS[options.command](options)
    except (ValueError, FileNotFoundError, NotADirectoryError, ImportError) as error:
        print(f"rushlight {options.command}: {error}", file=sys.stderr)
        return 2
    finally:
        info.use_deterministic_algorithms(repeatable)  # training turns it on


def train(options: argparse.Namespace) -> int:
    """Train a new run, or go on with an old one."""
    from .progress import line, watch
    from .runs import evaluate, new_folder, write_report
    from .training import Trainer

    config, folder = _configured(options)
    trainer = Trainer(config, new_folder(config, str(folder) if folder else options.out))
    if options.resume:
        trainer.restore()
    print(f"{config.model} on {trainer.source.name}: {len(trainer.source.train)} examples to train, "
          f"{len(trainer.source.held_out)} held out; folder {trainer.folder}")  # fmt: skip
    try:
        trainer.fit(watch(config.epochs), lambda row: print(line(row, config.epochs), flush=True))
    except KeyboardInterrupt:
        print(f"\nstopped; to go on: rushlight train --resume {trainer.folder}", file=sys.stderr)
        return 130
    results = evaluate(trainer)
    results.show()
    written = write_report(trainer, results)
    print(f"report: {written[-1]}")
    return 0


def _configured(options: argparse.Namespace) -> tuple[Any, Path | None]:
    """(config, folder of the run to go on with)."""
    from .runs import read_run
    from .training import Config

    given = {
        f.name: getattr(options, f.name) for f in fields(Config) if getattr(options, f.name, None) is not None
    }
    if options.resume:
        held = read_run(options.resume)
        fixed = {
            k: v for k, v in given.items() if k not in ("epochs", "workers") and held["config"].get(k) != v
        }
        if fixed:
            raise ValueError(
                f"--resume goes on with the run's own settings; these cannot change: {', '.join(sorted(fixed))}"
            )
        folder = Path(options.resume)
        return Config(**{**held["config"], **given}), folder if folder.is_dir() else folder.parent
    if not options.source:
        raise ValueError(
            "a source is needed: digits, mnist:DIR, fashion-mnist:DIR, cifar10:DIR, images:DIR or csv:FILE"
        )
    if "model" not in given:
        given["model"] = "mlp" if options.source.startswith("csv:") else "cnn"
    return Config(**given), None


def evaluate_command(options: argparse.Namespace) -> int:
    """Measure a run again and write its report anew."""
    from .runs import evaluate, read_run, write_report
    from .training import Config, Trainer

    held = read_run(options.run)
    config = Config(**held["config"])
    if options.source:
        config.source = options.source
    folder = Path(options.run)
    trainer = Trainer(config, folder if folder.is_dir() else folder.parent)
    trainer.model.load_state_dict(held["model"])
    trainer.history = held["history"]
    results = evaluate(trainer)
    results.show()
    if not options.source:
        print(f"report: {write_report(trainer, results)[-1]}")
    return 0


def predict_command(options: argparse.Namespace) -> int:
    """Name the likeliest classes (or the number) for each input."""
    from .predicting import predict

    for text in predict(options.run, options.inputs, options.top):
        print(text)
    return 0


def launch_command(options: argparse.Namespace) -> int:
    """Run a program as several ranks of one machine, each through `rushlight run`."""
    from ..distributed.launching import launch

    if not options.module and not Path(options.program).exists():
        raise FileNotFoundError(f"{options.program}: no such file")
    how = ["-m"] if options.module else []
    command = [sys.executable, "-m", "rushlight", "run", *how, options.program, *options.arguments]
    return launch(command, options.processes)


def bench_command(options: argparse.Namespace) -> int:
    """Measure the machine and the workloads."""
    from .bench import bench

    return bench(options.workloads, options.steps, options.compile, options.json)


def doctor_command(options: argparse.Namespace) -> int:
    """Say what is installed."""
    from .doctor import examine

    print(examine())
    return 0


COMMANDS = {
    "train": train,
    "evaluate": evaluate_command,
    "predict": predict_command,
    "launch": launch_command,
    "bench": bench_command,
    "doctor": doctor_command,
}
