"""Pooling: which element wins, where its gradient goes, windows that hang over, and refusals."""

import math

import pytest

import rushlight as torch

F = torch.nn.functional
NAN = math.nan


def test_gradient_goes_to_the_first_maximum():
    x = torch.ones(1, 1, 2, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]


def test_gradient_of_overlapping_windows_adds_up():
    x = torch.tensor([[0.0, 5.0, 1.0, 2.0]], requires_grad=True)
    F.max_pool1d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 0.0, 1.0]]


def test_nan_wins():
    x = torch.tensor([[1.0, NAN, 2.0, NAN]])
    out, index = F.max_pool1d(x, 4, return_indices=True)
    assert math.isnan(out.item()) and index.item() == 3
    out, index = F.adaptive_max_pool1d(x, 1, return_indices=True)
    assert math.isnan(out.item()) and index.item() == 3


def test_padding_never_wins():
    x = torch.full((1, 1, 4, 4), -math.inf, requires_grad=True)
    out, index = F.max_pool2d(x, 2, 2, 1, return_indices=True)
    assert index.tolist() == [[[[0, 1, 3], [4, 5, 7], [12, 13, 15]]]]
    F.max_pool2d(x, 2, 2, 1).sum().backward()
    assert x.grad.sum().item() == 9


def test_whole_numbers():
    x = torch.arange(-8, 8).reshape(1, 4, 4)
    assert F.max_pool2d(x, 3, 3, 1).tolist() == [[[-3, -1], [5, 7]]]
    assert F.avg_pool2d(x, 2).dtype is torch.int64


def test_ceil_mode_starts_no_window_in_the_right_padding():
    x = torch.ones(1, 5)
    assert F.max_pool1d(x, 2, 2, ceil_mode=True).shape == (1, 3)
    assert F.max_pool1d(x, 2, 3, 1, ceil_mode=True).shape == (1, 2)
    assert F.avg_pool1d(x, 2, 2, ceil_mode=True).tolist() == [[1.0, 1.0, 1.0]]


def test_what_a_mean_is_divided_by():
    x = torch.ones(1, 1, 2, 2)
    assert F.avg_pool2d(x, 2, 2, 1).flatten().tolist() == [0.25] * 4
    assert F.avg_pool2d(x, 2, 2, 1, count_include_pad=False).flatten().tolist() == [1.0] * 4
    assert F.avg_pool2d(x, 2, divisor_override=8).item() == 0.5


def test_top_level_and_functional_forms():
    x = torch.arange(4.0).reshape(1, 4)
    assert torch.max_pool1d(x, 2).tolist() == [[1.0, 3.0]]
    assert [t.tolist() for t in torch.max_pool1d_with_indices(x, 2)] == [[[1.0, 3.0]], [[1, 3]]]
    assert isinstance(torch.adaptive_max_pool1d(x, 2), tuple)
    assert F.adaptive_max_pool1d(x, 2).tolist() == [[1.0, 3.0]]
    assert F.max_pool1d(x, 2, []).tolist() == [[1.0, 3.0]]


def test_adaptive_sizes():
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert F.adaptive_avg_pool2d(x, (None, 2)).tolist() == [[[[0.5, 2.5], [4.5, 6.5], [8.5, 10.5]]]]
    assert F.adaptive_avg_pool2d(x, (2, 3)).shape == (1, 1, 2, 3)
    assert F.adaptive_avg_pool2d(x, 1).item() == 5.5
    assert F.adaptive_max_pool2d(x, (0, 2)).shape == (1, 1, 0, 2)
    assert F.adaptive_avg_pool2d(x[:0], 2).shape == (0, 1, 2, 2)


def test_infinity_stays_in_its_own_regions():
    x = torch.tensor([[1.0, math.inf, 2.0, 3.0, 4.0]])
    assert F.adaptive_avg_pool1d(x, 2).tolist() == [[math.inf, 3.0]]


def test_norms_of_windows():
    x = torch.tensor([[3.0, 4.0]])
    assert F.lp_pool1d(x, 2, 2).item() == 5.0
    assert F.lp_pool1d(torch.tensor([[-3.0, 2.0]]), math.inf, 2).item() == 3.0
    assert F.lp_pool1d(torch.tensor([[-3.0, 2.0]]), -math.inf, 2).item() == 2.0


def test_unpooling_puts_back():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    out, index = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(out, index, 2)
    assert back.sum().item() == out.sum().item() and back[0, 0, 3, 3].item() == 15
    assert F.max_unpool2d(out, index, 2, output_size=(5, 5)).shape == (1, 1, 5, 5)
    with pytest.raises(ValueError, match="invalid output_size"):
        F.max_unpool2d(out, index, 2, output_size=(9, 9))
    with pytest.raises(ValueError, match="containing 2 or 4 elements"):
        F.max_unpool2d(out, index, 2, output_size=(9, 9, 9))
    with pytest.raises(RuntimeError, match="type int64 but got: Int"):
        F.max_unpool2d(out, index.int(), 2)
    with pytest.raises(IndexError, match="out of bounds"):
        F.max_unpool2d(out, index + 16, 2).tolist()


