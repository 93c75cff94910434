"""`torch.utils.data._utils.worker`: what a worker knows of itself, from rushlight.data.worker."""

from ....data.worker import WorkerInfo, get_worker_info

__all__ = ["WorkerInfo", "get_worker_info"]
