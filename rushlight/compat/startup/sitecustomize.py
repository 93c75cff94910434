"""Run by Python at its start in child processes of `rushlight run` (the folder is on their PYTHONPATH).

It makes torch and torchvision mean rushlight there too, before pickled work is read, and then runs the sitecustomize that
this one hides, if there is one.
"""

import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))


def _run_hidden() -> None:
    others = [p for p in sys.path if os.path.abspath(p or ".") != _here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get("RUSHLIGHT_AS_TORCH") == "1":
    from rushlight.compat import install_from_environment

    install_from_environment()
_run_hidden()
