"""Every switch, read once from the environment, with its default and what it means.

A switch is one more configuration to test, so there are few. Values set by calls at run time
(`set_default_dtype`, `set_num_threads`, ...) live with what they steer, not here.
"""

import os


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

# Hold every newly prepared program of the cpu executor against the reference before its result is trusted.
VERIFY = flag("RUSHLIGHT_VERIFY")

# Folder of compiled code; "off" keeps none. Default: rushlight in the user's cache folder.
CACHE = os.environ.get("RUSHLIGHT_CACHE", "")
