"""Layers that learn their sizes from the first input."""

import copy

import pytest

import rushlight as torch
from rushlight import nn

INPUTS = {
    "LazyLinear": ((3,), (4, 5), "Linear"),
    "LazyConv1d": ((3, 2), (2, 4, 6), "Conv1d"),
    "LazyConv2d": ((3, 2), (2, 4, 6, 6), "Conv2d"),
    "LazyConv3d": ((3, 2), (2, 4, 3, 3, 3), "Conv3d"),
    "LazyConvTranspose1d": ((3, 2), (2, 4, 6), "ConvTranspose1d"),
    "LazyConvTranspose2d": ((3, 2), (4, 6, 6), "ConvTranspose2d"),
    "LazyConvTranspose3d": ((3, 2), (2, 4, 3, 3, 3), "ConvTranspose3d"),
    "LazyBatchNorm1d": ((), (4, 5), "BatchNorm1d"),
    "LazyBatchNorm2d": ((), (2, 5, 3, 3), "BatchNorm2d"),
    "LazyBatchNorm3d": ((), (2, 5, 3, 3, 3), "BatchNorm3d"),
    "LazyInstanceNorm1d": ((), (2, 5, 3), "InstanceNorm1d"),
    "LazyInstanceNorm2d": ((), (2, 5, 3, 3), "InstanceNorm2d"),
    "LazyInstanceNorm3d": ((), (2, 5, 3, 3, 3), "InstanceNorm3d"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_first_call_settles_the_layer(name):
    args, shape, becomes = INPUTS[name]
    layer = getattr(nn, name)(*args)
    assert layer.has_uninitialized_params()
    twin = copy.deepcopy(layer)
    layer(torch.ones(shape))
    assert type(layer) is getattr(nn, becomes)
    assert all(type(p) is nn.Parameter for p in layer.parameters())
    assert not layer._forward_pre_hooks and not layer._load_state_dict_pre_hooks
    assert twin.has_uninitialized_params()
    twin.load_state_dict(layer.state_dict())
    for key, value in layer.state_dict().items():
        assert torch.equal(twin.state_dict()[key], value), key


def test_values_are_those_of_the_ordinary_layer():
    torch.manual_seed(3)
    lazy = nn.LazyLinear(4)
    lazy(torch.ones(1, 5))
    torch.manual_seed(3)
    assert torch.equal(lazy.weight, nn.Linear(5, 4).weight)


def test_casting_before_the_first_call():
    layer = nn.LazyLinear(2).double()
    assert layer.weight.dtype is torch.float64
    assert layer(torch.ones(1, 3, dtype=torch.float64)).dtype is torch.float64


def test_an_optimizer_made_before_keeps_the_parameters():
    layer = nn.LazyLinear(2)
    weight = layer.weight
    layer(torch.ones(1, 3))
    assert layer.weight is weight and weight.requires_grad


def test_a_settled_file_fits_a_waiting_layer_of_other_input():
    layer = nn.LazyLinear(2)
    layer.load_state_dict(nn.Linear(3, 2).state_dict())
    with pytest.raises(AssertionError, match="inferred from input: 4 is not equal"):
        layer(torch.ones(1, 4))


def test_what_reads_an_uninitialized_parameter_is_refused():
    weight = nn.LazyLinear(2).weight
    for use in (lambda: weight + 1, lambda: torch.exp(weight), lambda: weight.sum(), lambda: weight.numel()):
        with pytest.raises(ValueError, match="uninitialized parameter"):
            use()
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        len(weight.shape)


def test_a_mixin_without_initialize_parameters_says_so():
    class Unfinished(nn.modules.lazy.LazyModuleMixin, nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented for Unfinished"):
        Unfinished()(1)
