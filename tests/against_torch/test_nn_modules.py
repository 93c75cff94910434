"""The layers of nn beside PyTorch's: names, signatures, repr, state, starting values, errors and hooks.

Most tests are one function that takes a library and returns plain Python values, the same for both.
"""

import copy
import inspect
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")

LIBRARIES = {"torch": torch, "rushlight": rushlight}

# Every layer that can be built without other layers, in a plain form and with its options.
BUILT = {
    "Identity": [(), (3,)],
    "Linear": [(3, 4), (3, 4, False)],
    "Bilinear": [(3, 4, 2), (3, 4, 2, False)],
    "Conv1d": [(4, 6, 3), (4, 6, 3, 2, 1, 2, 2, False), (4, 6, 3, 1, "same", 1, 1, True, "circular")],
    "Conv2d": [(4, 6, 3), (4, 6, (3, 2), (2, 1), (1, 0), 1, 2), (4, 6, 3, 1, "valid")],
    "Conv3d": [(2, 4, 3), (2, 4, (1, 2, 3), 1, 1, 1, 2, True, "reflect")],
    "ConvTranspose1d": [(4, 6, 3), (4, 6, 3, 2, 1, 1, 2, False, 2)],
    "ConvTranspose2d": [(4, 6, 3), (4, 6, (3, 2), 2, 0, 1)],
    "ConvTranspose3d": [(2, 4, 3)],
    "BatchNorm1d": [(5,), (5, 1e-3, None, False), (5, 1e-3, 0.2, True, False)],
    "BatchNorm2d": [(5,)],
    "BatchNorm3d": [(5,)],
    "SyncBatchNorm": [(5,)],
    "InstanceNorm1d": [(5,), (5, 1e-3, 0.2, True, True)],
    "InstanceNorm2d": [(5,)],
    "InstanceNorm3d": [(5,)],
    "LayerNorm": [(5,), ((2, 3), 1e-3, True, False), (5, 1e-3, False)],
    "GroupNorm": [(2, 4), (2, 4, 1e-3, False)],
    "RMSNorm": [(5,), ((2, 3), 1e-3, False)],
    "LocalResponseNorm": [(2,)],
    "CrossMapLRN2d": [(3,), (3, 1.0, 0.5, 2)],
    "Dropout": [(), (0.25, True)],
    "Dropout1d": [()],
    "Dropout2d": [()],
    "Dropout3d": [()],
    "AlphaDropout": [()],
    "FeatureAlphaDropout": [()],
    "Embedding": [(7, 3), (7, 3, -1, 2.0, 1.0, True, True), (7, 3, 0)],
    "EmbeddingBag": [(7, 3), (7, 3, 2.0, 1.0, True, "sum", False, None, True, 2)],
    "RNN": [(3, 4), (3, 4, 2, "relu", False, True, 0.5, True)],
    "LSTM": [(3, 4), (3, 4, 2, True, True, 0.5, True, 2)],
    "GRU": [(3, 4), (3, 4, 2, False, False, 0.0, True)],
    "RNNCell": [(3, 4), (3, 4, False, "relu")],
    "LSTMCell": [(3, 4), (3, 4, False)],
    "GRUCell": [(3, 4)],
    "MultiheadAttention": [(8, 2), (8, 2, 0.1, False, True, True, 5, 6, True), (8, 2, 0.0, True, True)],
    "TransformerEncoderLayer": [(8, 2, 16), (8, 2, 16, 0.2, "gelu", 1e-3, True, True, False)],
    "TransformerDecoderLayer": [(8, 2, 16)],
    "Transformer": [(8, 2, 1, 2, 16)],
    "AdaptiveLogSoftmaxWithLoss": [(16, 20, [5, 10]), (16, 20, [5], 2.0, True)],
    "PReLU": [(), (3, 0.5)],
    "Threshold": [(0.1, 20), (0.1, 20, True)],
    "ReLU": [(), (True,)],
    "ReLU6": [(), (True,)],
    "RReLU": [(), (0.1, 0.2, True)],
    "Hardtanh": [(), (-2.0, 3.0, True)],
    "Sigmoid": [()],
    "Hardsigmoid": [(), (True,)],
    "Tanh": [()],
    "SiLU": [(), (True,)],
    "Mish": [(True,)],
    "Hardswish": [(True,)],
    "ELU": [(), (2.0, True)],
    "CELU": [(), (2.0, True)],
    "SELU": [(), (True,)],
    "GLU": [(), (1,)],
    "GELU": [(), ("tanh",)],
    "Hardshrink": [()],
    "Softshrink": [()],
    "LeakyReLU": [(), (0.2, True)],
    "LogSigmoid": [()],
    "Softplus": [(), (2, 10)],
    "Softsign": [()],
    "Tanhshrink": [()],
    "Softmin": [(1,)],
    "Softmax": [(), (1,)],
    "Softmax2d": [()],
    "LogSoftmax": [(0,)],
    "MaxPool1d": [(2,), (2, 1, 1, 2, True, True)],
    "MaxPool2d": [(2,), ((2, 3), 1)],
    "MaxPool3d": [(2,)],
    "MaxUnpool1d": [(2,)],
    "MaxUnpool2d": [(2, 3, 1)],
    "MaxUnpool3d": [(2,)],
    "AvgPool1d": [(2,), (2, 3, 1)],
    "AvgPool2d": [(2,), ((2, 3), None, 1)],
    "AvgPool3d": [(2,)],
    "FractionalMaxPool2d": [(2, 3), (2, None, 0.5)],
    "FractionalMaxPool3d": [(2, 3)],
    "LPPool1d": [(2, 3)],
    "LPPool2d": [(1.5, 3, 2, True)],
    "LPPool3d": [(2, 3)],
    "AdaptiveMaxPool1d": [(3,)],
    "AdaptiveMaxPool2d": [((3, None), True)],
    "AdaptiveMaxPool3d": [(3,)],
    "AdaptiveAvgPool1d": [(3,)],
    "AdaptiveAvgPool2d": [((None, 2),)],
    "AdaptiveAvgPool3d": [(3,)],
    "CircularPad1d": [(2,)],
    "CircularPad2d": [((1, 2, 3, 4),)],
    "CircularPad3d": [(1,)],
    "ConstantPad1d": [(2, 3.5)],
    "ConstantPad2d": [((1, 2, 3, 4), 1)],
    "ConstantPad3d": [(1, 0.0)],
    "ReflectionPad1d": [(2,)],
    "ReflectionPad2d": [(2,)],
    "ReflectionPad3d": [(2,)],
    "ReplicationPad1d": [(2,)],
    "ReplicationPad2d": [(2,)],
    "ReplicationPad3d": [(2,)],
    "ZeroPad1d": [(2,)],
    "ZeroPad2d": [(2,)],
    "ZeroPad3d": [(2,)],
    "Upsample": [(3,), (None, 2), (None, (2.0, 3.0), "bilinear", True)],
    "UpsamplingNearest2d": [(None, 2)],
    "UpsamplingBilinear2d": [(3,)],
    "PixelShuffle": [(2,)],
    "PixelUnshuffle": [(2,)],
    "ChannelShuffle": [(2,)],
    "Flatten": [(), (0, 2)],
    "Unflatten": [(1, (2, 3))],
    "Fold": [(4, 2)],
    "Unfold": [(2, 1, 0, 2)],
    "PairwiseDistance": [(), (1.0, 1e-3, True)],
    "CosineSimilarity": [(), (0,)],
    "L1Loss": [(), (None, None, "sum")],
    "NLLLoss": [()],
    "PoissonNLLLoss": [()],
    "GaussianNLLLoss": [()],
    "KLDivLoss": [()],
    "MSELoss": [()],
    "BCELoss": [()],
    "BCEWithLogitsLoss": [()],
    "HingeEmbeddingLoss": [()],
    "MultiLabelMarginLoss": [()],
    "SmoothL1Loss": [()],
    "HuberLoss": [("sum", 2.0)],
    "SoftMarginLoss": [()],
    "CrossEntropyLoss": [()],
    "LinearCrossEntropyLoss": [(3, 4)],
    "MultiLabelSoftMarginLoss": [()],
    "CosineEmbeddingLoss": [()],
    "MarginRankingLoss": [()],
    "MultiMarginLoss": [()],
    "TripletMarginLoss": [()],
    "TripletMarginWithDistanceLoss": [()],
    "CTCLoss": [()],
    "LazyLinear": [(3,), (3, False)],
    "LazyConv1d": [(3, 2)],
    "LazyConv2d": [(3, 2, 2, 1, 1, 1, False)],
    "LazyConv3d": [(3, 2)],
    "LazyConvTranspose1d": [(3, 2)],
    "LazyConvTranspose2d": [(3, 2)],
    "LazyConvTranspose3d": [(3, 2)],
    "LazyBatchNorm1d": [()],
    "LazyBatchNorm2d": [()],
    "LazyBatchNorm3d": [()],
    "LazyInstanceNorm1d": [()],
    "LazyInstanceNorm2d": [()],
    "LazyInstanceNorm3d": [()],
}
CASES = [pytest.param(name, args, id=f"{name}{args}") for name, many in BUILT.items() for args in many]


