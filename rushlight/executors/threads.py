"""How many threads a program may use: as RUSHLIGHT_NUM_THREADS or else OMP_NUM_THREADS says, or one a CPU of this process."""

from __future__ import annotations

import os

from .. import settings

CORES: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """`count` inside one operation, `between` independent ones; both may be changed at any time."""

    count: int = settings.NUM_THREADS or CORES
    between: int = CORES
