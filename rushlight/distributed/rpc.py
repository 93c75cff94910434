"""torch.distributed.rpc: names only."""

from .unsupported import RPC, refusing_class, refusing_function


def is_available() -> bool:
    """Whether remote calls can be made: no. Source: torch.distributed.rpc.is_available."""
    return False


init_rpc = refusing_function("rpc.init_rpc", RPC)
shutdown = refusing_function("rpc.shutdown", RPC)
rpc_async = refusing_function("rpc.rpc_async", RPC)
rpc_sync = refusing_function("rpc.rpc_sync", RPC)
remote = refusing_function("rpc.remote", RPC)
get_worker_info = refusing_function("rpc.get_worker_info", RPC)
RRef = refusing_class("rpc.RRef", RPC)
TensorPipeRpcBackendOptions = refusing_class("rpc.TensorPipeRpcBackendOptions", RPC)
