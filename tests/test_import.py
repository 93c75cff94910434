"""`import rushlight` loads NumPy and nothing heavier."""

import subprocess
import sys

HEAVY = (
    "llvmlite",
    "scipy",
    "jax",
    "matplotlib",
    "sklearn",
    "PIL",
    "mpi4py",
    "ml_dtypes",
    "safetensors",
    "torch",
)


def test_import_loads_nothing_heavy():
    code = f"import sys, rushlight; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nn_and_optim_load_nothing_heavy_either():
    code = f"import sys, rushlight.nn, rushlight.optim, rushlight.utils.data; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
