"""What transforms do with samples: dictionaries, containers, and the second version's nested samples."""

import pickle

import numpy as np
import pytest
from PIL import Image

import rushlight as torch
from rushlight.vision import transforms as T
from rushlight.vision.transforms import v2

GUIDE = T.Compose(
    [
        T.Resize((256, 256)),
        T.RandomCrop((224, 224)),
        T.RandomHorizontalFlip(),
        T.ToTensor(),
        T.Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
    ]
)


def image(width=300, height=260, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


class Pairs:
    """A dataset of dictionaries, as the guide writes it."""

    def __init__(self, transform):
        self.data = [image(seed=index) for index in range(4)]
        self.labels = [0, 1, 2, 3]
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.transform({"data": self.data[index], "label": self.labels[index]})


def test_the_guide_s_pipeline_on_dictionaries():
    torch.manual_seed(0)
    dataset = Pairs(GUIDE)
    places, flips = set(), 0
    for repeat in range(12):
        index = repeat % 4
        sample = dataset[index]
        assert sorted(sample) == ["data", "label"]
        assert sample["label"] == index
        picture = sample["data"]
        assert tuple(picture.shape) == (3, 224, 224)
        assert picture.dtype == torch.float32
        assert -1.0 <= float(picture.min()) < float(picture.max()) <= 1.0
        top, left, flipped = place_of(picture.numpy(), dataset.data[index])
        places.add((top, left))
        flips += flipped
    assert len(places) > 6
    assert 0 < flips < 12


def place_of(picture, original):
    """Where in the resized original a cut of it lies, and whether it is mirrored."""
    resized = np.asarray(original.resize((256, 256), Image.Resampling.BILINEAR), dtype=np.float32)
    whole = ((resized / 255 - 0.5) / 0.5).transpose(2, 0, 1)
    for flipped in (False, True):
        cut = picture[:, :, ::-1] if flipped else picture
        windows = np.abs(whole[0, :33, :33] - cut[0, 0, 0]) < 1e-5
        for top, left in np.argwhere(windows):
            if np.allclose(whole[:, top : top + 224, left : left + 224], cut, atol=1e-5):
                return int(top), int(left), flipped
    raise AssertionError("the picture is no cut of the original")


def test_the_sample_itself_is_left_alone():
    original = image()
    sample = {"image": original, "label": 3, "name": "a"}
    changed = T.CenterCrop(8)(sample)
    assert sample["image"] is original
    assert changed is not sample
    assert (changed["label"], changed["name"], changed["image"].size) == (3, "a", (8, 8))


@pytest.mark.parametrize(
    ("sample", "key"),
    [
        ({"x": image(), "y": 1}, "x"),
        ({"label": torch.zeros(3), "scan": torch.zeros(1, 4, 4)}, "scan"),
        ({"mask": image(), "image": image()}, "image"),
        ({"first": image(), "second": image()}, "first"),
        ({"mask": torch.zeros(4, 4), "img": torch.zeros(3, 4, 4)}, "img"),
        ({"target": torch.zeros(5, 4), "input": torch.zeros(3, 4, 4)}, "input"),
        ({"features": torch.zeros(5, 4), "photo": image()}, "photo"),
    ],
)
def test_which_entry_is_the_picture(sample, key):
    changed = T.RandomVerticalFlip(1.0)(sample)
    assert [name for name in sample if changed[name] is not sample[name]] == [key]


def test_the_picture_stays_the_picture_along_a_pipeline():
    sample = {"image": image(20, 20), "mask": image(20, 20)}
    pipeline = T.Compose(
        [T.CenterCrop(8), T.ToTensor(), T.Normalize([0.5] * 3, [0.5] * 3), T.RandomVerticalFlip(1.0)]
    )
    changed = pipeline(sample)
    assert changed["mask"] is sample["mask"]
    assert tuple(changed["image"].shape) == (3, 8, 8)
    other = {"photo": image(20, 20), "mask": image(20, 20)}
    tensor = T.Normalize([0.5] * 3, [0.5] * 3)(T.ToTensor()(other))
    assert tensor["mask"] is other["mask"]


def test_arrays_are_pictures_for_to_tensor():
    pixels = np.full((4, 5, 3), 255, np.uint8)
    changed = T.ToTensor()({"data": pixels, "label": 1})
    assert tuple(changed["data"].shape) == (3, 4, 5)
    assert float(changed["data"].min()) == 1.0
    back = T.ToPILImage()({"data": pixels})
    assert back["data"].size == (5, 4)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ({"label": 3}, r"no picture in the sample \{'label': int\}"),
        ({"a": torch.zeros(2, 2), "b": torch.zeros(2, 2)}, "several arrays could be the picture"),
    ],
)
def test_a_sample_without_a_clear_picture(sample, says):
    with pytest.raises(TypeError, match=says):
        T.RandomVerticalFlip(1.0)(sample)


def test_a_tuple_is_refused_as_in_torchvision():
    with pytest.raises(TypeError, match="Unexpected type <class 'tuple'>"):
        T.Resize(4)((image(), 1))


def test_a_user_s_subclass_and_function_see_what_they_expect():
    class Cut(T.RandomCrop):
        def forward(self, img, box=(0, 0)):
            return T.functional.crop(img, *box, *self.size)

    sample = Cut(3)({"image": image(), "label": 1})
    assert sample["image"].size == (3, 3)
    assert Cut(3)(image(), (1, 1)).size == (3, 3)
    assert T.Lambda(lambda sample: sample["label"])({"image": image(), "label": 1}) == 1