def plain(value):
    """A tensor, module or size of either library as something that compares."""
    kind = type(value).__name__
    if kind in ("Tensor", "Parameter"):
        return kind, str(value.dtype), np.array(value.detach().numpy())
    if kind == "Size":
        return tuple(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, BaseException):
        return kind, str(value)
    return value


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def in_both(scenario):
    """The scenario's values under PyTorch and under rushlight."""
    results = []
    for library in LIBRARIES.values():
        library.manual_seed(0)
        results.append(plain(scenario(library)))
    assert same(*results), f"\nexpected {results[0]}\n   found {results[1]}"


def raised(call):
    """What a call raises, as (type's name, message); the line that names the module is rushlight's own."""
    try:
        return call()
    except Exception as error:
        kind = type(error)
        while kind.__module__ != "builtins":
            kind = kind.__mro__[1]
        return kind.__name__, str(error.args[0] if error.args else "").split("\n  in ")[0]


def test_every_name_is_there():
    assert [name for name in torch.nn.modules.__all__ if not hasattr(rushlight.nn, name)] == []
    missing = []
    for path in ("init", "parameter", "utils", "utils.rnn", "utils.parametrize", "utils.parametrizations"):
        theirs, ours = torch.nn, rushlight.nn
        for part in path.split("."):
            theirs, ours = getattr(theirs, part), getattr(ours, part)
        missing += [f"{path}.{name}" for name in theirs.__all__ if not hasattr(ours, name)]
    assert missing == []


def test_every_layer_is_in_the_file_it_has_in_pytorch():
    for name in torch.nn.modules.__all__:
        theirs = getattr(torch.nn, name)
        path = theirs.__module__.removeprefix("torch.nn.modules.")
        home = getattr(rushlight.nn.modules, path)
        assert getattr(home, name) is getattr(rushlight.nn, name)
        assert getattr(rushlight.nn, name).__module__ == f"rushlight.nn.modules.{path}", name


