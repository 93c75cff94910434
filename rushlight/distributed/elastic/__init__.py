"""torch.distributed.elastic: what programs started by torchrun import from it."""
