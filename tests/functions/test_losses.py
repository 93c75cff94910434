"""Losses: values that can be worked out by hand, reductions, warnings, errors, and numbers at the edge."""

import math

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def close(tensor, expected, digits=1e-6):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=digits, atol=digits)


# ---------------------------------------------------------------- cross entropy


def test_cross_entropy_of_even_logits_is_log_of_the_classes():
    loss = F.cross_entropy(torch.zeros(2, 5), torch.tensor([0, 4]))
    close(loss, math.log(5))


def test_logits_of_a_thousand_keep_their_digits():
    x = torch.tensor([[1000.0, 1001.0], [-1000.0, 1000.0]], requires_grad=True)
    losses = F.cross_entropy(x, torch.tensor([0, 0]), reduction="none")
    close(losses, [math.log(1 + math.e), 2000.0])
    losses.sum().backward()
    p = 1 / (1 + math.e)
    close(x.grad, [[p - 1, 1 - p], [-1.0, 1.0]])


def test_reductions_and_weights():
    x = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    t = torch.tensor([0, 1])
    each = [math.log(4), math.log(2)]
    close(F.cross_entropy(x, t, reduction="none"), each)
    close(F.cross_entropy(x, t, reduction="sum"), sum(each))
    weighted = [2 * each[0], 6 * each[1]]
    weight = torch.tensor([2.0, 6.0])
    close(F.cross_entropy(x, t, weight), sum(weighted) / 8)
    close(F.cross_entropy(x, t, weight, reduction="sum"), sum(weighted))


def test_ignored_targets_count_for_nothing():
    x = torch.tensor([[0.0, 1.0], [5.0, -5.0], [float("inf"), 0.0]], requires_grad=True)
    t = torch.tensor([1, -100, -100])
    loss = F.cross_entropy(x, t)
    close(loss, math.log(1 + math.exp(-1)))
    loss.backward()
    assert x.grad[1].tolist() == [0.0, 0.0]
    assert math.isnan(F.cross_entropy(x, torch.full((3,), -100)).item())
    assert F.cross_entropy(x[:2], torch.full((2,), 7), ignore_index=7, reduction="sum").item() == 0.0


def test_smoothing_is_cross_entropy_with_a_mixed_distribution():
    x = torch.tensor([[0.5, -1.0, 2.0]])
    mixed = torch.tensor([[0.1, 0.1, 0.1]]) + torch.tensor([[0.0, 0.7, 0.0]])
    smoothed = F.cross_entropy(x, torch.tensor([1]), label_smoothing=0.3)
    close(smoothed, F.cross_entropy(x, mixed).item())


def test_one_sample_without_a_batch():
    x = torch.zeros(4)
    assert F.cross_entropy(x, torch.tensor(2), reduction="none").shape == ()
    assert F.cross_entropy(x, torch.tensor([2]), reduction="none").shape == ()


def test_half_width_is_computed_in_float32():
    x = torch.tensor([[3.0, -2.0, 0.5]], dtype=torch.bfloat16)
    loss = F.cross_entropy(x, torch.tensor([1]))
    assert loss.dtype is torch.bfloat16
    assert loss == F.cross_entropy(x.float(), torch.tensor([1])).bfloat16()


def test_a_class_out_of_range_is_an_index_error_at_the_call():
    with pytest.raises(IndexError, match=r"Target 5 is out of bounds\..*\[0, 2\]"):
        F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 5]))
    with pytest.raises(IndexError, match="Target -1 is out of bounds"):
        F.nll_loss(torch.zeros(2, 3), torch.tensor([0, -1]))
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        F.cross_entropy(torch.zeros(1, 3), torch.tensor([9, 3, 9])[1:2])  # a view of numbers that are known


def test_a_class_that_is_not_known_yet_is_checked_when_it_is_computed():
    pending = torch.tensor([0, 4]) + 1
    loss = F.cross_entropy(torch.zeros(2, 3), pending)
    with pytest.raises(
        IndexError, match="index 5 is out of bounds for dimension 1 with size 3.*test_losses.py"
    ):
        loss.item()