@pytest.mark.parametrize("name", torch.nn.modules.__all__)
def test_constructor_arguments(name):
    """Names, order, defaults and kinds of every constructor's arguments."""

    def described(cls):
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return [
            (p.name, p.kind, p.default.__name__ if callable(p.default) else p.default)
            for p in parameters
            if p.name not in ("args", "kwargs")
        ]

    ours = described(getattr(rushlight.nn, name))
    expected = described(getattr(torch.nn, name))
    assert [entry[:2] for entry in ours] == [entry[:2] for entry in expected]
    for (argument, _, mine), (_, _, theirs) in zip(ours, expected):
        assert mine is theirs or mine == theirs, argument


@pytest.mark.parametrize("name, args", CASES)
def test_layer_as_built(name, args):
    """repr, training flag, state dict (names, order, dtypes, values) and the random numbers drawn."""

    def scenario(library):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = getattr(library.nn, name)(*args)
        state = {} if name.startswith("Lazy") else module.state_dict()
        parameters = [(key, p.requires_grad) for key, p in module.named_parameters()]
        children = [key for key, _ in module.named_modules()]
        return repr(module), module.training, state, parameters, children, library.rand(3)

    in_both(scenario)


@pytest.mark.parametrize("name", BUILT)
def test_public_attributes(name):
    """The instance attributes that a program may read."""
    args = BUILT[name][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = (getattr(library.nn, name)(*args) for library in LIBRARIES.values())
    for key, value in vars(theirs).items():
        if key.startswith("_") or key in ("activation", "activation_relu_or_gelu", "use_nested_tensor"):
            continue
        found = getattr(ours, key)
        if isinstance(value, (int, float, str, tuple, list, type(None))):
            assert found == value, key


INITS = {
    "uniform_": [{}, {"a": -1.0, "b": 3.0}],
    "normal_": [{}, {"mean": 1.0, "std": 2.0}],
    "trunc_normal_": [{}, {"mean": 1.0, "std": 0.5, "a": 1.75, "b": 4.0}],
    "constant_": [{"val": 2.5}],
    "ones_": [{}],
    "zeros_": [{}],
    "eye_": [{}],
    "xavier_uniform_": [{}, {"gain": 2.0}],
    "xavier_normal_": [{}],
    "kaiming_uniform_": [{}, {"a": 0.5, "mode": "fan_out"}, {"nonlinearity": "relu"}],
    "kaiming_normal_": [{}, {"mode": "fan_out", "nonlinearity": "relu"}],
    "orthogonal_": [{}, {"gain": 2.0}],
    "sparse_": [{"sparsity": 0.4}],
}


@pytest.mark.parametrize("name, kwargs", [(name, kwargs) for name, many in INITS.items() for kwargs in many])
@pytest.mark.parametrize("shape", [(6, 5), (3, 8)])
def test_init_draws_the_same(name, kwargs, shape):
    def scenario(library):
        tensor = library.empty(shape, requires_grad=True)
        filled = getattr(library.nn.init, name)(tensor, **kwargs)
        return filled is tensor, tensor.grad_fn is None, tensor, library.rand(2)

    in_both(scenario)


def test_init_of_convolution_weights():
    def scenario(library):
        init = library.nn.init
        filters = library.empty(4, 2, 3, 3)
        return (
            init._calculate_fan_in_and_fan_out(filters),
            init.kaiming_normal_(filters, mode="fan_out", nonlinearity="relu").clone(),
            init.dirac_(filters, 2).clone(),
            init.orthogonal_(filters).clone(),
            init.calculate_gain("tanh"),
            init.calculate_gain("leaky_relu", 0.2),
            init.calculate_gain("selu"),
        )

    in_both(scenario)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.init.calculate_gain("swish"),
        lambda t: t.nn.init.calculate_gain("leaky_relu", "x"),
        lambda t: t.nn.init.eye_(t.empty(2)),
        lambda t: t.nn.init.dirac_(t.empty(2, 2)),
        lambda t: t.nn.init.dirac_(t.empty(3, 2, 2), 2),
        lambda t: t.nn.init.xavier_uniform_(t.empty(2)),
        lambda t: t.nn.init.kaiming_normal_(t.empty(2, 2), mode="fan"),
        lambda t: t.nn.init.orthogonal_(t.empty(2)),
        lambda t: t.nn.init.sparse_(t.empty(2), 0.1),
        lambda t: t.nn.Module(3),
        lambda t: t.nn.Module(bias=True),
        lambda t: t.nn.Module()(1),
        lambda t: t.nn.Module().missing,
        lambda t: t.nn.Linear(2, 2).register_buffer("weight", t.ones(1)),
        lambda t: t.nn.Linear(2, 2).register_buffer("a.b", t.ones(1)),
        lambda t: t.nn.Linear(2, 2).register_buffer("", t.ones(1)),
        lambda t: t.nn.Linear(2, 2).register_buffer(5, t.ones(1)),
        lambda t: t.nn.Linear(2, 2).register_buffer("x", 5),
        lambda t: t.nn.Linear(2, 2).register_parameter("forward", None),
        lambda t: t.nn.Linear(2, 2).register_parameter("x", 5),
        lambda t: t.nn.Linear(2, 2).register_parameter("a.b", None),
        lambda t: t.nn.Linear(2, 2).register_parameter(1, None),
        lambda t: t.nn.Linear(2, 2).add_module("weight", t.nn.ReLU()),
        lambda t: t.nn.Linear(2, 2).add_module("a.b", t.nn.ReLU()),
        lambda t: t.nn.Linear(2, 2).add_module("", t.nn.ReLU()),
        lambda t: t.nn.Linear(2, 2).add_module("x", 5),
        lambda t: t.nn.Linear(2, 2).add_module(5, t.nn.ReLU()),
        lambda t: setattr(t.nn.Linear(2, 2), "weight", 5),
        lambda t: setattr(t.nn.Sequential(t.nn.ReLU()), "0", 5),
        lambda t: setattr(t.nn.BatchNorm1d(2), "running_mean", 5),
        lambda t: delattr(t.nn.Linear(2, 2), "nothing"),
        lambda t: t.nn.Linear(2, 2).get_submodule("a.b"),
        lambda t: t.nn.Linear(2, 2).get_submodule("weight"),
        lambda t: t.nn.Linear(2, 2).get_parameter("in_features"),
        lambda t: t.nn.Linear(2, 2).get_buffer("weight"),
        lambda t: t.nn.Linear(2, 2).get_buffer("nothing"),
        lambda t: t.nn.Linear(2, 2).set_submodule("", t.nn.ReLU()),
        lambda t: t.nn.Linear(2, 2).set_submodule("weight", t.nn.ReLU()),
        lambda t: t.nn.Linear(2, 2).set_submodule("x", t.nn.ReLU(), strict=True),
        lambda t: t.nn.Linear(2, 2).train(1),
        lambda t: t.nn.Conv2d(3, 4, 2, groups=0),
        lambda t: t.nn.Conv2d(3, 4, 2, groups=2),
        lambda t: t.nn.Conv2d(4, 3, 2, groups=2),
        lambda t: t.nn.Conv2d(4, 3, 2, padding="same", stride=2),
        lambda t: t.nn.ConvTranspose2d(4, 3, 2, padding_mode="reflect"),
        lambda t: t.nn.ConvTranspose1d(4, 3, 2, stride=2)(t.ones(1, 4, 3), output_size=(9,)),
        lambda t: t.nn.ConvTranspose1d(4, 3, 2)(t.ones(1, 4, 3), output_size=(9, 9)),
        lambda t: t.nn.Dropout(2),
        lambda t: t.nn.Hardtanh(1, 0),
        lambda t: t.nn.Bilinear(0, 1, 1),
        lambda t: t.nn.GroupNorm(3, 4),
        lambda t: t.nn.BatchNorm1d(2)(t.ones(2)),
        lambda t: t.nn.BatchNorm2d(2)(t.ones(2)),
        lambda t: t.nn.BatchNorm3d(2)(t.ones(2)),
        lambda t: t.nn.InstanceNorm2d(2)(t.ones(2)),
        lambda t: t.nn.InstanceNorm2d(2, affine=True)(t.ones(3, 2, 2)),
        lambda t: t.nn.CrossMapLRN2d(2)(t.ones(3)),
        lambda t: t.nn.Embedding(2, 2, 5),
        lambda t: t.nn.Embedding(2, 2, -3),
        lambda t: t.nn.Embedding(2, 2, _weight=t.ones(1, 2)),
        lambda t: t.nn.Embedding.from_pretrained(t.ones(2)),
        lambda t: t.nn.EmbeddingBag(2, 2, padding_idx=5),
        lambda t: t.nn.RNN(2, 2, nonlinearity="x"),
        lambda t: t.nn.RNN(2, 2, proj_size=1),
        lambda t: t.nn.GRU(2, 2, proj_size=1),
        lambda t: t.nn.LSTM(2, 2, proj_size=2),
        lambda t: t.nn.LSTM(2, 2, proj_size=-1),
        lambda t: t.nn.LSTM(2, 2, dropout=3),
        lambda t: t.nn.LSTM(2, 2, dropout=True),
        lambda t: t.nn.LSTM(2, 2, bias=1),
        lambda t: t.nn.LSTM(2, 2, batch_first=1),
        lambda t: t.nn.LSTM(2.0, 2),
        lambda t: t.nn.LSTM(2, 2.0),
        lambda t: t.nn.LSTM(0, 2),
        lambda t: t.nn.LSTM(2, 0),
        lambda t: t.nn.LSTM(2, 2, 0),
        lambda t: t.nn.RNNBase("X", 2, 2),
        lambda t: t.nn.LSTM(2, 2)(t.ones(2)),
        lambda t: t.nn.RNN(2, 2)(t.ones(2)),
        lambda t: t.nn.GRU(2, 2)(t.ones(2)),
        lambda t: t.nn.LSTM(2, 2)(t.ones(1, 1, 3)),
        lambda t: t.nn.LSTM(2, 2)(t.ones(1, 1, 2, dtype=t.float64)),
        lambda t: t.nn.LSTM(2, 2)(t.ones(1, 1, 2), (t.ones(2, 2), t.ones(2, 2))),
        lambda t: t.nn.LSTM(2, 2)(t.ones(1, 2), (t.ones(1, 1, 2), t.ones(1, 1, 2))),
        lambda t: t.nn.LSTM(2, 2)(t.ones(1, 1, 2), (t.ones(1, 2, 2), t.ones(1, 1, 2))),
        lambda t: t.nn.LSTM(2, 2)(t.ones(1, 1, 2), (t.ones(1, 1, 2), t.ones(1, 2, 2))),
        lambda t: t.nn.GRU(2, 2)(t.ones(1, 1, 2), t.ones(2, 2)),
        lambda t: t.nn.GRU(2, 2)(t.ones(1, 2), t.ones(1, 1, 2)),
        lambda t: t.nn.GRU(2, 2)(t.ones(1, 1, 2), t.ones(1, 2, 2)),
        lambda t: t.nn.GRUCell(2, 2)(t.ones(1, 1, 2)),
        lambda t: t.nn.GRUCell(2, 2)(t.ones(1, 2), t.ones(1, 1, 2)),
        lambda t: t.nn.LSTMCell(2, 2)(t.ones(1, 2), (t.ones(1, 2), t.ones(1, 1, 2))),
        lambda t: t.nn.RNNCell(2, 2, nonlinearity="x")(t.ones(1, 2)),
        lambda t: t.nn.MultiheadAttention(0, 1),
        lambda t: t.nn.MultiheadAttention(3, 2),
        lambda t: t.nn.TransformerEncoderLayer(4, 2, activation="x"),
        lambda t: t.nn.Transformer(4, 2, 1, 1, 4)(t.ones(2, 3, 4), t.ones(2, 2, 4)),
        lambda t: t.nn.Transformer(4, 2, 1, 1, 4)(t.ones(2, 3, 4), t.ones(2, 3, 5)),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 4, []),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 4, [2, 1]),
        lambda t: t.nn.AdaptiveLogSoftmaxWithLoss(4, 4, [4]),
        lambda t: t.nn.FractionalMaxPool2d(2),
        lambda t: t.nn.FractionalMaxPool2d(2, 2, 0.5),
        lambda t: t.nn.FractionalMaxPool2d(2, output_ratio=2.0),
        lambda t: t.nn.FractionalMaxPool3d(0, 2),
        lambda t: t.nn.CircularPad2d(1)(t.ones(2)),
        lambda t: t.nn.Softmax2d()(t.ones(2)),
        lambda t: t.nn.Unflatten(0, 3),
        lambda t: t.nn.Unflatten(0, (3, "x")),
        lambda t: t.nn.HuberLoss(delta="x"),
        lambda t: t.nn.MultiMarginLoss(p=3),
        lambda t: t.nn.MultiMarginLoss(weight=t.ones(2, 2)),
        lambda t: t.nn.TripletMarginLoss(margin=0),
        lambda t: t.nn.TripletMarginWithDistanceLoss(margin=-1),
        lambda t: t.nn.LinearCrossEntropyLoss(2, 3, weight=t.ones(2)),
        lambda t: t.nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2.0),
        lambda t: t.nn.Sequential(t.nn.ReLU())[3],
        lambda t: t.nn.Sequential(t.nn.ReLU()) + 3,
        lambda t: t.nn.Sequential(t.nn.ReLU()) * 0,
        lambda t: t.nn.Sequential().insert(2, t.nn.ReLU()),
        lambda t: t.nn.ModuleList([t.nn.ReLU()])[1],
        lambda t: t.nn.ModuleList().extend(3),
        lambda t: t.nn.ModuleList()(3),
        lambda t: t.nn.ModuleDict().update(3),
        lambda t: t.nn.ModuleDict([("a", t.nn.ReLU(), 1)]),
        lambda t: t.nn.ParameterList()[0],
        lambda t: t.nn.ParameterList()(0),
        lambda t: t.nn.ParameterList().extend(t.ones(2)),
        lambda t: t.nn.ParameterDict()(0),
        lambda t: t.nn.ParameterDict().update(3),
        lambda t: t.nn.ParameterDict()["x"],
        lambda t: t.nn.LazyConv2d(2, 2)(t.ones(2)),
        lambda t: t.nn.Linear(2, 2).load_state_dict(5),
        lambda t: t.nn.Linear(2, 2).to(t.int64),
        lambda t: t.nn.factory_kwargs({"x": 1}),
        lambda t: t.nn.factory_kwargs({"dtype": 1, "factory_kwargs": {"dtype": 2}}),
        lambda t: t.nn.utils.skip_init(int),
        lambda t: t.nn.utils.vector_to_parameters(5, []),
        lambda t: t.nn.utils.remove_weight_norm(t.nn.ReLU()),
        lambda t: t.nn.utils.remove_spectral_norm(t.nn.ReLU()),
        lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.ReLU()),
        lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 2), "bias"),
        lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 2), orthogonal_map="x"),
        lambda t: t.nn.utils.parametrize.remove_parametrizations(t.nn.ReLU(), "weight"),
        lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(4, 3, 2), [4, 3]),
        lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(4, 3, 2), [4, 3, 0]),
        lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(4, 3, 2), [3, 4, 1]),
        lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(4, 3, 2), t.tensor(3)),
        lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(0, 3, 2), [3, 2, 1]),
        lambda t: t.nn.utils.rnn.pad_sequence([]),
        lambda t: t.nn.utils.rnn.pad_sequence(5),
        lambda t: t.nn.utils.rnn.pad_sequence([t.ones(1)], padding_side="up"),
    ],
)
def test_errors_are_worded_alike(call):
    expected, found = raised(lambda: call(torch)), raised(lambda: call(rushlight))
    for library in LIBRARIES:
        expected, found = (
            (kind, message.replace(f"'{library}.", "'").replace(f"{library}.nn", "nn"))
            for kind, message in (expected, found)
        )
    assert found == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.Parameter(t.tensor(1)),
        lambda t: t.nn.Parameter([1.0]),
        lambda t: t.nn.UninitializedParameter().shape,
        lambda t: t.nn.UninitializedParameter() + 1,
        lambda t: t.nn.UninitializedParameter().share_memory_(),
        lambda t: t.nn.Module().get_extra_state(),
        lambda t: t.nn.Linear(2, 2).to(1, 2, 3, 4),
        lambda t: t.nn.Linear(2, 2).to(copy=True),
        lambda t: t.nn.Linear(2, 2).to(dtype="x"),
        lambda t: t.nn.utils.rnn.pad_sequence([t.ones(2, 3), t.ones(1, 2)]),
        lambda t: pickle.dumps(t.nn.utils.parametrizations.weight_norm(t.nn.Linear(2, 2))),
        lambda t: t.nn.modules.batchnorm._BatchNorm(2)(t.ones(2, 2)),
    ],
)
def test_errors_are_of_the_same_type(call):
    assert raised(lambda: call(rushlight))[0] == raised(lambda: call(torch))[0]


