"""The augmentation policies: their tables, their draws, and that each operation does something sensible."""

import numpy as np
import pytest
from PIL import Image

import rushlight as torch
from rushlight.vision import transforms as T
from rushlight.vision.transforms import autoaugment

PIXELS = np.random.default_rng(0).integers(10, 220, (24, 32, 3), dtype=np.uint8)
IMAGE = Image.fromarray(PIXELS)


def tensor():
    return torch.from_numpy(np.ascontiguousarray(PIXELS.transpose(2, 0, 1)))


@pytest.mark.parametrize("policy", list(T.AutoAugmentPolicy))
def test_policies_have_25_pairs_of_known_operations(policy):
    pairs = autoaugment.sub_policies(policy)
    table = T.AutoAugment(policy)._augmentation_space(10, (24, 32))
    assert len(pairs) == 25
    for pair in pairs:
        assert len(pair) == 2
        for name, probability, level in pair:
            assert 0.0 <= probability <= 1.0
            assert (level is None) == (table[name][0].ndim == 0)
            assert level is None or 0 <= level <= 9


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="policy imagenet is not recognized"):
        T.AutoAugment("imagenet")
    with pytest.raises(ValueError, match="operator Blur is not recognized"):
        autoaugment.apply_operation(IMAGE, "Blur", 0.0, T.InterpolationMode.NEAREST, None)
    with pytest.raises(ValueError, match=r"between \[1, 10\]. Got 11"):
        T.AugMix(severity=11)


def test_magnitudes():
    table = T.RandAugment()._augmentation_space(31, (24, 32))
    assert list(table) == [
        "Identity",
        "ShearX",
        "ShearY",
        "TranslateX",
        "TranslateY",
        "Rotate",
        "Brightness",
        "Color",
        "Contrast",
        "Sharpness",
        "Posterize",
        "Solarize",
        "AutoContrast",
        "Equalize",
    ]
    assert table["TranslateX"][0][-1].item() == pytest.approx(150 / 331 * 32, rel=1e-6)
    assert table["Posterize"][0].tolist() == [8 - round(i / 7.5) for i in range(31)]
    assert table["Solarize"][0][0].item() == 255.0
    wide = T.TrivialAugmentWide()._augmentation_space(31)
    assert (wide["Rotate"][0][-1].item(), wide["Posterize"][0][-1].item()) == (135.0, 2)


@pytest.mark.parametrize("name", sorted(autoaugment._OPERATIONS))
def test_operations_agree_between_images_and_tensors(name):
    magnitude = {"Posterize": 3, "Solarize": 120.0, "TranslateX": 5.0, "TranslateY": -4.0, "Rotate": 15.0}
    magnitude = magnitude.get(name, 0.3)
    mode = T.InterpolationMode.NEAREST
    image = np.asarray(autoaugment.apply_operation(IMAGE, name, magnitude, mode, None)).astype(int)
    result = autoaugment.apply_operation(tensor(), name, magnitude, mode, None).numpy().transpose(1, 2, 0)
    assert np.mean(np.abs(result.astype(int) - image) > 2) < 0.02
    assert (name == "Identity") == (image.tobytes() == PIXELS.astype(int).tobytes())


@pytest.mark.parametrize(
    "transform",
    [
        T.AutoAugment(),
        T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=3),
        T.AutoAugment(T.AutoAugmentPolicy.SVHN, fill=[1.0, 2.0, 3.0]),
        T.RandAugment(),
        T.TrivialAugmentWide(),
        T.AugMix(),
        T.AugMix(all_ops=False, chain_depth=2),
    ],
    ids=repr,
)
def test_images_and_tensors_keep_their_kind(transform):
    for seed in range(3):
        torch.manual_seed(seed)
        image = transform(IMAGE)
        assert (image.size, image.mode) == (IMAGE.size, "RGB")
        torch.manual_seed(seed)
        result = transform(tensor())
        assert (tuple(result.shape), result.dtype) == ((3, 24, 32), torch.uint8)
    sample = transform({"image": IMAGE, "label": 4})
    assert sample["label"] == 4


def test_draws_come_in_torchvision_s_order():
    torch.manual_seed(9)
    policy_id, probs, signs = T.AutoAugment.get_params(25)
    torch.manual_seed(9)
    assert policy_id == int(torch.randint(25, (1,)).item())
    assert probs.tolist() == torch.rand((2,)).tolist()
    assert signs.tolist() == torch.randint(2, (2,)).tolist()

    torch.manual_seed(2)
    result = T.TrivialAugmentWide()(IMAGE)
    torch.manual_seed(2)
    table = T.TrivialAugmentWide()._augmentation_space(31)
    name = list(table)[int(torch.randint(14, (1,)).item())]
    values, signed = table[name]
    magnitude = values[torch.randint(31, (1,)).item()].item() if values.ndim else 0.0
    if signed and torch.randint(2, (1,)).item():
        magnitude = -magnitude
    expected = autoaugment.apply_operation(IMAGE, name, magnitude, T.InterpolationMode.NEAREST, None)
    assert result.tobytes() == expected.tobytes()


def test_reprs():
    assert repr(T.RandAugment()) == (
        "RandAugment(num_ops=2, magnitude=9, num_magnitude_bins=31, "
        "interpolation=InterpolationMode.NEAREST, fill=None)"
    )
    assert repr(T.TrivialAugmentWide()) == (
        "TrivialAugmentWide(num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None)"
    )
    assert repr(T.AugMix()) == (
        "AugMix(severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True, "
        "interpolation=InterpolationMode.BILINEAR, fill=None)"
    )