@pytest.mark.parametrize(
    "shape, target, error, says",
    [
        ((3, 5), torch.tensor([0, 1]), ValueError, r"batch_size \(3\) to match target batch_size \(2\)"),
        ((3, 5), torch.tensor([0, 1, 2], dtype=torch.int32), RuntimeError, "Long or Byte, but got Int"),
        ((3, 5), torch.zeros(3), RuntimeError, "Long or Byte, but got Float"),
        ((3, 5), torch.zeros(3, 5, dtype=torch.int64), RuntimeError, "class probabilities, got Long"),
        (
            (3, 5, 2),
            torch.zeros(3, 3, dtype=torch.int64),
            RuntimeError,
            r"target size \[3, 2\], got \[3, 3\]",
        ),
        ((5,), torch.tensor([0, 1, 2]), ValueError, "1D target must have size 1"),
    ],
)
def test_cross_entropy_names_what_does_not_fit(shape, target, error, says):
    with pytest.raises(error, match=says):
        F.cross_entropy(torch.zeros(shape), target)


def test_cross_entropy_refuses_numbers_out_of_their_range():
    x, t = torch.zeros(1, 2), torch.tensor([0])
    with pytest.raises(RuntimeError, match="between 0.0 and 1.0. Got: 2"):
        F.cross_entropy(x, t, label_smoothing=2)
    with pytest.raises(
        RuntimeError, match="all 2 classes or no classes but got weight tensor of shape: \\[3\\]"
    ):
        F.cross_entropy(x, t, torch.ones(3))
    with pytest.raises(ValueError, match="total is not a valid value for reduction"):
        F.cross_entropy(x, t, reduction="total")
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        F.cross_entropy(torch.zeros(1, 2, dtype=torch.int64), t)


def test_each_loss_is_one_entry_on_the_tape():
    x = torch.zeros(2, 3, requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([0, 1]))
    assert loss.grad_fn.name() == "NllLossBackward0"
    assert loss.grad_fn.next_functions[0][0].name() == "AccumulateGrad"
    image = torch.zeros(2, 3, 2, 2, requires_grad=True)
    assert (
        F.cross_entropy(image, torch.zeros(2, 2, 2, dtype=torch.int64)).grad_fn.name() == "NllLoss2DBackward0"
    )
    assert F.mse_loss(x, torch.zeros(2, 3)).grad_fn.name() == "MseLossBackward0"


def test_second_derivative_of_cross_entropy():
    x = torch.tensor([[0.0, 0.0]], requires_grad=True, dtype=torch.float64)
    (g,) = torch.autograd.grad(F.cross_entropy(x, torch.tensor([0])), x, create_graph=True)
    (h,) = torch.autograd.grad(g[0, 0], x)
    close(h, [[0.25, -0.25]])


# ---------------------------------------------------------------- numbers with numbers


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_sizes_that_differ_give_a_warning_with_both(name):
    loss = getattr(F, name)
    with pytest.warns(UserWarning, match="Using a target size") as seen:
        loss(torch.zeros(3, 2), torch.zeros(2))
    text = str(seen[0].message)
    assert "torch.Size([2])" in text and "torch.Size([3, 2])" in text
    assert seen[0].filename == __file__


def test_old_flags_choose_the_reduction_and_warn():
    x, t = torch.tensor([1.0, 3.0]), torch.zeros(2)
    with pytest.warns(UserWarning, match="please use reduction='sum' instead") as seen:
        assert F.mse_loss(x, t, size_average=False).item() == 10.0
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match="reduction='none'"):
        assert F.mse_loss(x, t, reduce=False).tolist() == [1.0, 9.0]


def test_weights_of_squared_and_absolute_errors():
    x, t, w = torch.tensor([1.0, 3.0]), torch.zeros(2), torch.tensor([3.0, 1.0])
    assert F.mse_loss(x, t, weight=w).item() == 3.0  # (3 + 9) / 4
    assert F.l1_loss(x, t, weight=w).item() == 1.5
    assert F.huber_loss(x, t, weight=w).item() == 2.0  # (1.5 + 2.5) / 2
    with pytest.raises(ValueError, match="must have the same size"):
        F.mse_loss(x, t, weight=torch.ones(3))


def test_promotion_and_integers():
    x = torch.ones(2)
    assert F.mse_loss(x, x.double()).dtype is torch.float64
    assert F.mse_loss(x, torch.ones(2, dtype=torch.int64)).dtype is torch.float32
    with pytest.raises(NotImplementedError, match="mse_cpu"):
        F.mse_loss(torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64))


def test_numbers_that_have_to_be_positive():
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="negative values for beta. Got -1"):
        F.smooth_l1_loss(x, x, beta=-1)
    with pytest.raises(RuntimeError, match="non-positive values for delta. Got 0"):
        F.huber_loss(x, x, delta=0)
    assert F.smooth_l1_loss(x, x * 3, beta=0).item() == 2.0


