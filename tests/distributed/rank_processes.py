"""Starting the programs of programs/ as several processes, for the tests beside this file."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).resolve().parent / "programs"
SECONDS = 90


def mpiexec():
    """The mpiexec of this environment, or of the system."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or mpiexec() is None,
    reason="mpi4py and mpich are not installed (pip install 'rushlight[mpi]')",
)


def environment(**extra):
    """This process's environment without what says who it is among others."""
    dropped = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    kept = {k: v for k, v in os.environ.items() if k not in dropped and not k.startswith(("PMI_", "SLURM_"))}
    path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **{k: str(v) for k, v in extra.items()}}


def command(start, program, *arguments, ranks=2):
    """How to run a program as `ranks` processes, by mpiexec or by the environment."""
    own = [sys.executable, str(PROGRAMS / program), *arguments]
    if start == "mpiexec":
        return [mpiexec(), "-n", str(ranks), *own]
    return [sys.executable, "-m", "rushlight.distributed.run", "--nproc-per-node", str(ranks), *own[1:]]


def run(words, **extra):
    """Run a command; its result with the output as text."""
    return subprocess.run(words, env=environment(**extra), capture_output=True, text=True, timeout=SECONDS)


def start(program, *arguments, **extra):
    """Start one process of a program."""
    words = [sys.executable, str(PROGRAMS / program), *arguments]
    return subprocess.Popen(
        words, env=environment(**extra), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