def test_unset_init_is_named():
    def scenario(library):
        class Early(library.nn.Module):
            def __init__(self, what):
                self.thing = what
                super().__init__()

        return [
            raised(lambda: Early(library.nn.Parameter(library.ones(1)))),
            raised(lambda: Early(library.nn.ReLU())),
            raised(lambda: Early(library.nn.Buffer(library.ones(1)))),
            vars(Early(5))["thing"],
        ]

    in_both(scenario)


def test_assignment_moves_a_name_between_registries():
    def scenario(library):
        nn, seen = library.nn, []
        module = nn.Module()
        for value in (
            5,
            nn.Parameter(library.ones(1)),
            None,
            nn.Parameter(library.zeros(1)),
        ):
            module.x = value
            seen.append((list(module._parameters), "x" in vars(module), list(module.state_dict())))
        module.y = nn.ReLU()
        module.y = nn.Parameter(library.ones(1))
        seen.append((list(module._modules), list(module._parameters)))
        refused = raised(lambda: setattr(module, "y", nn.Tanh()))
        seen.append((refused[0], list(module._modules), list(module._parameters)))
        module.y = None
        seen.append((module.y, list(module._modules)))
        module.z = nn.Buffer(library.ones(1), persistent=False)
        module.z = library.zeros(2)
        seen.append((list(module._buffers), sorted(module._non_persistent_buffers_set), module.z))
        del module.z
        del module.x
        seen.append((dir(module).count("z"), list(module._parameters), list(module._buffers)))
        module.plain = library.ones(2)
        seen.append((list(module._buffers), "plain" in vars(module)))
        return seen

    in_both(scenario)


