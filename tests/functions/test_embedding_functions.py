"""Tables: gradients of repeated and padded rows, norms held down in place, bags, one-hot, indices out of range."""

import numpy as np
import pytest

import rushlight as torch

F = torch.nn.functional


def table():
    return torch.arange(10).float().reshape(5, 2).requires_grad_()


def test_gradients_of_repeated_padded_and_frequent_rows():
    at = torch.tensor([[1, 1, 3], [4, 1, 0]])
    w = table()
    F.embedding(at, w).sum().backward()
    assert w.grad[:, 0].tolist() == [1.0, 3.0, 0.0, 1.0, 1.0]
    w = table()
    F.embedding(at, w, padding_idx=-4).sum().backward()
    assert w.grad[:, 0].tolist() == [1.0, 0.0, 0.0, 1.0, 1.0]
    w = table()
    F.embedding(at, w, scale_grad_by_freq=True).sum().backward()
    np.testing.assert_allclose(w.grad[:, 0].numpy(), [1.0, 1.0, 0.0, 1.0, 1.0], rtol=1e-6)


def test_max_norm_scales_the_rows_that_are_read():
    w = table()
    out = F.embedding(torch.tensor([1, 2, 1]), w, max_norm=1.0)
    np.testing.assert_allclose(out.norm(dim=1).detach().numpy(), 1.0, rtol=1e-5)
    assert w.detach()[0].tolist() == [0.0, 1.0] and w.detach()[4].tolist() == [8.0, 9.0]
    np.testing.assert_allclose(w[2].detach().norm().item(), 1.0, rtol=1e-5)
    out.sum().backward()
    assert w.grad[:, 0].tolist() == [0.0, 2.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("bad", [5, -1])
def test_an_index_outside_the_table(bad):
    with pytest.raises(
        IndexError, match=f"index out of range in self: embedding got {bad}, the table has 5 rows"
    ):
        F.embedding(torch.tensor([0, bad]), table())
    with pytest.raises(IndexError, match=f"got {bad}"):
        F.embedding(torch.tensor([[9, 9], [0, bad]])[1], table())  # a view of numbers that are known
    pending = torch.tensor([0, bad - 1]) + 1
    out = F.embedding(pending, table())
    with pytest.raises(IndexError, match=f"got {bad}.*test_embedding_functions.py"):
        out.tolist()


def test_embedding_names_what_does_not_fit():
    w = table()
    with pytest.raises(RuntimeError, match="Long, Int; but got torch.float32"):
        F.embedding(torch.zeros(2), w)
    with pytest.raises(AssertionError, match="within num_embeddings"):
        F.embedding(torch.tensor([0]), w, padding_idx=5)
    with pytest.raises(RuntimeError, match="'weight' must be 2-D"):
        F.embedding(torch.tensor([0]), w[0])
    assert torch.embedding(w, torch.tensor([1])).tolist() == [[2.0, 3.0]]
    assert F.embedding(torch.tensor(3, dtype=torch.int32), w).tolist() == [6.0, 7.0]


@pytest.mark.parametrize(
    "mode, expected", [("sum", [2.0, 0.0, 14.0]), ("mean", [1.0, 0.0, 14 / 3]), ("max", [2.0, 0.0, 8.0])]
)
def test_bags_by_offsets(mode, expected):
    at, starts = torch.tensor([0, 1, 1, 2, 4]), torch.tensor([0, 2, 2])
    found = F.embedding_bag(at, table(), starts, mode=mode)
    np.testing.assert_allclose(found[:, 0].detach().numpy(), expected, rtol=1e-6)
    ends = torch.tensor([0, 2, 2, 5])
    again = F.embedding_bag(at, table(), ends, mode=mode, include_last_offset=True)
    assert torch.equal(found, again)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_in_rows_are_those_by_offsets(mode):
    rows = torch.tensor([[0, 1, 1], [3, 2, 4]])
    a, b = table(), table()
    x = F.embedding_bag(rows, a, mode=mode, padding_idx=1)
    y = F.embedding_bag(rows.reshape(-1), b, torch.tensor([0, 3]), mode=mode, padding_idx=1)
    assert torch.equal(x, y)
    for out in (x, y):
        (out * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert torch.equal(a.grad, b.grad)
    assert a.grad[1].tolist() == [0.0, 0.0]


def test_bags_over_frequency():
    # PyTorch 2.13 divides rows after a repeated one by another row's count; this is what its documentation says.
    at, starts = torch.tensor([0, 1, 1, 2, 4, 1]), torch.tensor([0, 2, 2, 5])
    w = table()
    F.embedding_bag(at, w, starts, mode="sum", scale_grad_by_freq=True).sum().backward()
    np.testing.assert_allclose(w.grad[:, 0].numpy(), [1.0, 1.0, 1.0, 0.0, 1.0], rtol=1e-6)


def test_bags_name_what_does_not_fit():
    w, at = table(), torch.tensor([0, 1])
    for call, error, says in (
        (lambda: F.embedding_bag(at, w), ValueError, "got None"),
        (lambda: F.embedding_bag(at, w, torch.tensor([1])), RuntimeError, "has to be 0.*However, got 1"),
        (
            lambda: F.embedding_bag(at, w, torch.tensor([0, 3])),
            RuntimeError,
            "length 2 but got offsets\\[-1\\] of 3",
        ),
        (lambda: F.embedding_bag(at[None], w, torch.tensor([0])), ValueError, "offsets has to be None"),
        (lambda: F.embedding_bag(at[None], w, mode="median"), ValueError, "sum, mean or max, got 'median'"),
        (lambda: F.embedding_bag(at[None] + 4, w).tolist(), RuntimeError, "takes value 5"),
        (
            lambda: F.embedding_bag(at[None], w, per_sample_weights=torch.ones(1, 2)),
            NotImplementedError,
            "mode='mean'",
        ),
        (lambda: F.embedding_bag(at[None], w, scale_grad_by_freq=True, mode="max"), ValueError, "max mode"),
    ):
        with pytest.raises(error, match=says):
            call()
    assert F.embedding_bag(torch.zeros(3, 0, dtype=torch.int64), w).tolist() == [[0.0, 0.0]] * 3


def test_one_hot():
    assert F.one_hot(torch.tensor([[2], [0]])).tolist() == [[[0, 0, 1]], [[1, 0, 0]]]
    assert F.one_hot(torch.tensor(1), 4).tolist() == [0, 1, 0, 0]
    assert F.one_hot(torch.zeros(0, dtype=torch.int64), 3).shape == (0, 3)
    for call, says in (
        (lambda: F.one_hot(torch.tensor([3]), 3), "smaller than num_classes.*got 3"),
        (lambda: F.one_hot(torch.tensor([-1])), "non-negative.*got -1"),
        (lambda: F.one_hot(torch.tensor([1.0])), "LongTensor. Got torch.float32"),
        (lambda: F.one_hot(torch.zeros(0, dtype=torch.int64)), "Can not infer"),
        (lambda: F.one_hot(torch.tensor([1]) + 1, 2).tolist(), "smaller than num_classes.*got 2"),
    ):
        with pytest.raises(RuntimeError, match=says):
            call()
