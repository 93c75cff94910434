"""torch.distributed.algorithms: joining with uneven inputs, communication hooks, activation checkpointing."""
