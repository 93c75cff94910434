"""Sizes, crops, borders and warps, on PIL images and tensors, against Pillow and NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import rushlight as torch
from rushlight.vision import transforms as T
from rushlight.vision.transforms import InterpolationMode
from rushlight.vision.transforms import functional as F

SIZES = {"wide": (300, 120), "tall": (90, 400), "square": (256, 256), "tiny": (3, 2), "line": (1, 40)}
MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])


def noise(width, height, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def planes(pixels):
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@pytest.mark.parametrize("name", SIZES)
def test_the_imagenet_pipeline_equals_pillow_and_numpy(name):
    width, height = SIZES[name]
    image = Image.fromarray(noise(width, height))
    pipeline = T.Compose(
        [T.Resize(256), T.CenterCrop(224), T.ToTensor(), T.Normalize(MEAN.tolist(), STD.tolist())]
    )
    short = min(width, height)
    new = (256, int(256 * height / width)) if width <= height else (int(256 * width / height), 256)
    resized = image if short == 256 else image.resize(new, Image.Resampling.BILINEAR)
    left, top = round((resized.width - 224) / 2.0), round((resized.height - 224) / 2.0)
    pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255
    expected = ((pixels - MEAN) / STD).transpose(2, 0, 1)
    result = pipeline(image)
    assert result.dtype == torch.float32
    assert tuple(result.shape) == (3, 224, 224)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("mode", [mode for mode in InterpolationMode if mode.value != "nearest-exact"])
def test_resize_of_images_is_pillow_s(name, mode):
    width, height = SIZES[name]
    image = Image.fromarray(noise(width, height))
    constant = getattr(Image.Resampling, mode.name)
    result = F.resize(image, [33, 47], mode)
    np.testing.assert_array_equal(np.asarray(result), np.asarray(image.resize((47, 33), constant)))
    np.testing.assert_array_equal(np.asarray(F.resize(image, [33, 47], int(constant))), np.asarray(result))


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("wide", "bilinear"),
        ("tall", "bilinear"),
        ("tiny", "bilinear"),
        ("wide", "bicubic"),
        ("square", "bicubic"),
    ],
)
def test_resize_of_tensors_is_within_one_level_of_pillow_s(name, mode):
    width, height = SIZES[name]
    pixels = noise(width, height)
    mode = InterpolationMode(mode)
    expected = np.asarray(F.resize(Image.fromarray(pixels), [20, 31], mode)).astype(int)
    result = F.resize(torch.from_numpy(planes(pixels).copy()), [20, 31], mode)
    assert result.dtype == torch.uint8
    assert np.abs(result.numpy().astype(int) - planes(expected)).max() <= 1


def test_resize_of_tensors_without_antialias_picks_other_pixels():
    image = torch.from_numpy(planes(noise(64, 64)).copy()).float()
    smooth = F.resize(image, [8, 8])
    rough = F.resize(image, [8, 8], antialias=False)
    assert (smooth - rough).abs().max() > 10
    nearest = F.resize(image, [8, 8], InterpolationMode.NEAREST)
    np.testing.assert_array_equal(nearest.numpy(), image.numpy()[:, ::8, ::8])
    batch = F.resize(image.unsqueeze(0), [8, 8])
    np.testing.assert_array_equal(batch[0].numpy(), smooth.numpy())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70))
def test_resize_to_one_number_sets_the_smaller_edge(width, height, size):
    result = F.resize(Image.new("L", (width, height)), size)
    if width <= height:
        assert result.size == (size, int(size * height / width))
    else:
        assert result.size == (int(size * width / height), size)


def test_resize_with_max_size():
    image = Image.new("L", (100, 50))
    assert F.resize(image, 30, max_size=40).size == (40, 20)
    assert F.resize(image, 10, max_size=40).size == (20, 10)
    assert F.resize(image, None, max_size=40).size == (40, 20)
    with pytest.raises(ValueError, match="max_size = 30 must be strictly greater .* = 30"):
        F.resize(image, 30, max_size=30)
    with pytest.raises(ValueError, match="max_size"):
        F.resize(image, [3, 4], max_size=9)
    with pytest.raises(ValueError, match="not a 3 element"):
        F.resize(image, [3, 4, 5])


def test_resize_refuses_what_is_no_picture():
    with pytest.raises(TypeError, match=r"Unexpected type <class 'numpy.ndarray'>.*ToPILImage"):
        T.Resize(4)(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(TypeError, match="InterpolationMode"):
        T.Resize(4, interpolation="bilinear")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "box", [(0, 0, 4, 5), (2, 3, 6, 6), (-2, -3, 6, 9), (7, 9, 8, 8), (20, 0, 3, 3), (-9, -9, 4, 4)]
)
def test_crop_reads_zero_outside(box, channels):
    top, left, height, width = box
    pixels = noise(12, 10, channels)
    border = [(20, 20), (20, 20)] + [(0, 0)] * (pixels.ndim - 2)
    around = np.pad(pixels, border)
    expected = around[20 + top : 20 + top + height, 20 + left : 20 + left + width]
    np.testing.assert_array_equal(np.asarray(F.crop(Image.fromarray(pixels), *box)), expected)
    result = F.crop(torch.from_numpy(planes(pixels).copy()), *box)
    np.testing.assert_array_equal(result.numpy(), planes(expected))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 15), st.integers(1, 15))
def test_center_crop_is_the_middle_and_pads_what_is_smaller(width, height, crop_width, crop_height):
    pixels = noise(width, height, 1)
    image = F.center_crop(Image.fromarray(pixels), [crop_height, crop_width])
    tensor = F.center_crop(torch.from_numpy(pixels.copy()).unsqueeze(0), [crop_height, crop_width])
    assert image.size == (crop_width, crop_height)
    np.testing.assert_array_equal(tensor[0].numpy(), np.asarray(image))
    if crop_width <= width and crop_height <= height:
        top, left = round((height - crop_height) / 2.0), round((width - crop_width) / 2.0)
        expected = pixels[top : top + crop_height, left : left + crop_width]
        np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize(
    ("ours", "numpys"), [("reflect", "reflect"), ("symmetric", "symmetric"), ("edge", "edge")]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_pad_modes_are_numpy_s(ours, numpys, channels):
    pixels = noise(9, 8, channels)
    widths = [(2, 4), (1, 3)] + [(0, 0)] * (pixels.ndim - 2)
    expected = np.pad(pixels, widths, mode=numpys)
    padding = [1, 2, 3, 4]
    result = F.pad(Image.fromarray(pixels), padding, padding_mode=ours)
    np.testing.assert_array_equal(np.asarray(result), expected)
    tensor = F.pad(torch.from_numpy(planes(pixels).copy()), padding, padding_mode=ours)
    assert tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.numpy(), planes(expected))


def test_pad_with_a_colour():
    result = T.Pad(1, fill=(1, 2, 3))(Image.new("RGB", (2, 2)))
    assert result.size == (4, 4)
    assert result.getpixel((0, 0)) == (1, 2, 3)
    assert result.getpixel((1, 1)) == (0, 0, 0)
    tensor = F.pad(torch.zeros(1, 2, 2), (1, 0), fill=0.5)
    np.testing.assert_array_equal(tensor[0].numpy(), [[0.5, 0, 0, 0.5]] * 2)


def test_pad_keeps_a_palette():
    image = Image.fromarray(noise(4, 4)).convert("P")
    for mode in ("constant", "edge"):
        padded = F.pad(image, 1, padding_mode=mode)
        assert padded.mode == "P"
        inner = padded.convert("RGB").crop((1, 1, 5, 5))
        np.testing.assert_array_equal(np.asarray(inner), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: T.Pad("x"), TypeError, "padding arg: 'x'"),
        (lambda: T.Pad((1, 2, 3)), ValueError, "not a 3 element tuple"),
        (lambda: T.Pad(1, padding_mode="wrap"), ValueError, "got 'wrap'"),
        (lambda: F.pad(Image.new("RGB", (2, 2)), 1, fill=(1, 2)), ValueError, r"\(2 != 3\)"),
        (lambda: T.CenterCrop((1, 2, 3)), ValueError, "only two dimensions"),
        (lambda: T.RandomCrop(8)(Image.new("L", (5, 6))), ValueError, r"\(8, 8\) .* \(6, 5\)"),
        (lambda: T.RandomCrop((3, 9))(torch.zeros(3, 6, 5)), ValueError, r"\(3, 9\) .* \(6, 5\)"),
        (lambda: T.FiveCrop(8)(Image.new("L", (5, 6))), ValueError, r"\(8, 8\) .* \(6, 5\)"),
        (lambda: T.RandomRotation(-3), ValueError, "must be positive, got -3"),
        (lambda: T.RandomRotation((1, 2, 3)), ValueError, "length 2"),
        (lambda: T.RandomAffine(3, translate=(0.1, 1.5)), ValueError, "between 0 and 1"),
        (lambda: T.RandomAffine(3, scale=(0.0, 1.5)), ValueError, "positive"),
        (
            lambda: F.affine(Image.new("L", (3, 3)), 0, [0, 0], 0.0, [0]),
            ValueError,
            "scale should be positive",
        ),
        (lambda: F.affine(Image.new("L", (3, 3)), "a", [0, 0], 1.0, [0]), TypeError, "angle"),
        (lambda: F.rotate(torch.zeros(1, 3, 3), 4, InterpolationMode.BICUBIC), ValueError, "bicubic"),
        (lambda: F.rotate(torch.zeros(3, 3, 3), 4, fill=[1.0, 2.0]), ValueError, r"\(2 != 3\)"),
        (lambda: F.perspective(Image.new("L", (3, 3)), [[0, 0]], [[0, 0]]), ValueError, "exactly four"),
        (lambda: F.gaussian_blur(torch.zeros(1, 9, 9), 4), ValueError, "odd and positive"),
    ],
)
def test_refusals_name_the_values(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_flips():
    pixels = noise(5, 4)
    tensor = torch.from_numpy(planes(pixels).copy())
    for transform, expected in (
        (T.RandomHorizontalFlip(1), pixels[:, ::-1]),
        (T.RandomVerticalFlip(1), pixels[::-1]),
        (T.RandomHorizontalFlip(0), pixels),
        (T.RandomVerticalFlip(0), pixels),
    ):
        np.testing.assert_array_equal(np.asarray(transform(Image.fromarray(pixels))), expected)
        np.testing.assert_array_equal(transform(tensor).numpy(), planes(expected))


def test_a_flip_happens_as_often_as_it_should():
    torch.manual_seed(0)
    image = torch.arange(2.0).view(1, 1, 2)
    flipped = sum(T.RandomHorizontalFlip(0.3)(image)[0, 0, 0].item() for _ in range(600))
    assert 130 < flipped < 230


@pytest.mark.parametrize("quarter", [0, 1, 2, 3, -1])
@pytest.mark.parametrize("shape", [(6, 6), (5, 8)])
def test_quarter_turns_are_exact(quarter, shape):
    pixels = noise(shape[1], shape[0])
    expected = np.rot90(pixels, quarter)
    image = F.rotate(Image.fromarray(pixels), 90 * quarter, expand=True)
    np.testing.assert_array_equal(np.asarray(image), expected)
    tensor = F.rotate(torch.from_numpy(planes(pixels).copy()), 90 * quarter, expand=True)
    np.testing.assert_array_equal(tensor.numpy(), planes(expected))
    transform = T.RandomRotation((90.0 * quarter, 90.0 * quarter), expand=True)
    np.testing.assert_array_equal(np.asarray(transform(Image.fromarray(pixels))), expected)


@pytest.mark.parametrize("angle", [10.0, -33.0, 45.0, 130.0])
@pytest.mark.parametrize("expand", [False, True])
def test_rotation_of_tensors_follows_pillow_s(angle, expand):
    pixels = noise(40, 30)
    image = np.asarray(F.rotate(Image.fromarray(pixels), angle, expand=expand, fill=7))
    tensor = F.rotate(torch.from_numpy(planes(pixels).copy()), angle, expand=expand, fill=[7.0])
    assert tuple(tensor.shape) == planes(image).shape
    assert np.mean(tensor.numpy() != planes(image)) < 0.03


def test_rotation_about_a_point():
    pixels = np.zeros((9, 9), np.uint8)
    pixels[2, 6] = 255
    image = F.rotate(Image.fromarray(pixels), 90, center=(4.5, 4.5))
    assert np.argwhere(np.asarray(image)).tolist() == [[2, 2]]
    tensor = F.rotate(torch.from_numpy(pixels).unsqueeze(0), 90, center=[4.5, 4.5])
    assert np.argwhere(tensor[0].numpy()).tolist() == [[2, 2]]


def test_affine_shifts_and_scales():
    pixels = noise(12, 10)
    tensor = torch.from_numpy(planes(pixels).copy())
    moved = np.zeros_like(pixels)
    moved[3:, :-2] = pixels[:-3, 2:]
    for picture, to_array in (
        (Image.fromarray(pixels), np.asarray),
        (tensor, lambda result: result.numpy().transpose(1, 2, 0)),
    ):
        same = F.affine(picture, 0, [0, 0], 1.0, [0.0, 0.0])
        np.testing.assert_array_equal(to_array(same), pixels)
        shifted = F.affine(picture, 0, [-2, 3], 1.0, 0)
        np.testing.assert_array_equal(to_array(shifted), moved)
        upside_down = F.affine(picture, 180, [0, 0], 1.0, [0.0, 0.0])
        np.testing.assert_array_equal(to_array(upside_down), pixels[::-1, ::-1])
        doubled = F.affine(picture, 0, [0, 0], 2.0, [0.0, 0.0])
        rows, columns = (np.floor(n / 2 + (np.arange(n) + 0.5 - n / 2) / 2).astype(int) for n in (10, 12))
        np.testing.assert_array_equal(to_array(doubled), pixels[rows][:, columns])


def test_perspective_moves_corners():
    pixels = noise(20, 16)
    corners = [[0, 0], [19, 0], [19, 15], [0, 15]]
    same = F.perspective(Image.fromarray(pixels), corners, corners, InterpolationMode.NEAREST)
    np.testing.assert_array_equal(np.asarray(same), pixels)
    tensor = torch.from_numpy(planes(pixels).copy())
    same = F.perspective(tensor, corners, corners, InterpolationMode.NEAREST)
    np.testing.assert_array_equal(same.numpy(), planes(pixels))
    ends = [[2, 1], [17, 3], [18, 14], [1, 12]]
    image = F.perspective(Image.fromarray(pixels), corners, ends, InterpolationMode.NEAREST, fill=9)
    moved = F.perspective(tensor, corners, ends, InterpolationMode.NEAREST, fill=[9.0])
    assert np.mean(np.asarray(image) != moved.numpy().transpose(1, 2, 0)) < 0.05
    coefficients = np.array(F.perspective_coefficients(corners, ends))
    for (x, y), (X, Y) in zip(corners, ends, strict=True):
        a, b, c, d, e, f, g, h = coefficients
        below = g * X + h * Y + 1
        assert (a * X + b * Y + c) / below == pytest.approx(x, abs=1e-3)
        assert (d * X + e * Y + f) / below == pytest.approx(y, abs=1e-3)


def test_five_and_ten_crop():
    pixels = noise(7, 6, 1)
    crops = T.FiveCrop((2, 3))(Image.fromarray(pixels))
    expected = [pixels[:2, :3], pixels[:2, -3:], pixels[-2:, :3], pixels[-2:, -3:], pixels[2:4, 2:5]]
    for crop, part in zip(crops, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(crop), part)
    ten = T.TenCrop(2, vertical_flip=True)(torch.from_numpy(pixels).unsqueeze(0))
    assert len(ten) == 10
    np.testing.assert_array_equal(ten[5][0].numpy(), pixels[::-1][:2, :2])


def test_gaussian_blur_is_a_separable_average():
    pixels = noise(11, 9).astype(np.float32) / 255
    sigma = 1.3
    weights = np.exp(-0.5 * (np.arange(-2, 3) / sigma) ** 2)
    weights /= weights.sum()
    around = np.pad(pixels, [(2, 2), (2, 2), (0, 0)], mode="reflect")
    rows = sum(weight * around[i : i + 9] for i, weight in enumerate(weights))
    expected = sum(weight * rows[:, i : i + 11] for i, weight in enumerate(weights))
    result = F.gaussian_blur(torch.from_numpy(planes(pixels).copy()), 5, sigma)
    np.testing.assert_allclose(result.numpy(), planes(expected), atol=1e-6)
    image = F.gaussian_blur(Image.fromarray((pixels * 255).round().astype(np.uint8)), [5, 5], [sigma, sigma])
    np.testing.assert_allclose(np.asarray(image), expected * 255, atol=0.51)


def test_elastic_transform():
    image = torch.rand(3, 12, 10)
    still = torch.zeros(1, 12, 10, 2)
    np.testing.assert_allclose(F.elastic_transform(image, still).numpy(), image.numpy(), atol=1e-6)
    torch.manual_seed(1)
    transform = T.ElasticTransform(alpha=30.0, sigma=1.0)
    moved = transform(image)
    assert tuple(moved.shape) == (3, 12, 10)
    assert (moved - image).abs().max() > 0.01
    with pytest.raises(ValueError, match=r"\(1, 12, 10, 2\), but given \(1, 2, 2, 2\)"):
        F.elastic_transform(image, torch.zeros(1, 2, 2, 2))


def test_random_crop_takes_every_place():
    torch.manual_seed(0)
    image = torch.arange(20.0).view(1, 4, 5)
    seen = {T.RandomCrop(3)(image)[0, 0, 0].item() for _ in range(100)}
    assert seen == {0.0, 1.0, 2.0, 5.0, 6.0, 7.0}


def test_random_crop_pads_first():
    image = Image.new("L", (4, 4), 255)
    assert T.RandomCrop(6, padding=1)(image).size == (6, 6)
    assert T.RandomCrop(9, pad_if_needed=True, fill=3)(image).size == (9, 9)
    bordered = T.RandomCrop((4, 4), padding=(0, 4), fill=7)
    torch.manual_seed(2)
    values = set(np.unique(np.asarray(bordered(image))).tolist())
    assert values <= {7, 255}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_random_resized_crop_stays_inside(width, height, seed):
    torch.manual_seed(seed)
    image = Image.new("L", (width, height))
    top, left, h, w = T.RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3))
    assert 0 <= top <= height - h
    assert 0 <= left <= width - w
    assert h > 0 and w > 0
    assert T.RandomResizedCrop((5, 6))(image).size == (6, 5)


def test_draws_come_from_the_library_s_stream_in_torchvision_s_order():
    image = torch.rand(3, 20, 30)
    torch.manual_seed(5)
    params = T.RandomCrop.get_params(image, (8, 9))
    torch.manual_seed(5)
    assert params == (torch.randint(0, 13, (1,)).item(), torch.randint(0, 22, (1,)).item(), 8, 9)

    torch.manual_seed(6)
    angle, shift, scale, shear = T.RandomAffine.get_params(
        [-10.0, 10.0], (0.1, 0.2), (0.5, 2.0), [-1.0, 1.0, -2.0, 2.0], [30, 20]
    )
    torch.manual_seed(6)
    draw = lambda low, high: torch.empty(1).uniform_(low, high).item()
    assert angle == draw(-10.0, 10.0)
    assert shift == (round(draw(-3.0, 3.0)), round(draw(-4.0, 4.0)))
    assert scale == draw(0.5, 2.0)
    assert shear == (draw(-1.0, 1.0), draw(-2.0, 2.0))

    torch.manual_seed(7)
    _, ends = T.RandomPerspective.get_params(30, 20, 0.5)
    torch.manual_seed(7)
    integer = lambda low, high: int(torch.randint(low, high, (1,)).item())
    assert ends == [
        [integer(0, 8), integer(0, 6)],
        [integer(22, 30), integer(0, 6)],
        [integer(22, 30), integer(14, 20)],
        [integer(0, 8), integer(14, 20)],
    ]


REPRS = {
    "Resize(size=256, interpolation=bilinear, max_size=None, antialias=True)": lambda: T.Resize(256),
    "CenterCrop(size=(224, 224))": lambda: T.CenterCrop(224),
    "Pad(padding=3, fill=0, padding_mode=constant)": lambda: T.Pad(3),
    "RandomCrop(size=(32, 32), padding=4)": lambda: T.RandomCrop(32, padding=4),
    "RandomHorizontalFlip(p=0.5)": lambda: T.RandomHorizontalFlip(),
    "RandomVerticalFlip(p=0.1)": lambda: T.RandomVerticalFlip(0.1),
    "RandomResizedCrop(size=(8, 8), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, "
    "antialias=True)": lambda: T.RandomResizedCrop(8),
    "FiveCrop(size=(3, 3))": lambda: T.FiveCrop(3),
    "TenCrop(size=(3, 3), vertical_flip=False)": lambda: T.TenCrop(3),
    "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)": (
        lambda: T.RandomRotation(10)
    ),
    "RandomAffine(degrees=[-10.0, 10.0], translate=(0.1, 0.1), shear=[-5.0, 5.0])": (
        lambda: T.RandomAffine(10, translate=(0.1, 0.1), shear=5)
    ),
    "RandomPerspective(p=0.5)": lambda: T.RandomPerspective(),
    "ElasticTransform(alpha=[50.0, 50.0], sigma=[5.0, 5.0], interpolation=InterpolationMode.BILINEAR, "
    "fill=[0.0])": lambda: T.ElasticTransform(),
}


@pytest.mark.parametrize("text", REPRS)
def test_reprs(text):
    assert repr(REPRS[text]()) == text
