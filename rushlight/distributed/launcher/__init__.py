"""torch.distributed.launcher: see api."""
