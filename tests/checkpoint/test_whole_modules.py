"""Whole modules: saved with class and attributes, rebuilt without running any of the program's code."""

import functools
import io
import pickle
import warnings

import pytest

import rushlight as torch
from rushlight import nn

CALLS = []


class Block(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        CALLS.append("init")
        self.fc = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.25)
        self.act = nn.functional.gelu
        self.layer = functools.partial(nn.Linear, bias=False)
        self.kind = nn.LayerNorm
        self.note = {"width": width, "path": [1, 2]}
        self.register_buffer("table", torch.arange(3.0), persistent=False)

    def forward(self, x):
        return self.drop(self.act(self.norm(self.fc(x))))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)
        self.b.weight = self.a.weight

    class Inner(nn.Module):
        pass


class Suspicious(nn.Linear):
    def __new__(cls, *args, **kwargs):
        CALLS.append("new")
        return super().__new__(cls)

    def __setattr__(self, name, value):
        CALLS.append("setattr")
        super().__setattr__(name, value)

    def __reduce__(self):
        return super().__reduce__()


class Stateful(nn.Module):
    def __setstate__(self, state):
        CALLS.append("setstate")
        super().__setstate__(state)


class Config:
    def __init__(self, width):
        self.width = width


class Configured(nn.Module):
    def __init__(self):
        super().__init__()
        self.config = Config(3)
        self.act = scale


def scale(x):
    return x * 2


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def trip(request, make):
    return functools.partial(make.round_trip, _use_new_zipfile_serialization=request.param)