def test_walking_shared_modules():
    def scenario(library):
        nn = library.nn
        shared = nn.Linear(2, 2)
        module = nn.Sequential(OrderedDict(a=shared, b=nn.Sequential(shared, nn.BatchNorm1d(2)), c=shared))
        return [
            [name for name, _ in module.named_modules()],
            [name for name, _ in module.named_modules(remove_duplicate=False)],
            [name for name, _ in module.named_modules(prefix="top")],
            [name for name, _ in module.named_children()],
            [name for name, _ in module.named_parameters()],
            [name for name, _ in module.named_parameters(remove_duplicate=False)],
            [name for name, _ in module.named_parameters("p", recurse=False)],
            [name for name, _ in module.named_buffers()],
            list(module.state_dict()),
            list(module.state_dict(prefix="x.")),
            len(list(module.modules())),
            repr(module),
        ]

    in_both(scenario)


def small(library):
    nn = library.nn
    return nn.Sequential(
        OrderedDict(body=nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), head=nn.Linear(3, 1))
    )


def test_load_state_dict_names_everything_that_differs():
    def scenario(library):
        module = small(library)
        state = module.state_dict()
        metadata = {key: dict(value) for key, value in state._metadata.items()}
        del state["body.0.weight"]
        state["extra"] = library.ones(1)
        state["body.0.more.deep"] = library.ones(1)
        state["head.weight"] = library.ones(4, 4)
        state["head.bias"] = 5
        message = raised(lambda: module.load_state_dict(state))
        loose = small(library).state_dict()
        del loose["head.bias"]
        loose["extra"] = library.ones(1)
        keys = module.load_state_dict(loose, strict=False)
        return (
            metadata,
            message,
            repr(keys),
            keys.missing_keys,
            keys.unexpected_keys,
            repr(module.load_state_dict(small(library).state_dict())),
        )

    in_both(scenario)


