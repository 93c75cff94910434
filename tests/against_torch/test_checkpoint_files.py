"""Files of PyTorch's read by rushlight, and the other way round."""

import importlib
import io
import os
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest

real = pytest.importorskip("torch")

import rushlight as torch  # noqa: E402
from rushlight.checkpoint import torch_names  # noqa: E402

DTYPES = [
    "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16",
    "float32", "float64", "complex64", "complex128", "bool", "float8_e4m3fn", "float8_e5m2",
]  # fmt: skip

ZIPPED = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def to_rushlight(obj, **options):
    """What rushlight loads of what PyTorch saves."""
    buffer = io.BytesIO()
    real.save(obj, buffer, **options)
    return torch.load(io.BytesIO(buffer.getvalue()))


def to_torch(obj, weights_only=True, **options):
    """What PyTorch loads of what rushlight saves."""
    buffer = io.BytesIO()
    torch.save(obj, buffer, **options)
    return real.load(io.BytesIO(buffer.getvalue()), weights_only=weights_only)


def same(a, b):
    """Whether two tensors, one of each library, are equal in everything a file says."""
    facts = [
        (str(x.dtype), tuple(x.shape), tuple(x.stride()), x.storage_offset(), x.requires_grad) for x in (a, b)
    ]
    return facts[0] == facts[1] and a.detach().tolist() == b.detach().tolist()


