"""Running one function in several processes, and raising in the parent what went wrong in them.

`start_processes` starts them, `ProcessContext` waits for them. A process that fails leaves its traceback as
text in a file of its own, so that nothing depends on a pipe being read while processes are dying.
"""

import ctypes
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import weakref
from multiprocessing import connection, get_context
from typing import Any

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]

log = logging.getLogger(__name__)

# Seconds between SIGTERM and SIGKILL for the processes that remain when one has failed.
GRACE = 30.0

_PR_SET_PDEATHSIG = 1


class ProcessException(Exception):
    """A process failed.

    Attributes:
        error_index: which of the processes, from 0.
        error_pid: its process id.
    """

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = error_pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """The function raised an exception; the message holds its traceback."""


class ProcessExitedException(ProcessException):
    """The process ended by a signal, or by an exit code other than 0.

    Attributes:
        exit_code: the code; minus the signal's number for a signal.
        signal_name: "SIGKILL" and the like, or None.
    """

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


class ProcessContext:
    """Started processes, to be joined.

    Args:
        processes: multiprocessing processes, all started.
        error_files: for each the path where it leaves its traceback.
    """

    def __init__(self, processes: list, error_files: list[str]) -> None:
        self.processes = processes
        self.error_files = error_files
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The process ids, in order."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until some process has ended; True when all have.

        When one has failed the others are ended and an exception says what happened.

        Args:
            timeout: seconds to wait at most.
            grace_period: seconds that the others get, first to end by themselves and then after SIGTERM,
                before they are killed. None sends SIGTERM at once and waits 30 seconds.
        Raises:
            ProcessRaisedException, ProcessExitedException: for the process that failed first.
        """
        if not self.sentinels:
            return True
        for sentinel in connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                self._end_others(grace_period)
                raise self._failure(index)
        return not self.sentinels

    def _end_others(self, grace_period: float | None) -> None:
        if grace_period is not None:
            self._wait(grace_period)
        for process in self._alive():
            log.warning("Terminating process %s via signal SIGTERM", process.pid)
            process.terminate()
        self._wait(GRACE if grace_period is None else grace_period)
        for process in self._alive():
            log.warning("Process %s did not end on SIGTERM, killing it via SIGKILL", process.pid)
            process.kill()
            process.join()

    def _alive(self) -> list:
        return [process for process in self.processes if process.is_alive()]

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))

    def _failure(self, index: int) -> ProcessException:
        process = self.processes[index]
        if os.path.exists(self.error_files[index]):
            with open(self.error_files[index], encoding="utf-8") as file:
                text = file.read()
            message = f"\n\n-- Process {index:d} terminated with the following error:\n{text}"
            return ProcessRaisedException(message, index, process.pid)
        code = process.exitcode
        if code >= 0:
            message = f"process {index:d} terminated with exit code {code:d}"
            return ProcessExitedException(message, index, process.pid, code)
        name = _signal_name(-code)
        message = f"process {index:d} terminated with signal {name}"
        return ProcessExitedException(message, index, process.pid, code, name)


class SpawnContext(ProcessContext):
    """The old name of ProcessContext."""

    def __init__(self, processes: list, error_files: list[str]) -> None:
        warnings.warn("SpawnContext is called ProcessContext now", stacklevel=2)
        super().__init__(processes, error_files)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"<Unknown signal {number}>"


def start_processes(
    fn,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run `fn(i, *args)` in processes i = 0 .. nprocs - 1.

    Args:
        fn: a function that the processes can import, unless `start_method` is "fork".
        join: wait for all of them; otherwise return a ProcessContext to wait with.
        daemon: end them with this process.
        start_method: "spawn", "fork" or "forkserver".
    Raises:
        ProcessRaisedException, ProcessExitedException: a process failed (the others are ended then).
    Source: torch.multiprocessing.start_processes.
    """
    context: Any = get_context(start_method)
    folder = tempfile.mkdtemp(prefix="rushlight-processes-")
    error_files = [os.path.join(folder, f"{index}.txt") for index in range(nprocs)]
    processes: list = []
    try:
        for index in range(nprocs):
            process = context.Process(target=_run, args=(fn, index, args, error_files[index]), daemon=daemon)
            process.start()
            processes.append(process)
    except BaseException:
        for process in processes:
            process.terminate()
        _remove(folder, os.getpid())
        raise
    started = ProcessContext(processes, error_files)
    weakref.finalize(started, _remove, folder, os.getpid())  # nobody can ask for the errors any more
    if not join:
        return started
    while not started.join():
        pass
    return None


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def spawn(
    fn,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """`start_processes` with freshly started interpreters.

    `fn` and `args` are pickled, so `fn` has to be importable, and the program's own start belongs under
    `if __name__ == "__main__":`.

    Source: torch.multiprocessing.spawn.
    """
    if start_method != "spawn":
        warnings.warn(
            f"spawn() only supports start_method=spawn (got: {start_method}); "
            "use start_processes() for another start method",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")


def _run(fn, index: int, args: tuple, error_file: str) -> None:
    """The main function of a started process."""
    _end_with_parent()
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # Ctrl-C, or the parent's death: the parent has its own to say
    except Exception:
        with open(error_file, "w", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        sys.exit(1)


def _end_with_parent() -> None:
    """Have the system send SIGINT here when the parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
