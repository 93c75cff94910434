"""Models: their parameters' names and numbers, their outputs' shapes, and where weights come from."""

import math
import os

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.vision import models

RESNET18_NAMES = [
    "conv1.weight",
    "bn1.weight",
    "bn1.bias",
    "bn1.running_mean",
    "bn1.running_var",
    "bn1.num_batches_tracked",
    "layer1.0.conv1.weight",
    "layer2.0.downsample.0.weight",
    "layer2.0.downsample.1.running_var",
    "layer4.1.bn2.bias",
    "fc.weight",
    "fc.bias",
]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def shapes_only(build):
    """A model without numbers: its modules, names and shapes."""
    with torch.device("meta"):
        return build()


SETTINGS = {"googlenet": {"aux_logits": False}}
for name in models.list_models(models.segmentation):
    SETTINGS[name] = {"weights_backbone": None, "aux_loss": True}
PUBLISHED = models.list_models(exclude=["lenet", "vit_*"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_number_of_parameters_is_the_published_one(name):
    model = shapes_only(lambda: models.get_model(name, **SETTINGS.get(name, {})))
    assert count(model) == models.get_model_weights(name).DEFAULT.meta["num_params"]


@pytest.mark.parametrize("name", ["vit_b_16", "vit_b_32"])
def test_vision_transformers_have_the_published_number_of_parameters(name):
    weights = models.get_model_weights(name).IMAGENET1K_V1
    assert count(shapes_only(lambda: models.get_model(name))) == weights.meta["num_params"]


def test_resnet_s_names():
    names = list(shapes_only(models.resnet18).state_dict())
    assert [name for name in names if name in RESNET18_NAMES] == RESNET18_NAMES
    assert len(names) == 122
    assert len(shapes_only(models.resnet50).state_dict()) == 320


@pytest.mark.parametrize(
    ("name", "size", "settings"),
    [
        ("resnet18", 33, {}),
        ("squeezenet1_1", 33, {}),
        ("mobilenet_v2", 33, {}),
    ],
)
def test_output_shapes(name, size, settings):
    model = models.get_model(name, num_classes=5, **settings).eval()
    with torch.no_grad():
        result = model(torch.rand(2, 3, size, size))
    assert tuple(result.shape) == (2, 5)
    assert bool(torch.isfinite(result).all())


def test_lenet():
    assert count(models.LeNet()) == 61706
    assert tuple(models.LeNet()(torch.rand(3, 1, 28, 28)).shape) == (3, 10)
    wide = models.lenet(num_classes=4, in_channels=3, image_size=32)
    assert tuple(wide(torch.rand(1, 3, 32, 32)).shape) == (1, 4)
    with pytest.raises(ValueError, match="28 or 32, got 30"):
        models.LeNet(image_size=30)


def test_vgg_s_layers():
    features = models.vgg.make_layers(models.vgg.cfgs["A"], batch_norm=True)
    assert sum(isinstance(layer, nn.Conv2d) for layer in features) == 8
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in features) == 8
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in features) == 5
    assert tuple(features(torch.rand(1, 3, 32, 32)).shape) == (1, 512, 1, 1)


def test_vision_transformer():
    model = models.VisionTransformer(32, 8, 2, 4, 16, 24, num_classes=3, representation_size=8)
    names = [name for name, _ in model.named_parameters()]
    assert names[:3] == ["class_token", "conv_proj.weight", "conv_proj.bias"]
    assert "encoder.layers.encoder_layer_1.self_attention.in_proj_weight" in names
    assert "encoder.layers.encoder_layer_0.mlp.3.bias" in names
    assert "heads.pre_logits.weight" in names
    assert tuple(model(torch.rand(2, 3, 32, 32)).shape) == (2, 3)
    with pytest.raises(AssertionError, match="Expected 32 by 32 but got 32 by 40"):
        model(torch.rand(1, 3, 32, 40))


