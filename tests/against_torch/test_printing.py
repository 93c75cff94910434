"""The text of tensors against PyTorch's, over random and hostile arrays and all options."""

import contextlib
import math
import random

import ml_dtypes
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rushlight import dtypes, printing  # noqa: E402

FLOATING = ["float16", "bfloat16", "float32", "float64"]
INTEGRAL = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool"]
COMPLEX = ["complex64", "complex128"]
FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]

SPECIAL = [0.0, -0.0, math.nan, math.inf, -math.inf, 1.0, -1.0, 0.5, 1e-4, 9.9999e-5, 1e-5, 1e8, 1.00001e8,
           999.9999, 1000.0, 1001.0, 0.99995, 0.00005, 1e-45, 1e-310, 3e38, 1e300, 12345.678, -0.1, 2.5,
           1 / 3]  # fmt: skip


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def as_array(tensor):
    if tensor.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        bits = {1: torch.uint8, 2: torch.int16}[tensor.itemsize]
        return tensor.view(bits).numpy().view(getattr(ml_dtypes, str(tensor.dtype)[6:]))
    return tensor.numpy()


@contextlib.contextmanager
def options(**given):
    """The same options on both sides."""
    with torch._tensor_str.printoptions(**given), printing.printoptions(**given):
        yield


def ours(tensor, **details):
    return printing.format_tensor(as_array(tensor.detach()), str(tensor.dtype)[6:], **details)


def assert_same_text(tensor, **details):
    assert ours(tensor, **details) == repr(tensor)


def cast(numbers, name):
    return torch.tensor(numbers, dtype=torch.float64).to(getattr(torch, name))


SHAPES = [(), (1,), (3,), (7,), (40,), (1001,), (2, 3), (5, 20), (1, 1), (40, 40), (2, 600), (600, 2),
          (2, 3, 4), (1, 1, 1, 1), (11, 12, 13), (2, 2, 2, 300), (7, 1, 150), (0,), (0, 3),
          (3, 0, 2)]  # fmt: skip


@pytest.mark.parametrize("name", FLOATING + COMPLEX)
@pytest.mark.parametrize("shape", SHAPES)
def test_normal_numbers(name, shape):
    assert_same_text(torch.randn(shape, dtype=getattr(torch, name)))


@pytest.mark.parametrize("name", INTEGRAL)
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_numbers(name, shape):
    assert_same_text(torch.randint(0, 2 if name == "bool" else 120, shape).to(getattr(torch, name)))


@pytest.mark.parametrize("seed", range(300))
def test_hostile_arrays(seed):
    chooser = random.Random(seed)
    name = chooser.choice(FLOATING + COMPLEX)
    shape = chooser.choice(SHAPES)
    count = math.prod(shape)
    some = chooser.sample(SPECIAL, chooser.randint(1, 6)) + [
        chooser.gauss(0, 1) * 10.0 ** chooser.randint(-6, 9) for _ in range(chooser.randint(0, 2))
    ]
    if name.startswith("complex"):
        numbers = [complex(chooser.choice(some), chooser.choice(some)) for _ in range(count)]
        tensor = torch.tensor(numbers, dtype=torch.complex128).to(getattr(torch, name))
    else:
        tensor = cast([chooser.choice(some) for _ in range(count)], name)
    assert_same_text(tensor.reshape(shape))


@pytest.mark.parametrize("seed", range(150))
def test_options(seed):
    chooser = random.Random(seed)
    given = {
        "precision": chooser.choice([None, 0, 1, 2, 6, 10]),
        "threshold": chooser.choice([None, 0, 5, 50, math.inf]),
        "edgeitems": chooser.choice([None, 0, 1, 2, 5]),
        "linewidth": chooser.choice([None, 1, 20, 79, 120, 200]),
        "profile": chooser.choice([None, "default", "short", "full"]),
        "sci_mode": chooser.choice([None, True, False]),
    }
    shape = chooser.choice(SHAPES)
    name = chooser.choice(FLOATING + COMPLEX + INTEGRAL)
    tensor = (torch.randn(shape) * 10.0 ** chooser.randint(-5, 5)).to(getattr(torch, name))
    with options(**given):
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
        assert_same_text(tensor)
        assert_same_text(torch.zeros(shape))
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()


