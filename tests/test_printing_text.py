"""The text of tensors, held against texts that PyTorch gave once."""

import math

import numpy as np
import pytest

from rushlight import dtypes
from rushlight.printing import (
    format_parameter,
    format_tensor,
    format_values,
    get_printoptions,
    printoptions,
    set_printoptions,
)

nan, inf = math.nan, math.inf

GOLDEN = {
    "a vector": "tensor([ 1.0000, -2.5000,  0.3333])",
    "whole floating numbers": "tensor([  1., -20., 300.])",
    "zeros": "tensor([[0., 0.],\n        [0., 0.]])",
    "a scalar": "tensor(3.1416)",
    "whole numbers": "tensor([[  1, -20],\n        [300,   4]])",
    "truths": "tensor([[ True],\n        [False]])",
    "far apart": "tensor([1.0000e-03, 1.2345e+03])",
    "large": "tensor([1.0000e+00, 1.2346e+08])",
    "not finite": "tensor([nan, inf, -inf, 1.])",
    "not finite, with a fraction": "tensor([   nan,   -inf, 0.5000], dtype=torch.float64)",
    "complex": "tensor([ 1.0000+2.j, -0.5000-1.j,     nan-0.j])",
    "another dtype": "tensor([1, 2], dtype=torch.uint8)",
    "half precision": "tensor([9.9976e-02, 1.0000e+02], dtype=torch.float16)",
    "three dimensions": (
        "tensor([[[ 0,  1],\n"
        "         [ 2,  3],\n"
        "         [ 4,  5]],\n"
        "\n"
        "        [[ 6,  7],\n"
        "         [ 8,  9],\n"
        "         [10, 11]]])"
    ),
    "a long vector": "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])",
    "a large matrix": (
        "tensor([[0.0000e+00, 1.0000e-03, 2.0000e-03,  ..., 9.9700e-01, 9.9800e-01,\n"
        "         9.9900e-01],\n"
        "        [1.0000e+00, 1.0010e+00, 1.0020e+00,  ..., 1.9970e+00, 1.9980e+00,\n"
        "         1.9990e+00],\n"
        "        [2.0000e+00, 2.0010e+00, 2.0020e+00,  ..., 2.9970e+00, 2.9980e+00,\n"
        "         2.9990e+00],\n"
        "        ...,\n"
        "        [9.9700e+02, 9.9700e+02, 9.9700e+02,  ..., 9.9800e+02, 9.9800e+02,\n"
        "         9.9800e+02],\n"
        "        [9.9800e+02, 9.9800e+02, 9.9800e+02,  ..., 9.9900e+02, 9.9900e+02,\n"
        "         9.9900e+02],\n"
        "        [9.9900e+02, 9.9900e+02, 9.9900e+02,  ..., 1.0000e+03, 1.0000e+03,\n"
        "         1.0000e+03]])"
    ),
    "wrapped lines": (
        "tensor([0.0000, 0.1429, 0.2857, 0.4286, 0.5714, 0.7143, 0.8571, 1.0000, 1.1429,\n"
        "        1.2857, 1.4286, 1.5714, 1.7143, 1.8571, 2.0000, 2.1429, 2.2857, 2.4286,\n"
        "        2.5714, 2.7143, 2.8571, 3.0000, 3.1429, 3.2857, 3.4286, 3.5714, 3.7143,\n"
        "        3.8571, 4.0000, 4.1429])"
    ),
    "empty": "tensor([])",
    "empty, with sizes": "tensor([], size=(0, 3), dtype=torch.int64)",
    "a leaf": "tensor([1., 1.], requires_grad=True)",
    "a result, on a new line": (
        "tensor([[0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333],\n"
        "        [0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333]],\n"
        "       dtype=torch.float64, grad_fn=<AddmmBackward0>)"
    ),
    "on the meta device": "tensor(..., device='meta', size=(2, 3), dtype=torch.float64)",
    "on a GPU": "tensor([1.], device='cuda:0')",
    "a subclass": "Distance([[1., 0.],\n          [0., 1.]])",
}

