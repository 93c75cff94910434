"""`torch.utils.hooks`: handles of hooks."""
