"""torch.distributed._tensor: the old place of torch.distributed.tensor."""

from ..tensor import *
