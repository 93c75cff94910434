"""`python -m rushlight.distributed.run --nproc-per-node 2 program.py`: torchrun's command line, for one machine or several
with given ranks. Restarting and elastic numbers of processes are not supported."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .launching import launch, python_command

_IGNORED = (
    "rdzv_backend",
    "rdzv_id",
    "rdzv_conf",
    "max_restarts",
    "monitor_interval",
    "start_method",
    "role",
    "log_dir",
)


def get_args_parser() -> argparse.ArgumentParser:
    """torchrun's arguments, as far as they have a meaning here."""
    parser = argparse.ArgumentParser(description="Run a program as several processes that join one another.")

    def add(name: str, **options: object) -> None:
        parser.add_argument(f"--{name.replace('_', '-')}", f"--{name}", dest=name, **options)  # type: ignore[arg-type]

    add("nnodes", default="1", help="how many machines (default 1)")
    add(
        "nproc_per_node", default="1", help="processes on each machine: a number, 'cpu' or 'auto' (default 1)"
    )
    add("node_rank", type=int, default=0, help="this machine's number")
    add("master_addr", default=None, help="where rank 0 is (default 127.0.0.1)")
    add("master_port", type=int, default=None, help="a free port there, the same on all machines")
    add("rdzv_endpoint", default="", help="host:port, in place of the two above")
    for ignored in _IGNORED:
        add(ignored, default=None, help="accepted, and without effect")
    parser.add_argument("--standalone", action="store_true", help="one machine; the port is chosen")
    parser.add_argument("-m", "--module", action="store_true", help="the program is a module's name")
    parser.add_argument("--no-python", "--no_python", action="store_true", help="the program is not Python")
    parser.add_argument("training_script", help="the program")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER)
    return parser


def parse_args(args: Sequence[str] | None) -> argparse.Namespace:
    """The arguments, read."""
    return get_args_parser().parse_args(args)


def run(args: argparse.Namespace) -> int:
    """Start the processes and wait for them; gives the exit status."""
    address, port = args.master_addr, args.master_port
    if args.rdzv_endpoint:
        host, _, number = args.rdzv_endpoint.partition(":")
        address = address or host
        port = port or (int(number) if number and number != "0" else None)
    nodes = int(str(args.nnodes).split(":")[0])
    if nodes > 1 and port is None:
        port = 29500
    command = python_command(args.training_script, args.training_script_args, args.module)
    if args.no_python:
        command = [args.training_script, *args.training_script_args]
    return launch(command, _count(args.nproc_per_node), nodes, args.node_rank, address or "127.0.0.1", port)


def _count(text: str) -> int:
    if text in ("cpu", "auto"):
        return os.cpu_count() or 1
    if not text.isdigit():
        raise ValueError(f"--nproc-per-node: a number, 'cpu' or 'auto' was expected, got {text!r}")
    return int(text)


def main(args: Sequence[str] | None = None) -> None:
    """torchrun's entry."""
    status = run(parse_args(args))
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
