"""Settings of every test: graphs are checked by their own rules, and one thread a process, since tests run side by side."""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before NumPy is loaded
os.environ.setdefault("RUSHLIGHT_CHECK", "1")
