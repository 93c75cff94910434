"""Convolutions: arguments, unbatched inputs, padding by name, and what is refused in which words."""

import pytest

import rushlight as torch

F = torch.nn.functional
X = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).reshape(2, 3, 8, 8)
W = torch.ones(4, 3, 3, 3)


def test_known_numbers():
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    w = torch.tensor([[[[1.0, 0.0], [0.0, -1.0]]]])
    assert F.conv2d(x, w, torch.tensor([10.0])).tolist() == [[[[6.0, 6.0], [6.0, 6.0]]]]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unbatched_input_is_a_batch_of_one(rank):
    x = torch.randn(3, *[6] * rank)
    w = torch.randn(4, 3, *[3] * rank)
    conv = getattr(F, f"conv{rank}d")
    assert conv(x, w).tolist() == conv(x.unsqueeze(0), w)[0].tolist()
    back = getattr(F, f"conv_transpose{rank}d")
    v = torch.randn(3, 2, *[3] * rank)
    assert back(x, v).tolist() == back(x.unsqueeze(0), v)[0].tolist()


def test_padding_by_name():
    assert F.conv2d(X, W, padding="same").shape == (2, 4, 8, 8)
    assert F.conv2d(X, torch.ones(4, 3, 2, 5), padding="same", dilation=2).shape == (2, 4, 8, 8)
    assert F.conv2d(X, W, padding="valid").shape == (2, 4, 6, 6)
    # An odd surplus goes to the end.
    row = torch.tensor([[1.0, 2.0, 3.0]])
    assert F.conv1d(row, torch.ones(1, 1, 2), padding="same").tolist() == [[3.0, 5.0, 3.0]]


def test_numbers_for_each_dimension():
    assert F.conv2d(X, W, stride=(2,)).shape == (2, 4, 3, 3)
    assert F.conv2d(X, W, stride=[2, 1], padding=(1, 0), dilation=(1, 2)).shape == (2, 4, 4, 4)
    assert F.conv_transpose2d(X, torch.ones(3, 5, 3, 3), stride=2, output_padding=1).shape == (2, 5, 18, 18)


def test_empty_batch_and_whole_numbers():
    assert F.conv2d(X[:0], W).shape == (0, 4, 6, 6)
    assert F.conv1d(torch.arange(4).reshape(1, 1, 4), torch.ones(1, 1, 2).long()).tolist() == [[[1, 3, 5]]]


def test_convolution_by_its_general_name():
    out = torch.convolution(X, W, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    assert out.tolist() == torch.conv2d(X, W).tolist()
    w = torch.ones(3, 5, 3, 3)
    out = torch.convolution(X, w, None, [2], [0], [1], True, [1], 1)
    assert out.tolist() == torch.conv_transpose2d(X, w, stride=2, output_padding=1).tolist()


def test_time_first():
    x, w, b = torch.randn(5, 2, 3), torch.randn(3, 3, 4), torch.randn(4)
    expected = F.conv1d(x.permute(1, 2, 0), w.permute(2, 1, 0), b, padding=1).permute(2, 0, 1)
    assert torch.allclose(F.conv_tbc(x, w, b, 1), expected, atol=1e-5)


def test_one_tape_entry():
    w = torch.ones(4, 3, 3, 3, requires_grad=True)
    b = torch.zeros(4, requires_grad=True)
    out = F.conv2d(X, w, b)
    assert out.grad_fn.name() == "ConvolutionBackward0"
    assert F.conv_transpose2d(X, w[:3]).grad_fn.name() == "ConvolutionBackward0"
    out.sum().backward()
    assert b.grad.tolist() == [72.0] * 4


REFUSED = [
    ("channels", lambda: F.conv2d(X, torch.ones(4, 5, 3, 3)), "weight of size [4, 5, 3, 3], expected input[2, 3, 8, 8] to have 5"),
    ("groups", lambda: F.conv2d(X, torch.ones(4, 1, 3, 3), groups=3), "expected weight to be divisible by 3"),
    ("no groups", lambda: F.conv2d(X, W, groups=0), "non-positive groups is not supported"),
    ("many groups", lambda: F.conv2d(X, torch.ones(2, 1, 3, 3), groups=3), "expected weight to be at least 3 at"),
    ("rank", lambda: F.conv2d(torch.ones(3, 3), W), "Expected 3D (unbatched) or 4D (batched) input to conv2d"),
    ("weight rank", lambda: F.conv2d(X, torch.ones(4, 3, 3)), "Expected 3-dimensional input for 3-dimensional weight"),
    ("bias", lambda: F.conv2d(X, W, torch.ones(5)), "expected bias to be 1-dimensional with 4 elements"),
    ("small", lambda: F.conv2d(torch.ones(2, 3, 2, 2), W), "Calculated padded input size per channel: (2 x 2)."),
    ("stride", lambda: F.conv2d(X, W, stride=0), "non-positive stride is not supported"),
    ("padding", lambda: F.conv2d(X, W, padding=-1), "negative padding is not supported"),
    ("dilation", lambda: F.conv2d(X, W, dilation=0), "dilation should be greater than zero"),
    ("length", lambda: F.conv2d(X, W, stride=(1, 1, 1)), "expected stride to be a single integer value or a list of 2"),
    ("same", lambda: F.conv2d(X, W, stride=2, padding="same"), "padding='same' is not supported for strided"),
    ("name", lambda: F.conv2d(X, W, padding="full"), "Invalid padding string: 'full'"),
    ("dtype", lambda: F.conv2d(X.double(), W), "Input type (double) and weight type (float) should be the same"),
    ("bias dtype", lambda: F.conv2d(X, W, torch.ones(4).double()), "Input type (float) and bias type (double)"),
    ("empty", lambda: F.conv2d(torch.ones(2, 3, 0, 8), W, padding=2), "Only zero batch or zero channel inputs"),
    ("transposed", lambda: F.conv_transpose2d(X, W), "Given transposed=1, weight of size [4, 3, 3, 3], expected input"),
    ("output padding", lambda: F.conv_transpose2d(X, torch.ones(3, 1, 3, 3), output_padding=1), "output padding must be smaller than either stride or dilation"),
    ("cut", lambda: F.conv_transpose2d(torch.ones(1, 3, 1, 1), torch.ones(3, 1, 3, 3), padding=3), "Calculated output size per channel: (-3 x -3)"),
    ("tbc", lambda: F.conv_tbc(torch.ones(5, 2, 3), torch.ones(3, 2, 4), torch.ones(4)), "Input dim 2 (input channels) is not == dim 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(call, says):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert says in str(caught.value)


def test_refused_types():
    with pytest.raises(TypeError, match="argument 'stride'"):
        F.conv2d(X, W, stride=1.5)
    with pytest.raises(TypeError, match="argument 'weight' \\(position 2\\) must be Tensor, not NoneType"):
        F.conv2d(X, None)
    with pytest.raises(TypeError, match="argument 'padding' must be tuple of ints, not str"):
        F.conv_transpose2d(X, torch.ones(3, 1, 3, 3), padding="same")
    with pytest.raises(NotImplementedError):
        F.conv2d(X > 0, W > 0)


def test_what_was_refused_once_is_refused_again():
    for _ in range(2):
        with pytest.raises(RuntimeError, match="non-positive stride"):
            F.conv2d(X, W, stride=-1)
