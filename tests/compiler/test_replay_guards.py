"""Everything that a captured call depends on, changed one by one: the result is what it would be without compile."""

import types

import numpy as np
import pytest
from alike import check_alike, state_of

import rushlight as torch
import rushlight.nn as nn
import rushlight.nn.functional as F

factor = 2.0
table = {"scale": 1.0, "names": ["a"]}
helpers = types.SimpleNamespace(scale=3.0)


def through_a_global(x):
    return x * factor


class Holder:
    kind = "plain"
    offset = 1.0

    def __init__(self):
        self.scale = 1.0
        self.items = [1.0, 2.0]
        self.deep = types.SimpleNamespace(level=types.SimpleNamespace(value=0.5))
        self.weight = torch.ones(3)

    def forward(self, x):
        y = x * self.scale + self.offset + sum(self.items) * self.deep.level.value
        return y * self.weight if self.kind == "plain" else y - self.weight


def calls(change, function=None, make=None, steps=12, replayed_from=None):
    """Call a compiled function on one input, with `change(i)` before each call."""

    def build(compile):
        subject = make() if make is not None else None
        compiled = compile(subject.forward if subject is not None else function)
        x = torch.arange(3.0)

        def step(i):
            change(i, subject) if subject is not None else change(i)
            return compiled(x)

        return (step,)

    check_alike(build, steps, replayed_from)


