"""How many threads a program may use."""

from __future__ import annotations

import os


class Threads:
    """`count` inside one operation, `between` independent ones; both may be changed at any time."""

    count: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    between: int = count
