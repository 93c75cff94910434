"""What goes wrong between processes, as PyTorch names it.

RuntimeError
└── DistError
    ├── DistBackendError      a collective that failed, or that ranks do not agree on
    ├── DistNetworkError      a process that cannot be reached
    └── DistStoreError        a key that did not come in time
        └── QueueEmptyError
"""


class DistError(RuntimeError):
    """Base of what goes wrong between processes. Source: torch.distributed.DistError."""


class DistBackendError(DistError):
    """A collective that failed: a rank is gone, is late, or does something else."""


class DistNetworkError(DistError):
    """A process that cannot be reached."""


class DistStoreError(DistError):
    """A key of a store that did not come in time."""


class QueueEmptyError(DistStoreError):
    """Nothing to be taken from a store's queue."""


NOT_INITIALIZED = (
    "Default process group has not been initialized, please make sure to call init_process_group."
)
