"""safetensors, written and read."""

import io
import json

import numpy as np
import pytest

import rushlight as torch
from rushlight.checkpoint import safetensors

NAMES = [
    "uint8",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "bool",
    "float8_e4m3fn",
    "float8_e5m2",
    "uint16",
    "complex64",
]


def sample():
    made = {name: torch.tensor([[1, 0, 1]]).to(getattr(torch, name)) for name in NAMES}
    return {**made, "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert (
            a[name].dtype is b[name].dtype
            and a[name].size() == b[name].size()
            and a[name].tolist() == b[name].tolist()
        )


def test_files_and_bytes(tmp_path):
    path = tmp_path / "x.safetensors"
    safetensors.save_file(sample(), path, {"made by": "a test"})
    same(safetensors.load_file(path), sample())
    same(safetensors.load(safetensors.save(sample())), sample())
    same(torch.load(path), sample())
    same(torch.load(path, map_location=torch.device("cpu")), sample())
    assert safetensors.load_metadata(path) == {"made by": "a test"} and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(RuntimeError, match="dict map_location"):
        torch.load(path, map_location={})


def test_other_programs_read_it(tmp_path):
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "x.safetensors"
    safetensors.save_file({"a": torch.arange(6).reshape(2, 3)}, path)
    assert load_file(path)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    save_file({"b": np.arange(4.0)}, path)
    assert safetensors.load_file(path)["b"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_what_cannot_be_said(tmp_path):
    x = torch.ones(4, 4)
    with pytest.raises(RuntimeError, match="`a` and `b` share memory"):
        safetensors.save({"a": x, "b": x.view(16)})
    with pytest.raises(ValueError, match="`t` is not contiguous"):
        safetensors.save({"t": torch.ones(2, 3).t()})
    with pytest.raises(ValueError, match="expected torch.Tensor"):
        safetensors.save({"t": [1]})
    with pytest.raises(ValueError, match="Expected a dict"):
        safetensors.save([x])
    with pytest.raises(ValueError, match="complex128"):
        safetensors.save({"c": torch.ones(1, dtype=torch.complex128)})


def test_part_of_a_storage():
    assert safetensors.load(safetensors.save({"a": torch.arange(6)[2:4]}))["a"].tolist() == [2, 3]


def test_modules(tmp_path):
    path = tmp_path / "m.safetensors"
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    safetensors.save_model(model, path)
    other = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    other[1].weight = other[0].weight
    assert safetensors.load_model(other, path) == ([], [])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters()))
    with pytest.raises(RuntimeError):
        safetensors.load_model(torch.nn.Linear(2, 2), path)


def test_damaged_files(tmp_path):
    path = tmp_path / "x.safetensors"
    data = safetensors.save({"a": torch.arange(6.0)})
    for bad in (data[:20], data[:-1], b"", b"\xff" * 30, data + b"x"):
        path.write_bytes(bad)
        with pytest.raises(RuntimeError):
            safetensors.load_file(path)
        with pytest.raises(RuntimeError):
            safetensors.load(bad)
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**61], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(RuntimeError):
        safetensors.load_file(path)
    with pytest.raises(FileNotFoundError):
        safetensors.load_file(tmp_path / "none.safetensors")
    assert io
