"""`torch.utils._foreach_utils`: lists of tensors put together by device and dtype."""

from __future__ import annotations

from typing import Any

Indices = list


def _get_foreach_kernels_supported_devices() -> list[str]:
    return []


def _get_fused_kernels_supported_devices() -> list[str]:
    return []


def _group_tensors_by_device_and_dtype(tensorlistlist: list[list], with_indices: bool = False) -> dict:
    """{(device, dtype) of the first list's tensor: (the lists with only those places, their places)}."""
    groups: dict[tuple, tuple[list[list], list[int]]] = {}
    for i, first in enumerate(tensorlistlist[0]):
        if first is None:
            continue
        lists, places = groups.setdefault((first.device, first.dtype), ([[] for _ in tensorlistlist], []))
        for column, source in zip(lists, tensorlistlist):
            if source:
                column.append(source[i])
        if with_indices:
            places.append(i)
    return groups


def _device_has_foreach_support(device: Any) -> bool:
    return False


def _has_foreach_support(tensors: list, device: Any) -> bool:
    return False