def test_random_apply_and_order_and_choice():
    add, double = T.Lambda(lambda x: x + 1), T.Lambda(lambda x: x * 2)
    torch.manual_seed(0)
    outcomes = {T.RandomApply([add, double], p=0.5)(1) for _ in range(40)}
    assert outcomes == {1, 4}
    assert {T.RandomOrder([add, double])(1) for _ in range(60)} == {3, 4}
    assert {T.RandomChoice([add, double], p=[1, 0])(3) for _ in range(20)} == {4}
    assert {T.RandomChoice([add, double])(3) for _ in range(60)} == {4, 6}
    with pytest.raises(TypeError, match="callable, got 'int'"):
        T.Lambda(3)
    with pytest.raises(TypeError, match="should be a sequence"):
        T.RandomOrder(add)


def test_container_reprs():
    assert repr(GUIDE) == (
        "Compose(\n"
        "    Resize(size=(256, 256), interpolation=bilinear, max_size=None, antialias=True)\n"
        "    RandomCrop(size=(224, 224), padding=None)\n"
        "    RandomHorizontalFlip(p=0.5)\n"
        "    ToTensor()\n"
        "    Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])\n"
        ")"
    )
    assert (
        repr(T.RandomApply([T.CenterCrop(3)], p=0.2))
        == "RandomApply(\n    p=0.2\n    CenterCrop(size=(3, 3))\n)"
    )
    assert repr(T.RandomChoice([T.ToTensor()])) == "RandomChoice(\n    ToTensor()\n)(p=None)"
    assert repr(T.ToPILImage("RGB")) == "ToPILImage(mode=RGB)"
    assert repr(T.ToPILImage()) == "ToPILImage()"
    assert repr(T.Lambda(len)) == "Lambda()"


def test_transforms_can_be_sent_to_workers():
    again = pickle.loads(pickle.dumps(GUIDE))
    assert repr(again) == repr(GUIDE)
    torch.manual_seed(4)
    first = GUIDE(image())
    torch.manual_seed(4)
    np.testing.assert_array_equal(first.numpy(), again(image()).numpy())


def test_v2_takes_arguments_tuples_and_dictionaries():
    pipeline = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(16, antialias=True),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    picture, label = pipeline(image(), 7)
    assert (tuple(picture.shape), picture.dtype, label) == ((3, 16, 16), torch.float32, 7)
    assert float(picture.abs().max()) <= 1.0
    picture, (label, name) = pipeline((image(), (7, "a")))
    assert (tuple(picture.shape), label, name) == ((3, 16, 16), 7, "a")
    sample = pipeline({"image": image(), "boxes": torch.zeros(3, 4), "label": 2})
    assert tuple(sample["image"].shape) == (3, 16, 16)
    assert tuple(sample["boxes"].shape) == (3, 4)


def test_v2_draws_once_for_all_images_of_a_sample():
    torch.manual_seed(1)
    first = image(40, 40)
    crops = v2.RandomCrop(5)(first, first.copy(), 3)
    np.testing.assert_array_equal(np.asarray(crops[0]), np.asarray(crops[1]))
    after = torch.rand(1).item()
    torch.manual_seed(1)
    alone = v2.RandomCrop(5)(first)
    np.testing.assert_array_equal(np.asarray(alone), np.asarray(crops[0]))
    assert torch.rand(1).item() == after


def test_v2_functions_and_extras():
    F = v2.functional
    picture = image(8, 6)
    assert F.resize(inpt=picture, size=[3, 4]).size == (4, 3)
    assert F.get_size(picture) == [6, 8]
    assert tuple(F.to_image(np.zeros((6, 8, 3), np.uint8)).shape) == (3, 6, 8)
    scaled = F.to_dtype(F.to_image(picture), torch.float32, scale=True)
    np.testing.assert_allclose(scaled.numpy(), T.functional.to_tensor(picture).numpy(), atol=1e-7)
    assert F.to_dtype(F.to_image(picture), torch.float32).max() > 1.0
    torch.manual_seed(0)
    noisy = v2.GaussianNoise(sigma=0.2)(torch.full((1, 30, 30), 0.5))
    assert 0.1 < float(noisy.std()) < 0.3
    assert 0.0 <= float(noisy.min()) and float(noisy.max()) <= 1.0
    assert v2.RGB()(picture.convert("L")).mode == "RGB"
    assert tuple(v2.RandomResize(4, 5)(torch.zeros(3, 8, 10)).shape) == (3, 4, 5)
    assert v2.Lambda(lambda x: x + 1, int)((1, "a", {"b": 2})) == (2, "a", {"b": 3})
    assert v2.RandomApply([v2.ToImage()], p=0.0)(picture) is picture
    assert v2.RandomChoice([v2.CenterCrop(2), v2.CenterCrop(2)])(picture).size == (2, 2)
    assert v2.RandomOrder([v2.CenterCrop(2), v2.ToImage()])(picture).shape[-1] == 2
    with pytest.raises(ValueError, match="float dtype"):
        v2.GaussianNoise()(torch.zeros(1, 2, 2, dtype=torch.uint8))
    with pytest.raises(TypeError, match="no picture"):
        v2.CenterCrop(2)((1, 2))


def test_v2_own_transform():
    class Add(v2.Transform):
        def make_params(self, flat_inputs):
            return {"shift": flat_inputs[0].shape[-1]}

        def transform(self, inpt, params):
            return inpt + params["shift"]

    result, label = Add()(torch.zeros(1, 2, 3), 5)
    assert (float(result.max()), label) == (3.0, 5)
