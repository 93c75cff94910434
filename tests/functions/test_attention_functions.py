"""Attention: masks, empty rows, groups of heads, dropout, and what multi_head_attention_forward demands."""

import math

import pytest

import rushlight as torch
from rushlight.graph.walk import topological
from rushlight.tensor import node_of

F = torch.nn.functional
Q = torch.randn(2, 4, 5, 8)


def test_weights_are_uniform_where_scores_are_equal():
    v = torch.tensor([[1.0], [3.0], [8.0]])
    assert F.scaled_dot_product_attention(torch.zeros(2, 4), torch.zeros(3, 4), v).tolist() == [[4.0], [4.0]]


def test_causal_mask_counts_from_the_top():
    out = F.scaled_dot_product_attention(torch.zeros(3, 2), torch.zeros(3, 2), torch.eye(3), is_causal=True)
    third = pytest.approx(1 / 3)
    assert out.tolist() == [[1, 0, 0], [0.5, 0.5, 0], [third, third, third]]


@pytest.mark.parametrize("value", [False, -math.inf])
def test_a_query_without_keys_gets_zeros(value):
    mask = torch.ones(5, 5, dtype=torch.bool) if value is False else torch.zeros(5, 5)
    mask[0] = value
    q = Q.clone().requires_grad_()
    out = F.scaled_dot_product_attention(q, Q, Q, mask)
    assert out[:, :, 0].abs().max().item() == 0
    out.sum().backward()
    assert q.grad[:, :, 0].abs().max().item() == 0 and bool(q.grad.isfinite().all())


def test_no_keys_at_all():
    out = F.scaled_dot_product_attention(torch.ones(3, 4), torch.ones(0, 4), torch.ones(0, 2))
    assert out.tolist() == [[0.0, 0.0]] * 3


def test_boolean_and_added_masks_agree():
    keep = torch.rand(5, 5) > 0.3
    keep[:, 0] = True
    added = torch.zeros(5, 5).masked_fill(~keep, -math.inf)
    a = F.scaled_dot_product_attention(Q, Q, Q, keep)
    b = F.scaled_dot_product_attention(Q, Q, Q, added)
    assert torch.allclose(a, b, atol=1e-6)


def test_groups_of_heads():
    k = torch.randn(2, 2, 5, 8)
    out = F.scaled_dot_product_attention(Q, k, k, enable_gqa=True)
    whole = k.repeat_interleave(2, 1)
    assert torch.allclose(out, F.scaled_dot_product_attention(Q, whole, whole), atol=1e-6)


def test_one_tape_entry():
    q = Q.clone().requires_grad_()
    entry = F.scaled_dot_product_attention(q, q, q).grad_fn
    assert entry.name() == "ScaledDotProductFlashAttentionForCpuBackward0"


@pytest.mark.parametrize("causal", [False, True])
def test_no_value_has_the_size_of_the_scores(causal):
    q, k, v = (torch.randn(2, 3, n, 4, requires_grad=True) for n in (5, 7, 7))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    grads = torch.autograd.grad(out, (q, k, v), torch.ones_like(out))
    shapes = [n.shape for n in topological([node_of(x) for x in (out, *grads)])]
    assert (2, 3, 5, 4) in shapes and (2, 3, 5, 7) not in shapes


def test_second_derivatives_where_one_tensor_is_everything():
    x = torch.randn(2, 3, 4, dtype=torch.double, requires_grad=True)
    for more in ({}, {"is_causal": True}, {"attn_mask": torch.eye(3) > 0}):
        attend = lambda x, more=more: F.scaled_dot_product_attention(x, x, x, **more)
        assert torch.autograd.gradcheck(attend, x) and torch.autograd.gradgradcheck(attend, x)


def test_leading_dimensions_that_broadcast():
    k = torch.randn(4, 5, 8)
    whole = F.scaled_dot_product_attention(Q, k.expand(2, 4, 5, 8), k.expand(2, 4, 5, 8))
    assert torch.allclose(F.scaled_dot_product_attention(Q, k, k), whole, atol=1e-6)


def test_half_width_numbers():
    q = Q.bfloat16().requires_grad_()
    out = F.scaled_dot_product_attention(q, q, q)
    out.sum().backward()
    wide = Q.bfloat16().float().requires_grad_()
    right = F.scaled_dot_product_attention(wide, wide, wide)
    right.sum().backward()
    assert out.dtype is q.grad.dtype is torch.bfloat16
    assert torch.allclose(out.float(), right, atol=0.02)
    assert torch.allclose(q.grad.float(), wide.grad, atol=0.05)


