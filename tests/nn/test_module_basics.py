"""Module by itself: registration, walking, text, and what rushlight adds to errors."""

import copy
import pickle

import pytest

import rushlight as torch
from rushlight import nn


class Scale(nn.Module):
    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        self.calls += 1
        return x * self.factor


class Broken(nn.Module):
    def forward(self, x):
        return nn.functional_that_is_not_there(x)  # an AttributeError, passed on as it is


def test_attributes_are_registered():
    module = Scale()
    assert [name for name, _ in module.named_parameters()] == ["factor"]
    assert [name for name, _ in module.named_buffers()] == ["calls"]
    assert "factor" not in vars(module)
    assert module(torch.tensor(3.0)).item() == 6.0
    assert module.calls.item() == 1


def test_own_init_arguments_reach_cooperating_classes():
    class Named:
        def __init__(self, name):
            self.name = name

    class Both(nn.Module, Named):
        call_super_init = True

    assert Both("it").name == "it"


def test_subclass_setattr_is_respected():
    seen = []

    class Watching:
        def __setattr__(self, name, value):
            seen.append(name)
            super().__setattr__(name, value)

    class Watched(nn.Module, Watching):
        pass

    module = Watched()
    module.number = 3
    module.weight = nn.Parameter(torch.ones(1))
    assert seen == ["number"]


def test_properties_of_a_class_win():
    class Doubling(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_parameter("raw", nn.Parameter(torch.tensor(2.0)))

        @property
        def weight(self):
            return 2 * self.raw

    assert Doubling().weight.item() == 4.0


def test_errors_name_the_module():
    model = nn.Sequential()
    model.body = nn.ModuleList([nn.Identity(), nn.Sequential(nn.BatchNorm2d(3))])
    model.body[1].extend([])

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model.body[1](x)

    with pytest.raises(ValueError) as caught:
        Outer()(torch.ones(2, 3))
    assert str(caught.value) == "expected 4D input (got 2D input)\n  in model.body.1.0 (BatchNorm2d)"


def test_errors_of_a_module_alone_name_its_class():
    with pytest.raises(ValueError) as caught:
        nn.BatchNorm2d(3)(torch.ones(2, 3))
    assert str(caught.value) == "expected 4D input (got 2D input)\n  in BatchNorm2d"


def test_errors_of_the_user_are_passed_on_as_they_are():
    class Refusing(nn.Module):
        def forward(self, x):
            raise ValueError("mine")

    class Strange(nn.Module):
        def forward(self, x):
            raise KeyError("mine")

    for module, kind in ((Refusing(), ValueError), (Strange(), KeyError), (Broken(), AttributeError)):
        with pytest.raises(kind) as caught:
            nn.Sequential(module)(torch.ones(1))
        assert "\n" not in str(caught.value)


def test_an_error_that_is_caught_and_raised_again_is_named_once():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(1)

        def forward(self, x):
            try:
                return self.norm(x)
            except ValueError:
                return self.norm(x)

    with pytest.raises(ValueError) as caught:
        nn.Sequential(Careful())(torch.ones(1))
    assert str(caught.value).count("\n") == 1
    assert str(caught.value).endswith("in 0.norm (BatchNorm2d)")


def test_hooks_lower_their_flag_when_they_are_gone():
    module = nn.Identity()
    handle = module.register_forward_hook(lambda m, args, out: out + 1)
    assert module(torch.tensor(1.0)).item() == 2.0
    handle.remove()
    assert module(torch.tensor(1.0)).item() == 1.0
    assert "_hooked" not in vars(module)


def test_hooks_survive_pickling_and_copying():
    module = nn.Identity()
    module.register_forward_hook(_add_one)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin(torch.tensor(1.0)).item() == 2.0
        handle = twin.register_forward_hook(_add_one)
        assert twin(torch.tensor(1.0)).item() == 3.0
        handle.remove()
    assert len(module._forward_hooks) == 1


def _add_one(module, args, output):
    return output + 1


def test_handles_survive_pickling():
    module = nn.Identity()
    module.handle = module.register_forward_hook(_add_one)
    twin = copy.deepcopy(module)
    twin.handle.remove()
    assert twin(torch.tensor(1.0)).item() == 1.0
    assert module(torch.tensor(1.0)).item() == 2.0


def test_handle_as_a_context():
    module = nn.Identity()
    with module.register_forward_pre_hook(lambda m, args: (args[0] * 3,)):
        assert module(torch.tensor(1.0)).item() == 3.0
    assert module(torch.tensor(1.0)).item() == 1.0


def test_state_of_older_pickles_is_completed():
    module = nn.Identity()
    state = {key: value for key, value in vars(module).items() if not key.endswith("hooks")}
    fresh = nn.Identity.__new__(nn.Identity)
    fresh.__setstate__(state)
    assert fresh(torch.tensor(1.0)).item() == 1.0
    assert repr(fresh) == "Identity()"


def test_repr_of_multi_line_extra():
    class Talkative(nn.Module):
        def extra_repr(self):
            return "first\nsecond"

    outer = nn.Sequential(Talkative())
    assert repr(outer) == "Sequential(\n  (0): Talkative(\n    first\n    second\n  )\n)"


def test_missing_forward():
    with pytest.raises(
        NotImplementedError, match='Module \\[Module\\] is missing the required "forward" function'
    ):
        nn.Module()(1)


def test_forward_may_be_replaced_on_an_instance():
    module = nn.Identity()
    module.forward = lambda x: x + 5
    assert module(torch.tensor(1.0)).item() == 6.0


def test_data_parallel_passes_through():
    module = nn.DataParallel(nn.Linear(2, 1))
    x = torch.ones(3, 2)
    assert torch.equal(module(x), module.module(x))
    assert list(module.state_dict()) == ["module.weight", "module.bias"]
    assert module.to(torch.device("cpu")) is module


def test_data_parallel_over_two_names_of_one_device():
    inner = nn.Linear(2, 1)
    module = nn.DataParallel(inner, device_ids=["cpu", "cpu"])
    x = torch.arange(6.0).reshape(3, 2)
    output = module(x)
    assert torch.allclose(output, inner(x))
    output.sum().backward()
    assert torch.allclose(inner.weight.grad, x.sum(0, keepdim=True))


def test_scatter_and_gather_nest():
    data = {"a": torch.arange(4), "b": [torch.ones(2), "word"]}
    parts = nn.parallel.scatter(data, ["cpu", "cpu"])
    assert [part["a"].tolist() for part in parts] == [[0, 1], [2, 3]]
    assert [part["b"][1] for part in parts] == ["word", "word"]
    joined = nn.parallel.gather([{"x": part["a"]} for part in parts], "cpu")
    assert joined["x"].tolist() == [0, 1, 2, 3]


def test_attention_kernels_are_remembered():
    from rushlight.nn.attention import SDPBackend, _cur_sdpa_kernel_backends, sdpa_kernel

    before = _cur_sdpa_kernel_backends()
    with sdpa_kernel([SDPBackend.MATH]):
        assert _cur_sdpa_kernel_backends() == [SDPBackend.MATH]
    assert _cur_sdpa_kernel_backends() == before
    with pytest.raises(AssertionError, match="got int"):
        sdpa_kernel(3).__enter__()


def test_a_compiled_module_still_runs_its_hooks():
    module = nn.Linear(2, 1)
    seen = []
    module.register_forward_hook(lambda m, args, output: seen.append("ran"))
    x = torch.ones(3, 2)
    expected = module(x)
    module.compile()
    assert module(x).tolist() == expected.tolist() and seen == ["ran", "ran"]
    assert "_compiled_call_impl" not in module.__getstate__()
