"""torch.distributed.autograd: gradients through remote calls. Names only."""

from .unsupported import RPC, refusing_class, refusing_function

context = refusing_class("autograd.context", RPC)
backward = refusing_function("autograd.backward", RPC)
get_gradients = refusing_function("autograd.get_gradients", RPC)


def is_available() -> bool:
    """Whether gradients flow through remote calls: no."""
    return False