@pytest.mark.parametrize("name", FLOAT8)
def test_float8(name):
    numbers = torch.linspace(-20, 20, 33).to(getattr(torch, name))
    assert_same_text(numbers)
    assert_same_text(numbers.reshape(3, 11))
    assert_same_text(numbers.repeat(40))


@pytest.mark.parametrize("number", SPECIAL)
@pytest.mark.parametrize("name", FLOATING)
def test_single_numbers(number, name):
    tensor = cast(number, name)
    assert_same_text(tensor)
    assert_same_text(tensor.reshape(1))
    assert_same_text(torch.stack([tensor, cast(1.0, name)]))


def test_wide_integers():
    for numbers in ([2**63 - 1, -(2**63)], [0, -1], [10**i for i in range(19)]):
        assert_same_text(torch.tensor(numbers))
    assert_same_text(torch.tensor([2**64 - 1, 0], dtype=torch.uint64))


def test_gradients():
    leaf = torch.randn(3, requires_grad=True)
    assert_same_text(leaf, suffixes=["requires_grad=True"])
    assert_same_text(leaf + 1, suffixes=["grad_fn=<AddBackward0>"])
    wide = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert_same_text(wide.exp(), suffixes=["grad_fn=<ExpBackward0>"])
    assert_same_text(torch.empty(0, 2, requires_grad=True), suffixes=["requires_grad=True"])
    for n in range(1, 12):
        assert_same_text(
            torch.ones(n, dtype=torch.float64, requires_grad=True), suffixes=["requires_grad=True"]
        )


def test_parameters():
    for parameter in (
        torch.nn.Parameter(torch.randn(2, 3)),
        torch.nn.Parameter(torch.randn(2).double(), False),
    ):
        suffixes = ["requires_grad=True"] if parameter.requires_grad else []
        name = str(parameter.dtype)[6:]
        text = printing.format_parameter(parameter.detach().numpy(), name, suffixes=suffixes)
        assert text == repr(parameter)


@pytest.mark.parametrize("name", ["float32", "float64", "int64", "bool", "complex64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
def test_meta(name, shape):
    tensor = torch.empty(shape, dtype=getattr(torch, name), device="meta")
    assert printing.format_tensor(None, name, shape=shape, device="meta") == repr(tensor)
    grad = torch.empty(shape, device="meta", requires_grad=True)
    text = printing.format_tensor(
        None, "float32", shape=shape, device="meta", suffixes=["requires_grad=True"]
    )
    assert text == repr(grad)


def test_subclasses():
    class Distance(torch.Tensor):
        pass

    for tensor in (torch.randn(2, 3), torch.randn(2, 12), torch.zeros(0, 2), torch.randn(20).double()):
        text = ours(tensor, prefix="Distance(")
        assert text == repr(tensor.as_subclass(Distance))


@pytest.mark.parametrize("default", ["float64", "float16", "bfloat16"])
def test_another_default_dtype(default):
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    dtypes.set_default_dtype(dtypes.of_name(default))
    try:
        for name in FLOATING + COMPLEX + ["int64", "int32", "bool"]:
            for tensor in (torch.ones(2), torch.ones(()), torch.ones(0), torch.ones(0, 2)):
                assert_same_text(tensor.to(getattr(torch, name)))
    finally:
        torch.set_default_dtype(before)
        dtypes.set_default_dtype(dtypes.of_name(str(before)[6:]))


def test_views():
    base = torch.arange(5000.0).reshape(50, 100)
    for view in (
        base.t(),
        base[::7, 3::9],
        base[:, :1].expand(50, 200),
        base[10],
    ):
        assert_same_text(view)


def test_unknown_profiles_change_nothing():
    with options(profile="none such"):
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
        assert printing.get_printoptions()["precision"] == 4


def test_only_what_is_shown_is_looked_at():
    large = np.broadcast_to(np.float32(1.5), (10, 10**9, 10**3))
    assert printing.format_tensor(large, "float32") == repr(torch.tensor(1.5).expand(10, 10**9, 10**3))
