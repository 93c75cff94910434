"""save(..., save_model_obj=False): structure without values."""

import io

import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 32)
        self.norm = nn.BatchNorm1d(32)
        self.drop = nn.Dropout(0.3)
        self.own = nn.Parameter(torch.full((32, 16), 7.0))
        self.narrow = nn.Parameter(torch.ones(3, dtype=torch.bfloat16), requires_grad=False)
        self.register_buffer("mask", torch.ones(2, 2))
        self.register_buffer("table", torch.arange(4), persistent=False)
        self.labels = ["a", "b"]

    def forward(self, x):
        return self.drop(self.norm(self.fc(x))) @ self.own


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def structure(request, make):
    def of(model):
        return make.saved(model, save_model_obj=False, _use_new_zipfile_serialization=request.param)

    return of


def test_structure_comes_back_with_new_values(structure):
    model = Net()
    with torch.no_grad():
        model.fc.weight.fill_(123.0)
        model.norm.running_mean.fill_(5.0)
    data = structure(model)
    assert len(data) < 12_000 and b"\x00\x00\xf6\x42" * 4 not in data  # 123.0
    back = torch.load(io.BytesIO(data))
    assert (
        type(back) is Net and repr(back) == repr(model) and back.labels == ["a", "b"] and back.drop.p == 0.3
    )
    assert {k: (v.size(), v.dtype) for k, v in back.state_dict().items()} == {
        k: (v.size(), v.dtype) for k, v in model.state_dict().items()
    }
    assert 0 < back.fc.weight.abs().max().item() <= 1 / 8 and back.fc.bias.abs().max().item() > 0
    assert 0 < back.own.abs().max().item() <= 1 / 4 and back.norm.weight.tolist() == [1.0] * 32
    assert back.norm.running_mean.tolist() == [0.0] * 32 and back.norm.running_var.tolist() == [1.0] * 32
    assert back.mask.tolist() == [[1, 1], [1, 1]] and back.table.tolist() == [0, 1, 2, 3]
    assert all(type(p) is nn.Parameter for p in back.parameters()) and not back.narrow.requires_grad


def test_the_loaded_module_trains_and_takes_a_state_dict(structure):
    model = Net()
    back = torch.load(io.BytesIO(structure(model)))
    back(torch.randn(4, 64)).sum().backward()
    torch.optim.SGD(back.parameters(), lr=0.1).step()
    assert back.fc.weight.grad is not None
    back.load_state_dict(model.state_dict())
    x = torch.randn(2, 64)
    assert torch.equal(model.eval()(x), back.eval()(x))


def test_values_are_drawn_as_when_the_layers_are_made(structure):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    data = structure(model)
    torch.manual_seed(3)
    back = torch.load(io.BytesIO(data))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), back.parameters()))


def test_larger_layers(structure):
    for model in (
        nn.Transformer(8, 2, 1, 1, 16),
        nn.LSTM(3, 4, 2),
        nn.Conv2d(3, 4, 3),
        nn.Embedding(5, 3, padding_idx=1),
    ):
        back = torch.load(io.BytesIO(structure(model)))
        assert all(p.abs().sum().item() > 0 for p in back.parameters() if p.dim() > 1)
    assert back.weight[1].tolist() == [0.0, 0.0, 0.0]


def test_tied_parameters(structure):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    back = torch.load(io.BytesIO(structure(model)))
    assert back[0].weight is back[1].weight


def test_what_is_no_module_is_saved_whole(structure):
    state = nn.Linear(2, 2).state_dict()
    back = torch.load(io.BytesIO(structure(state)))
    assert all(torch.equal(state[k], back[k]) for k in state)
    both = torch.load(io.BytesIO(structure({"model": nn.Linear(2, 2), "x": torch.ones(2)})))
    assert both["x"].tolist() == [1.0, 1.0]


def test_the_programs_own_reset_is_not_run(structure):
    back = torch.load(io.BytesIO(structure(Resetting())))
    assert type(back) is Resetting and 0 < back.weight.abs().max().item() <= 1


class Resetting(nn.Linear):
    def __init__(self):
        nn.Module.__init__(self)
        self.in_features, self.out_features = 2, 2
        self.weight, self.bias = nn.Parameter(torch.zeros(2, 2)), None

    def reset_parameters(self):
        raise AssertionError("code of the program ran")
