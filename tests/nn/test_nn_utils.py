"""nn.utils on finished modules: clipping, parametrizations, norms, pruning, fusing, functional calls."""

import copy
import math

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import utils
from rushlight.nn.utils import parametrizations, parametrize, prune
from rushlight.nn.utils.stateless import _functional_call


def with_gradients(*values):
    parameters = [nn.Parameter(torch.zeros(len(v))) for v in values]
    for parameter, value in zip(parameters, values):
        parameter.grad = torch.tensor(value)
    return parameters


def test_clip_grad_norm():
    parameters = with_gradients([3.0], [4.0, 0.0])
    assert utils.clip_grad_norm_(parameters, 1.0).item() == 5.0
    assert parameters[1].grad.tolist() == pytest.approx([0.8, 0.0], abs=1e-5)
    assert utils.clip_grad_norm_(iter(parameters), 100.0, norm_type=math.inf).item() == pytest.approx(
        0.8, abs=1e-5
    )
    assert parameters[0].grad.tolist() == pytest.approx([0.6], abs=1e-5)
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((p for p in []), 1.0)


def test_clip_grad_norm_refuses_infinite_norms_if_asked():
    parameters = with_gradients([math.inf])
    with pytest.raises(RuntimeError, match="order 2.0 .* is non-finite"):
        utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    parameters = with_gradients([3.0, -5.0])
    utils.clip_grad_value_(parameters, 2)
    assert parameters[0].grad.tolist() == [2.0, -2.0]


def test_parameters_as_a_vector():
    module = nn.Linear(2, 1)
    vector = utils.parameters_to_vector(module.parameters())
    assert vector.shape == (3,) and vector.requires_grad
    utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), module.parameters())
    assert module.weight.tolist() == [[1.0, 2.0]] and module.bias.tolist() == [3.0]


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


def test_parametrization_is_computed_on_reading():
    module = nn.Linear(3, 3)
    before = type(module)
    parametrize.register_parametrization(module, "weight", Symmetric())
    assert type(module).__name__ == "ParametrizedLinear" and isinstance(module, nn.Linear)
    assert parametrize.is_parametrized(module, "weight") and not parametrize.is_parametrized(module, "bias")
    assert torch.equal(module.weight, module.weight.T)
    assert list(module.state_dict()) == ["bias", "parametrizations.weight.original"]
    module.weight = torch.eye(3)
    assert torch.equal(module.weight, torch.eye(3))
    module(torch.ones(1, 3)).sum().backward()
    assert module.parametrizations.weight.original.grad is not None
    with parametrize.cached():
        assert module.weight is module.weight
    assert module.weight is not module.weight
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.parametrizations.weight.original.zero_()
    assert float(module.weight.detach().sum()) == 3.0
    parametrize.remove_parametrizations(module, "weight")
    assert type(module) is before and torch.equal(module.weight, torch.eye(3))
    assert isinstance(module.weight, nn.Parameter)


def test_parametrizations_chain_and_transfer():
    class Twice(nn.Module):
        def forward(self, x):
            return 2 * x

    module = nn.Linear(2, 2)
    parametrize.register_parametrization(module, "weight", Symmetric())
    parametrize.register_parametrization(module, "weight", Twice())
    original = module.parametrizations.weight.original
    assert torch.equal(module.weight, 2 * Symmetric()(original))
    other = parametrize.transfer_parametrizations_and_params(module, nn.Linear(2, 2))
    assert torch.equal(other.weight, module.weight)
    assert parametrize.type_before_parametrizations(other) is nn.Linear
    with pytest.raises(RuntimeError, match="Twice does not implement right_inverse"):
        module.weight = torch.eye(2)


def test_parametrization_of_another_shape_is_refused():
    class Grows(nn.Module):
        def forward(self, x):
            return torch.cat([x, x])

    module = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(module, "weight", Grows())
    assert type(module) is nn.Linear and "weight" in module._parameters


