"""Starting one program as several processes of one machine, each told its rank (what torchrun does).

The processes meet by the environment (env://), so any program that reads RANK, LOCAL_RANK or WORLD_SIZE finds them. When
one fails the others are ended.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

# Seconds that the others get when one has failed: to say why themselves, then after SIGTERM.
_OWN_END = 3.0
_AFTER_TERM = 5.0


_THREADS = frozenset(("OMP_NUM_THREADS", "RUSHLIGHT_NUM_THREADS"))
_ONE_THREAD = (
    "Setting OMP_NUM_THREADS environment variable for each process to be 1 in default, to avoid your system being "
    "overloaded, please further tune the variable for optimal performance in your application as needed."
)


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def environment_of(
    local_rank: int,
    processes: int,
    nodes: int,
    node_rank: int,
    address: str,
    port: int,
    base: Mapping[str, str],
) -> dict[str, str]:
    """What a process finds in its environment; `base` is the launcher's own.

    Where several share the machine each gets one thread, unless OMP_NUM_THREADS says otherwise.
    """
    threads = {} if processes == 1 else {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {
        **threads,
        **base,
        "RANK": str(node_rank * processes + local_rank),
        "LOCAL_RANK": str(local_rank),
        "GROUP_RANK": str(node_rank),
        "WORLD_SIZE": str(nodes * processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
    }


def launch(
    command: Sequence[str],
    processes: int,
    nodes: int = 1,
    node_rank: int = 0,
    address: str = "127.0.0.1",
    port: int | None = None,
) -> int:
    """Run `command` as `processes` processes on this machine, of nodes * processes in all; gives the exit status.

    Args:
        address, port: where rank 0 is; the port may be left open on one machine.
    Returns:
        0 when all ended well, else the status of the first that did not (128 + n after signal n).
    Raises: ValueError for numbers that make no sense.
    """
    if processes < 1 or nodes < 1 or not 0 <= node_rank < nodes:
        raise ValueError(f"launch: {processes} processes on node {node_rank} of {nodes}")
    if port is None:
        if nodes > 1:
            raise ValueError("launch: several nodes need a port, the same for all")
        port = free_port()
    if processes > 1 and not _THREADS.intersection(os.environ):
        print(_ONE_THREAD, file=sys.stderr, flush=True)
    started: list[subprocess.Popen] = []

    def pass_on(number: int, frame: Any) -> None:
        for process in started:
            if process.poll() is None:
                process.send_signal(number)

    # Ctrl-C reaches the processes by themselves: they share the terminal.
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, pass_on),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda number, frame: None),
    }
    try:
        for local_rank in range(processes):
            environment = environment_of(local_rank, processes, nodes, node_rank, address, port, os.environ)
            started.append(subprocess.Popen(list(command), env=environment))
        return _wait(started)
    finally:
        _end(started, 0.0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(started: list[subprocess.Popen]) -> int:
    while True:
        states = [process.poll() for process in started]
        failed = [state for state in states if state not in (None, 0)]
        if failed:
            _end(started, _OWN_END)
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if None not in states:
            return 0
        time.sleep(0.05)


def _end(started: list[subprocess.Popen], patience: float) -> None:
    """End what still runs: after `patience` seconds by SIGTERM, then by SIGKILL."""
    for wait, end in ((patience, "terminate"), (_AFTER_TERM, "kill")):
        until = time.monotonic() + wait
        while any(process.poll() is None for process in started) and time.monotonic() < until:
            time.sleep(0.05)
        for process in started:
            if process.poll() is None:
                getattr(process, end)()
    for process in started:
        process.wait()


def python_command(program: str, arguments: Sequence[str], module: bool = False) -> list[str]:
    """The command that runs a Python program (or module) with this interpreter."""
    return [sys.executable, "-u", *(["-m"] if module else []), program, *arguments]
