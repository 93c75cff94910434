"""How long `import rushlight` takes against `import torch`, in fresh processes in turn: at most a quarter.

Run: python benchmarks/importing.py
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 7
LIMIT = 0.25


def seconds(module):
    """A fresh interpreter's time to import a module, less what the interpreter itself takes."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def main():
    started = time.perf_counter()
    seconds("rushlight"), seconds("torch")  # warm: files read, bytecode written
    rows = [(seconds("rushlight"), seconds("torch")) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*rows))
    ratio = statistics.median(a / b for a, b in rows)
    print(f"import rushlight {ours:.3f} s, torch {theirs:.3f} s, ratio {ratio:.2f} (limit {LIMIT})")
    print(f"{ROUNDS} rounds in {time.perf_counter() - started:.0f} s")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