def test_binary_cross_entropy_holds_the_logarithm():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    losses = F.binary_cross_entropy(x, torch.tensor([1.0, 0.0]), reduction="none")
    assert losses.tolist() == [100.0, 100.0]
    losses.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_binary_cross_entropy_refuses_what_is_no_probability():
    t = torch.tensor([1.0, 0.0])
    with pytest.raises(RuntimeError, match="input should be between 0 and 1.*got 1.5"):
        F.binary_cross_entropy(torch.tensor([0.5, 1.5]), t)
    with pytest.raises(RuntimeError, match="target should be between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([0.5, 0.5]), t + 1)[()].item()
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([0.5, float("nan")]), t)
    pending = torch.tensor([0.5, 0.25]) * 8
    loss = F.binary_cross_entropy(pending, t)
    with pytest.raises(RuntimeError, match="input should be between 0 and 1.*got 4.0"):
        loss.item()


def test_binary_cross_entropy_checks_sizes_and_dtypes():
    x = torch.tensor([0.5, 0.5])
    with pytest.raises(ValueError, match="target size .* different to the input size"):
        F.binary_cross_entropy(x, torch.ones(3))
    with pytest.raises(RuntimeError, match="Found dtype Long but expected Float"):
        F.binary_cross_entropy(x, torch.ones(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="must be the same as input size"):
        F.binary_cross_entropy_with_logits(x, torch.ones(1))
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'pos_weight'"):
        F.binary_cross_entropy_with_logits(x, x, pos_weight=torch.ones(2, requires_grad=True))


def test_logits_of_any_size():
    x = torch.tensor([1000.0, -1000.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, torch.tensor([0.0, 0.0]), reduction="sum")
    assert loss.item() == 1000.0
    loss.backward()
    assert x.grad.tolist() == [1.0, 0.0]
    y = torch.tensor([-1000.0, 1000.0], requires_grad=True)
    hinge = F.soft_margin_loss(y, torch.ones(2), reduction="none")
    assert hinge.tolist() == [1000.0, 0.0]
    hinge.sum().backward()
    assert y.grad.tolist() == [-1.0, 0.0]


def test_kl_div_warns_for_mean_alone():
    p = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    logs = torch.tensor([[0.5, 0.5], [0.25, 0.75]]).log()
    with pytest.warns(UserWarning, match="reduction: 'mean' divides the total loss"):
        F.kl_div(logs, p)
    close(F.kl_div(logs, p, reduction="batchmean"), -math.log(0.75) / 2)
    with pytest.raises(RuntimeError, match="Integral inputs not supported"):
        F.kl_div(logs, torch.ones(2, 2, dtype=torch.int64), reduction="sum")


def test_variances_must_not_be_negative():
    x = torch.zeros(2, 3)
    assert F.gaussian_nll_loss(x, x, 1.0).item() == 0.0
    close(F.gaussian_nll_loss(x, x + 1, torch.ones(2), full=True), 0.5 + 0.5 * math.log(2 * math.pi))
    for var in (-1.0, torch.tensor([[1.0, -2.0, 1.0]] * 2)):
        with pytest.raises(ValueError, match="var has negative entry/entries"):
            F.gaussian_nll_loss(x, x, var)
    pending = torch.ones(2, 3) - 2
    with pytest.raises(ValueError, match="got -1.0"):
        F.gaussian_nll_loss(x, x, pending).item()
    with pytest.raises(ValueError, match="incorrect size"):
        F.gaussian_nll_loss(x, x, torch.ones(4))


# ---------------------------------------------------------------- margins and sequences


def test_margins():
    x = torch.tensor([[0.1, 0.2, 0.4, 0.8]])
    # 1 - 0.8 + 0.1, 1 - 0.8 + 0.2, 1 - 0.8 + 0.4
    close(F.multi_margin_loss(x, torch.tensor([3])), (0.3 + 0.4 + 0.6) / 4)
    close(F.multi_margin_loss(x, torch.tensor([3]), p=2), (0.09 + 0.16 + 0.36) / 4)
    close(F.multilabel_margin_loss(x, torch.tensor([[3, 0, -1, 1]])), 0.85)
    with pytest.raises(RuntimeError, match="target out of range: multi_margin_loss got 4"):
        F.multi_margin_loss(x, torch.tensor([4]))
    with pytest.raises(RuntimeError, match="'target' is out of range"):
        F.multilabel_margin_loss(x, torch.tensor([[3, 0, -2, 1]]))
    with pytest.raises(ValueError, match="p == 1 and p == 2"):
        F.multi_margin_loss(x, torch.tensor([3]), p=3)


def test_triplets_and_pairs():
    a, p, n = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 1.0]])
    close(F.triplet_margin_loss(a, p, n), 5.0, 1e-5)
    taxi = lambda x, y: (x - y).abs().sum(-1)
    assert F.triplet_margin_with_distance_loss(a, p, n, distance_function=taxi).item() == 7.0
    with pytest.raises(ValueError, match="margin must be greater than 0"):
        F.triplet_margin_loss(a, p, n, margin=0)
    with pytest.raises(RuntimeError, match="anchor 2D, positive 2D, and negative 1D"):
        F.triplet_margin_loss(a, p, n[0])
    with pytest.raises(RuntimeError, match="1D target tensor expects 2D input"):
        F.cosine_embedding_loss(a[0], p[0], torch.tensor([1]))
    with pytest.raises(RuntimeError, match="same dimension"):
        F.margin_ranking_loss(a, p, torch.tensor([1]))


