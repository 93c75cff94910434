"""`rushlight doctor`: versions, what is installed beside the core, and what each missing part would bring."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import textwrap

from .. import settings
from ..executors.cpu import program, target
from ..executors.threads import Threads

PARTS = {
    "numpy": "arrays",
    "scipy": "special functions and decompositions",
    "llvmlite": "machine code for the CPU",
    "scipy-openblas32": "matrix products",
    "ml_dtypes": "bfloat16",
    "safetensors": "safetensors files",
    "Pillow": "pictures (extra `vision`)",
    "scikit-learn": "the digits data and metrics (extra `train`)",
    "matplotlib": "pictures of reports (extra `train`)",
    "rich": "tables on the terminal (extra `train`)",
    "tqdm": "progress bars (extra `train`)",
    "mpi4py": "several processes (extra `mpi`)",
    "mpich": "several processes (extra `mpi`)",
}


def examine() -> str:
    """The findings, a line each."""
    lines = [
        f"rushlight {version('rushlight') or '(not installed, run from its folder)'}",
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        *executor(),
    ]
    for name, what in PARTS.items():
        found = version(name)
        lines.append(f"  {name:14} {found or 'missing':12} {what}")
    lines.append("GPU: none is used by this version: torch.cuda.is_available() is False")
    return "\n".join(lines)


def executor() -> list[str]:
    """What runs graphs here, where its machine code is kept, and what it leaves to NumPy."""
    if settings.EXECUTOR == "reference":
        return ["executor: reference (NumPy)"]
    machine = target.target()
    left = ", ".join(program.left_to_numpy())
    return [
        f"executor: cpu (LLVM for {machine.cpu}, {Threads.count} threads)",
        f"  compiled code in {target.folder() or 'memory only'}",
        *textwrap.wrap(f"left to NumPy: {left}", 110, initial_indent="  ", subsequent_indent="    "),
    ]


def version(name: str) -> str | None:
    """An installed distribution's version, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