def test_inception_modules_train_with_their_auxiliary_output():
    googlenet = models.googlenet(num_classes=4)
    outputs = googlenet(torch.rand(2, 3, 64, 64))
    assert outputs._fields == ("logits", "aux_logits2", "aux_logits1")
    assert all(tuple(output.shape) == (2, 4) for output in outputs)
    block = models.inception.InceptionE(6)
    assert tuple(block(torch.rand(1, 6, 5, 5)).shape) == (1, 2048, 5, 5)
    assert tuple(models.inception.InceptionA(6, 8)(torch.rand(1, 6, 5, 5)).shape) == (1, 232, 5, 5)
    assert tuple(models.inception.InceptionC(6, 7)(torch.rand(1, 6, 5, 5)).shape) == (1, 768, 5, 5)


def small_resnet(**settings):
    return models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], **settings)


def test_segmentation_gives_full_size():
    segmentation = models.segmentation
    backbone = models._utils.IntermediateLayerGetter(small_resnet(), {"layer4": "out", "layer3": "aux"})
    heads = segmentation.deeplabv3.DeepLabHead(512, 3, (2, 3)), segmentation.fcn.FCNHead(256, 3)
    model = segmentation.DeepLabV3(backbone, *heads).eval()
    with torch.no_grad():
        result = model(torch.rand(1, 3, 33, 40))
    assert list(result) == ["out", "aux"]
    assert tuple(result["out"].shape) == tuple(result["aux"].shape) == (1, 3, 33, 40)
    built = shapes_only(lambda: segmentation.fcn_resnet50(weights_backbone=None, num_classes=3)).state_dict()
    assert not any(name.startswith("aux_classifier") for name in built)
    assert tuple(built["classifier.4.weight"].shape) == (3, 512, 1, 1)


def test_resnet_initial_weights():
    torch.manual_seed(0)
    model = small_resnet(zero_init_residual=True)
    std = model.layer3[0].conv1.weight.std().item()
    assert std == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.02)
    assert model.layer1[0].bn2.weight.abs().max().item() == 0.0
    assert model.layer1[0].bn1.weight.min().item() == 1.0
    torch.manual_seed(0)
    again = small_resnet(zero_init_residual=True)
    np.testing.assert_array_equal(model.fc.weight.detach().numpy(), again.fc.weight.detach().numpy())


def test_resnet_dilates():
    model = models.ResNet(
        models.resnet.Bottleneck,
        [1, 1, 1, 1],
        num_classes=2,
        replace_stride_with_dilation=[False, True, True],
    )
    getter = models._utils.IntermediateLayerGetter(model, {"layer4": "out", "layer2": "mid"})
    outputs = getter(torch.rand(1, 3, 64, 64))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "mid": (1, 512, 8, 8),
        "out": (1, 2048, 8, 8),
    }
    with pytest.raises(ValueError, match=r"\['layer9'\] not among"):
        models._utils.IntermediateLayerGetter(model, {"layer9": "out"})
    with pytest.raises(ValueError, match="groups=2, base_width=64"):
        models.resnet.BasicBlock(4, 4, groups=2)


def test_a_resnet_learns():
    torch.manual_seed(0)
    model = small_resnet(num_classes=2)
    x, y = torch.rand(4, 3, 64, 64), torch.tensor([0, 1, 0, 1])
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and bool(torch.isfinite(gradient).all()) for gradient in gradients)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.001 * parameter.grad
    assert nn.functional.cross_entropy(model(x), y).item() < loss.item()


@pytest.mark.parametrize("name", ["squeezenet1_1", "lenet"])
def test_weights_come_from_a_local_file(tmp_path, name):
    torch.manual_seed(0)
    model = models.get_model(name, num_classes=3)
    path = tmp_path / "weights.pt"
    torch.save(model.state_dict(), path)
    for given in (path, str(path)):
        again = models.get_model(name, weights=given, num_classes=3)
        for (key, value), (_, other) in zip(
            model.state_dict().items(), again.state_dict().items(), strict=True
        ):
            np.testing.assert_array_equal(value.numpy(), other.numpy(), err_msg=key)
    torch.save([1, 2], path)
    with pytest.raises(TypeError, match="a state dict was expected, the file holds a list"):
        models.get_model(name, weights=path)