def same_tree(a, b):
    if isinstance(a, (torch.Tensor, real.Tensor)):
        return same(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_tree(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same_tree(x, y) for x, y in zip(a, b))
    return a == b or (type(a).__name__ == "dtype" or a != a) and repr(a) == repr(b)


def tensors(lib):
    """The same tensors in either library."""
    x = lib.arange(24.0).reshape(2, 3, 4)
    made = {name: lib.tensor([[0, 1, 1], [1, 0, 1]]).to(getattr(lib, name)) for name in DTYPES}
    return {
        **made, "scalar": lib.tensor(3), "empty": lib.empty(0), "empty2": lib.zeros(2, 0, 3), "x": x,
        "t": x.permute(2, 0, 1), "part": x[1, :, ::2], "wide": lib.ones(1).expand(4),
        "grad": lib.ones(2, requires_grad=True), "parameter": lib.nn.Parameter(lib.ones(2)),
        "frozen": lib.nn.Parameter(lib.ones(2), requires_grad=False), "conj": lib.tensor([1 + 2j]),
    }  # fmt: skip


@ZIPPED
def test_tensors_both_ways(zipped):
    ours, theirs = tensors(torch), tensors(real)
    back = to_rushlight(theirs, _use_new_zipfile_serialization=zipped)
    assert all(same(back[name], theirs[name]) for name in theirs)
    assert type(back["parameter"]) is torch.nn.Parameter and type(back["grad"]) is torch.Tensor
    back["x"][1, 0, 2] = 55.0
    assert back["part"][0, 1].item() == 55.0
    if not zipped:  # PyTorch cannot read its own legacy files of the newer types
        ours = {
            name: x
            for name, x in ours.items()
            if name not in ("uint16", "uint32", "uint64") and "float8" not in name
        }
    back = to_torch(ours, _use_new_zipfile_serialization=zipped)
    assert all(same(back[name], ours[name]) for name in ours)
    assert type(back["parameter"]) is real.nn.Parameter
    back["x"][1, 0, 2] = 55.0
    assert back["part"][0, 1].item() == 55.0


def test_lazy_conjugates():
    x = real.tensor([1 + 2j, 3 - 1j])
    assert to_rushlight(x.conj()).tolist() == [1 - 2j, 3 + 1j]
    assert to_rushlight(x.conj().imag).tolist() == [-2.0, 1.0]


def test_plain_values_both_ways():
    def values(lib):
        return {
            "size": lib.Size([2, 3]), "device": lib.device("cpu"), "cuda": lib.device("cuda", 1),
            "dtype": lib.bfloat16, "layout": lib.strided, "numbers": [1, -5, 2**70, 0.5, True, None, 1j],
            "text": "模型", "set": {1, 2}, "bytes": bytearray(b"ab"),
            "rng": lib.Generator().manual_seed(3).get_state(), 4: "key", (1, 2): "key",
        }  # fmt: skip

    back = to_rushlight(values(real))
    assert (
        same_tree(back, values(torch))
        and back["dtype"] is torch.bfloat16
        and type(back["size"]) is torch.Size
    )
    back = to_torch(values(torch))
    assert (
        same_tree(back, values(real)) and back["layout"] is real.strided and type(back["size"]) is real.Size
    )


def test_more_of_pytorchs_own_forms():
    marked = real.ones(2)
    marked.note = "a"
    parameter = real.nn.Parameter(real.zeros(1))
    parameter.note = [1]
    generator = real.Generator().manual_seed(5)
    obj = [
        marked,
        parameter,
        real.nn.Buffer(real.ones(1)),
        generator,
        real.ones(2, 2).max(1),
        np.float32(2),
        np.ones(2),
    ]
    back = to_rushlight(obj)
    assert back[0].note == "a" and back[1].note == [1] and isinstance(back[2], torch.nn.Buffer)
    assert torch.rand(3, generator=back[3]).tolist() == real.rand(3, generator=generator).tolist()
    assert (
        [part.tolist() for part in back[4]] == [[1.0, 1.0], [0, 0]]
        and back[5] == 2
        and back[6].tolist() == [1, 1]
    )
    assert to_rushlight(real.ones(2, device="meta")).device.type == "meta"
    with pytest.raises(Exception, match="sparse tensor: save tensor.to_dense"):
        to_rushlight(real.ones(2).to_sparse())


@ZIPPED
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_bare_storages_both_ways(zipped):
    x = real.arange(3.0)
    back = to_rushlight([x, x.storage(), real.ones(2).untyped_storage()] if zipped else [x, x.storage()])
    assert back[1].tolist() == [0, 1, 2] and (not zipped or back[2].nbytes() == 8)
    back[0][0] = 5.0
    assert back[1][0] == 5.0
    x = torch.arange(3.0)
    back = to_torch([x, x.storage()], _use_new_zipfile_serialization=zipped)
    assert back[1].tolist() == [0, 1, 2] and back[1].dtype is real.float32


def test_generators_both_ways():
    generator = torch.Generator().manual_seed(11)
    torch.rand(3, generator=generator)
    back = to_torch(generator, weights_only=False)
    assert torch.rand(3, generator=generator).tolist() == real.rand(3, generator=back).tolist()


def test_records_are_the_same(tmp_path):
    for lib, name in ((real, "theirs"), (torch, "ours")):
        folder = tmp_path / name
        folder.mkdir()
        lib.save({"a": lib.arange(5), "b": lib.zeros(0), "c": lib.ones(3)}, folder / "model.pth")
    theirs, ours = (zipfile.ZipFile(tmp_path / name / "model.pth") for name in ("theirs", "ours"))
    facts = [
        [(e.filename, e.header_offset, e.file_size, e.CRC, e.flag_bits) for e in archive.infolist()][:-1]
        for archive in (theirs, ours)
    ]
    assert facts[0] == facts[1]
    assert theirs.read("model/data.pkl") == ours.read("model/data.pkl")


def test_mapped_files(tmp_path):
    torch.save({"x": torch.arange(5)}, tmp_path / "ours.pt")
    assert real.load(tmp_path / "ours.pt", mmap=True, weights_only=True)["x"].tolist() == [0, 1, 2, 3, 4]
    real.save({"x": real.arange(5)}, tmp_path / "theirs.pt")
    assert torch.load(tmp_path / "theirs.pt", mmap=True)["x"].tolist() == [0, 1, 2, 3, 4]


def test_protocols():
    for protocol in (2, 3, 4, 5):
        obj = {"a": real.ones(2), "m": real.nn.Linear(2, 2)}
        assert to_rushlight(obj, pickle_protocol=protocol)["a"].tolist() == [1, 1]
        obj = {"a": torch.ones(2), "m": torch.nn.Linear(2, 2)}
        assert to_torch(obj, weights_only=False, pickle_protocol=protocol)["a"].tolist() == [1, 1]


def model_in(lib):
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 1))


def trained(lib, name, options, steps=3):
    """A model and an optimizer after a few steps, with data that is the same in either library."""
    model = model_in(lib)
    x = lib.from_numpy(np.random.default_rng(0).standard_normal((8, 3)).astype("f4"))
    optimizer = getattr(lib.optim, name)(model.parameters(), **options)
    scheduler = lib.optim.lr_scheduler.MultiStepLR(optimizer, [1, 5], 0.5)

    def step():
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        scheduler.step()

    for _ in range(steps):
        step()
    return model, optimizer, scheduler, step


OPTIMIZERS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}), ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}), ("RMSprop", {"lr": 0.01, "momentum": 0.1}), ("Adagrad", {"lr": 0.1}),
    ("RAdam", {"lr": 0.01}),
]  # fmt: skip