def test_fractional_windows():
    samples = torch.full((1, 1, 2), 0.5)
    x = torch.arange(25.0).reshape(1, 1, 5, 5)
    out, index = F.fractional_max_pool2d(x, 2, output_size=3, return_indices=True, _random_samples=samples)
    assert out.tolist() == index.tolist()
    assert F.fractional_max_pool2d(x, 2, output_ratio=(0.5, 0.7)).shape == (1, 1, 2, 3)
    with pytest.raises(ValueError, match="either an output_size or an output_ratio"):
        F.fractional_max_pool2d(x, 2)
    with pytest.raises(RuntimeError, match="pool height 3 too large relative to input height 5"):
        F.fractional_max_pool2d(x, 3, output_size=4)
    with pytest.raises(RuntimeError, match="same dtype as input"):
        F.fractional_max_pool2d(x, 2, output_size=3, _random_samples=samples.double())


def test_tape_entries():
    x = torch.rand(1, 2, 6, 6, requires_grad=True)
    assert F.max_pool2d(x, 2).grad_fn.name() == "MaxPool2DWithIndicesBackward0"
    assert F.avg_pool2d(x, 2).grad_fn.name() == "AvgPool2DBackward0"
    assert F.adaptive_avg_pool2d(x, 4).grad_fn.name() == "AdaptiveAvgPool2DBackward0"
    values, index = F.max_pool2d(x, 2, return_indices=True)
    assert values.requires_grad and not index.requires_grad


REFUSED = [
    (lambda: F.max_pool2d(torch.ones(1, 1, 4, 4), 0), "stride should not be zero"),
    (lambda: F.max_pool1d(torch.ones(1, 4), 0), "max_pool1d() kernel_size must be greater than zero, but got 0"),
    (lambda: F.max_pool2d(torch.ones(1, 1, 4, 4), -1), "kernel size should be greater than zero, but got kH: -1 kW: -1"),
    (lambda: F.max_pool2d(torch.ones(1, 1, 4, 4), 2, 2, 2), "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1"),
    (lambda: F.max_pool2d(torch.ones(1, 1, 4, 4), 2, 2, -1), "pad must be non-negative, but got pad: -1"),
    (lambda: F.max_pool2d(torch.ones(1, 1, 4, 4), 9), "Given input size: (1x4x4). Calculated output size: (1x0x0). Output size is too small"),
    (lambda: F.max_pool1d(torch.ones(1, 4), 9), "max_pool1d() Invalid computed output size: 0"),
    (lambda: F.max_pool2d(torch.ones(1, 1, 4, 4), (2, 2, 2)), "max_pool2d: kernel_size must either be a single int, or a tuple of two ints"),
    (lambda: F.max_pool2d(torch.ones(1, 0, 4, 4), 2), "with optional 0 dim batch size for input, but got:[1, 0, 4, 4]"),
    (lambda: F.avg_pool2d(torch.ones(1, 1, 4, 4), 2, divisor_override=0), "divisor must be not zero"),
    (lambda: F.avg_pool1d(torch.ones(4), 2), "Expected 2 to 3 dimensions, but got 1-dimensional tensor"),
    (lambda: F.adaptive_avg_pool2d(torch.ones(1, 1, 4, 4), (1, 2, 3)), "adaptive_avg_pool2d: output_size must be 2"),
    (lambda: F.adaptive_avg_pool2d(torch.ones(1, 1, 4, 4), (-1, 0)), "elements of output_size must be greater than or equal to 0"),
    (lambda: F.adaptive_max_pool2d(torch.ones(1, 0, 4, 4), 2), "with dimension 1 being empty"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), REFUSED)
def test_refused(call, says):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert says in str(caught.value)


def test_refused_types():
    with pytest.raises(
        TypeError, match="argument 'kernel_size' \\(position 2\\) must be tuple of ints, not float"
    ):
        F.max_pool2d(torch.ones(1, 1, 4, 4), 2.0)
    with pytest.raises(NotImplementedError):
        F.max_pool2d(torch.ones(1, 1, 4, 4) > 0, 2)
    with pytest.raises(NotImplementedError):
        F.adaptive_avg_pool2d(torch.ones(1, 1, 4, 4).long(), 2)
    with pytest.raises(ValueError, match="Input dimension should be at least 3"):
        F.adaptive_avg_pool2d(torch.ones(2, 2), (2, 2))
