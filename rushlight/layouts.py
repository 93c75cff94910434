"""Memory formats and layouts: names that programs pass and compare. Tensors here are strided."""

from __future__ import annotations


class Named:
    """A constant that prints as PyTorch's ("torch.strided") and pickles by its name."""

    __slots__ = ("name",)
    _all: dict[str, Named] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        Named._all[name] = self

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple:
        return _of_name, (self.name,)


def _of_name(name: str) -> Named:
    return Named._all[name]


class layout(Named):
    """How elements are kept; `torch.layout`."""

    __slots__ = ()


class memory_format(Named):
    """The order of dimensions in memory; `torch.memory_format`."""

    __slots__ = ()


strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
sparse_csc = layout("sparse_csc")
sparse_bsr = layout("sparse_bsr")
sparse_bsc = layout("sparse_bsc")
jagged = layout("jagged")
contiguous_format = memory_format("contiguous_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
preserve_format = memory_format("preserve_format")
