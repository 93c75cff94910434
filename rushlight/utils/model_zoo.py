"""`torch.utils.model_zoo`: the older name of torch.hub's loading."""
