"""`torch.cpu.amp`: the older names of torch.amp."""

from typing import Any

from .. import amp as _amp
from ..dtypes import bfloat16


class autocast(_amp.autocast):
    """torch.amp.autocast for "cpu". Source: torch.cpu.amp.autocast."""

    def __init__(self, enabled: bool = True, dtype: Any = bfloat16, cache_enabled: bool = True) -> None:
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)
