"""`torch.utils.deterministic`: every computation here is deterministic; new memory is not filled."""

fill_uninitialized_memory = True
