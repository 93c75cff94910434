"""torch.compile(model): the forward pass is captured with the backward pass that the caller will run."""

import copy
import io
import pickle

import pytest
from alike import captures, check_alike, state_of

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F


def net(dropout=0.3):
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


class Branching(nn.Module):
    """Several outputs, one of them off the tape, and an input that needs a gradient."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 4), nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x, scale=1.0):
        self.calls += 1
        hidden = torch.tanh(self.first(x)) * scale
        return {"hidden": hidden, "out": self.second(hidden), "calls": self.calls.clone(), "x": x}


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y + 0 * x


def train(build_model, steps=16, replayed_from=5, after=lambda i, model: None):
    def build(compile):
        model = build_model()
        called = compile(model)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        data = [(torch.randn(5, 6), torch.randint(0, 3, (5,))) for _ in range(3)]

        def step(i):
            inputs, labels = data[i % 3]
            optimizer.zero_grad()
            outputs = called(inputs)
            loss = F.cross_entropy(outputs, labels)
            loss.backward()
            optimizer.step()
            after(i, model)
            return outputs, loss

        return step, state_of(model, optimizer)

    check_alike(build, steps, replayed_from)


def test_a_model():
    train(net)


def test_modes_of_training():
    train(net, 24, 10, lambda i, model: model.train(i // 4 % 2 == 0))


def test_compiled_in_place():
    def build(compile):
        model = net()
        if compile is torch.compile:
            model.compile()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.randn(5, 6)

        def step(i):
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, state_of(model)

    check_alike(build, 12, 4)


@pytest.mark.parametrize("needs", [False, True])
def test_several_outputs(needs):
    def build(compile):
        model = Branching()
        called = compile(model)
        inner = torch.randn(6, requires_grad=True)
        data = [torch.randn(5, 6) for _ in range(3)]

        def step(i):
            model.zero_grad()
            x = data[i % 3].clone().requires_grad_(needs)
            given = x * inner if needs and i % 2 else x
            out = called(given, scale=0.5)
            if i % 3 == 0:
                loss = out["out"].sum()
            elif i % 3 == 1:
                loss = (out["hidden"] ** 2).sum() + out["out"].mean()
            else:
                loss = out["hidden"].sum()
            loss.backward()
            return out, x.grad, inner.grad

        return step, state_of(model)

    check_alike(build, 18, 9)


def test_a_function_of_ones_own():
    w = torch.full((3,), 0.5, requires_grad=True)

    def build(compile):
        compiled = compile(lambda x: Scaled.apply(x * w).sum())

        def step(i):
            w.grad = None
            loss = compiled(torch.arange(3.0) + i)
            loss.backward()
            return loss, w.grad

        return (step,)

    check_alike(build, 10, 4)


def test_two_calls_before_one_backward():
    def build(compile):
        model = nn.Linear(3, 2)
        called = compile(model)

        def step(i):
            model.zero_grad()
            a, b = called(torch.full((2, 3), float(i))), called(torch.full((2, 3), 0.5))
            with torch.no_grad():
                model.weight.mul_(0.9)  # what backward reads was saved before
            (a * b).sum().backward()
            return a, b

        return step, state_of(model)

    check_alike(build, 10, 4)


def test_weights_that_change_before_backward():
    def build(compile):
        w = torch.ones(3, requires_grad=True)
        compiled = compile(lambda x: (w * w * x).sum())

        def step(i):
            w.grad = None
            loss = compiled(torch.arange(3.0))
            with torch.no_grad():
                w.add_(1)
            loss.backward()
            return w.grad

        return (step,)

    check_alike(build, 10, 4)


def test_retaining_and_freeing():
    w = torch.ones(3, requires_grad=True)
    compiled = torch.compile(lambda x: (w * w * x).sum())
    for _ in range(6):
        w.grad = None
        loss = compiled(torch.ones(3))
        loss.backward(retain_graph=True)
        loss.backward()
        assert w.grad.tolist() == [4, 4, 4]
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
    assert captures(compiled) == 1


def test_loss_of_a_whole_step_is_spent():
    w = torch.ones(3, requires_grad=True)

    @torch.compile
    def step(x):
        loss = (w * w * x).sum()
        loss.backward()
        return loss

    for _ in range(6):
        loss = step(torch.ones(3))
        assert loss.requires_grad and not loss.is_leaf
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()


def test_gradients_of_gradients_are_refused():
    w = torch.ones(3, requires_grad=True)
    compiled = torch.compile(lambda x: (w * w * x).sum())
    for _ in range(4):
        compiled(torch.ones(3))
    with pytest.raises(RuntimeError, match="double backward"):
        torch.autograd.grad(compiled(torch.ones(3)), w, create_graph=True)


def test_gradients_asked_for_by_name():
    def build(compile):
        model = nn.Linear(3, 1)
        called = compile(model)

        def step(i):
            x = torch.full((2, 3), float(i), requires_grad=True)
            out = called(x).pow(2).sum()
            return torch.autograd.grad(out, (x, model.bias))

        return step, state_of(model)

    check_alike(build, 10, 4)


def test_layers_inside_layers():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.compile(nn.Linear(3, 3))

        def forward(self, x):
            return self.inner(x) + 1

    def build(compile):
        outer = Outer()
        called = compile(outer)

        def step(i):
            outer.zero_grad()
            out = called(torch.full((2, 3), float(i)))
            out.sum().backward()
            return out

        return step, state_of(outer)

    check_alike(build, 10, 4)


def test_embedding_attention_and_recurrence():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(11, 8)
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
            self.rnn = nn.LSTM(8, 5, batch_first=True)
            self.out = nn.Linear(5, 11)

        def forward(self, words):
            return self.out(self.rnn(self.layer(self.emb(words)))[0])

    def build(compile):
        model = Words()
        called = compile(model)
        optimizer = torch.optim.AdamW(model.parameters())
        data = torch.randint(0, 11, (3, 2, 7))

        def step(i):
            optimizer.zero_grad()
            loss = F.cross_entropy(called(data[i % 3]).flatten(0, 1), data[i % 3].flatten())
            loss.backward()
            optimizer.step()
            return loss

        return step, state_of(model)

    check_alike(build, 8, 4)


# ---------------------------------------------------------------- as an object


def test_the_modules_interface():
    model = net()
    compiled = torch.compile(model)
    assert isinstance(compiled, nn.Module) and compiled._orig_mod is model
    assert list(compiled.state_dict()) == ["_orig_mod." + name for name in model.state_dict()]
    assert [n for n, _ in compiled.named_parameters()] == [
        "_orig_mod." + n for n, _ in model.named_parameters()
    ]
    assert compiled.training and compiled.eval() is compiled and not model.training and not compiled.training
    model.train()
    assert compiled.training
    compiled.note = "here"
    assert model.note == "here" and compiled.note == "here" and "note" in dir(compiled)
    del compiled.note
    assert not hasattr(model, "note")
    assert len(compiled) == len(model) and bool(compiled)
    with pytest.raises(TypeError, match="does not support len"):
        len(torch.compile(nn.ReLU()))
    assert "OptimizedModule" in repr(compiled)
    other = torch.compile(net())
    other.load_state_dict(compiled.state_dict())
    assert torch.equal(other._orig_mod[0].weight, model[0].weight)


def test_copies():
    compiled = torch.compile(net(0.0))
    x = torch.randn(5, 6)
    for _ in range(4):
        compiled(x)
    copied = copy.deepcopy(compiled)
    assert copied._orig_mod is not compiled._orig_mod
    pickled = pickle.loads(pickle.dumps(compiled))
    file = io.BytesIO()
    torch.save(compiled.state_dict(), file)
    with torch.no_grad():
        compiled._orig_mod[0].weight.zero_()
    for other in (copied, pickled):
        for _ in range(4):
            assert other(x).shape == (5, 3)
            assert not torch.equal(other(x), compiled(x))


def test_hooks_around_a_compiled_module():
    compiled = torch.compile(nn.Linear(2, 2))
    seen = []
    for i in range(8):
        if i == 4:
            handle = compiled.register_forward_hook(lambda m, a, out: seen.append(a[0][0, 0].item()))
        if i == 6:
            handle.remove()
        compiled(torch.full((1, 2), float(i)))
    assert seen == [4, 5]
