"""Limits of dtypes, questions about tensors, switches, checks."""

import os
import subprocess
import sys
import warnings

import pytest

import rushlight as torch
from rushlight import settings
from rushlight.executors.threads import CORES


def test_limits():
    info = torch.finfo(torch.float32)
    assert (info.bits, info.eps, info.tiny, info.resolution) == (32, 2.0**-23, 2.0**-126, 1e-6)
    assert info.min == -info.max and info.smallest_normal == info.tiny and info.dtype == "float32"
    assert repr(torch.finfo(torch.float16)) == (
        "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, "
        "tiny=6.10352e-05, dtype=float16)"
    )
    assert torch.finfo() == torch.finfo(torch.float32) and torch.finfo(torch.complex128).bits == 64
    assert torch.finfo(torch.bfloat16).eps == 2.0**-7
    assert repr(torch.iinfo(torch.uint8)) == "iinfo(min=0, max=255, dtype=uint8)"
    assert torch.iinfo(torch.int64).max == 2**63 - 1
    with pytest.raises(TypeError, match="requires a floating point input type"):
        torch.finfo(torch.int32)
    with pytest.raises(TypeError, match="requires an integer input type"):
        torch.iinfo(torch.float32)


def test_questions():
    x = torch.ones(2, 3)
    assert torch.is_tensor(x) and not torch.is_tensor([1])
    assert torch.is_floating_point(x) and not torch.is_complex(x) and torch.is_signed(x)
    assert torch.numel(x) == 6 and torch.get_device(x) == -1
    assert torch.is_nonzero(torch.tensor([2.0])) and not torch.tensor(0).is_nonzero()
    assert torch.result_type(torch.tensor([1]), 1.5) is torch.float32
    assert torch.result_type(1, True) is torch.int64
    assert x.to_dense() is x
    with pytest.raises(RuntimeError, match="more than one value"):
        torch.is_nonzero(x)
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        torch.numel(3)


def test_devices():
    try:
        torch.set_default_device("meta")
        assert torch.get_default_device().type == "meta" and torch.ones(1).device.type == "meta"
    finally:
        torch.set_default_device(None)
    assert torch.get_default_device().type == "cpu"


def test_switches():
    assert not torch.are_deterministic_algorithms_enabled()
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.get_deterministic_debug_mode() == 1
        torch.set_deterministic_debug_mode("error")
        assert torch.get_deterministic_debug_mode() == 2
        with pytest.raises(RuntimeError, match="but got loud"):
            torch.set_deterministic_debug_mode("loud")
    finally:
        torch.use_deterministic_algorithms(False)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.get_num_threads() == 3
        with pytest.raises(RuntimeError, match="positive integer"):
            torch.set_num_threads(0)
    finally:
        torch.set_num_threads(before)
    assert torch.get_float32_matmul_precision() == "highest"
    with pytest.warns(UserWarning, match="is not one of 'highest', 'high', or 'medium'"):
        torch.set_float32_matmul_precision("low")


def test_checks():
    torch._check(True)
    torch._check_is_size(3, max=3)
    with pytest.raises(RuntimeError, match="too small"):
        torch._check(False, lambda: "too small")
    with pytest.raises(ValueError, match="Expected cond to be True"):
        torch._check_value(False)
    with pytest.raises(IndexError):
        torch._check_index(False)
    with pytest.raises(RuntimeError):
        torch._check_is_size(-1)
    with pytest.raises(AssertionError, match="no"):
        torch._assert(torch.tensor(False), "no")
    with pytest.raises(RuntimeError):
        torch._check_tensor_all(torch.tensor([True, False]))


def test_numbers_that_could_be_symbols():
    assert torch.sym_max(1, 2) == 2 and torch.sym_min(1, 2) == 1 and torch.sym_not(True) is False
    assert torch.sym_int(2.7) == 2 and torch.sym_float(2) == 2.0 and torch.sym_sum([1, 2]) == 3
    assert torch.sym_ite(False, 1, 2) == 2 and torch.sym_sqrt(4) == 2


@pytest.mark.parametrize(
    ("given", "threads", "warned"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3, ""),
        ({"OMP_NUM_THREADS": " 5,2 "}, 5, ""),
        ({"OMP_NUM_THREADS": "3", "RUSHLIGHT_NUM_THREADS": "7"}, 7, ""),
        (
            {"OMP_NUM_THREADS": "4", "RUSHLIGHT_NUM_THREADS": "many"},
            4,
            "RUSHLIGHT_NUM_THREADS='many' is ignored",
        ),
        ({"OMP_NUM_THREADS": "0"}, None, "OMP_NUM_THREADS='0' is ignored: a whole number of threads"),
        ({"OMP_NUM_THREADS": "-2"}, None, "OMP_NUM_THREADS='-2' is ignored"),
        ({"OMP_NUM_THREADS": "1.5"}, None, "OMP_NUM_THREADS='1.5' is ignored"),
        ({"OMP_NUM_THREADS": ""}, None, ""),
        ({}, None, ""),
    ],
)
def test_threads_of_the_environment(monkeypatch, given, threads, warned):
    for name in ("OMP_NUM_THREADS", "RUSHLIGHT_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert settings.threads("RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS") == threads
    assert [str(w.message).startswith(warned) for w in seen] == [True] * bool(warned)


def test_threads_at_start_and_later():
    program = (
        "import rushlight as torch\n"
        "a = torch.get_num_threads(); torch.set_num_threads(2); b = torch.get_num_threads()\n"
        "x = torch.ones(2000, 50)\n"
        "print(a, b, (x * 2).sum().item(), (x * 2).sum().item(), torch.get_num_interop_threads())\n"
    )
    base = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**base, "OMP_NUM_THREADS": "3", "RUSHLIGHT_EXECUTOR": "cpu"},
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert found.stderr == ""
    assert found.stdout.split() == ["3", "2", "200000.0", "200000.0", str(CORES)]
    found = subprocess.run(
        [sys.executable, "-c", "import rushlight"],
        env={**base, "OMP_NUM_THREADS": "no"},
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert found.returncode == 0 and "OMP_NUM_THREADS='no' is ignored" in found.stderr
