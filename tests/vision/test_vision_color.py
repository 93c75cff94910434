"""Colour operations: PIL images against Pillow, tensors against NumPy and against Pillow within rounding."""

import colorsys

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import rushlight as torch
from rushlight.vision import transforms as T
from rushlight.vision.transforms import functional as F

PIXELS = np.random.default_rng(0).integers(10, 220, (40, 50, 3), dtype=np.uint8)
IMAGE = Image.fromarray(PIXELS)


def tensor(pixels=PIXELS):
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def pixels_of(result):
    if isinstance(result, torch.Tensor):
        return result.numpy().transpose(1, 2, 0)
    return np.asarray(result)


PILLOW = {
    "brightness": (F.adjust_brightness, lambda image, x: ImageEnhance.Brightness(image).enhance(x)),
    "contrast": (F.adjust_contrast, lambda image, x: ImageEnhance.Contrast(image).enhance(x)),
    "saturation": (F.adjust_saturation, lambda image, x: ImageEnhance.Color(image).enhance(x)),
    "sharpness": (F.adjust_sharpness, lambda image, x: ImageEnhance.Sharpness(image).enhance(x)),
}


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_adjustments_are_pillow_s(name, factor):
    ours, pillows = PILLOW[name]
    expected = np.asarray(pillows(IMAGE, factor))
    np.testing.assert_array_equal(pixels_of(ours(IMAGE, factor)), expected)
    result = ours(tensor(), factor)
    assert result.dtype == torch.uint8
    assert np.abs(pixels_of(result).astype(int) - expected.astype(int)).max() <= 2
    floating = ours(tensor().float() / 255, factor)
    assert np.abs(pixels_of(floating) * 255 - expected).max() <= 2.5


@pytest.mark.parametrize("factor", [-0.5, -0.2, 0.0, 0.1, 0.5])
def test_hue_turns_the_circle(factor):
    floats = tensor().float() / 255
    result = pixels_of(F.adjust_hue(floats, factor))
    for row, column in [(0, 0), (3, 4), (39, 49), (7, 1)]:
        h, s, v = colorsys.rgb_to_hsv(*(PIXELS[row, column] / 255).tolist())
        expected = colorsys.hsv_to_rgb((h + factor) % 1.0, s, v)
        np.testing.assert_allclose(result[row, column], expected, atol=2e-6)
    hue = IMAGE.convert("HSV")
    turned = np.array(hue)
    turned[:, :, 0] += np.uint8(int(factor * 255) % 256)
    expected = np.asarray(Image.frombytes("HSV", hue.size, turned.tobytes()).convert("RGB"))
    np.testing.assert_array_equal(pixels_of(F.adjust_hue(IMAGE, factor)), expected)


def test_hue_leaves_gray_alone():
    gray = torch.full((3, 2, 2), 0.4)
    np.testing.assert_allclose(F.adjust_hue(gray, 0.3).numpy(), gray.numpy(), atol=1e-7)
    single = IMAGE.convert("L")
    assert F.adjust_hue(single, 0.3) is single
    with pytest.raises(ValueError, match=r"hue_factor \(0.6\) is not in"):
        F.adjust_hue(IMAGE, 0.6)


@pytest.mark.parametrize(
    ("ours", "pillows"),
    [
        (F.invert, ImageOps.invert),
        (F.autocontrast, ImageOps.autocontrast),
        (F.equalize, ImageOps.equalize),
        (lambda image: F.posterize(image, 3), lambda image: ImageOps.posterize(image, 3)),
        (lambda image: F.solarize(image, 100), lambda image: ImageOps.solarize(image, 100)),
    ],
)
def test_point_operations_are_pillow_s(ours, pillows):
    expected = np.asarray(pillows(IMAGE))
    np.testing.assert_array_equal(pixels_of(ours(IMAGE)), expected)
    difference = pixels_of(ours(tensor())).astype(int) - expected
    assert np.abs(difference).max() <= 1


def test_equalize_and_autocontrast_of_one_level():
    flat = torch.full((1, 4, 4), 9, dtype=torch.uint8)
    np.testing.assert_array_equal(F.equalize(flat).numpy(), flat.numpy())
    np.testing.assert_array_equal(F.autocontrast(flat).numpy(), flat.numpy())
    batch = tensor().unsqueeze(0)
    np.testing.assert_array_equal(F.equalize(batch)[0].numpy(), F.equalize(tensor()).numpy())


def test_gamma():
    expected = np.clip(1.2 * (PIXELS / 255) ** 0.7, 0, 1)
    np.testing.assert_allclose(
        pixels_of(F.adjust_gamma(tensor().float() / 255, 0.7, 1.2)), expected, atol=1e-5
    )
    image = np.asarray(F.adjust_gamma(IMAGE, 0.7, 1.2)).astype(int)
    assert (
        np.abs(image - np.clip((255 + 1 - 1e-3) * 1.2 * (PIXELS / 255) ** 0.7, 0, 255).astype(int)).max() <= 1
    )
    with pytest.raises(ValueError, match="non-negative"):
        F.adjust_gamma(IMAGE, -1.0)


