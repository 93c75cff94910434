"""Grids, drawings, and pictures in and out of files."""

import io as python_io

import numpy as np
import pytest
from PIL import Image

import rushlight as torch
from rushlight import vision
from rushlight.vision import io, utils

RNG = np.random.default_rng(0)


def test_make_grid_places_pictures_in_rows():
    pictures = RNG.random((5, 3, 4, 6)).astype(np.float32)
    grid = utils.make_grid(torch.from_numpy(pictures), nrow=3, padding=2, pad_value=0.5).numpy()
    assert grid.shape == (3, 2 * 6 + 2, 3 * 8 + 2)
    expected = np.full(grid.shape, 0.5, np.float32)
    for index, picture in enumerate(pictures):
        top, left = (index // 3) * 6 + 2, (index % 3) * 8 + 2
        expected[:, top : top + 4, left : left + 6] = picture
    np.testing.assert_array_equal(grid, expected)


def test_make_grid_of_other_shapes():
    assert tuple(utils.make_grid(torch.rand(4, 5)).shape) == (3, 4, 5)
    assert tuple(utils.make_grid(torch.rand(1, 4, 5)).shape) == (3, 4, 5)
    assert tuple(utils.make_grid([torch.rand(3, 4, 5)] * 9).shape) == (3, 2 * 6 + 2, 8 * 7 + 2)
    assert tuple(utils.make_grid(torch.rand(2, 1, 4, 5), padding=0).shape) == (3, 4, 10)
    assert utils.make_grid(torch.zeros(2, 3, 2, 2, dtype=torch.uint8)).dtype == torch.uint8
    with pytest.raises(TypeError, match="tensor or list of tensors expected, got <class 'int'>"):
        utils.make_grid(3)


def test_make_grid_normalizes():
    pictures = torch.tensor([[0.0, 2.0], [4.0, 8.0]]).view(2, 1, 1, 2)
    whole = utils.make_grid(pictures, normalize=True, padding=0)
    np.testing.assert_allclose(whole[0].numpy(), [[0, 0.25, 0.5, 1.0]])
    each = utils.make_grid(pictures, normalize=True, scale_each=True, padding=0)
    np.testing.assert_allclose(each[0].numpy(), [[0, 1, 0, 1]])
    ranged = utils.make_grid(pictures, normalize=True, value_range=(1.0, 5.0), padding=0)
    np.testing.assert_allclose(ranged[0].numpy(), [[0, 0.25, 0.75, 1.0]])
    np.testing.assert_array_equal(pictures.view(-1).numpy(), [0, 2, 4, 8])
    with pytest.raises(TypeError, match=r"\(min, max\)"):
        utils.make_grid(pictures, normalize=True, value_range=[0, 1])


def test_save_image(tmp_path):
    picture = torch.from_numpy(RNG.random((3, 5, 7)).astype(np.float32))
    utils.save_image(picture, tmp_path / "one.png")
    expected = np.clip(picture.numpy() * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "one.png")), expected)
    file = python_io.BytesIO()
    utils.save_image(torch.rand(4, 1, 8, 8), file, format="png", nrow=2, padding=1)
    file.seek(0)
    assert Image.open(file).size == (19, 19)


def test_draw_bounding_boxes():
    picture = torch.zeros(3, 30, 40, dtype=torch.uint8)
    boxes = torch.tensor([[5.0, 6, 20, 25], [1, 1, 3, 3]])
    drawn = utils.draw_bounding_boxes(picture, boxes, colors=["red", (0, 0, 255)], labels=["a", None])
    assert drawn[:, 6, 10].tolist() == [255, 0, 0]
    assert drawn[:, 1, 2].tolist() == [0, 0, 255]
    assert int(picture.sum()) == 0
    assert int((drawn[0] > 0).sum()) > 66
    filled = utils.draw_bounding_boxes(picture.float(), boxes[:1], colors="red", fill=True)
    assert filled.dtype == torch.float32
    assert 0.2 < filled[0, 15, 10].item() < 0.6
    assert utils.draw_bounding_boxes(picture, torch.zeros(0, 4)) is picture
    with pytest.raises(ValueError, match=r"number of boxes \(2\) and labels \(1\)"):
        utils.draw_bounding_boxes(picture, boxes, labels=["a"])
    with pytest.raises(ValueError, match="xmin, ymin, xmax, ymax"):
        utils.draw_bounding_boxes(picture, torch.tensor([[9.0, 0, 1, 5]]))


