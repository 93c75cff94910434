"""Normalizations: running statistics, errors, dtypes, empty batches, second derivatives."""

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def close(tensor, expected, digits=1e-5):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=digits, atol=digits)


def test_running_statistics_move_in_place():
    x = torch.tensor([[0.0], [4.0]])
    mean, var = torch.zeros(1), torch.ones(1)
    before = mean._version
    out = F.batch_norm(x, mean, var, training=True, momentum=0.25, eps=1e-12)
    close(out, [[-1.0], [1.0]])
    close(mean, [0.5])  # 0.25 * 2
    close(var, [0.75 + 0.25 * 8])  # the unbiased variance of 0 and 4
    assert mean._version > before
    assert mean.grad_fn is None and not mean.requires_grad
    close(F.batch_norm(x, mean, var, eps=0.0), [[-0.5 / 2.75**0.5], [3.5 / 2.75**0.5]])


def test_instance_norm_averages_the_samples():
    x = torch.tensor([[[0.0, 4.0]], [[2.0, 2.0]]])
    mean, var = torch.zeros(1), torch.ones(1)
    F.instance_norm(x, mean, var, momentum=0.5)
    close(mean, [1.0])
    close(var, [0.5 + 0.5 * 4])


def test_an_empty_batch_leaves_running_statistics_alone():
    mean, var = torch.full((2,), 3.0), torch.full((2,), 5.0)
    assert F.batch_norm(torch.zeros(0, 2), mean, var, training=True).shape == (0, 2)
    assert mean.tolist() == [3.0, 3.0] and var.tolist() == [5.0, 5.0]


def test_statistics_of_a_half_width_input_stay_wide():
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    wide, narrow = torch.zeros(3), torch.zeros(3)
    F.batch_norm(x, wide, torch.ones(3), training=True)
    out = F.batch_norm(x.bfloat16(), narrow, torch.ones(3), torch.ones(3), torch.zeros(3), True)
    assert out.dtype is torch.bfloat16 and narrow.dtype is torch.float32
    close(narrow, wide.numpy(), 1e-3)
    assert F.layer_norm(x.bfloat16(), (3,), torch.ones(3)).dtype is torch.bfloat16
    with pytest.raises(RuntimeError, match="mixed dtype"):
        F.layer_norm(x, (3,), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(
    "call, error, says",
    [
        (
            lambda x, v: F.batch_norm(x, v, v, training=False),
            RuntimeError,
            "running_mean should contain 4 elements not 3",
        ),
        (
            lambda x, v: F.batch_norm(x, None, None),
            RuntimeError,
            "running_mean must be defined in evaluation mode",
        ),
        (
            lambda x, v: F.batch_norm(x[:1, :, 0], None, None, training=True),
            ValueError,
            "more than 1 value per channel",
        ),
        (
            lambda x, v: F.batch_norm(x, None, None, v, training=True),
            RuntimeError,
            "weight should contain 4 elements not 3",
        ),
        (lambda x, v: F.batch_norm(x, None, None, training=True, eps=0), ValueError, "eps must be positive"),
        (lambda x, v: F.instance_norm(x[..., :1]), ValueError, "more than 1 spatial element"),
        (lambda x, v: F.instance_norm(x, use_input_stats=False), RuntimeError, "use_input_stats is false"),
        (
            lambda x, v: F.group_norm(x, 3),
            RuntimeError,
            r"divisible by num_groups.*\[2, 4, 5\] and num_groups=3",
        ),
        (lambda x, v: F.group_norm(x, 2, v), RuntimeError, "number of channels in input"),
        (
            lambda x, v: F.layer_norm(x, (4,)),
            RuntimeError,
            r"normalized_shape=\[4\], expected input with shape \[\*, 4\]",
        ),
        (lambda x, v: F.layer_norm(x, (5,), v), RuntimeError, "weight of shape \\[3\\]"),
        (lambda x, v: F.layer_norm(x, 5), TypeError, "must be tuple of ints, not int"),
        (lambda x, v: F.rms_norm(x, ()), RuntimeError, "at least 1-dimensional"),
        (lambda x, v: F.layer_norm(x.long(), (5,)), NotImplementedError, "LayerNormKernelImpl"),
        (lambda x, v: F.local_response_norm(x[0], 2), ValueError, "Expected 3D or higher"),
        (lambda x, v: F.normalize(x.long()), RuntimeError, "floating point or complex"),
    ],
)
def test_what_does_not_fit_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call(torch.zeros(2, 4, 5), torch.ones(3))


def test_the_default_epsilon_of_rms_norm_is_that_of_the_arithmetic():
    x = torch.full((4,), 1e-4)
    close(F.rms_norm(x, (4,)), np.full(4, 1e-4 / np.sqrt(1e-8 + np.finfo(np.float32).eps)))
    half = F.rms_norm(x.bfloat16(), (4,))
    assert torch.equal(half, F.rms_norm(x.bfloat16().float(), (4,)).bfloat16())


def test_each_norm_is_one_entry():
    x = torch.randn(2, 4, 3, requires_grad=True)
    found = [
        F.batch_norm(x, None, None, training=True),
        F.batch_norm(x, torch.zeros(4), torch.ones(4)),
        F.layer_norm(x, (3,)),
        F.group_norm(x, 2),
        F.rms_norm(x, (3,)),
    ]
    names = [y.grad_fn.name() for y in found]
    assert names[:4] == [
        "NativeBatchNormBackward0",
        "NativeBatchNormBackward0",
        "NativeLayerNormBackward0",
        "NativeGroupNormBackward0",
    ]
    for y in found:
        assert y.grad_fn.next_functions[0][0].name() == "AccumulateGrad"


@pytest.mark.parametrize("name", ["layer", "batch", "group", "rms"])
def test_second_derivatives_go_through_the_hidden_statistics(name):
    call = {
        "layer": lambda x: F.layer_norm(x, (3,)),
        "batch": lambda x: F.batch_norm(x, None, None, training=True),
        "group": lambda x: F.group_norm(x, 2),
        "rms": lambda x: F.rms_norm(x, (3,)),
    }[name]
    generator = torch.Generator().manual_seed(0)
    x, v, w = (torch.randn(2, 4, 3, dtype=torch.float64, generator=generator) for _ in range(3))
    x.requires_grad_()

    def slope(at):
        (g,) = torch.autograd.grad((call(at) * w).sum(), at, create_graph=True)
        return g

    (along,) = torch.autograd.grad((slope(x) * v).sum(), x)
    step = 1e-5
    ahead, behind = ((x.detach() + s * v).requires_grad_() for s in (step, -step))
    close(along, ((slope(ahead) - slope(behind)) / (2 * step)).detach().numpy(), 1e-6)


def test_normalize_of_zeros_and_into_a_tensor():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    out = F.normalize(x)
    close(out, [[0.6, 0.8], [0.0, 0.0]])
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
    target = torch.empty(0)
    assert F.normalize(x.detach(), out=target) is target
    close(target, [[0.6, 0.8], [0.0, 0.0]])