# What is printed, by the name of its golden text: values, dtype, and details.
CASES = {
    "a vector": (np.array([1.0, -2.5, 1 / 3]), "float32", {}),
    "whole floating numbers": (np.array([1.0, -20.0, 300.0]), "float32", {}),
    "zeros": (np.zeros((2, 2)), "float32", {}),
    "a scalar": (np.array(3.14159265), "float32", {}),
    "whole numbers": (np.array([[1, -20], [300, 4]]), "int64", {}),
    "truths": (np.array([[True], [False]]), "bool", {}),
    "far apart": (np.array([1e-3, 1234.5]), "float32", {}),
    "large": (np.array([1.0, 123456789.0]), "float32", {}),
    "not finite": (np.array([nan, inf, -inf, 1.0]), "float32", {}),
    "not finite, with a fraction": (np.array([nan, -inf, 0.5]), "float64", {}),
    "complex": (np.array([1 + 2j, -0.5 - 1j, complex(nan, -0.0)]), "complex64", {}),
    "another dtype": (np.array([1, 2], np.uint8), "uint8", {}),
    "half precision": (np.array([0.1, 100.0], np.float16), "float16", {}),
    "three dimensions": (np.arange(12).reshape(2, 3, 2), "int64", {}),
    "a long vector": (np.arange(2000), "int64", {}),
    "a large matrix": (np.arange(1e6).reshape(1000, 1000) / 1000, "float32", {}),
    "wrapped lines": (np.arange(30) / 7, "float32", {}),
    "empty": (np.zeros(0), "float32", {}),
    "empty, with sizes": (np.zeros((0, 3), np.int64), "int64", {}),
    "a leaf": (np.ones(2), "float32", {"suffixes": ["requires_grad=True"]}),
    "a result, on a new line": (np.ones((2, 7)) / 3, "float64", {"suffixes": ["grad_fn=<AddmmBackward0>"]}),
    "on the meta device": (None, "float64", {"shape": (2, 3), "device": "meta"}),
    "on a GPU": (np.ones(1), "float32", {"device": "cuda:0"}),
    "a subclass": (np.eye(2), "float32", {"prefix": "Distance("}),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name):
    array, dtype, details = CASES[name]
    assert format_tensor(array, dtype, **details) == GOLDEN[name]


def test_nothing_is_lost_of_the_type():
    array = np.arange(3, dtype=np.int32)
    assert format_tensor(array, dtypes.int32) == "tensor([0, 1, 2], dtype=torch.int32)"


def test_parameter():
    text = format_parameter(np.ones((1, 2), np.float32), "float32", suffixes=["requires_grad=True"])
    assert text == "Parameter containing:\ntensor([[1., 1.]], requires_grad=True)"


def test_values_alone():
    assert format_values(np.arange(40), "int64", 0).count("\n") == 1
    assert format_values(np.array(True), "bool", 0) == "True"


def test_options_hold_for_the_block():
    before = get_printoptions()
    with printoptions(precision=1, edgeitems=1, threshold=4):
        assert format_tensor(np.arange(6) / 4, "float32") == "tensor([0.0,  ..., 1.2])"
    assert get_printoptions() == before


def test_options_are_restored_after_an_error():
    before = get_printoptions()
    with pytest.raises(KeyError), printoptions(linewidth=10):
        raise KeyError
    assert get_printoptions() == before


def test_profiles():
    set_printoptions(profile="short")
    assert format_tensor(np.array([1 / 3]), "float32") == "tensor([0.33])"
    set_printoptions(profile="full")
    assert "..." not in format_tensor(np.arange(1500), "int64")
    set_printoptions(profile="default")
    assert get_printoptions() == {
        "precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "sci_mode, text",
    [(True, "[5.0000e-01, 1.0000e+05]"), (False, "[     0.5000, 100000.0000]")],
)
def test_exponents_on_demand(sci_mode, text):
    with printoptions(sci_mode=sci_mode):
        assert format_values(np.array([0.5, 1e5]), "float64", 0) == text


def test_default_dtype_is_not_shown():
    dtypes.set_default_dtype(dtypes.float64)
    try:
        assert format_tensor(np.ones(1), "float64") == "tensor([1.])"
        assert format_tensor(np.ones(1), "float32") == "tensor([1.], dtype=torch.float32)"
        assert format_tensor(np.ones(1, complex), "complex128") == "tensor([1.+0.j])"
    finally:
        dtypes.set_default_dtype(dtypes.float32)


def test_only_what_is_shown_is_looked_at():
    huge = np.broadcast_to(np.float32(2), (10**6, 10**6))
    row = "[2., 2., 2.,  ..., 2., 2., 2.]"
    text = format_tensor(huge, "float32")
    assert text.split("\n")[0] == f"tensor([{row},"
    assert text.count("\n") == 6
