"""Layers that drop whole parts while training: residual branches (stochastic depth) and blocks of pixels."""

from ... import functions as fn
from ...nn import Module
from ...nn import functional as nnf


def stochastic_depth(input, p, mode, training=True):
    """The input with rows zeroed with probability p while training, the rest scaled to keep the mean.

    Args:
        mode: "batch" draws once for the whole input, "row" once for each entry of its first dimension.

    Source: torchvision.ops.stochastic_depth, after Huang et al. 2016.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    survival = 1.0 - p
    drawn = input.shape[0] if mode == "row" else 1
    noise = fn.empty([drawn] + [1] * (input.ndim - 1), dtype=input.dtype, device=input.device)
    noise = noise.bernoulli_(survival)
    if survival > 0.0:
        noise = noise / survival
    return input * noise


class StochasticDepth(Module):
    """`stochastic_depth` with its settings kept; only while training.

    Source: torchvision.ops.StochasticDepth
    """

    def __init__(self, p, mode):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"


def drop_block2d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """The input (N, C, H, W) with square blocks zeroed while training, about a share p of it.

    Source: torchvision.ops.drop_block2d, after Ghiasi et al. 2018.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != 4:
        raise ValueError(f"input should be 4 dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    N, C, H, W = input.shape
    block_size = min(block_size, H, W)
    rows, columns = H - block_size + 1, W - block_size + 1
    gamma = (p * H * W) / (block_size**2 * rows * columns)
    seeds = fn.empty((N, C, rows, columns), dtype=input.dtype, device=input.device).bernoulli_(gamma)
    seeds = nnf.pad(seeds, [block_size // 2] * 4, value=0)
    dropped = nnf.max_pool2d(seeds, block_size, stride=1, padding=block_size // 2)
    # An even block covers one more row and column than the picture has.
    kept = 1 - dropped[..., :H, :W]
    kept = kept * (kept.numel() / (eps + kept.sum()))
    return input.mul_(kept) if inplace else input * kept


class DropBlock2d(Module):
    """`drop_block2d` with its settings kept; only while training.

    Source: torchvision.ops.DropBlock2d
    """

    def __init__(self, p, block_size, inplace=False, eps=1e-06):
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input):
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"
