"""torch.distributed.checkpoint: state dicts without wrappers' names (state_dict.py). Checkpoints spread over several files
are not supported."""

from ..unsupported import CHECKPOINT, refusing_class, refusing_function
from . import state_dict

save = refusing_function("checkpoint.save", CHECKPOINT)
load = refusing_function("checkpoint.load", CHECKPOINT)
async_save = refusing_function("checkpoint.async_save", CHECKPOINT)
save_state_dict = refusing_function("checkpoint.save_state_dict", CHECKPOINT)
load_state_dict = refusing_function("checkpoint.load_state_dict", CHECKPOINT)
FileSystemReader = refusing_class("checkpoint.FileSystemReader", CHECKPOINT)
FileSystemWriter = refusing_class("checkpoint.FileSystemWriter", CHECKPOINT)
DefaultLoadPlanner = refusing_class("checkpoint.DefaultLoadPlanner", CHECKPOINT)
DefaultSavePlanner = refusing_class("checkpoint.DefaultSavePlanner", CHECKPOINT)

__all__ = [
    "DefaultLoadPlanner",
    "DefaultSavePlanner",
    "FileSystemReader",
    "FileSystemWriter",
    "async_save",
    "load",
    "load_state_dict",
    "save",
    "save_state_dict",
    "state_dict",
]