def test_ctc_of_one_step_is_the_label_itself():
    logs = torch.tensor([[[0.2, 0.5, 0.3]]]).log()
    close(F.ctc_loss(logs, torch.tensor([[1]]), [1], [1]), -math.log(0.5))
    two = torch.tensor([[[0.2, 0.5, 0.3]], [[0.6, 0.1, 0.3]]]).log()
    # label then blank, blank then label, the label twice
    total = 0.5 * 0.6 + 0.2 * 0.1 + 0.5 * 0.1
    close(F.ctc_loss(two, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1])), -math.log(total))


def test_ctc_of_a_target_that_is_too_long():
    logs = torch.zeros(1, 1, 3).log_softmax(2).requires_grad_()
    target = torch.tensor([[1, 2]])
    assert F.ctc_loss(logs, target, [1], [2]).item() == math.inf
    loss = F.ctc_loss(logs, target, [1], [2], zero_infinity=True)
    loss.backward()
    assert loss.item() == 0.0
    assert logs.grad.tolist() == [[[0.0, 0.0, 0.0]]]


@pytest.mark.parametrize(
    "given, error, says",
    [
        (dict(input_lengths=[4]), RuntimeError, "input_lengths to have value at most 3, but got value 4"),
        (dict(input_lengths=[3, 3]), RuntimeError, "input_lengths must be of size batch_size"),
        (dict(input_lengths=torch.tensor([3.0])), RuntimeError, "input_lengths must be integral"),
        (dict(target_lengths=[3]), RuntimeError, "size at least 3 at dimension 1, but got size 2"),
        (dict(targets=torch.tensor([1, 1, 1])), RuntimeError, "size 2 at dimension 0, but got size 3"),
        (dict(targets=torch.tensor([[1, 7]])), IndexError, r"Target 7 is out of bounds: with 4 classes"),
        (dict(blank=4), RuntimeError, "blank must be in label range"),
    ],
)
def test_ctc_names_what_does_not_fit(given, error, says):
    call = dict(
        log_probs=torch.zeros(3, 1, 4), targets=torch.tensor([[1, 2]]), input_lengths=[3], target_lengths=[2]
    )
    with pytest.raises(error, match=says):
        F.ctc_loss(**call | given).item()


def test_the_gradient_of_ctc_cannot_be_differentiated_again():
    logs = torch.zeros(2, 1, 3, requires_grad=True)
    loss = F.ctc_loss(logs.log_softmax(2), torch.tensor([[1]]), [2], [1])
    (g,) = torch.autograd.grad(loss, logs, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        torch.autograd.grad(g.sum(), logs)[0].tolist()


def test_losses_in_the_top_namespace_take_numbers():
    x = torch.tensor([1.0, 3.0])
    assert torch.poisson_nll_loss(x, x, False, False, 0.0, 0).shape == (2,)
    assert torch.margin_ranking_loss(x, x + 1, torch.ones(2), 0.0, 2).item() == 2.0
    assert torch.kl_div(x, x, log_target=True).item() == 0.0
    with pytest.raises(ValueError, match="reduction is 0"):
        torch.hinge_embedding_loss(x, x, reduction="mean")


def test_linear_cross_entropy_is_both_in_one():
    torch.manual_seed(0)
    x, w, b = torch.randn(4, 3), torch.randn(5, 3), torch.randn(5)
    t = torch.tensor([0, 1, 2, 4])
    close(F.linear_cross_entropy(x, w, t, linear_bias=b), F.cross_entropy(F.linear(x, w, b), t).item())
    with pytest.raises(RuntimeError, match="in_features"):
        F.linear_cross_entropy(x, torch.zeros(5, 4), t)