def test_grayscale():
    expected = np.asarray(IMAGE.convert("L"))
    np.testing.assert_array_equal(np.asarray(T.Grayscale()(IMAGE)), expected)
    three = np.asarray(T.Grayscale(3)(IMAGE))
    np.testing.assert_array_equal(three, np.stack([expected] * 3, axis=2))
    weights = np.float64([0.2989, 0.587, 0.114])
    gray = F.rgb_to_grayscale(tensor().double() / 255)
    np.testing.assert_allclose(gray[0].numpy(), (PIXELS / 255) @ weights, atol=1e-12)
    assert tuple(F.rgb_to_grayscale(tensor(), 3).shape) == (3, 40, 50)
    assert tuple(T.RandomGrayscale(1.0)(tensor()).shape) == (3, 40, 50)
    assert T.RandomGrayscale(0.0)(IMAGE) is IMAGE
    with pytest.raises(ValueError, match="either 1 or 3"):
        F.to_grayscale(IMAGE, 2)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: F.adjust_brightness(tensor(), -1), ValueError, r"brightness_factor \(-1\)"),
        (lambda: F.adjust_contrast(torch.zeros(4, 5, 5), 1.0), TypeError, r"\[3, 1\], but found 4"),
        (lambda: F.posterize(tensor().float(), 3), TypeError, "uint8"),
        (lambda: F.posterize(tensor(), 9), ValueError, "Got 9"),
        (lambda: F.solarize(tensor(), 300), TypeError, "300"),
        (lambda: F.invert(torch.zeros(4, 4)), TypeError, "at least 3 dimensions, but found 2"),
        (lambda: F.erase(IMAGE, 0, 0, 1, 1, 0), TypeError, "Tensor Image"),
        (lambda: T.ColorJitter(brightness=-1), ValueError, "non negative, got -1"),
        (lambda: T.ColorJitter(hue=0.7), ValueError, r"\(-0.7, 0.7\)"),
        (lambda: T.GaussianBlur(4), ValueError, "odd and positive"),
        (lambda: T.GaussianBlur(3, sigma=0), ValueError, "positive, got 0"),
        (lambda: T.RandomErasing(value="noise"), ValueError, "'random', got 'noise'"),
        (lambda: T.RandomErasing(p=1.5), ValueError, "between 0 and 1, got 1.5"),
        (lambda: T.RandomErasing(p=1.0, value=(1, 2))(tensor()), ValueError, "single value or 3"),
    ],
)
def test_refusals_name_the_values(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_color_jitter_draws_order_then_factors():
    torch.manual_seed(11)
    order, brightness, contrast, saturation, hue = T.ColorJitter.get_params(
        (0.5, 1.5), None, (0.2, 0.9), (-0.1, 0.1)
    )
    torch.manual_seed(11)
    assert order.tolist() == torch.randperm(4).tolist()
    draw = lambda low, high: torch.empty(1).uniform_(low, high).item()
    assert (brightness, contrast, saturation, hue) == (draw(0.5, 1.5), None, draw(0.2, 0.9), draw(-0.1, 0.1))


def test_color_jitter_of_nothing_changes_nothing():
    assert T.ColorJitter()(IMAGE) is IMAGE
    jitter = T.ColorJitter(brightness=(2.0, 2.0))
    np.testing.assert_array_equal(
        np.asarray(jitter(IMAGE)), np.asarray(ImageEnhance.Brightness(IMAGE).enhance(2.0))
    )


def test_random_erasing_fills_one_rectangle():
    torch.manual_seed(3)
    image = torch.ones(3, 20, 30)
    erased = T.RandomErasing(p=1.0, value=(5.0, 6.0, 7.0))(image)
    assert float(image.min()) == 1.0
    changed = erased.numpy() != 1.0
    rows, columns = np.nonzero(changed[0])
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert changed.sum() == 3 * height * width
    assert 0.01 < height * width / 600 < 0.4
    assert sorted(np.unique(erased.numpy()).tolist()) == [1.0, 5.0, 6.0, 7.0]
    noisy = T.RandomErasing(p=1.0, value="random")(image)
    assert np.unique(noisy.numpy()).size > 3
    assert T.RandomErasing(p=0.0)(image) is image
    assert T.RandomErasing(p=1.0, inplace=True)(image) is image


@pytest.mark.parametrize(
    "transform",
    [
        T.RandomInvert,
        T.RandomAutocontrast,
        T.RandomEqualize,
        lambda p: T.RandomPosterize(2, p),
        lambda p: T.RandomSolarize(99, p),
        lambda p: T.RandomAdjustSharpness(2.0, p),
    ],
)
def test_probability_zero_and_one(transform):
    assert transform(p=0.0)(IMAGE) is IMAGE
    assert np.asarray(transform(p=1.0)(IMAGE)).tobytes() != PIXELS.tobytes()


REPRS = {
    "ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=(-0.1, 0.1))": (
        lambda: T.ColorJitter(0.5, hue=0.1)
    ),
    "Grayscale(num_output_channels=3)": lambda: T.Grayscale(3),
    "RandomGrayscale(p=0.1)": lambda: T.RandomGrayscale(),
    "GaussianBlur(kernel_size=(3, 3), sigma=(0.1, 2.0))": lambda: T.GaussianBlur(3),
    "RandomInvert(p=0.5)": lambda: T.RandomInvert(),
    "RandomPosterize(bits=2,p=0.5)": lambda: T.RandomPosterize(2),
    "RandomSolarize(threshold=192,p=0.5)": lambda: T.RandomSolarize(192),
    "RandomAdjustSharpness(sharpness_factor=2,p=0.5)": lambda: T.RandomAdjustSharpness(2),
    "RandomAutocontrast(p=0.5)": lambda: T.RandomAutocontrast(),
    "RandomEqualize(p=0.5)": lambda: T.RandomEqualize(),
    "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)": (
        lambda: T.RandomErasing()
    ),
}


@pytest.mark.parametrize("text", REPRS)
def test_reprs(text):
    assert repr(REPRS[text]()) == text
