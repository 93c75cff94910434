"""`torch` and `torchvision` as other names of rushlight, for programs that are not to be changed.

`install()` puts a finder in front of Python's own: `import torch.nn.functional` gives the very module
`rushlight.nn.functional`, under both names, so classes are the same however they were imported.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType

# Set for child processes of a program that runs under the alias.
ENVIRONMENT = "RUSHLIGHT_AS_TORCH"
ROOTS = {"torch": "rushlight", "torchvision": "rushlight.vision"}


class _Loader(importlib.abc.Loader):
    """Loads nothing of its own: the module is rushlight's."""

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real)
        # Python's machinery is about to overwrite these with the alias's own.
        self.kept = {
            name: getattr(module, name, None)
            for name in ("__spec__", "__name__", "__package__", "__loader__")
        }
        return module

    def exec_module(self, module: ModuleType) -> None:
        for name, value in self.kept.items():
            setattr(module, name, value)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds torch.x as rushlight.x."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root, _, rest = fullname.partition(".")
        if root not in ROOTS:
            return None
        real = ROOTS[root] + (f".{rest}" if rest else "")
        if importlib.util.find_spec(real) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(real), is_package=True)


def install() -> None:
    """Make `import torch` and `import torchvision` give rushlight from now on.

    Raises: RuntimeError when the real torch is already imported in this process.
    """
    held = sys.modules.get("torch")
    if held is not None and held.__name__ != "rushlight":
        raise RuntimeError("torch is already imported in this process: install() has to come first")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def announce() -> None:
    """Have child processes install the names too: worker processes, and programs that this one starts."""
    os.environ[ENVIRONMENT] = "1"
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup"), root]
    before = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p not in paths]
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths[:1], *before, *paths[1:]])


def install_from_environment() -> None:
    """In a child process of a program that runs under the alias: install it here as well."""
    if os.environ.get(ENVIRONMENT) == "1":
        install()
