"""torch.distributed.launcher.api: names only."""

from ..unsupported import refusing_class

_INSTEAD = "elastic launching from Python is not supported. Use torch.multiprocessing.spawn, or run the program by torchrun"

LaunchConfig = refusing_class("launcher.api.LaunchConfig", _INSTEAD)
elastic_launch = refusing_class("launcher.api.elastic_launch", _INSTEAD)

__all__ = ["LaunchConfig", "elastic_launch"]
