"""Pictures between PIL, NumPy and tensors, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import rushlight as torch
from rushlight.vision import transforms as T
from rushlight.vision.transforms import functional as F

MODES = ["L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "1", "P", "I", "F"]


def picture(mode, size=(7, 5), seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_to_tensor_of_every_mode(mode):
    image = picture(mode)
    pixels = np.asarray(image)
    if mode == "1":
        pixels = pixels.astype(np.uint8) * 255
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    result = F.to_tensor(image)
    assert tuple(result.shape) == planes.shape
    expected = planes.astype(np.float32) / 255 if planes.dtype == np.uint8 else planes
    assert result.numpy().dtype == expected.dtype
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "I", "F", "1"])
def test_pil_to_tensor_keeps_values(mode):
    image = picture(mode)
    result = F.pil_to_tensor(image)
    pixels = np.asarray(image)
    np.testing.assert_array_equal(
        result.numpy(), pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    )


def test_to_tensor_of_an_image_does_not_share_its_memory():
    image = picture("RGB")
    before = np.array(image)
    F.pil_to_tensor(image).zero_()
    F.to_tensor(picture("F")).zero_()
    np.testing.assert_array_equal(np.array(image), before)


def test_to_tensor_of_arrays():
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_allclose(F.to_tensor(pixels).numpy(), pixels.transpose(2, 0, 1) / np.float32(255))
    floats = np.ones((4, 6))
    assert F.to_tensor(floats).dtype == torch.float64
    assert tuple(F.to_tensor(floats).shape) == (1, 4, 6)


def test_to_tensor_follows_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        assert F.to_tensor(picture("L")).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_to_tensor_refuses_what_is_no_picture():
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray. Got <class 'list'>"):
        F.to_tensor([1])
    with pytest.raises(ValueError, match="2/3 dimensional. Got 4"):
        F.to_tensor(np.zeros((1, 2, 3, 4)))


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]))))
def test_there_and_back(pixels):
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    image = F.to_pil_image(tensor)
    assert image.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    assert image.size == (pixels.shape[1], pixels.shape[0])
    np.testing.assert_array_equal(F.pil_to_tensor(image).numpy(), tensor.numpy())
    again = F.to_pil_image(F.to_tensor(image))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(image))
    np.testing.assert_array_equal(np.asarray(F.to_pil_image(pixels)), np.asarray(image))


def test_to_pil_image_of_other_dtypes():
    numbers = np.array([[0, 5], [-3, 70000]], dtype=np.int32)
    assert F.to_pil_image(numbers).mode == "I"
    np.testing.assert_array_equal(np.asarray(F.to_pil_image(numbers)), numbers)
    short = np.array([[0, 5], [9, 30000]], dtype=np.int16)
    image = F.to_pil_image(short)
    assert image.mode.startswith("I;16")
    np.testing.assert_array_equal(np.asarray(image), short)
    floats = np.array([[0.25, -2.0]], dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(F.to_pil_image(floats)), floats)
    kept = F.to_pil_image(torch.from_numpy(floats), mode="F")
    np.testing.assert_array_equal(np.asarray(kept), floats)


def test_floating_tensors_outside_the_range_wrap_as_bytes_do():
    values = np.array([[-0.5, 0.0, 0.999, 1.0, 1.5]], dtype=np.float32)
    expected = (values * np.float32(255)).astype(np.int64).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(F.to_pil_image(torch.from_numpy(values))), expected)


@pytest.mark.parametrize(
    ("pic", "mode", "error", "says"),
    [
        ("text", None, TypeError, "Tensor or ndarray. Got <class 'str'>"),
        (np.zeros((1, 2, 3, 4), np.uint8), None, ValueError, "2/3 dimensional. Got 4"),
        (np.zeros((2, 2, 5), np.uint8), None, ValueError, "Got 5 channels"),
        (np.zeros((2, 2), np.uint8), "RGB", ValueError, r"Incorrect mode \(RGB\).*Should be L"),
        (np.zeros((2, 2, 3), np.uint8), "LA", ValueError, "Only modes .*'RGB'"),
        (np.zeros((2, 2, 3), np.float32), None, TypeError, "float32 is not supported"),
        (np.zeros((2, 2), np.complex64), None, TypeError, "complex64 is not supported"),
    ],
)
def test_to_pil_image_refuses(pic, mode, error, says):
    with pytest.raises(error, match=says):
        F.to_pil_image(pic, mode)


@pytest.mark.parametrize(
    ("source", "target", "given", "expected"),
    [
        ("uint8", "float32", [0, 51, 255], [0.0, 0.2, 1.0]),
        ("float32", "uint8", [0.0, 0.5, 1.0], [0, 127, 255]),
        ("uint8", "int16", [0, 1, 255], [0, 128, 255 * 128]),
        ("int16", "uint8", [0, 128, 32767], [0, 1, 255]),
        ("float64", "float32", [0.5], [0.5]),
        ("int32", "float64", [2147483647], [1.0]),
    ],
)
def test_convert_image_dtype(source, target, given, expected):
    image = torch.tensor(given, dtype=getattr(torch, source)).view(1, 1, -1)
    result = F.convert_image_dtype(image, getattr(torch, target))
    assert result.dtype == getattr(torch, target)
    np.testing.assert_allclose(result.view(-1).numpy(), expected, rtol=1e-6)


def test_convert_image_dtype_refuses_unsafe_casts():
    with pytest.raises(RuntimeError, match="torch.float32 to .*int32 cannot be performed safely|float32"):
        F.convert_image_dtype(torch.zeros(1, 2, 2), torch.int32)


def test_normalize_against_numpy():
    image = torch.rand(3, 4, 5)
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    expected = (image.numpy() - np.float32(mean)[:, None, None]) / np.float32(std)[:, None, None]
    np.testing.assert_allclose(F.normalize(image, mean, std).numpy(), expected, rtol=1e-6)
    batch = image.unsqueeze(0).expand(2, -1, -1, -1)
    np.testing.assert_allclose(F.normalize(batch, mean, std)[1].numpy(), expected, rtol=1e-6)
    assert T.Normalize(mean, std, inplace=True)(image) is image
    np.testing.assert_allclose(image.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("image", "std", "error", "says"),
    [
        (np.zeros((2, 2)), 1.0, TypeError, "should be Tensor Image. Got <class 'numpy.ndarray'>"),
        (torch.zeros(1, 2, 2, dtype=torch.uint8), [1.0], TypeError, "should be a float tensor"),
        (torch.zeros(2, 2), [1.0], ValueError, r"\(..., C, H, W\)"),
        (torch.zeros(1, 2, 2), [0.0], ValueError, "std evaluated to zero"),
    ],
)
def test_normalize_refuses(image, std, error, says):
    with pytest.raises(error, match=says):
        F.normalize(image, [0.0], std)


def test_linear_transformation_whitens():
    matrix = torch.rand(12, 12)
    mean = torch.rand(12)
    image = torch.rand(3, 2, 2)
    transform = T.LinearTransformation(matrix, mean)
    expected = ((image.numpy().reshape(1, 12) - mean.numpy()) @ matrix.numpy()).reshape(3, 2, 2)
    np.testing.assert_allclose(transform(image).numpy(), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="should be square. Got 2 x 3"):
        T.LinearTransformation(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ValueError, match="incompatible shape"):
        transform(torch.rand(1, 2, 2))
