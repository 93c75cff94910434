"""torch.distributed.fsdp: names and options only. Parameters are not sharded; what would do it says to use
DistributedDataParallel. Nothing is an FSDP module, so `isinstance(model, FullyShardedDataParallel)` is False."""

from ..unsupported import FSDP as _REASON
from ..unsupported import refusing_class, refusing_function
from .api import (
    BackwardPrefetch,
    CPUOffload,
    CPUOffloadPolicy,
    FullOptimStateDictConfig,
    FullStateDictConfig,
    LocalStateDictConfig,
    MixedPrecision,
    MixedPrecisionPolicy,
    OffloadPolicy,
    OptimStateKeyType,
    ShardedOptimStateDictConfig,
    ShardedStateDictConfig,
    ShardingStrategy,
    StateDictType,
)

FullyShardedDataParallel = refusing_class(
    "fsdp.FullyShardedDataParallel",
    _REASON,
    "state_dict_type",
    "set_state_dict_type",
    "optim_state_dict",
    "optim_state_dict_to_load",
    "full_optim_state_dict",
    "scatter_full_optim_state_dict",
    "rekey_optim_state_dict",
    "summon_full_params",
    "fsdp_modules",
)
FSDPModule = refusing_class("fsdp.FSDPModule", _REASON)
fully_shard = refusing_function("fsdp.fully_shard", _REASON)
register_fsdp_forward_method = refusing_function("fsdp.register_fsdp_forward_method", _REASON)

__all__ = [
    "BackwardPrefetch",
    "CPUOffload",
    "CPUOffloadPolicy",
    "FSDPModule",
    "FullOptimStateDictConfig",
    "FullStateDictConfig",
    "FullyShardedDataParallel",
    "LocalStateDictConfig",
    "MixedPrecision",
    "MixedPrecisionPolicy",
    "OffloadPolicy",
    "OptimStateKeyType",
    "ShardedOptimStateDictConfig",
    "ShardedStateDictConfig",
    "ShardingStrategy",
    "StateDictType",
    "fully_shard",
    "register_fsdp_forward_method",
]
