"""Copies of a module on several devices, through which gradients flow back (torch.nn.parallel.replicate)."""

from __future__ import annotations

from collections import OrderedDict

from .scatter_gather import as_device

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """One copy of network for each device; gradients of a copy reach the network's parameters unless detach.

    Source: torch.nn.parallel.replicate.
    """
    return [_replica(network, as_device(device), detach, {}) for device in devices]


def _replica(module, device, detach, made):
    if id(module) in made:
        return made[id(module)]
    replica = made[id(module)] = module._replicate_for_data_parallel()
    replica._former_parameters = OrderedDict()
    for name, child in module._modules.items():
        replica._modules[name] = None if child is None else _replica(child, device, detach, made)
    for name, parameter in module._parameters.items():
        if parameter is None:
            replica._parameters[name] = None
            continue
        moved = (parameter.detach() if detach else parameter).to(device)
        if moved is parameter:
            moved = parameter.view_as(
                parameter
            )  # a copy is no leaf, so that it is not taken for the parameter
        replica.__dict__[name] = moved
        replica._former_parameters[name] = moved
    for name, buffer in module._buffers.items():
        replica._buffers[name] = None if buffer is None else buffer.to(device)
    return replica
