"""`torch.utils.data.graph_settings`: names of rushlight.data.pipes.chain."""

from ...data.pipes.chain import apply_random_seed, apply_sharding, apply_shuffle_settings

__all__ = ["apply_random_seed", "apply_sharding", "apply_shuffle_settings"]