@pytest.mark.parametrize("name, options", OPTIMIZERS, ids=[name for name, _ in OPTIMIZERS])
@pytest.mark.parametrize("source, target", [(real, torch), (torch, real)], ids=["from torch", "to torch"])
def test_training_goes_on_in_the_other_library(name, options, source, target):
    model, optimizer, scheduler, step = trained(source, name, options)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    carry = to_rushlight if target is torch else to_torch
    loaded = carry({**state, "epoch": 3})
    assert loaded["epoch"] == 3 and same_tree(loaded["optimizer"], state["optimizer"])
    other, other_optimizer, other_scheduler, other_step = trained(target, name, options, steps=0)
    other.load_state_dict(loaded["model"])
    other_optimizer.load_state_dict(loaded["optimizer"])
    other_scheduler.load_state_dict(loaded["scheduler"])
    for _ in range(4):
        step()
        other_step()
    assert other_scheduler.get_last_lr() == scheduler.get_last_lr()
    for a, b in zip(model.parameters(), other.parameters()):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


SCHEDULERS = {
    "StepLR": (3,), "LinearLR": (), "ConstantLR": (), "ExponentialLR": (0.9,), "CosineAnnealingLR": (5,),
    "PolynomialLR": (), "OneCycleLR": (0.1, 10), "ReduceLROnPlateau": (), "CosineAnnealingWarmRestarts": (3,),
    "CyclicLR": (0.01, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULERS)
def test_scheduler_states(name):
    def state(lib):
        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=0.1, momentum=0.9)
        scheduler = getattr(lib.optim.lr_scheduler, name)(optimizer, *SCHEDULERS[name])
        optimizer.step()
        scheduler.step(*([0.5] if name == "ReduceLROnPlateau" else []))
        return scheduler.state_dict()

    assert same_tree(to_rushlight(state(real)), state(real))
    assert same_tree(to_torch(state(torch)), state(torch))


def layers(lib):
    nn = lib.nn
    return [
        nn.Linear(3, 2), nn.Bilinear(2, 3, 2), nn.Conv1d(2, 4, 3), nn.Conv2d(2, 4, 3, padding=1, groups=2),
        nn.ConvTranspose2d(2, 2, 3), nn.BatchNorm2d(3), nn.InstanceNorm1d(3, affine=True), nn.LayerNorm(4),
        nn.GroupNorm(2, 4), nn.Embedding(5, 3), nn.EmbeddingBag(5, 3), nn.LSTM(3, 4, 2, dropout=0.1),
        nn.GRU(2, 2), nn.RNNCell(2, 2), nn.MultiheadAttention(4, 2), nn.TransformerEncoderLayer(4, 2, 8),
        nn.PReLU(), nn.GELU(), nn.Softmax(1), nn.Dropout(0.3), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Upsample(scale_factor=2), nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.BCEWithLogitsLoss(), nn.ModuleList([nn.ReLU()]), nn.ReflectionPad2d(1),
        nn.ModuleDict({"a": nn.Tanh()}), nn.ParameterList([nn.Parameter(lib.ones(1))]), nn.PixelShuffle(2),
        nn.Transformer(4, 2, 1, 1, 8), nn.RMSNorm(3), nn.Identity(), nn.Unfold(2), nn.CosineSimilarity(),
    ]  # fmt: skip


def numbers(module):
    return {name: value.detach().tolist() for name, value in module.state_dict().items()}


@ZIPPED
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source", "ignore:enable_nested_tensor")
def test_layers_of_pytorch(zipped):
    theirs = layers(real)
    ours = to_rushlight(theirs, _use_new_zipfile_serialization=zipped)
    for a, b in zip(theirs, ours):
        assert type(a).__name__ == type(b).__name__ and repr(a) == repr(b) and numbers(a) == numbers(b)
    x = np.random.default_rng(0).standard_normal((5, 2, 4)).astype("f4")
    for a, b in zip(theirs, ours):
        if type(a).__name__ in ("MultiheadAttention", "TransformerEncoderLayer"):
            arrays = [real.from_numpy(x)] * (3 if "head" in type(a).__name__ else 1)
            mine = b.eval()(*[torch.from_numpy(x)] * len(arrays))
            other = a.eval()(*arrays)
            first = [out[0] if isinstance(out, tuple) else out for out in (mine, other)]
            np.testing.assert_allclose(
                first[0].detach().numpy(), first[1].detach().numpy(), rtol=1e-4, atol=1e-5
            )


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_layers_of_rushlight():
    ours = layers(torch)
    theirs = to_torch(ours, weights_only=False)
    for a, b in zip(ours, theirs):
        assert type(b).__module__.startswith("torch.nn") and repr(a) == repr(b) and numbers(a) == numbers(b)
    x = np.random.default_rng(0).standard_normal((2, 2, 6, 6)).astype("f4")
    for a, b in zip(ours, theirs):
        if type(a).__name__ in ("Conv2d", "ConvTranspose2d", "MaxPool2d", "ReflectionPad2d", "Upsample"):
            mine, other = a(torch.from_numpy(x)).detach().numpy(), b(real.from_numpy(x)).detach().numpy()
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:Lazy modules")
def test_hooks_both_ways():
    def models(lib):
        nn = lib.nn
        weight, spectral = (
            nn.utils.weight_norm(nn.Linear(2, 2)),
            nn.utils.spectral_norm(nn.Linear(2, 2)).eval(),
        )
        pruned = importlib.import_module(f"{lib.__name__}.nn.utils.prune").l1_unstructured(
            nn.Linear(2, 2), "weight", 0.5
        )
        return [weight, spectral, pruned, nn.LazyLinear(4)]

    x = np.random.default_rng(0).standard_normal((3, 2)).astype("f4")
    ours, theirs = models(torch), models(real)
    for mine, other in ((to_rushlight(theirs), theirs), (ours, to_torch(ours, weights_only=False))):
        for a, b in zip(mine[:3], other[:3]):
            y, z = a(torch.from_numpy(x)).detach().numpy(), b(real.from_numpy(x)).detach().numpy()
            np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-6)
        assert mine[3](torch.from_numpy(x)).shape == (3, 4) and other[3](real.from_numpy(x)).shape == (3, 4)


