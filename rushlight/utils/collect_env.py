"""`torch.utils.collect_env`: what a report of a problem should say about where it happened.

`python -m rushlight.utils.collect_env` prints it.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from ..version import __version__

_PACKAGES = ("numpy", "scipy", "ml_dtypes", "llvmlite", "jax", "safetensors", "mpi4py")


class SystemEnv(NamedTuple):
    """The facts."""

    torch_version: str
    is_debug_build: str
    os: str
    machine: str
    cpu_count: int | None
    python_version: str
    python_platform: str
    is_cuda_available: str
    pip_packages: tuple[str, ...]


def get_env_info() -> SystemEnv:
    """The facts about this machine and Python."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            found.append(f"{name}: not installed")
    return SystemEnv(
        torch_version=f"rushlight {__version__}",
        is_debug_build="False",
        os=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu_count=os.cpu_count(),
        python_version=sys.version.replace("\n", " "),
        python_platform=platform.platform(),
        is_cuda_available="False",
        pip_packages=tuple(found),
    )


def pretty_str(envinfo: SystemEnv) -> str:
    """The facts as text."""
    facts: dict[str, Any] = envinfo._asdict()
    packages = facts.pop("pip_packages")
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()]
    return "\n".join([*lines, "", "Versions of relevant libraries:", *(f"[pip3] {p}" for p in packages)])


def get_pretty_env_info() -> str:
    """The facts about this machine and Python as text."""
    return pretty_str(get_env_info())


def main() -> None:
    """Print them."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
