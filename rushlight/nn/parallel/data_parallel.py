"""DataParallel: one process, the batch split over devices (torch.nn.DataParallel)."""

from __future__ import annotations

from ...autograd.modes import is_grad_enabled
from ..modules.module import Module
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import as_device, gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Wraps a module; on several devices splits each batch over copies of it, on one passes it through.

    Parameters have the wrapped module's names under `module.`.

    Args:
        module: the module to wrap, `.module` afterwards.
        device_ids: CUDA indices, names or Devices to split over; None (or one): pass through.
        output_device: where outputs are joined; None: the first of device_ids.
        dim: the dimension of the batch.
    Source: torch.nn.DataParallel, which by default splits over all CUDA devices.
    Example:
        >>> import rushlight as torch
        >>> list(torch.nn.DataParallel(torch.nn.Linear(2, 1)).state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids = [as_device(device) for device in device_ids or ()]
        if not self.device_ids:
            return
        self.output_device = self.device_ids[0] if output_device is None else as_device(output_device)
        self.src_device_obj = self.device_ids[0]
        if len(self.device_ids) == 1:
            self.module.to(self.src_device_obj)

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        home = self.device_ids[0]
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.device != home:
                raise RuntimeError(
                    f"module must have its parameters and buffers on device {home} (device_ids[0]) "
                    f"but found one of them on device: {tensor.device}"
                )
        inputs, kwargs = self.scatter(inputs, kwargs, self.device_ids)
        if not inputs:
            inputs, kwargs = ((),), ({},)
        if len(self.device_ids) == 1:
            return self.module(*inputs[0], **kwargs[0])
        replicas = self.replicate(self.module, self.device_ids[: len(inputs)])
        return self.gather(self.parallel_apply(replicas, inputs, kwargs), self.output_device)

    def replicate(self, module, device_ids):
        """Copies of module on the devices."""
        return replicate(module, device_ids, not is_grad_enabled())

    def scatter(self, inputs, kwargs, device_ids):
        """The arguments split over the devices."""
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """The outputs of the copies."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        """The outputs joined on one device."""
        return gather(outputs, output_device, dim=self.dim)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """module(*inputs, **module_kwargs) with the batch split over devices, as DataParallel does it.

    Source: torch.nn.parallel.data_parallel.
    """
    if not isinstance(inputs, tuple):
        inputs = () if inputs is None else (inputs,)
    wrapped = DataParallel(module, device_ids, output_device, dim)
    return wrapped(*inputs, **(module_kwargs or {}))
