"""Laying out the weights of convolutions (torch.nn.utils.memory_format)."""

from __future__ import annotations

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module, memory_format):
    """Lay out the weights of all 2-d convolutions in module as memory_format says; returns module.

    Source: torch.nn.utils.convert_conv2d_weight_memory_format.
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module, memory_format):
    """Lay out the weights of all 3-d convolutions in module as memory_format says; returns module.

    Source: torch.nn.utils.convert_conv3d_weight_memory_format.
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)


def _convert(module, kinds, memory_format):
    for layer in module.modules():
        if isinstance(layer, kinds):
            layer.weight.data = layer.weight.detach().clone(memory_format=memory_format)
    return module
