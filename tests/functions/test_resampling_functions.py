"""interpolate, grid_sample, affine_grid, and the rearrangements: arguments, dtypes, special values, refusals."""

import math

import pytest

import rushlight as torch

F = torch.nn.functional
IMAGE = torch.arange(20.0).reshape(1, 1, 4, 5)


def test_known_numbers():
    x = torch.tensor([[[0.0, 1.0]]])
    assert F.interpolate(x, 4).tolist() == [[[0, 0, 1, 1]]]
    assert F.interpolate(x, 4, mode="linear").tolist() == [[[0, 0.25, 0.75, 1]]]
    assert F.interpolate(x, 3, mode="linear", align_corners=True).tolist() == [[[0, 0.5, 1]]]
    assert F.interpolate(IMAGE, (2, 5), mode="area").tolist() == [
        [[[2.5, 3.5, 4.5, 5.5, 6.5], [12.5, 13.5, 14.5, 15.5, 16.5]]]
    ]


def test_sizes_and_scales():
    assert F.interpolate(IMAGE, scale_factor=(0.5, 1.5)).shape == (1, 1, 2, 7)
    assert F.interpolate(IMAGE, torch.tensor(3)).shape == (1, 1, 3, 3)
    x = torch.arange(5.0).reshape(1, 1, 5)
    given = F.interpolate(x, scale_factor=1.5, mode="linear")
    worked_out = F.interpolate(x, scale_factor=1.5, mode="linear", recompute_scale_factor=True)
    assert given.shape == worked_out.shape == (1, 1, 7)
    assert given.tolist() != worked_out.tolist()


def test_bytes_are_rounded_and_stay_in_range():
    x = torch.tensor([0, 255, 0, 255], dtype=torch.uint8).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    out = F.interpolate(x, (4, 7), mode="bicubic")
    assert out.dtype is torch.uint8 and out.min().item() == 0 and out.max().item() == 255
    assert F.interpolate(x, (2, 2)).dtype is torch.uint8


def test_infinity_reaches_only_what_reads_it():
    x = torch.zeros(1, 1, 8)
    x[..., 0] = math.inf
    out = F.interpolate(x, 4, mode="linear")
    assert math.isinf(out[0, 0, 0].item()) and out[0, 0, 1:].tolist() == [0, 0, 0]
    small = F.interpolate(x.reshape(1, 1, 1, 8), (1, 3), mode="bilinear", antialias=True)
    assert small[0, 0, 0, -1].item() == 0


def test_modes_need_their_rank():
    with pytest.raises(NotImplementedError, match="Got 4D input, but linear mode needs 3D input"):
        F.interpolate(IMAGE, 2, mode="linear")
    with pytest.raises(NotImplementedError, match="Only 3D, 4D and 5D input Tensors supported \\(got 2D\\)"):
        F.interpolate(torch.ones(3, 3), 2)
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        F.interpolate(IMAGE.long(), 2)


