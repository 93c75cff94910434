"""`torch.backends.cuda`: settings are kept and steer nothing without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Matmul:
    """Precision settings of GPU matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    fp32_precision = "none"


matmul = _Matmul()
_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built() -> bool:
    """Whether this was built for CUDA: False."""
    return False


def _switch(name: str) -> tuple[Any, Any]:
    def enable(enabled: bool) -> None:
        _sdp[name] = bool(enabled)

    def is_enabled() -> bool:
        return _sdp[name]

    enable.__doc__ = f"Keep whether {name} attention is wanted on a GPU."
    is_enabled.__doc__ = f"Whether {name} attention is wanted on a GPU."
    return enable, is_enabled


enable_flash_sdp, flash_sdp_enabled = _switch("flash")
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch("mem_efficient")
enable_math_sdp, math_sdp_enabled = _switch("math")
enable_cudnn_sdp, cudnn_sdp_enabled = _switch("cudnn")


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """Which attention kernels a GPU may use, for a `with`: accepted."""
    before = dict(_sdp)
    _sdp.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _sdp.update(before)


def preferred_linalg_library(backend: Any = None) -> str:
    """Which library a GPU's linear algebra uses: accepted."""
    return "default"