def test_load_state_dict_assign_and_old_versions():
    def scenario(library):
        module, other = small(library), small(library).double()
        state = other.state_dict()
        module.load_state_dict(state, assign=True)
        weight = module.head.weight
        shares = weight.data_ptr() == state["head.weight"].data_ptr()
        old = small(library).state_dict()
        del old["body.1.num_batches_tracked"]
        refused = raised(lambda: small(library).load_state_dict(old))
        old._metadata["body.1"] = {"version": 1}
        accepted = small(library).load_state_dict(old)
        scalar = library.nn.Module()
        scalar.s = library.nn.Parameter(library.tensor(0.0))
        scalar.load_state_dict({"s": library.tensor([2.0])})
        return (
            type(weight).__name__,
            weight.requires_grad,
            str(weight.dtype),
            shares,
            refused,
            repr(accepted),
            scalar.s,
        )

    in_both(scenario)


def test_extra_state():
    def scenario(library):
        class Counting(library.nn.Module):
            def __init__(self):
                super().__init__()
                self.count = 0

            def get_extra_state(self):
                return {"count": self.count}

            def set_extra_state(self, state):
                self.count = state["count"]

        module = library.nn.Sequential(Counting())
        module[0].count = 7
        state = module.state_dict()
        fresh = library.nn.Sequential(Counting())
        fresh.load_state_dict(state)
        return (
            list(state),
            fresh[0].count,
            raised(lambda: fresh.load_state_dict({})),
            raised(lambda: library.nn.Sequential(library.nn.ReLU()).load_state_dict(state)),
        )

    in_both(scenario)