def test_the_table_of_layers_is_pytorchs():
    for name, module in torch_names.LAYER_MODULES.items():
        assert getattr(importlib.import_module(module), name).__module__ == module
    missing = [
        name for name, cls in vars(real.nn).items()
        if isinstance(cls, type) and issubclass(cls, real.nn.Module) and "torch.nn.modules" in cls.__module__
        and name not in torch_names.LAYER_MODULES
    ]  # fmt: skip
    assert missing == []


NET = """
    import os
    if os.environ.get("NET_LIBRARY") == "torch":
        import torch
    else:
        import rushlight as torch
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Conv2d(width, width, 3, padding=1)
            self.norm = nn.BatchNorm2d(width)
            self.act = torch.relu

        def forward(self, x):
            return x + self.act(self.norm(self.conv(x)))

    class Net(nn.Module):
        def __init__(self, width=4):
            super().__init__()
            self.stem = nn.Conv2d(1, width, 3)
            self.blocks = nn.ModuleList([Block(width) for _ in range(2)])
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))
            self.gate = nn.functional.gelu
            self.norm_layer = nn.BatchNorm2d
            self.register_buffer("mean", torch.tensor([0.5]))
            self.classes = {0: "cat", 1: "dog"}

        def forward(self, x):
            x = self.gate(self.stem(x - self.mean))
            for block in self.blocks:
                x = block(x)
            return self.head(x)
"""


@pytest.fixture
def both(tmp_path, monkeypatch):
    """A module of models that either library can import, here with rushlight; and a PyTorch process."""
    (tmp_path / "net_of_both.py").write_text(textwrap.dedent(NET))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "net_of_both", raising=False)
    module = importlib.import_module("net_of_both")

    def in_torch(code):
        environment = {**os.environ, "NET_LIBRARY": "torch", "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", "import torch, net_of_both\n" + textwrap.dedent(code)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield module, in_torch, tmp_path
    sys.modules.pop("net_of_both", None)


def test_whole_models_of_the_program(both):
    module, in_torch, folder = both
    x = np.random.default_rng(1).standard_normal((2, 1, 8, 8)).astype("f4")
    ours = module.Net().eval()
    torch.save(ours, folder / "ours.pth")
    torch.save(ours, folder / "structure.pth", save_model_obj=False)
    np.save(folder / "x.npy", x)
    np.save(folder / "z.npy", ours(torch.from_numpy(x)).detach().numpy())
    in_torch(
        """
        import numpy
        x = torch.from_numpy(numpy.load("x.npy"))
        net = net_of_both.Net().eval()
        torch.save(net, "theirs.pth")
        torch.save(net, "legacy.pth", _use_new_zipfile_serialization=False)
        numpy.save("y.npy", net(x).detach().numpy())

        net = torch.load("ours.pth", weights_only=False)
        assert type(net) is net_of_both.Net and type(net.blocks[0]) is net_of_both.Block
        numpy.testing.assert_allclose(net(x).detach().numpy(), numpy.load("z.npy"), rtol=1e-4, atol=1e-5)
        net = torch.load("structure.pth", weights_only=False)
        assert net.stem.weight.device.type == "meta" and isinstance(net.stem.weight, torch.nn.Parameter)
        net.to_empty(device="cpu")
        """
    )
    y = np.load(folder / "y.npy")
    for name in ("theirs.pth", "legacy.pth"):
        net = torch.load(folder / name)
        assert type(net) is module.Net and net.classes == {0: "cat", 1: "dog"} and not net.training
        np.testing.assert_allclose(net(torch.from_numpy(x)).detach().numpy(), y, rtol=1e-4, atol=1e-5)
        assert net.norm_layer is torch.nn.BatchNorm2d and all(p.requires_grad for p in net.parameters())
