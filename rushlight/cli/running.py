"""`rushlight run train.py`: a PyTorch program, unchanged, with torch and torchvision meaning rushlight."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from ..compat import announce, install


def run_program(program: str, arguments: Sequence[str], as_module: bool) -> int:
    """Run a file (or module) as the main program; its exit status is ours."""
    install()
    announce()
    if as_module:
        sys.argv = [program, *arguments]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return 0
    path = Path(program)
    if not path.exists():
        print(f"rushlight run: {program}: no such file", file=sys.stderr)
        return 2
    sys.argv = [program, *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    runpy.run_path(program, run_name="__main__")
    return 0
