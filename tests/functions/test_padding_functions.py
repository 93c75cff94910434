"""F.pad and constant_pad_nd: modes, negative numbers, and refusals."""

import pytest

import rushlight as torch

F = torch.nn.functional
ROW = torch.arange(5.0).reshape(1, 5)

KNOWN = [
    ("constant", (1, 2), [0, 0, 1, 2, 3, 4, 0, 0]),
    ("constant", (-1, -2), [1, 2]),
    ("constant", (-1, 1), [1, 2, 3, 4, 0]),
    ("reflect", (2, 1), [2, 1, 0, 1, 2, 3, 4, 3]),
    ("reflect", (-2, 4), [2, 3, 4, 3, 2, 1, 0]),
    ("reflect", (3, -2), [3, 2, 1, 0, 1, 2]),
    ("replicate", (2, 1), [0, 0, 0, 1, 2, 3, 4, 4]),
    ("replicate", (3, -2), [0, 0, 0, 0, 1, 2]),
    ("circular", (2, 1), [3, 4, 0, 1, 2, 3, 4, 0]),
    ("circular", (-1, 2), [1, 2, 3, 4, 1, 2]),
    ("circular", (5, 0), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("mode", "numbers", "expected"), KNOWN)
def test_known_numbers(mode, numbers, expected):
    assert F.pad(ROW, numbers, mode).tolist() == [expected]


def test_last_dimension_comes_first():
    assert F.pad(torch.ones(2, 3), (1, 0, 0, 2)).shape == (4, 4)
    assert F.pad(torch.ones(1, 2, 3, 4, 5), (1, 1, 2, 2, 0, 1), "replicate").shape == (1, 2, 4, 8, 7)


def test_value_takes_the_inputs_dtype():
    assert F.pad(torch.arange(2), (1, 1), value=2.7).tolist() == [2, 0, 1, 2]
    assert F.pad(torch.ones(1) > 0, (1, 1)).tolist() == [False, True, False]
    assert torch.constant_pad_nd(torch.ones(1), (1, 2), 5).tolist() == [5.0, 1.0, 5.0, 5.0]


def test_gradients():
    for mode, expected in (
        ("reflect", [1, 2, 2, 1, 1]),
        ("replicate", [3, 1, 1, 1, 1]),
        ("circular", [1, 1, 1, 2, 2]),
    ):
        x = ROW.clone().requires_grad_()
        F.pad(x, (2, 0), mode).sum().backward()
        assert x.grad.tolist() == [expected]
    x = ROW.clone().requires_grad_()
    F.pad(x, (-2, 3)).sum().backward()
    assert x.grad.tolist() == [[0, 0, 1, 1, 1]]


def test_padding_by_nothing_is_a_copy():
    x = torch.ones(2)
    y = F.pad(x, (0, 0))
    y.add_(1)
    assert x.tolist() == [1.0, 1.0]


IMAGE = torch.ones(2, 3, 4, 5)
REFUSED = [
    (lambda: F.pad(IMAGE, (1,)), RuntimeError, "Padding length must be divisible by 2"),
    (lambda: F.pad(IMAGE, (1,) * 10), RuntimeError, "padding length 10 and input of dimension 4"),
    (lambda: F.pad(IMAGE, (-3, -3)), RuntimeError, "resulted in a negative output size"),
    (lambda: F.pad(IMAGE, (1, 1), "mirror"), NotImplementedError, "Unrecognised padding mode mirror"),
    (
        lambda: F.pad(IMAGE, (1, 1), "reflect", 1.0),
        RuntimeError,
        'Padding mode "reflect" doesn\'t take in value',
    ),
    (
        lambda: F.pad(IMAGE, (5, 1, 1, 1), "reflect"),
        RuntimeError,
        "Argument #4: Padding size should be less than",
    ),
    (
        lambda: F.pad(IMAGE, (1, 1, 4, 1), "reflect"),
        RuntimeError,
        "Argument #6: Padding size should be less than",
    ),
    (
        lambda: F.pad(IMAGE, (1, 1), "replicate"),
        NotImplementedError,
        "Padding size 2 is not supported for 4D input",
    ),
    (lambda: F.pad(IMAGE, (6, 1, 1, 1), "circular"), RuntimeError, "wrapping around more than once"),
    (lambda: F.pad(IMAGE, (-1, -4, 0, 0), "circular"), RuntimeError, "resulting in an empty dimension"),
    (lambda: F.pad(IMAGE, 1), TypeError, "argument 'pad' (position 2) must be tuple of ints, not int"),
    (lambda: torch.constant_pad_nd(IMAGE, (1, 2, 3)), RuntimeError, "Length of pad must be even"),
]


@pytest.mark.parametrize(("call", "error", "says"), REFUSED)
def test_refused(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)