def test_state_dict_hooks():
    def scenario(library):
        seen = []
        module = small(library)
        module.body.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))

        def post(m, state, prefix, metadata):
            state[prefix + "added"] = 1
            seen.append(("post", prefix, dict(metadata)))

        module.body.register_state_dict_post_hook(post)
        module.head._register_state_dict_hook(lambda m, state, prefix, metadata: seen.append(("old", prefix)))
        module.body.register_load_state_dict_pre_hook(
            lambda m, state, prefix, *rest: (
                state.pop(prefix + "added", None) and seen.append(type(m).__name__)
            )
        )
        module._register_load_state_dict_pre_hook(
            lambda state, prefix, meta, strict, missing, unexpected, errors: seen.append((prefix, strict))
        )

        def loaded(m, keys):
            seen.append((type(m).__name__, list(keys.missing_keys), list(keys.unexpected_keys)))
            keys.unexpected_keys.clear()

        handle = module.register_load_state_dict_post_hook(loaded)
        state = module.state_dict()
        result = raised(lambda: repr(module.load_state_dict(state)))
        handle.remove()
        module.register_load_state_dict_post_hook(lambda m, keys: keys)
        return seen, list(state), result, raised(lambda: module.load_state_dict(state))

    in_both(scenario)


def test_forward_hook_order():
    def scenario(library):
        module_hooks = library.nn.modules.module
        seen = []

        class Add(library.nn.Module):
            def forward(self, x, *, more=0):
                seen.append("forward")
                return x + more

        module = Add()
        module.register_forward_pre_hook(lambda m, args: seen.append("pre 1"))
        module.register_forward_pre_hook(lambda m, args: (args[0] * 2,), prepend=True)
        module.register_forward_pre_hook(
            lambda m, args, kwargs: (args, {"more": kwargs["more"] + 1}), with_kwargs=True
        )
        module.register_forward_hook(lambda m, args, out: seen.append(("post", float(args[0]), float(out))))
        module.register_forward_hook(lambda m, args, kwargs, out: out * 10, with_kwargs=True, prepend=True)
        handles = [
            module_hooks.register_module_forward_pre_hook(lambda m, args: seen.append("global pre")),
            module_hooks.register_module_forward_hook(lambda m, args, out: seen.append("global post")),
        ]
        first = module(library.tensor(1.0), more=3)
        for handle in handles:
            handle.remove()
        second = module(library.tensor(1.0), more=0)
        module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
        return seen, first, second, raised(lambda: module(library.tensor(1.0), more=3))[0]

    in_both(scenario)


def test_always_called_hooks():
    def scenario(library):
        seen = []

        class Fails(library.nn.Module):
            def forward(self, x):
                raise KeyError("broken")

        module = Fails()
        module.register_forward_hook(lambda m, args, out: seen.append("never"))
        module.register_forward_hook(lambda m, args, out: seen.append(("always", out)), always_call=True)

        def bad(m, args, out):
            raise ValueError("of the hook")

        module.register_forward_hook(bad, always_call=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            error = raised(lambda: module(1))
        return seen, error, [str(w.message) for w in caught]

    in_both(scenario)


def test_backward_hooks():
    def scenario(library):
        seen = []

        class Two(library.nn.Module):
            def forward(self, x, factor, y):
                return x * factor, y + x

        def note(kind):
            return lambda m, *grads: seen.append((kind, grads))

        module = Two()
        module.register_full_backward_pre_hook(note("pre"))
        module.register_full_backward_hook(note("first"))
        module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2, None, gi[2]), prepend=True)
        x = library.tensor([1.0, 2.0], requires_grad=True)
        y = library.tensor([3.0, 4.0], requires_grad=True)
        a, b = module(x, 3, y)
        (a.sum() + 2 * b.sum()).backward()
        gradients = x.grad.clone(), y.grad.clone()
        x.grad = y.grad = None
        a, b = module(x, 3, y)
        a.sum().backward()
        mixed = raised(lambda: module.register_backward_hook(note("old")))
        older = Two()
        older.register_backward_hook(note("old"))
        refused = raised(lambda: older.register_full_backward_hook(note("full")))
        return seen, gradients, x.grad, y.grad, mixed, refused

    in_both(scenario)


def test_backward_hooks_without_input_gradients():
    def scenario(library):
        seen = []
        module = library.nn.Tanh()
        module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))

        class Outer(library.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = library.nn.Parameter(library.tensor([0.5]))

            def forward(self, x):
                return self.w * x

        outer = Outer()
        outer.register_full_backward_hook(lambda m, gi, go: seen.append(("outer", gi, go)))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outer(library.tensor([2.0])).sum().backward()
        count = len(caught)
        x = library.tensor([0.0], requires_grad=True)
        (grad,) = library.autograd.grad(module(x).sum(), x, create_graph=True)
        return seen, count, grad

    in_both(scenario)


def test_registration_hooks():
    def scenario(library):
        nn, seen = library.nn, []
        hooks = nn.modules.module
        handles = [
            hooks.register_module_parameter_registration_hook(lambda m, name, p: seen.append(("p", name))),
            hooks.register_module_buffer_registration_hook(lambda m, name, b: seen.append(("b", name))),
            hooks.register_module_module_registration_hook(
                lambda m, name, c: nn.Tanh() if name == "0" else None
            ),
        ]
        made = nn.BatchNorm1d(2), nn.Sequential(nn.ReLU(), nn.ReLU())
        for handle in handles:
            handle.remove()
        nn.Linear(1, 1)
        return seen, repr(made[1])

    in_both(scenario)


def test_containers():
    def scenario(library):
        nn = library.nn
        seen = []
        layers = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ELU())
        seen += [
            repr(layers[1:3]),
            repr(layers[-1]),
            len(layers),
            repr(layers + layers[:1]),
            repr(layers[:1] * 3),
        ]
        del layers[1]
        layers.insert(1, nn.GELU()).append(nn.SELU()).extend([nn.CELU()])
        layers[0] = nn.Softplus()
        seen += [repr(layers), repr(layers.pop(2)), repr(layers.pop(-1)), list(layers._modules)]
        layers += nn.Sequential(nn.Mish())
        layers *= 2
        seen += [repr(layers), [type(m).__name__ for m in layers], "0" in dir(layers)]
        del layers[1:4]
        seen += [repr(layers), repr(nn.Sequential()), repr(nn.ModuleList()), repr(nn.ModuleDict())]

        many = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)] + [nn.ReLU()])
        many.insert(1, nn.Tanh())
        seen += [repr(many), repr(many[1:]), repr(many + [nn.ReLU()]), repr(many.pop(-1))]
        many.append(nn.Sequential(nn.ReLU(), nn.ReLU())).extend([nn.Tanh()])
        many[0] = nn.Sigmoid()
        del many[1:3]
        seen += [repr(many), list(many.state_dict())]

        named = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Linear(1, 1))])
        named.update({"c": nn.Tanh()})
        named["d"] = nn.ELU()
        seen += [list(named), "b" in named, len(named), repr(named.pop("a")), repr(named), list(named.keys())]
        named.clear()
        return [*seen, repr(named), list(named.items())]

    in_both(scenario)