def test_a_module_comes_back_equal_and_trainable(trip):
    torch.manual_seed(0)
    model = nn.Sequential(Block(), nn.Linear(4, 2)).eval()
    model(torch.randn(5, 4))
    CALLS.clear()
    back = trip(model)
    assert CALLS == [] and type(back[0]) is Block and repr(back) == repr(model) and not back.training
    for (name, a), (other, b) in zip(model.named_parameters(), back.named_parameters()):
        assert (
            name == other and torch.equal(a, b) and type(b) is nn.Parameter and b.requires_grad and a is not b
        )
    assert back[0].table.tolist() == [0, 1, 2] and back[0].note == model[0].note
    assert back[0].act is nn.functional.gelu and back[0].kind is nn.LayerNorm
    assert list(back.state_dict()) == list(model.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(model(x), back(x))
    optimizer = torch.optim.SGD(back.train().parameters(), lr=0.1)
    before = back[0].fc.weight.detach().clone()
    back(x).sum().backward()
    optimizer.step()
    assert not torch.equal(before, back[0].fc.weight)


def test_tied_parameters_stay_tied(trip):
    back = trip(Tied())
    assert back.a.weight is back.b.weight and len(list(back.parameters())) == 3


def test_nested_classes(trip):
    assert type(trip(Tied.Inner())) is Tied.Inner


def test_no_code_of_the_program_runs(trip, make):
    model = Suspicious(2, 2)
    data = make.saved(model)
    CALLS.clear()
    back = torch.load(io.BytesIO(data))
    assert CALLS == [] and type(back) is Suspicious and torch.equal(back.weight, model.weight)


def test_own_setstate_needs_permission(make):
    data = make.saved(Stateful())
    CALLS.clear()
    with pytest.raises(
        pickle.UnpicklingError, match=r"Stateful defines __setstate__.*add_safe_globals\(\[Stateful"
    ):
        torch.load(io.BytesIO(data))
    assert CALLS == []
    with torch.serialization.safe_globals([Stateful]):
        torch.load(io.BytesIO(data))
    assert CALLS == ["setstate"]


def test_other_objects_need_permission(make):
    data = make.saved(Configured())
    text = r"refused to load '.*Config'.*add_safe_globals\(\[Config\]\)"
    for options in ({}, {"weights_only": True}, {"weights_only": False}):
        with pytest.raises(pickle.UnpicklingError, match=text):
            torch.load(io.BytesIO(data), **options)
    assert [
        n.rpartition(".")[2] for n in torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    ] == [
        "Config",
        "scale",
    ]
    torch.serialization.add_safe_globals([Config, scale])
    back = torch.load(io.BytesIO(data))
    assert back.config.width == 3 and type(back.config) is Config and back.act is scale
    torch.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(io.BytesIO(data))


def test_a_missing_class_is_named(make, monkeypatch):
    data = make.saved(Block())
    monkeypatch.delitem(globals(), "Block")
    with pytest.raises(AttributeError, match="Can't get attribute 'Block' on .*test_whole_modules"):
        torch.load(io.BytesIO(data))
    with pytest.raises(pickle.UnpicklingError, match="Define or import that class"):
        torch.load(io.BytesIO(data))


def test_a_missing_module_is_named_and_not_imported(make, monkeypatch, tmp_path):
    import sys

    (tmp_path / "somebodys_models.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Block, "__module__", "somebodys_models")
    module = type(sys)("somebodys_models")
    module.Block = Block
    monkeypatch.setitem(sys.modules, "somebodys_models", module)
    data = make.saved(Block())
    monkeypatch.delitem(sys.modules, "somebodys_models")
    with pytest.raises(AttributeError, match="'Block' from module 'somebodys_models', which is not imported"):
        torch.load(io.BytesIO(data))


def test_classes_of_main_are_found(tmp_path):
    import os
    import subprocess
    import sys

    script = tmp_path / "train.py"
    script.write_text(
        "import rushlight as torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.fc = torch.nn.Linear(2, 1)\n"
        "torch.save(Net(), 'net.pth')\n"
        "print(type(torch.load('net.pth')).__module__)\n"
    )
    root = os.path.dirname(os.path.dirname(torch.__file__))
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "__main__\n"


def test_every_layer_comes_back(make):
    layers = [
        nn.Conv2d(2, 3, 3, padding="same"), nn.ConvTranspose1d(2, 3, 2), nn.LSTM(3, 4, 2, bidirectional=True),
        nn.GRUCell(2, 3), nn.Embedding(5, 2, padding_idx=0), nn.MultiheadAttention(4, 2),
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.GroupNorm(2, 4), nn.LayerNorm(3),
        nn.PReLU(), nn.CrossEntropyLoss(weight=torch.ones(3)), nn.Upsample(scale_factor=2),
        nn.ModuleDict({"a": nn.ReLU()}), nn.ModuleList([nn.Identity()]),
        nn.ParameterList([nn.Parameter(torch.ones(1))]), nn.ParameterDict({"p": nn.Parameter(torch.ones(1))}),
        nn.Softmax(dim=1), nn.AdaptiveAvgPool2d((1, None)),
    ]  # fmt: skip
    back = make.round_trip(layers)
    for a, b in zip(layers, back):
        assert repr(a) == repr(b) and type(a) is type(b)
        assert {k: v.tolist() for k, v in a.state_dict().items()} == {
            k: v.tolist() for k, v in b.state_dict().items()
        }
    x = torch.randn(2, 3, 4)
    torch.manual_seed(0)
    first = layers[6].eval()(x)
    assert torch.equal(first, back[6].eval()(x))


def test_hooks_of_rushlights_own(make):
    prune = torch.nn.utils.prune
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        models = [nn.utils.weight_norm(nn.Linear(2, 2)), nn.utils.spectral_norm(nn.Linear(2, 2)).eval()]
    models += [prune.l1_unstructured(nn.Linear(2, 2), "weight", 0.5), nn.DataParallel(nn.Linear(2, 2))]
    x = torch.randn(3, 2)
    for model, back in zip(models, make.round_trip(models)):
        assert torch.equal(model(x), back(x)) and list(model.state_dict()) == list(back.state_dict())
    lazy = make.round_trip(nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()))
    assert lazy(torch.ones(2, 5)).shape == (2, 3) and type(lazy[0]) is nn.Linear
    mask = make.round_trip(models[2])
    prune.remove(mask, "weight")
    assert "weight_mask" not in mask.state_dict()


def test_hooks_of_the_program_need_permission(make):
    model = nn.Linear(2, 2)
    model.register_forward_hook(hook)
    data = make.saved(model)
    with pytest.raises(pickle.UnpicklingError, match=r"hook'.*add_safe_globals"):
        torch.load(io.BytesIO(data))
    with torch.serialization.safe_globals([hook]):
        assert torch.load(io.BytesIO(data))(torch.ones(1, 2)).tolist() == [[7.0]]


def hook(module, args, output):
    return torch.full((1, 1), 7.0)


def test_a_state_that_is_no_state_is_refused(make, watch):
    def module_with(state):
        p = (
            pickle.PROTO
            + b"\x02"
            + b"ctorch.nn.modules.linear\nIdentity\n)\x81"
            + pickle.dumps(state, 2)[2:-1]
            + b"b."
        )
        return make.archive(p)

    watch.load(module_with({"training": True}))
    for state in (
        [],
        "x",
        {1: 2},
        {"_modules": {"a": 1}},
        {"_parameters": []},
        {"_buffers": {"a": "b"}},
        ({}, {"a": 1}),
    ):
        watch.refuses(module_with(state))


def test_optimizers_need_permission(make):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.5, momentum=0.9)
    data = make.saved(optimizer)
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.optim\.\w+\.SGD'.*add_safe_globals"):
        torch.load(io.BytesIO(data))
    with torch.serialization.safe_globals([torch.optim.SGD]):
        back = torch.load(io.BytesIO(data))
    assert type(back) is torch.optim.SGD and back.param_groups[0]["lr"] == 0.5