def test_dropout_of_everything_and_of_nothing():
    assert F.scaled_dot_product_attention(Q, Q, Q, dropout_p=1.0).abs().max().item() == 0
    with pytest.raises(RuntimeError, match="dropout probability has to be between 0 and 1, but got 1.5"):
        F.scaled_dot_product_attention(Q, Q, Q, dropout_p=1.5)


REFUSED = [
    (lambda: F.scaled_dot_product_attention(Q, Q.double(), Q), "to have the same dtype, but got query.dtype: float key.dtype: double"),
    (lambda: F.scaled_dot_product_attention(Q[0, 0, 0], Q, Q), "to all be  at least 2 dimensional, but got query.dim: 1"),
    (lambda: F.scaled_dot_product_attention(Q, Q[..., :7], Q), "need one last dimension"),
    (lambda: F.scaled_dot_product_attention(Q, Q, Q, torch.ones(5, 5).long()), "attn_mask.dtype: long int and  query.dtype: float"),
    (lambda: F.scaled_dot_product_attention(Q, Q, Q, torch.ones(4, 4) > 0), "must match the size of tensor b (4)"),
    (lambda: F.scaled_dot_product_attention(Q, Q[:, :3], Q[:, :3], enable_gqa=True), "Number of heads in key and value must divide"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), REFUSED)
def test_refused(call, says):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert says in str(caught.value)


def heads(query, key=None, value=None, **more):
    E = query.shape[-1]
    arguments = {
        "in_proj_weight": torch.ones(3 * E, E) / E,
        "in_proj_bias": torch.zeros(3 * E),
        "bias_k": None,
        "bias_v": None,
        "add_zero_attn": False,
        "dropout_p": 0.0,
        "out_proj_weight": torch.eye(E),
        "out_proj_bias": None,
    }
    arguments.update(more)
    return F.multi_head_attention_forward(
        query, query if key is None else key, query if value is None else value, E, 2, **arguments
    )


def test_shapes_of_several_heads():
    x = torch.randn(5, 3, 4)
    out, weights = heads(x)
    assert out.shape == (5, 3, 4) and weights.shape == (3, 5, 5)
    assert heads(x, average_attn_weights=False)[1].shape == (3, 2, 5, 5)
    assert heads(x, need_weights=False)[1] is None
    out, weights = heads(x[:, 0])
    assert out.shape == (5, 4) and weights.shape == (5, 5)
    assert heads(x, add_zero_attn=True)[1].shape == (3, 5, 6)
    one = torch.ones(1, 1, 4)
    assert heads(x, bias_k=one, bias_v=one)[1].shape == (3, 5, 6)


def test_weights_or_not_is_the_same_output():
    x = torch.randn(5, 3, 4)
    padding = torch.zeros(3, 5, dtype=torch.bool)
    padding[1, 3:] = True
    mask = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    for more in (
        {},
        {"key_padding_mask": padding},
        {"attn_mask": mask},
        {"key_padding_mask": padding, "attn_mask": mask},
    ):
        a = heads(x, **more)[0]
        b = heads(x, need_weights=False, **more)[0]
        assert torch.allclose(a, b, atol=1e-6)


def test_demands_of_several_heads():
    x = torch.randn(5, 3, 4)
    with pytest.raises(
        AssertionError, match="query should be unbatched 2D or batched 3D tensor but received 4-D"
    ):
        heads(x.unsqueeze(0))
    with pytest.raises(AssertionError, match="was expecting embedding dimension of 7, but got 4"):
        F.multi_head_attention_forward(x, x, x, 7, 2, None, None, None, None, False, 0.0, torch.eye(4), None)
    with pytest.raises(RuntimeError, match="Need attn_mask if specifying the is_causal hint"):
        heads(x, is_causal=True)
    with pytest.raises(
        RuntimeError,
        match="The shape of the 2D attn_mask is torch.Size\\(\\[4, 4\\]\\), but should be \\(5, 5\\)",
    ):
        heads(x, attn_mask=torch.zeros(4, 4))
    with pytest.raises(AssertionError, match="bias_k is set but bias_v is None"):
        heads(x, bias_k=torch.ones(1, 1, 4))
    with pytest.raises(AssertionError, match="only bool and floating types of attn_mask are supported"):
        heads(x, attn_mask=torch.zeros(5, 5).long())


def test_canonical_mask():
    assert F._canonical_mask(None, "m", None, "", torch.float32) is None
    made = F._canonical_mask(torch.tensor([True, False]), "m", None, "", torch.float64)
    assert made.dtype is torch.float64 and made.tolist() == [-math.inf, 0.0]
    added = torch.zeros(2)
    assert F._canonical_mask(added, "m", None, "", torch.float32) is added
    with pytest.warns(UserWarning, match="mismatched m and other is deprecated"):
        F._canonical_mask(added, "m", torch.bool, "other", torch.float32)