def test_a_global(monkeypatch):
    calls(lambda i: monkeypatch.setitem(globals(), "factor", 2.0 + i // 6), through_a_global)


def test_a_global_of_a_function_that_is_called(monkeypatch):
    inner = through_a_global
    calls(lambda i: monkeypatch.setitem(globals(), "factor", 2.0 + i // 6), lambda x: inner(x) + 1)


def test_a_function_that_is_replaced(monkeypatch):
    def change(i):
        monkeypatch.setitem(globals(), "through_a_global", (lambda x: x * 5) if i > 6 else (lambda x: x * 4))

    calls(change, lambda x: through_a_global(x) + 1)


def test_an_item_of_a_dict(monkeypatch):
    calls(lambda i: monkeypatch.setitem(table, "scale", float(i // 6)), lambda x: x * table["scale"])


def test_a_list_in_a_dict(monkeypatch):
    names = []
    monkeypatch.setitem(table, "names", names)

    def change(i):
        if i == 6:
            names.append("b")
        if i == 0:
            names.clear()

    calls(change, lambda x: x * len(table["names"]))


def test_an_attribute_of_a_namespace(monkeypatch):
    calls(lambda i: monkeypatch.setattr(helpers, "scale", 1.0 + i // 6), lambda x: x * helpers.scale)


def test_an_attribute_that_appears():
    def change(i):
        if i == 6:
            helpers.extra = 1.0
        elif i == 0:
            helpers.__dict__.pop("extra", None)

    calls(change, lambda x: x + 1 if hasattr(helpers, "extra") else x - 1)


def test_a_variable_of_an_enclosing_function():
    level = 1.0

    def change(i):
        nonlocal level
        level = 1.0 + i // 6

    calls(change, lambda x: x * level)


@pytest.mark.parametrize(
    "change",
    [
        lambda i, h: setattr(h, "scale", 1.0 + i // 6),
        lambda i, h: setattr(h, "offset", -1.0) if i == 6 else None,
        lambda i, h: h.items.append(1.0) if i == 6 else None,
        lambda i, h: h.items.__setitem__(0, i // 6 + 0.5),
        lambda i, h: setattr(h.deep.level, "value", 1.0 + i // 6),
        lambda i, h: setattr(h.deep, "level", types.SimpleNamespace(value=i // 6)),
        lambda i, h: setattr(h, "kind", "other" if i > 6 else "plain"),
        lambda i, h: setattr(h, "weight", torch.full((3,), 2.0 + i // 6)),
        lambda i, h: h.weight.add_(1),
        lambda i, h: setattr(h.weight, "data", torch.full((3,), 2.0 + i // 6)),
    ],
)
def test_attributes_of_an_object(change):
    calls(change, make=Holder)


def test_an_attribute_of_a_class(monkeypatch):
    calls(lambda i, h: monkeypatch.setattr(Holder, "offset", 1.0 + i // 6), make=Holder)


def test_tensors_that_hold_constants():
    """A tensor of one Python number is an input like any other, though its value is part of what was recorded."""

    def build(compile):
        count, twin, level = torch.zeros(()), torch.zeros(()), torch.tensor(2.0)

        @compile
        def function(x, by):
            count.add_(1)
            return x * level + count + by

        def step(i):
            if i == 5:
                level.fill_(3.0)
            return function(torch.ones(2), torch.zeros(()) + (i > 3))

        return step, lambda: (count, twin)

    check_alike(build, 10, 2)


def test_a_default_argument():
    def shifted(x, by=[1.0]):  # noqa: B006
        return x + by[0]

    calls(lambda i: shifted.__defaults__[0].__setitem__(0, 1.0 + i // 6), shifted)


def test_unrelated_changes_are_no_misses(monkeypatch):
    def change(i, h):
        h.unrelated = i
        monkeypatch.setitem(globals(), "nobody_reads_this", i)

    calls(change, make=Holder, replayed_from=3)


# ---------------------------------------------------------------- arguments


def arguments(function, given, steps=12, replayed_from=None):
    def build(compile):
        compiled = compile(function)
        return (lambda i: compiled(*given(i)),)

    check_alike(build, steps, replayed_from)


def test_python_numbers_and_their_types():
    x = torch.arange(4)
    values = [1, 1.0, True, 2, -0.0, 0.0, float("nan"), None]

    def function(x, by):
        if by is None:
            return x
        return (x * by, type(by).__name__, str(by))

    arguments(function, lambda i: (x, values[i % len(values)]), 24, 16)


def test_sizes_and_dtypes():
    kinds = [torch.float32, torch.float64, torch.int64]
    arguments(lambda x: (x * 2).sum(0), lambda i: (torch.ones(1 + i % 2, 2, dtype=kinds[i % 3]),), 30, 18)


def test_nested_arguments():
    def function(batch, options):
        return {"out": [batch["x"] + options[0], batch["y"][0] * options[1]["k"]]}

    def given(i):
        return {"x": torch.full((2,), float(i)), "y": (torch.ones(2), i % 2)}, (1.0, {"k": 3})

    arguments(function, given, 16, 8)


def test_named_arguments_and_defaults():
    def function(x, *, by=1.0, mode="plain"):
        return x * by if mode == "plain" else x / by

    def build(compile):
        compiled = compile(function)
        x = torch.arange(3.0)
        kinds = [{}, {"by": 2.0}, {"mode": "other", "by": 2.0}]
        return (lambda i: compiled(x, **kinds[i % 3]),)

    check_alike(build, 15, 9)


def test_the_same_tensor_twice():
    def function(a, b):
        a.add_(1)
        return a * b

    def build(compile):
        compiled = compile(function)
        x, y = torch.arange(3.0), torch.ones(3)
        return (lambda i: compiled(*[(x, x), (x, y)][i // 5 % 2])), lambda: (x, y)

    check_alike(build, 20, 9)


def test_an_argument_that_shares_memory_with_what_is_written():
    def build(compile):
        weight = torch.ones(3)

        @compile
        def function(a):
            weight.mul_(2)
            return a + weight

        other = torch.arange(3.0)
        return (lambda i: function([other, weight, weight.view(3)][i // 4 % 3])), lambda: weight

    check_alike(build, 24, None)


def test_views_as_arguments():
    data = torch.arange(40.0).view(10, 4)

    def function(x):
        return x * 2, x.sum()

    arguments(function, lambda i: (data[i % 8 : i % 8 + 2],), 16, 3)
    arguments(function, lambda i: (data[:, i % 3],), 16, 3)
    arguments(function, lambda i: (data.t() if i % 2 else data.view(4, 10),), 16, 8)


def test_writes_to_a_view():
    def build(compile):
        data = torch.arange(12.0).view(3, 4)

        @compile
        def function(row):
            row.add_(1)
            return row.sum()

        return (lambda i: function(data[i % 3])), lambda: data

    check_alike(build, 10, None)


def test_writes_to_an_argument():
    def build(compile):
        data = [torch.arange(4.0), torch.ones(4)]

        @compile
        def function(x, at):
            x[1:3] = at
            x += 1
            return x

        return (
            (lambda i: function(data[i % 2], torch.tensor(float(i)))),
            lambda: data,
            lambda: [d._version for d in data],
        )

    check_alike(build, 12, 3)


def test_dropout_follows_the_layout_of_a_view():
    x = torch.ones(4, 6)
    arguments(lambda v: F.dropout(v, 0.5), lambda i: (x.t() if i % 2 else x.view(6, 4),), 12, 6)


def test_numpy_memory_as_argument():
    arrays = [np.arange(3.0, dtype=np.float32), np.ones(3, np.float32)]

    def given(i):
        arrays[i % 2] += 1
        return (torch.from_numpy(arrays[i % 2]),)

    def build(compile):
        arrays[0][:], arrays[1][:] = [0, 1, 2], [1, 1, 1]
        compiled = compile(lambda x: x * 3)
        return (lambda i: compiled(*given(i))), lambda: [a.tobytes() for a in arrays]

    check_alike(build, 12, 3)


# ---------------------------------------------------------------- tensors that stay


def model_step(change, steps=16, replayed_from=None, norm=False):
    """A training step of a small model, with `change(i, model, optimizer)` before each."""

    def build(compile):
        model = nn.Sequential(
            nn.Linear(4, 5), nn.BatchNorm1d(5) if norm else nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 2)
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x = torch.randn(6, 4)

        @compile
        def train(x):
            optimizer.zero_grad()
            loss = model(x).pow(2).sum()
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            change(i, model, optimizer)
            return train(x)

        return step, state_of(model, optimizer)

    check_alike(build, steps, replayed_from)


def test_training_mode():
    model_step(lambda i, m, o: m.train(i // 4 % 2 == 0), 24, 10, norm=True)


def test_attributes_of_modules():
    model_step(lambda i, m, o: setattr(m[2], "p", 0.2 if i < 6 else 0.5))
    model_step(lambda i, m, o: setattr(m[1], "momentum", 0.1 if i < 6 else 0.5), norm=True)


def test_parameters_written_between_calls():
    @torch.no_grad()
    def change(i, m, o):
        if i % 5 == 4:
            m[0].weight.mul_(0.5)
            nn.init.ones_(m[3].bias)

    model_step(change, replayed_from=4)


def test_parameters_replaced():
    def change(i, m, o):
        if i == 6:
            m[0].bias = nn.Parameter(torch.ones(5))

    model_step(change)


def test_data_replaced():
    def change(i, m, o):
        if i == 6:
            m[0].bias.data = torch.ones(5)
        if i == 9:
            m[0].bias.data = m[0].bias.data.clone()

    model_step(change, replayed_from=12)


def test_requires_grad():
    model_step(lambda i, m, o: m[0].weight.requires_grad_(i // 6 % 2 == 0), 24, None)


def test_a_layer_replaced():
    def change(i, m, o):
        if i == 6:
            m[2] = nn.Identity()
        if i == 9:
            m.append(nn.Tanh())

    model_step(change)


def test_state_dicts():
    kept = []

    def change(i, m, o):
        if i == 3:
            kept[:] = [{k: v.clone() for k, v in m.state_dict().items()}]
        if i == 8:
            m.load_state_dict(kept[0])
        if i == 11:
            m.load_state_dict(kept[0], assign=True)

    model_step(change)


def test_options_of_the_optimizer():
    def change(i, m, o):
        group = o.param_groups[0]
        if i == 5:
            group["momentum"] = 0.5
        if i == 8:
            group["nesterov"] = True
        if i == 11:
            group["weight_decay"] = 0.1
        if i == 14:
            o.add_param_group({"params": [torch.ones(1, requires_grad=True)]})

    model_step(change, 20)


def test_state_of_the_optimizer():
    def change(i, m, o):
        if i == 6:
            o.state[m[0].weight]["momentum_buffer"].zero_()
        if i == 9:
            o.state.clear()
        if i == 12:
            o.load_state_dict(o.state_dict())

    model_step(change, 20)


def test_gradients_set_from_outside():
    def build(compile):
        w = torch.ones(3, requires_grad=True)

        @compile
        def accumulate(x):
            (w * x).sum().backward()
            return w.grad

        def step(i):
            if i % 4 == 0:
                w.grad = None
            if i % 4 == 2:
                w.grad = torch.full((3,), float(i))
            return accumulate(torch.full((3,), float(i)))

        return step, lambda: w.grad

    check_alike(build, 16, 8)


def test_hooks():
    seen = []

    def change(i, m, o):
        if i == 4:
            m.handles = [m[0].register_forward_hook(lambda module, args, out: out * 2)]
        if i == 7:
            m.handles[0].remove()
            m.handles = [m[0].weight.register_hook(lambda g: g * 3)]
        if i == 10:
            m.handles[0].remove()
            m.handles = [o.register_step_post_hook(lambda *_: seen.append(i))]
        if i == 13:
            m.handles[0].remove()
            m.handles = [m[3].register_full_backward_hook(lambda m, gi, go: (gi[0] * 0.5,))]
        if i == 16:
            m.handles[0].remove()

    model_step(change, 20)
    assert len(seen) == 6


def test_memory_handed_out():
    """Arrays from numpy() see what replays write, and replays see what is written to them."""

    def build(compile):
        w = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        seen = []

        @compile
        def train(x):
            optimizer.zero_grad()
            loss = (w * w * x).sum()
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            if i == 5:
                seen.append(w.detach().numpy())
            if i == 8:
                seen[0][0] = 7
            if i == 12:
                seen.clear()
            return train(torch.arange(3.0))

        return step, lambda: w, lambda: [a.tobytes() for a in seen], lambda: w._version

    check_alike(build, 16, 3)


def test_memory_handed_out_before_the_capture():
    def build(compile):
        w = torch.ones(3, requires_grad=True)
        array = w.detach().numpy()
        optimizer = torch.optim.Adam([w], lr=0.1)

        @compile
        def train(x):
            optimizer.zero_grad()
            loss = (w * w * x).sum()
            loss.backward()
            optimizer.step()
            return loss

        def step(i):
            if i == 8:
                array[0] = 7
            return train(torch.arange(3.0))

        return step, lambda: array.tobytes(), lambda: w._version

    check_alike(build, 16, 3)


# ---------------------------------------------------------------- modes


def test_grad_mode():
    def build(compile):
        w = torch.ones(3, requires_grad=True)
        compiled = compile(lambda x: (x * w).sum())
        contexts = [torch.no_grad, torch.enable_grad, torch.inference_mode]

        def step(i):
            with contexts[i % 3]():
                return compiled(torch.arange(3.0))

        return (step,)

    check_alike(build, 18, 9)


def test_default_dtype():
    def build(compile):
        compiled = compile(lambda x: torch.zeros(2) + x)

        def step(i):
            torch.set_default_dtype(torch.float64 if i % 2 else torch.float32)
            try:
                return compiled(torch.tensor(1, dtype=torch.int64))
            finally:
                torch.set_default_dtype(torch.float32)

        return (step,)

    check_alike(build, 12, 6)


def test_grad_mode_that_is_left_changed():
    def build(compile):
        @compile
        def function(x):
            torch.set_grad_enabled(False)
            return x * 2

        def step(i):
            try:
                return function(torch.ones(1, requires_grad=True)), torch.is_grad_enabled()
            finally:
                torch.set_grad_enabled(True)

        return (step,)

    check_alike(build, 8, None)


def test_eager_setting(monkeypatch):
    from rushlight import settings

    compiled = torch.compile(lambda x: x * 2)
    for _ in range(4):
        compiled(torch.ones(2))
    monkeypatch.setattr(settings, "EAGER", True)
    assert compiled(torch.ones(2)).tolist() == [2, 2]