def test_published_weights_say_what_to_get(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for weights in (models.ResNet18_Weights.IMAGENET1K_V1, "IMAGENET1K_V1", "DEFAULT"):
        with pytest.raises(RuntimeError, match=r"resnet18-f37072fd.pth and pass a local file"):
            models.resnet18(weights=weights)
    with pytest.warns(UserWarning, match="'pretrained' is deprecated"):
        with pytest.raises(RuntimeError, match="does not download weights"):
            models.vgg11(pretrained=True)
    with pytest.warns(UserWarning, match="'pretrained' is deprecated"):
        assert isinstance(models.squeezenet1_1(pretrained=False), models.SqueezeNet)
    with pytest.raises(FileNotFoundError, match="squeezenet1_1: there is no file absent.pth"):
        models.squeezenet1_1(weights="absent.pth")
    with pytest.raises(TypeError, match=r"expected ResNet18_Weights \(IMAGENET1K_V1"):
        models.resnet18(weights="V9")
    with pytest.raises(ValueError, match="expected value 1000 for .* but got 10"):
        models.resnet18(weights="DEFAULT", num_classes=10)


def test_published_weights_are_found_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    os.makedirs(folder)
    model = models.squeezenet1_1()
    torch.save(model.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    again = models.squeezenet1_1(weights=models.SqueezeNet1_1_Weights.DEFAULT)
    np.testing.assert_array_equal(
        model.features[0].weight.detach().numpy(), again.features[0].weight.detach().numpy()
    )


def test_weights_carry_their_preprocessing():
    weights = models.ResNet50_Weights.DEFAULT
    assert weights is models.ResNet50_Weights.IMAGENET1K_V2
    assert repr(weights) == "ResNet50_Weights.IMAGENET1K_V2"
    assert weights.meta["num_params"] == 25557032
    preprocess = weights.transforms()
    assert (preprocess.resize_size, preprocess.crop_size) == ([232], [224])
    result = preprocess(torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8))
    assert tuple(result.shape) == (3, 224, 224)
    assert "resize_size=[232]" in repr(preprocess)
    assert models.get_weight("ResNet50_Weights.IMAGENET1K_V1") is models.ResNet50_Weights.IMAGENET1K_V1
    assert models.get_model_weights("resnet50") is models.ResNet50_Weights
    assert models.get_model_weights(models.resnet50) is models.ResNet50_Weights


def test_the_registry():
    assert models.list_models(include="vgg1*", exclude="*_bn") == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert models.list_models(models.segmentation) == [
        "deeplabv3_resnet101",
        "deeplabv3_resnet50",
        "fcn_resnet101",
        "fcn_resnet50",
    ]
    assert models.get_model_builder("ResNet18") is models.resnet18
    with pytest.raises(ValueError, match="Unknown model resnet19"):
        models.get_model("resnet19")
    with pytest.raises(ValueError, match="without published weights"):
        models.get_model_weights("lenet")


def test_densenet_reads_the_names_of_published_files():
    rename = models.densenet._present_name
    assert rename("features.denseblock1.denselayer2.norm.1.weight") == (
        "features.denseblock1.denselayer2.norm1.weight"
    )
    assert rename("features.norm5.weight") == "features.norm5.weight"


def test_feature_extraction():
    extraction = models.feature_extraction
    model = small_resnet(num_classes=2).eval()
    train, evaluation = extraction.get_graph_node_names(model)
    assert "layer1.0.conv1" in train and train == evaluation
    extractor = extraction.create_feature_extractor(
        model, {"layer2": "mid", "layer1.0.relu_0": "first", "fc": "out"}
    )
    x = torch.rand(1, 3, 33, 33)
    with torch.no_grad():
        found = extractor(x)
        np.testing.assert_array_equal(found["out"].numpy(), model(x).numpy())
        stem = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        np.testing.assert_array_equal(found["mid"].numpy(), model.layer2(model.layer1(stem)).numpy())
        block = model.layer1[0]
        first = block.relu(block.bn1(block.conv1(stem)))
        np.testing.assert_array_equal(found["first"].numpy(), first.numpy())
    assert list(found) == ["mid", "first", "out"]
    assert list(extractor.state_dict()) == list(model.state_dict())
    assert extractor.train().layer1 is model.layer1
    with pytest.raises(ValueError, match="node: 'layer9' is not present"):
        extraction.create_feature_extractor(model, ["layer9"])
    with pytest.raises(ValueError, match="train_return_nodes and eval_return_nodes together"):
        extraction.create_feature_extractor(model, train_return_nodes=["fc"])
