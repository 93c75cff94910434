"""torch.distributed.tensor: names only. No tensor is spread over processes, so isinstance(x, DTensor) is False."""

from ..device_mesh import DeviceMesh, init_device_mesh
from ..unsupported import TENSOR, refusing_class, refusing_function
from .placement_types import Partial, Placement, Replicate, Shard

DTensor = refusing_class("tensor.DTensor", TENSOR, "from_local")
distribute_tensor = refusing_function("tensor.distribute_tensor", TENSOR)
distribute_module = refusing_function("tensor.distribute_module", TENSOR)

__all__ = [
    "DTensor",
    "DeviceMesh",
    "Partial",
    "Placement",
    "Replicate",
    "Shard",
    "distribute_module",
    "distribute_tensor",
    "init_device_mesh",
]
