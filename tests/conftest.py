"""Settings of every test: graphs are checked by their own rules; BLAS has one thread, since tests run side by side, and
programs have two, since one would hide what goes wrong between them.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before NumPy is loaded
os.environ.setdefault("RUSHLIGHT_NUM_THREADS", "2")
os.environ.setdefault("RUSHLIGHT_CHECK", "1")
