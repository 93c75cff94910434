"""Every switch, read once from the environment, with its default and what it means.

A switch is one more configuration to test, so there are few. Values set by calls at run time
(`set_default_dtype`, `set_num_threads`, ...) live with what they steer, not here.
"""

import os
import warnings


def flag(name: str, default: bool = False) -> bool:
    """The environment variable as a truth value: '', '0', 'false' and 'no' are False."""
    value = os.environ.get(name)
    if value is None:
        return default
    return value.strip().lower() not in ("", "0", "false", "no", "off")


def number(name: str, default: int) -> int:
    """The environment variable as a whole number; ValueError names the variable."""
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None


def words(name: str, known: tuple[str, ...]) -> frozenset[str]:
    """The environment variable as a set of words between commas; "1" is the first known. ValueError lists what is known."""
    value = os.environ.get(name, "").strip().lower()
    if value in ("", "0", "false", "no", "off"):
        return frozenset()
    found = {known[0] if word.strip() in ("1", "true") else word.strip() for word in value.split(",")} - {""}
    unknown = sorted(found.difference(known))
    if unknown:
        raise ValueError(
            f"{name}: {', '.join(map(repr, unknown))} cannot be shown; it takes any of {', '.join(known)}, "
            "separated by commas"
        )
    return frozenset(found)


def threads(*names: str) -> int | None:
    """The first of the environment variables that is a number of threads; a warning for one that is none.

    As OpenMP has it, "4,2" means 4: numbers after the first are for threads that start threads.
    """
    for name in names:
        value = os.environ.get(name, "").strip()
        if not value:
            continue
        first = value.split(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            return int(first)
        warnings.warn(
            f"{name}={value!r} is ignored: a whole number of threads, at least 1, was expected", stacklevel=2
        )
    return None


# Run every call by itself, at once, instead of recording it: for debugging.
EAGER = flag("RUSHLIGHT_EAGER")

# Re-run the shape and dtype rules on every node before a graph is run: for debugging, and on in the tests.
CHECK = flag("RUSHLIGHT_CHECK")

# What to print on stderr: "graph", each graph before it runs; and of native programs, which are then prepared before their
# first run, "kernels" (the steps, what each computes, from which of the user's lines), "memory" (the plan of the arena)
# and "llvm" (the text of every kernel as it is compiled). "1" is "graph".
SHOW = words("RUSHLIGHT_SHOW", ("graph", "kernels", "memory", "llvm"))

# Recorded work that nothing has asked for yet is run when it holds this many results ...
PENDING_COUNT = number("RUSHLIGHT_PENDING_COUNT", 4096)

# ... or when these results would take this many bytes.
PENDING_BYTES = number("RUSHLIGHT_PENDING_BYTES", 512 * 1024 * 1024)

# How many programs are kept by their key.
PROGRAMS = number("RUSHLIGHT_PROGRAMS", 2048)

# Which executor runs graphs on the CPU. "auto": a graph met for the first time runs on the reference executor while
# the cpu executor prepares it. "cpu": always prepared first, and then run. "reference": NumPy alone.
EXECUTOR = os.environ.get("RUSHLIGHT_EXECUTOR", "auto")

# How many threads an operation may use, until set_num_threads says otherwise. Default: one for each CPU.
NUM_THREADS = threads("RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS")

# Hold every newly prepared program of the cpu executor against the reference before its result is trusted.
VERIFY = flag("RUSHLIGHT_VERIFY")

# Whether 3x3 convolutions may take Winograd's form: about twice as fast, with about twice the direct form's rounding error
# (cpu/winograd.py states it).
WINOGRAD = flag("RUSHLIGHT_WINOGRAD", True)

# Folder of compiled code; "off" keeps none. Default: rushlight in the user's cache folder.
CACHE = os.environ.get("RUSHLIGHT_CACHE", "")