REFUSED = [
    (lambda: F.interpolate(IMAGE), ValueError, "either size or scale_factor should be defined"),
    (lambda: F.interpolate(IMAGE, 2, 2), ValueError, "only one of size or scale_factor should be defined"),
    (lambda: F.interpolate(IMAGE, (2, 2, 2)), ValueError, "Input and output must have the same number of spatial"),
    (lambda: F.interpolate(IMAGE, scale_factor=(2, 2, 2)), ValueError, "scale_factor must have the same number"),
    (lambda: F.interpolate(IMAGE, (2.5, 2)), TypeError, "expected size to be one of int or Tuple[int]"),
    (lambda: F.interpolate(IMAGE, 0), RuntimeError, "sizes should be greater than 0, but got input (H: 4, W: 5) output (H: 0, W: 0)"),
    (lambda: F.interpolate(IMAGE, 2, align_corners=True), ValueError, "align_corners option can only be set with"),
    (lambda: F.interpolate(IMAGE, 2, recompute_scale_factor=True), ValueError, "recompute_scale_factor is not meaningful"),
    (lambda: F.interpolate(IMAGE, 2, antialias=True), ValueError, "Anti-alias option is restricted to"),
    (lambda: F.interpolate(IMAGE, 2, mode="lanczos"), ValueError, "Lanczos mode requires antialias=True"),
    (lambda: F.grid_sample(IMAGE, torch.zeros(1, 1, 1, 2), mode="linear"), ValueError, "expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: 'linear'"),
    (lambda: F.grid_sample(IMAGE, torch.zeros(1, 1, 1, 3), align_corners=False), RuntimeError, "expected grid to have size 2 in last dimension"),
    (lambda: F.grid_sample(IMAGE, torch.zeros(2, 1, 1, 2), align_corners=False), RuntimeError, "to have same batch size"),
    (lambda: F.affine_grid(torch.ones(1, 3, 3), (1, 1, 2, 2), False), ValueError, "batch of 2D affine matrices of shape Nx2x3"),
    (lambda: F.pixel_shuffle(torch.ones(2, 3, 4, 4), 2), RuntimeError, "input.size(-3)=3 is not divisible by 4"),
    (lambda: F.pixel_unshuffle(torch.ones(2, 3, 5, 4), 2), RuntimeError, "input.size(-2)=5 is not divisible by 2"),
    (lambda: F.pixel_shuffle(torch.ones(2, 4, 4, 4), 2.0), TypeError, "argument 'upscale_factor' (position 2) must be int, not float"),
    (lambda: F.channel_shuffle(torch.ones(2, 3, 4), 2), RuntimeError, "Got 3 channels and 2 groups."),
    (lambda: F.unfold(IMAGE, 9), RuntimeError, "calculated shape of the array of sliding blocks as (-4, -3)"),
    (lambda: F.unfold(IMAGE, (2, 2, 2)), RuntimeError, "It is expected kernel_size equals to 2, but got size 3"),
    (lambda: F.fold(torch.ones(1, 12, 8), (4, 4), 2), RuntimeError, "number of sliding blocks 3 * 3 = 9, but got input.size(2)=8."),
    (lambda: F.fold(torch.ones(1, 11, 9), (4, 4), 2), RuntimeError, "divisible by the product of kernel_size"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "says"), REFUSED)
def test_refused(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)


def test_warnings():
    with pytest.warns(UserWarning, match="`nn.functional.upsample` is deprecated"):
        F.upsample(IMAGE, 2)
    with pytest.warns(UserWarning, match="align_corners=False since 1.3.0"):
        F.grid_sample(IMAGE, torch.zeros(1, 1, 1, 2))


def test_identity_grid():
    theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    for align in (True, False):
        grid = F.affine_grid(theta, IMAGE.shape, align)
        assert torch.allclose(F.grid_sample(IMAGE, grid, align_corners=align), IMAGE, atol=1e-5)


def test_positions_that_are_no_numbers():
    grid = torch.tensor([[[[math.nan, 0.0], [math.inf, 0.0], [-math.inf, 0.0], [1e30, 0.0]]]])
    out = F.grid_sample(IMAGE, grid, mode="nearest", align_corners=False)
    assert out.tolist() == [[[[0, 0, 0, 0]]]]
    out = F.grid_sample(IMAGE, grid, padding_mode="border", align_corners=True)
    assert out.tolist() == [[[[7.5, 11.5, 7.5, 11.5]]]]


def test_nearest_positions_have_zero_gradient():
    grid = torch.zeros(1, 1, 1, 2, requires_grad=True)
    F.grid_sample(IMAGE, grid, mode="nearest", align_corners=False).sum().backward()
    assert grid.grad.tolist() == [[[[0.0, 0.0]]]]


def test_rearrangements_undo_one_another():
    x = torch.randn(2, 8, 4, 6)
    assert F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).tolist() == x.tolist()
    assert F.channel_shuffle(F.channel_shuffle(x, 2), 4).tolist() == x.tolist()
    assert F.fold(F.unfold(x, 2, stride=2), (4, 6), 2, stride=2).tolist() == x.tolist()
    assert F.unfold(x[0], 2).shape == (32, 15)
    assert torch.randn(6).unfold(0, 2, 2).shape == (3, 2)