class Talkative(nn.Module):
    """A module all of whose special methods are the program's own."""

    def say(self, *args, **kwargs):
        CALLS.append("method")
        return True

    __repr__ = __eq__ = __bool__ = __len__ = __getattr__ = __call__ = __iter__ = __contains__ = __str__ = say
    __getattribute__ = nn.Module.__getattribute__
    __hash__ = nn.Module.__hash__


PLACES = [
    b"%s)R", b"ctorch._utils\n_rebuild_tensor_v2\n(%sK\x00))\x89NtR",
    b"ctorch._utils\n_rebuild_parameter\n(%s\x88NtR",
    b"ctorch._tensor\n_rebuild_from_type_v2\n(%sctorch\nTensor\n)NtR", b"ctorch\ndevice\n%s\x85R",
    b"ctorch\nSize\n%s\x85R",
    b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n%s)NtR", b"%s}b.", b"(%stQ",
    b"%sQ", b"ccollections\ndefaultdict\n%s\x85R", b"ccollections\nOrderedDict\n%s\x85R",
    b"cfunctools\npartial\n%s\x85R", b"c_codecs\nencode\nX\x01\x00\x00\x00a%s\x86R",
    b"cnumpy\ndtype\n%s\x85R", b"c__builtin__\ngetattr\n%sX\x01\x00\x00\x00a\x86R",
    b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R(K\x03%sNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
    b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R(%s%sNNN%s%s%stb",
    b"cnumpy._core.multiarray\n_reconstruct\n%s%s%s\x87R",
    b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\n%s\x85C\x01b\x87R", b"}%sK\x01s",
    b"\x8f(%s\x90", b"ctorch.nn\nLinear\n)\x81}%s\x86b",
    b"ctorch.nn\nLinear\n)\x81}X\x08\x00\x00\x00_modules%ssb",
    b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(%s%s%s%stR", b"cdatetime\ndate\n%s%s%s\x87R", b"%s%sR",
    b"%s)\x81", b"ctorch.return_types\nmax\n%s\x85R", b"c__builtin__\ntype\n%s\x85R",
    b"c__builtin__\nset\n%s\x85R", b"%sK\x01a", b"ctorch.nn\nLinear\n%s\x81",
    b"(X\x07\x00\x00\x00storage%s%s%s%stQ", b"ccopy_reg\n_reconstructor\n%s%s%s\x87R",
    b"ctorch.serialization\n_get_layout\n%s\x85R",
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(PLACES)))
def test_no_special_method_of_a_module_runs(place, make, watch):
    module = f"c{__name__}\nTalkative\n)\x81".encode("latin1")
    body = PLACES[place].replace(b"%s", module)
    CALLS.clear()
    for end in (b".", b"\x85.", b"}b."):
        try:
            watch.load(make.archive(b"\x80\x02" + body + end))
        except Exception as problem:
            assert isinstance(problem, pickle.UnpicklingError), problem
    assert CALLS == []
