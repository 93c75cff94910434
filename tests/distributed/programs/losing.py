"""Two ranks, of which rank 1 goes away in the way that the argument names, while rank 0 waits for it."""

import os
import signal
import sys
from datetime import timedelta

import rushlight as torch
import rushlight.distributed as dist

dist.init_process_group("gloo", timeout=timedelta(seconds=float(sys.argv[2])))
dist.barrier()
if dist.get_rank() == 1:
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[1] == "raises":
        raise KeyError("the batch is broken")
    if sys.argv[1] == "leaves":
        sys.exit(0)
dist.all_reduce(torch.ones(2))