def test_draw_segmentation_masks():
    picture = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[1, 2] = True
    drawn = utils.draw_segmentation_masks(picture, mask, alpha=0.5, colors="white")
    assert drawn[:, 1, 2].tolist() == [177] * 3
    assert drawn[:, 0, 0].tolist() == [100] * 3
    with pytest.raises(ValueError, match="masks must be bool"):
        utils.draw_segmentation_masks(picture, mask.float())


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
def test_read_image(tmp_path, mode):
    image = Image.fromarray(RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)).convert(mode)
    image.save(tmp_path / "a.png")
    plain = image.convert({"P": "RGB", "1": "L"}.get(mode, mode))
    pixels = np.asarray(plain)
    expected = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    path = str(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_image(path).numpy(), expected)
    np.testing.assert_array_equal(io.decode_image(io.read_file(path)).numpy(), expected)
    rgb = io.read_image(path, io.ImageReadMode.RGB)
    np.testing.assert_array_equal(rgb.numpy(), np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    np.testing.assert_array_equal(io.decode_image(path, mode="RGB").numpy(), rgb.numpy())
    assert io.read_image(path, io.image.ImageReadMode.GRAY).shape[0] == 1


def test_exif_orientation(tmp_path):
    image = Image.fromarray(RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    path = str(tmp_path / "a.png")
    assert tuple(io.read_image(path).shape) == (3, 6, 5)
    turned = io.read_image(path, apply_exif_orientation=True)
    np.testing.assert_array_equal(turned.numpy().transpose(1, 2, 0), np.rot90(np.asarray(image), -1))


def test_write_and_encode(tmp_path):
    picture = torch.from_numpy(RNG.integers(0, 256, (3, 8, 9), dtype=np.uint8))
    io.write_png(picture, str(tmp_path / "a.png"))
    np.testing.assert_array_equal(io.read_image(str(tmp_path / "a.png")).numpy(), picture.numpy())
    smooth = torch.full((1, 16, 16), 120, dtype=torch.uint8)
    io.write_jpeg(smooth, str(tmp_path / "a.jpg"), quality=95)
    assert int((io.read_image(str(tmp_path / "a.jpg")).int() - 120).abs().max()) <= 2
    assert io.encode_jpeg(smooth).dtype == torch.uint8
    with pytest.raises(RuntimeError, match="uint8 tensor, got"):
        io.encode_png(torch.zeros(3, 4, 4))
    with pytest.raises(RuntimeError, match=r"\(1 or 3, H, W\), got \(4, 4\)"):
        io.encode_png(torch.zeros(4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="between 1 and 100, got 0"):
        io.encode_jpeg(smooth, quality=0)


def test_damaged_pictures_are_named(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RuntimeError, match="broken.png: not readable as a picture"):
        io.read_image(str(path))
    with pytest.raises(RuntimeError, match="absent.png: no such file"):
        io.read_image(str(tmp_path / "absent.png"))
    with pytest.raises(RuntimeError, match="expected a path or a uint8 tensor"):
        io.decode_image(torch.zeros(3))


def test_the_package():
    assert vision.__version__ == "0.28.0"
    assert vision.get_image_backend() == "PIL"
    vision.set_image_backend("PIL")
    with pytest.raises(ValueError, match="Invalid backend 'accimage'"):
        vision.set_image_backend("accimage")