def test_parameter_containers():
    def scenario(library):
        nn = library.nn
        seen = []
        many = nn.ParameterList([library.ones(2), nn.Parameter(library.zeros(1, 2)), 5])
        many.append(library.ones(3)).extend([nn.Parameter(library.ones(1), requires_grad=False)])
        many[0] = library.zeros(3)
        seen += [
            repr(many),
            list(many.state_dict()),
            len(many),
            repr(many[1:3]),
            [type(v).__name__ for v in many],
        ]
        named = nn.ParameterDict({"b": library.ones(2), "a": library.zeros(1)})
        named["c"] = "text"
        seen += [
            repr(named),
            list(named),
            list(named.state_dict()),
            named.get("x", 3),
            named.setdefault("d", 4),
        ]
        seen += [list(reversed(named)), named.popitem(), named.pop("c"), len(named), "a" in named]
        joined = named | nn.ParameterDict({"z": library.ones(1)})
        joined |= {"y": library.ones(1)}
        seen += [
            list(joined),
            list(named.fromkeys(["q"], 1)),
            list(joined.copy()),
            dict(joined.items()).keys() >= {"z"},
        ]
        named.clear()
        return [*seen, len(named), repr(named)]

    in_both(scenario)


def test_parameter_and_buffer():
    def scenario(library):
        nn = library.nn
        empty = nn.Parameter()
        data = library.ones(2)
        parameter = nn.Parameter(data)
        parameter.tag = "kept"
        data[0] = 5.0
        copied = copy.deepcopy(parameter)
        frozen = pickle.loads(pickle.dumps(nn.Parameter(data, requires_grad=False)))
        tagged = pickle.loads(pickle.dumps(parameter))
        buffer = nn.Buffer(data, persistent=False)
        return [
            repr(empty),
            repr(parameter),
            str(parameter),
            type(copied).__name__,
            copied,
            copied is parameter,
            type(frozen).__name__,
            frozen.requires_grad,
            tagged.tag,
            isinstance(parameter * 2, nn.Parameter),
            type(parameter * 2).__name__,
            type(parameter.detach()).__name__,
            type(parameter.data).__name__,
            isinstance(buffer, nn.Buffer),
            isinstance(data, nn.Buffer),
            type(buffer).__name__,
            isinstance(parameter, library.Tensor),
            nn.parameter.is_lazy(parameter),
            nn.parameter.is_lazy(nn.UninitializedParameter()),
            repr(nn.UninitializedParameter()),
            isinstance(nn.UninitializedBuffer(), nn.Buffer),
        ]

    in_both(scenario)


def test_conversion_keeps_parameters():
    def scenario(library):
        module = small(library)
        weight = module.head.weight
        weight.grad = library.ones(1, 3)
        module.double()
        seen = [
            module.head.weight is weight,
            str(weight.dtype),
            str(weight.grad.dtype),
            weight.is_leaf,
            [str(buffer.dtype) for buffer in module.buffers()],
        ]
        module.to(library.float16)
        module.to("cpu", dtype=library.float32)
        module.to(library.ones(1, dtype=library.float64))
        seen.append([str(t.dtype) for t in module.state_dict().values()])
        module.requires_grad_(False)
        seen.append([p.requires_grad for p in module.parameters()])
        seen.append(module.to("meta").head.weight.is_meta)
        seen.append(
            [module.eval() is module, module.training, module.body.training, module.train().head.training]
        )
        return seen

    in_both(scenario)


def test_zero_grad_and_apply():
    def scenario(library):
        module = small(library)
        names = []
        module.apply(lambda m: names.append(type(m).__name__))
        for parameter in module.parameters():
            parameter.grad = library.ones_like(parameter)
        module.zero_grad(set_to_none=False)
        zeros = [float(p.grad.sum()) for p in module.parameters()]
        module.zero_grad()
        return names, zeros, [p.grad for p in module.parameters()]

    in_both(scenario)


def test_copies_are_independent():
    def scenario(library):
        module = small(library)
        module.register_forward_hook(print)
        copied = copy.deepcopy(module)
        with library.no_grad():
            copied.head.weight.zero_()
        pickled = pickle.loads(pickle.dumps(small(library)))
        return (
            float(module.head.weight.detach().abs().sum()) > 0,
            len(copied._forward_hooks),
            repr(pickled),
            list(pickled.state_dict()),
        )

    in_both(scenario)


def test_consume_prefix():
    def scenario(library):
        module = library.nn.Sequential(OrderedDict(module=small(library)))
        state = module.state_dict()
        library.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        return list(state), list(state._metadata)

    in_both(scenario)
