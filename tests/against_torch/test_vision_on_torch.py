"""rushlight.vision running on rushlight against the very same source running on PyTorch.

The package imports its tensors, layers and random numbers by relative paths; here a second copy of it is
loaded under a parent package in which those paths lead to torch. What both compute from the same seed has to
agree: initial weights, outputs, gradients, random pictures.
"""

import importlib
import os
import sys
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402
import rushlight.vision as ours  # noqa: E402

PARENT = "vision_on_torch"


def module(name, **names):
    made = types.ModuleType(f"{PARENT}.{name}" if name else PARENT)
    made.__path__ = []
    vars(made).update(names)
    sys.modules[made.__name__] = made
    return made


def torch_s(package):
    return {name: getattr(package, name) for name in dir(package) if not name.startswith("__")}


@pytest.fixture(scope="module")
def theirs():
    """The copy of rushlight.vision that runs on torch."""
    parent = module("", nn=torch.nn)
    parent.__path__ = [os.path.dirname(rushlight.__file__)]
    parent.functions = module("functions", **torch_s(torch))
    module("tensor", Tensor=torch.Tensor)
    dtypes = "bool uint8 int8 int16 int32 int64 uint16 float16 float32 float64".split()
    module(
        "dtypes", get_default_dtype=torch.get_default_dtype, **{name: getattr(torch, name) for name in dtypes}
    )
    parent.nn = module("nn", **torch_s(torch.nn))
    module("nn.functional", **torch_s(torch.nn.functional))
    module("nn.parameter", Parameter=torch.nn.Parameter)
    module("data", Dataset=torch.utils.data.Dataset)
    module("checkpoint", load=torch.load)
    yield importlib.import_module(f"{PARENT}.vision")
    for name in [name for name in sys.modules if name.split(".")[0] == PARENT]:
        del sys.modules[name]


def seeded(seed):
    rushlight.manual_seed(seed)
    torch.manual_seed(seed)


def both(array):
    return rushlight.from_numpy(array.copy()), torch.from_numpy(array.copy())


def close(mine, other, atol=1e-5, rtol=1e-4):
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), atol=atol, rtol=rtol)


PIXELS = np.random.default_rng(0).integers(10, 220, (3, 18, 24), dtype=np.uint8)

