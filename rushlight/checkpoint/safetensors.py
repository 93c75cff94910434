"""Weights in the safetensors format: a dict of tensors by name, with text beside it, and nothing that could
run.

The `safetensors` package checks and writes the headers; the bytes go straight from and to the tensors'
memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from typing import IO, Any

import numpy as np

from ..nn import Module
from ..shapes import contiguous_strides
from ..tensor import Tensor
from .atomic import replacing
from .errors import CorruptFileError
from .locations import placement
from .tensors import LoadedStorage, array_to_write, describe

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
    "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64",
}  # fmt: skip


def save_file(
    tensors: dict[str, Tensor], filename: str | os.PathLike, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors by name to a file, which is replaced in one step.

    Args:
        tensors: contiguous tensors that share no memory with each other.
        metadata: text by name, kept beside the tensors.
    Raises:
        ValueError: `tensors` is no dict of tensors, or one is not contiguous.
        RuntimeError: two of them share memory, which the format cannot say.
    Source: safetensors.torch.save_file.
    """
    package = _package()
    specs, alive = _specs(package, tensors)
    with replacing(filename) as file:
        package.serialize_file(specs, file.name, metadata=metadata)
    del alive


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file; see save_file. Source: safetensors.torch.save."""
    package = _package()
    specs, alive = _specs(package, tensors)
    data = bytes(package.serialize(specs, metadata=metadata))
    del alive
    return data


def load_file(filename: str | os.PathLike, device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors in a safetensors file, by name.

    Raises: FileNotFoundError; CorruptFileError when the file is damaged or no safetensors file.
    Source: safetensors.torch.load_file.
    """
    with open(filename, "rb") as file:
        _check(filename)
        header, begin = _header(file.read)
        return {name: _read(file, begin, name, facts, device) for name, facts in header.items()}


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file. Source: safetensors.torch.load."""
    package = _package()
    try:
        entries = package.deserialize(bytes(data))
    except package.SafetensorError as problem:
        raise _corrupt(problem) from None
    return {name: _on_bytes(name, facts, memoryview(facts["data"])) for name, facts in entries}


def load_metadata(filename: str | os.PathLike) -> dict[str, str]:
    """The text that stands beside the tensors of a file."""
    with _check(filename) as opened:
        return dict(opened.metadata() or {})


def save_model(model: Module, filename: str | os.PathLike, metadata: dict[str, str] | None = None) -> None:
    """Write a module's state dict, tensors that share memory once.

    Source: safetensors.torch.save_model.
    """
    kept, aliases = _without_aliases(model.state_dict())
    tensors = {name: tensor.contiguous() for name, tensor in kept.items()}
    save_file(tensors, filename, {**aliases, **(metadata or {})} or None)


def load_model(model: Module, filename: str | os.PathLike, strict: bool = True, device: Any = "cpu") -> tuple:
    """Fill a module from a file of save_model; what is missing and what is left over, as two lists.

    Raises: RuntimeError, with strict, when there is any of either.
    Source: safetensors.torch.load_model.
    """
    state = load_file(filename, device)
    _, aliases = _without_aliases(model.state_dict())
    found = {**{alias: state[name] for alias, name in aliases.items() if name in state}, **state}
    missing, unexpected = model.load_state_dict(found, strict=strict)
    return missing, unexpected


def _without_aliases(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The state with each shared storage once, and for the names left out, the one that stands for it."""
    kept: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    first: dict[tuple, str] = {}
    for name, tensor in state.items():
        description = describe(tensor)
        place = (id(description.key), *description[1:6]) if tensor.numel() else (name,)
        if place in first:
            aliases[name] = first[place]
        else:
            first[place] = name
            kept[name] = tensor
    return kept, aliases


def _package() -> Any:
    import safetensors

    return safetensors


def _check(filename: str | os.PathLike) -> contextlib.AbstractContextManager[Any]:
    """Let the package judge the header."""
    package = _package()
    try:
        return package.safe_open(filename, framework="np")
    except package.SafetensorError as problem:
        raise _corrupt(problem) from None


def _corrupt(problem: Exception) -> CorruptFileError:
    return CorruptFileError(f"the safetensors file cannot be read ({problem}): it was cut short or changed")


def _specs(package: Any, tensors: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What the package writes for each tensor, and the arrays that have to stay alive meanwhile."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    _check_tensors(tensors)
    specs: dict[str, Any] = {}
    alive = []
    for name, tensor in tensors.items():
        array = array_to_write(tensor)
        alive.append(array)
        facts = {"dtype": describe(tensor).dtype, "shape": list(tensor.size())}
        if hasattr(package, "TensorSpec"):
            specs[name] = package.TensorSpec(**facts, data_ptr=array.ctypes.data, data_len=array.nbytes)
        else:
            specs[name] = {**facts, "data": array.tobytes()}
    return specs, alive


def _check_tensors(tensors: dict) -> None:
    owners: dict[int, str] = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
        if not tensor.is_contiguous():
            raise ValueError(f"tensor `{name}` is not contiguous; call .contiguous() on it before saving")
        description = describe(tensor)
        if description.dtype not in _DTYPES.values():
            raise ValueError(
                f"tensor `{name}` is of type {tensor.dtype}, which safetensors files cannot hold"
            )
        other = owners.setdefault(id(description.key), name)
        if other != name and tensor.numel():
            raise RuntimeError(
                f"tensors `{other}` and `{name}` share memory, which safetensors files cannot say. Use "
                "save_model() for a module, or save a clone() of one of them."
            )


def _header(read: Any) -> tuple[dict[str, dict], int]:
    """The header's entries and where the data begins; the package has checked both."""
    (length,) = struct.unpack("<Q", read(8))
    header = json.loads(read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def _read(file: IO[bytes], begin: int, name: str, facts: dict, device: Any) -> Tensor:
    first, last = facts["data_offsets"]

    def fetch(target: np.ndarray) -> None:
        file.seek(begin + first)
        if file.readinto(target.data) != len(target):  # type: ignore[attr-defined]
            raise CorruptFileError(f"tensor '{name}' ends before its {len(target)} bytes")

    return _tensor(name, facts, last - first, fetch, device)


def _on_bytes(name: str, facts: dict, data: memoryview) -> Tensor:
    def fetch(target: np.ndarray) -> None:
        target[:] = np.frombuffer(data, np.uint8)

    return _tensor(name, facts, len(data), fetch, "cpu")


def _tensor(name: str, facts: dict, nbytes: int, fetch: Any, device: Any) -> Tensor:
    dtype = _DTYPES.get(facts["dtype"])
    if dtype is None:
        raise CorruptFileError(f"tensor '{name}' is of type {facts['dtype']}, which rushlight does not have")
    place = placement(str(device))
    swapped = sys.byteorder == "big"
    storage = LoadedStorage(dtype, nbytes, fetch, lambda tensor: place(tensor, "cpu"), swapped=swapped)
    shape = tuple(facts["shape"])
    return storage.tensor(dtype, 0, shape, contiguous_strides(shape))


__all__ = ["load", "load_file", "load_metadata", "load_model", "save", "save_file", "save_model"]