def test_weight_norm():
    module = nn.Linear(3, 4)
    weight = module.weight.detach().clone()
    parametrizations.weight_norm(module)
    assert torch.allclose(module.weight, weight, atol=1e-6)
    assert module.parametrizations.weight.original0.shape == (4, 1)
    with torch.no_grad():
        module.parametrizations.weight.original0.mul_(2)
    assert torch.allclose(module.weight, 2 * weight, atol=1e-6)
    older = {"bias": module.bias.detach(), "weight_g": torch.ones(4, 1), "weight_v": torch.ones(4, 3)}
    module.load_state_dict(older)
    assert torch.allclose(module.weight, torch.full((4, 3), 3**-0.5))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_by_hook(dim):
    module = nn.Linear(3, 4)
    weight = module.weight.detach().clone()
    utils.weight_norm(module, dim=dim)
    assert sorted(module._parameters) == ["bias", "weight_g", "weight_v"]
    module(torch.ones(1, 3)).sum().backward()
    assert module.weight_g.grad is not None
    utils.remove_weight_norm(module)
    assert torch.allclose(module.weight, weight, atol=1e-6) and not module._forward_pre_hooks


@pytest.mark.parametrize("old", [False, True])
def test_spectral_norm(old):
    torch.manual_seed(0)
    module = nn.Linear(5, 4)
    apply = utils.spectral_norm if old else parametrizations.spectral_norm
    apply(module, n_power_iterations=20)
    module(torch.ones(1, 5))
    assert torch.linalg.matrix_norm(module.weight, 2).item() == pytest.approx(1.0, abs=1e-3)
    twin = nn.Linear(5, 4)
    apply(twin)
    twin.load_state_dict(module.state_dict())
    assert torch.allclose(twin.eval()(torch.ones(1, 5)), module.eval()(torch.ones(1, 5)), atol=1e-5)
    if old:
        utils.remove_spectral_norm(module)
        assert "weight" in module._parameters and not module._buffers


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
def test_orthogonal(shape, orthogonal_map):
    torch.manual_seed(0)
    module = parametrizations.orthogonal(nn.Linear(*shape), orthogonal_map=orthogonal_map)
    weight = module.weight
    small = weight if weight.shape[0] <= weight.shape[1] else weight.T
    assert torch.allclose(small @ small.T, torch.eye(3), atol=1e-5)
    (weight * torch.arange(float(weight.numel())).reshape(weight.shape)).sum().backward()
    assert module.parametrizations.weight.original.grad.isfinite().all()


def test_pruning():
    module = nn.Linear(4, 3)
    prune.l1_unstructured(module, "weight", amount=3)
    assert int((module.weight == 0).sum()) == 3 and prune.is_pruned(module)
    prune.ln_structured(module, "weight", amount=1, n=2, dim=0)
    assert int((module.weight == 0).all(dim=1).sum()) >= 1
    assert isinstance(next(iter(module._forward_pre_hooks.values())), prune.PruningContainer)
    module(torch.ones(1, 4)).sum().backward()
    assert torch.equal(module.weight_orig.grad == 0, module.weight_mask == 0)
    prune.remove(module, "weight")
    assert "weight" in module._parameters and not prune.is_pruned(module)
    with pytest.raises(ValueError, match="has to be pruned"):
        prune.remove(module, "weight")


def test_pruning_over_several_layers():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        first.weight.fill_(0.1)
        second.weight.fill_(1.0)
    prune.global_unstructured([(first, "weight"), (second, "weight")], prune.L1Unstructured, amount=0.5)
    assert float(first.weight.detach().sum()) == 0 and float(second.weight.detach().sum()) == 4


def test_pruning_at_random():
    torch.manual_seed(0)
    module = nn.Conv2d(4, 4, 1)
    prune.random_structured(module, "weight", amount=0.5, dim=1)
    kept = (module.weight_mask != 0).all(dim=0).flatten()
    assert int(kept.sum()) == 2
    prune.identity(module, "bias")
    assert bool((module.bias_mask == 1).all())
    with pytest.raises(ValueError, match="should either be a float"):
        prune.random_unstructured(module, "bias", amount=1.5)


@pytest.mark.parametrize("bias", [True, False])
def test_fusing(bias):
    torch.manual_seed(0)
    pairs = [
        (nn.Conv2d(2, 3, 2, bias=bias), nn.BatchNorm2d(3), utils.fuse_conv_bn_eval, torch.rand(2, 2, 4, 4)),
        (nn.Linear(2, 3, bias=bias), nn.BatchNorm1d(3), utils.fuse_linear_bn_eval, torch.rand(4, 2)),
    ]
    for layer, norm, fuse, x in pairs:
        with pytest.raises(AssertionError, match="Fusion only for eval"):
            fuse(layer, norm)
        with torch.no_grad():
            norm.running_mean.uniform_()
            norm.running_var.uniform_(0.5, 2.0)
            norm.weight.uniform_()
        layer.eval(), norm.eval()
        assert torch.allclose(fuse(layer, norm)(x), norm(layer(x)), atol=1e-5)


