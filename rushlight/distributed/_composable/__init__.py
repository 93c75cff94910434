"""torch.distributed._composable: old places of fsdp's names."""

from . import fsdp

__all__ = ["fsdp"]
