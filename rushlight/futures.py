"""torch.futures: values that will be there; Future lives in rushlight.distributed."""

from .distributed.future import Future, collect_all, wait_all

__all__ = ["Future", "collect_all", "wait_all"]