def test_functional_call():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    shared = nn.Module()
    shared.a = module[0]
    shared.b = module[0]
    shared.forward = lambda x: shared.b(x)
    x = torch.ones(3, 2)
    weight = torch.eye(2, requires_grad=True)
    given = {"0.weight": weight, "0.bias": torch.zeros(2), "1.num_batches_tracked": torch.tensor(5)}
    before = module[0].weight
    _functional_call(module, given, x).sum().backward()
    assert module[0].weight is before and before.grad is None and weight.grad is not None
    assert given["1.num_batches_tracked"].item() == 6 and module[1].num_batches_tracked.item() == 0
    tied = {"a.weight": torch.zeros(2, 2), "a.bias": torch.ones(2)}
    assert _functional_call(shared, tied, (x,)).sum().item() == 6.0
    with pytest.raises(RuntimeError, match="Missing key"):
        _functional_call(module, given, x, strict=True)
    with pytest.raises(ValueError, match="multiple values"):
        _functional_call(shared, {"a.bias": torch.ones(2), "b.bias": torch.zeros(2)}, x)


def test_skip_init():
    layer = utils.skip_init(nn.Linear, 3, 2, dtype=torch.float64)
    assert layer.weight.shape == (2, 3) and layer.weight.dtype is torch.float64 and not layer.weight.is_meta
    with pytest.raises(RuntimeError, match="must support a 'device'"):
        utils.skip_init(nn.ReLU)


def test_flex_attention():
    from rushlight.nn.attention.flex_attention import (
        BlockMask,
        and_masks,
        create_block_mask,
        create_mask,
        flex_attention,
        or_masks,
    )

    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 4, 5, 8) for _ in range(3))
    scores = q @ k.transpose(-2, -1) / 8**0.5

    def causal(b, h, i, j):
        return i >= j

    def near(b, h, i, j):
        return i - j < 2

    expected = (scores + torch.arange(4.0).reshape(1, 4, 1, 1)).softmax(-1) @ v
    assert torch.allclose(flex_attention(q, k, v, lambda s, b, h, i, j: s + h), expected, atol=1e-5)
    both = and_masks(causal, near)
    mask = create_mask(both, None, None, 5, 5)[0, 0]
    assert mask.sum().item() == 9
    assert create_mask(or_masks(causal, near), None, None, 5, 5).all()
    block_mask = create_block_mask(both, None, None, 5, 5, BLOCK_SIZE=2)
    assert block_mask.to_dense()[0, 0].tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    expected = scores.masked_fill(~mask, -torch.inf).softmax(-1) @ v
    output, lse = flex_attention(q, k, v, block_mask=block_mask, return_lse=True)
    assert torch.allclose(output, expected, atol=1e-5)
    assert torch.allclose(lse, scores.masked_fill(~mask, -torch.inf).logsumexp(-1), atol=1e-5)
    rebuilt = BlockMask.from_kv_blocks(block_mask.kv_num_blocks, block_mask.kv_indices, BLOCK_SIZE=2)
    assert rebuilt.shape == (1, 1, 6, 6)
    grouped = flex_attention(q, k[:, :2], v[:, :2], enable_gqa=True)
    assert grouped.shape == (2, 4, 5, 8)
    with pytest.raises(ValueError, match="same number of heads"):
        flex_attention(q, k[:, :2], v[:, :2])
    with pytest.raises(ValueError, match="q_len=5"):
        flex_attention(q, k, v, block_mask=create_block_mask(causal, None, None, 6, 5))
    nothing = flex_attention(
        q, k, v, block_mask=create_block_mask(lambda b, h, i, j: i < 0, None, None, 5, 5)
    )
    assert float(nothing.abs().sum()) == 0.0


def test_gradients_of_convolutions_by_themselves():
    x, w = torch.rand(2, 4, 6, 6, requires_grad=True), torch.rand(6, 2, 3, 3, requires_grad=True)
    output = nn.functional.conv2d(x, w, None, 2, 1, 1, 2)
    g = torch.rand_like(output)
    by_x, by_w = torch.autograd.grad(output, (x, w), g)
    assert torch.allclose(nn.grad.conv2d_input(x.shape, w, g, 2, 1, 1, 2), by_x, atol=1e-5)
    assert torch.allclose(nn.grad.conv2d_weight(x, w.shape, g, 2, 1, 1, 2), by_w, atol=1e-5)