TRANSFORMS = {
    "Resize": lambda T: T.Resize((7, 11)),
    "ResizeCubic": lambda T: T.Resize(9, interpolation=T.InterpolationMode.BICUBIC),
    "ResizeNearest": lambda T: T.Resize(29, interpolation=T.InterpolationMode.NEAREST),
    "CenterCrop": lambda T: T.CenterCrop((30, 5)),
    "Pad": lambda T: T.Pad((1, 2), padding_mode="reflect"),
    "RandomCrop": lambda T: T.RandomCrop(9, padding=2),
    "RandomResizedCrop": lambda T: T.RandomResizedCrop(8),
    "RandomHorizontalFlip": lambda T: T.RandomHorizontalFlip(),
    "RandomRotation": lambda T: T.RandomRotation(40, fill=3),
    "RandomRotationSmooth": lambda T: T.RandomRotation(
        40, interpolation=T.InterpolationMode.BILINEAR, expand=True
    ),
    "RandomAffine": lambda T: T.RandomAffine(20, (0.1, 0.2), (0.8, 1.3), 10),
    "RandomPerspective": lambda T: T.RandomPerspective(p=1.0),
    "ElasticTransform": lambda T: T.ElasticTransform(sigma=1.0),
    "ColorJitter": lambda T: T.ColorJitter(0.5, 0.5, 0.5, 0.3),
    "Grayscale": lambda T: T.Grayscale(3),
    "GaussianBlur": lambda T: T.GaussianBlur(5),
    "RandomAdjustSharpness": lambda T: T.RandomAdjustSharpness(2.0, 1.0),
    "RandomAutocontrast": lambda T: T.RandomAutocontrast(1.0),
    "RandomErasing": lambda T: T.RandomErasing(1.0),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("floating", [False, True])
def test_tensor_transforms(theirs, name, floating):
    pixels = PIXELS.astype(np.float32) / 255 if floating else PIXELS
    mine, other = both(pixels)
    make = TRANSFORMS[name]
    for seed in range(2):
        seeded(seed)
        a = make(ours.transforms)(mine).numpy().astype(float)
        seeded(seed)
        b = make(theirs.transforms)(other).numpy().astype(float)
        assert a.shape == b.shape
        # A sampling position on the border of two pixels may round to either.
        wrong = np.abs(a - b) > (1e-4 if floating else 1)
        assert wrong.mean() < 0.01


@pytest.mark.parametrize(
    "name", ["AutoAugment", "RandAugment", "TrivialAugmentWide", "RandomEqualize", "RandomInvert"]
)
def test_policies_on_tensors(theirs, name):
    mine, other = both(PIXELS)
    for seed in range(4):
        seeded(seed)
        a = getattr(ours.transforms, name)()(mine).numpy().astype(int)
        seeded(seed)
        b = getattr(theirs.transforms, name)()(other).numpy().astype(int)
        assert np.mean(np.abs(a - b) > 1) < 0.01


def small_efficientnet(models):
    room = models.efficientnet
    stages = [room.FusedMBConvConfig(2, 3, 2, 8, 8, 1), room.MBConvConfig(4, 5, 2, 8, 16, 2)]
    return room.EfficientNet(stages, 0.2, num_classes=5, last_channel=24)


MODELS = {
    "lenet": lambda models: models.lenet(num_classes=5),
    "squeezenet": lambda models: models.squeezenet1_1(num_classes=5),
    "resnet": lambda models: models.ResNet(models.resnet.BasicBlock, [1, 2, 1, 1], num_classes=5),
    "bottleneck": lambda models: models.resnet.Bottleneck(16, 4, groups=2, base_width=128),
    "mobilenet": lambda models: models.MobileNetV2(
        5, width_mult=0.35, inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 2, 2]]
    ),
    "efficientnet": small_efficientnet,
    "densenet": lambda models: models.DenseNet(8, (2, 2), 16, num_classes=5),
    "inception": lambda models: sys.modules[models.__name__ + ".googlenet"].Inception(24, 8, 8, 12, 4, 6, 5),
    "inception_c": lambda models: models.inception.InceptionC(16, 8),
    "aspp": lambda models: models.segmentation.deeplabv3.ASPP(16, (2, 4), 8),
}
INPUTS = {
    "lenet": (1, 28),
    "bottleneck": (16, 9),
    "inception": (24, 5),
    "inception_c": (16, 9),
    "aspp": (16, 9),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_start_and_answer_alike(theirs, name):
    seeded(3)
    mine = MODELS[name](ours.models).eval()
    seeded(3)
    other = MODELS[name](theirs.models).eval()
    states = mine.state_dict(), other.state_dict()
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        close(value, states[1][key], atol=1e-6)
    channels, size = INPUTS.get(name, (3, 33))
    shape = (2, channels, size, size)
    x, y = both(np.random.default_rng(0).random(shape, dtype=np.float32))
    with rushlight.no_grad(), torch.no_grad():
        close(mine(x), other(y), atol=1e-3, rtol=1e-3)


def test_a_resnet_s_gradients(theirs):
    seeded(0)
    mine = ours.models.ResNet(ours.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3)
    seeded(0)
    other = theirs.models.ResNet(theirs.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3)
    x, y = both(np.random.default_rng(0).random((2, 3, 33, 33), dtype=np.float32))
    mine(x).square().sum().backward()
    other(y).square().sum().backward()
    for (name, parameter), (_, reference) in zip(
        mine.named_parameters(), other.named_parameters(), strict=True
    ):
        scale = reference.grad.abs().max().item() + 1e-6
        difference = np.abs(parameter.grad.numpy() - reference.grad.numpy()).max()
        assert difference <= 2e-3 * scale, name


def test_a_vision_transformer(theirs):
    arguments = (16, 8, 2, 2, 8, 12)
    seeded(1)
    mine = ours.models.VisionTransformer(*arguments, num_classes=3, representation_size=4).eval()
    seeded(1)
    other = theirs.models.VisionTransformer(*arguments, num_classes=3, representation_size=4).eval()
    other.load_state_dict(
        {name: torch.from_numpy(value.numpy()) for name, value in mine.state_dict().items()}
    )
    with rushlight.no_grad():
        mine.heads.head.weight.normal_()
    with torch.no_grad():
        other.heads.head.weight.copy_(torch.from_numpy(mine.heads.head.weight.detach().numpy()))
    x, y = both(np.random.default_rng(0).random((2, 3, 16, 16), dtype=np.float32))
    close(mine(x), other(y), atol=1e-4)


def test_regions_and_deformable_convolution(theirs):
    rng = np.random.default_rng(0)
    mine, other = both(rng.standard_normal((2, 3, 8, 9)).astype(np.float32))
    mine.requires_grad_()
    other.requires_grad_()
    rois = np.float32([[0, 1, 1, 6, 7], [1, 0, 2, 9, 9]])
    offsets = rng.standard_normal((2, 18, 6, 7)).astype(np.float32)
    weights = rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
    for package, x in ((ours, mine), (theirs, other)):
        wrap = rushlight.from_numpy if package is ours else torch.from_numpy
        aligned = package.ops.roi_align(x, wrap(rois), (3, 2), aligned=True)
        pooled = package.ops.roi_pool(x, wrap(rois), (3, 2))
        deformed = package.ops.deform_conv2d(x, wrap(offsets), wrap(weights))
        (aligned.square().sum() + pooled.square().sum() + deformed.square().sum()).backward()
    close(mine.grad, other.grad, atol=1e-3, rtol=1e-3)


def test_fake_data(theirs):
    for index in range(3):
        mine = ours.datasets.FakeData(size=3, image_size=(3, 6, 5))[index]
        other = theirs.datasets.FakeData(size=3, image_size=(3, 6, 5))[index]
        assert mine[1] == other[1]
        # A normal number may differ in its last bit, and so may a cut value by one.
        difference = np.asarray(mine[0]).astype(int) - np.asarray(other[0]).astype(int)
        assert np.mean(difference % 256 != 0) < 0.02
