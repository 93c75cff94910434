import torch

torch.cuda.empty_cache()
assert torch.cuda.device_count() == 0
assert torch.version.cuda is None
assert type(torch.cuda.memory_allocated()) is int and type(torch.cuda.memory_reserved()) is int
