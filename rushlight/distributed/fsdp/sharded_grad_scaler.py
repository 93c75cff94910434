"""torch.distributed.fsdp.sharded_grad_scaler."""

from ..unsupported import FSDP, refusing_class

ShardedGradScaler = refusing_class(
    "fsdp.sharded_grad_scaler.ShardedGradScaler", f"{FSDP}, with torch.amp.GradScaler"
)

__all__ = ["ShardedGradScaler"]
