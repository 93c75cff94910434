"""Mixing channels of different groups (torch.nn.modules.channelshuffle)."""

from __future__ import annotations

from .. import functional as F
from .module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """Reorders (N, C, *) so that each of `groups` groups of channels gives one channel in turn (Zhang et al.
    2018).

    Source: torch.nn.ChannelShuffle.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.ChannelShuffle(2)(torch.arange(4.0).reshape(1, 4, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    __constants__ = ["groups"]

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
