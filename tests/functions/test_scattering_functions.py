"""scatter, index_*, masks, and tensors with one view replaced."""

import math

import pytest

import rushlight as torch

I = torch.tensor([0, 2])


def test_scatter_takes_tensors_and_numbers():
    index = torch.tensor([[0, 1, 2]])
    assert torch.zeros(3, 3).scatter(0, index, 1.5).diagonal().tolist() == [1.5] * 3
    assert torch.zeros(3, 3).scatter(0, index, value=2).sum().item() == 6
    x = torch.zeros(3, 3)
    assert x.scatter_(0, index, torch.ones(2, 3)) is x and x.sum().item() == 3
    assert torch.full((1, 2), 3.0).scatter(1, torch.tensor([[0]]), 2.0, reduce="multiply").tolist() == [
        [6.0, 3.0]
    ]
    assert torch.tensor(1.0).scatter(0, torch.tensor(0), 5.0).item() == 5.0


@pytest.mark.parametrize(
    "call, error, says",
    [
        (
            lambda x: x.scatter(0, torch.tensor([[0, 1, 1]]), torch.ones(1, 3)),
            RuntimeError,
            "no larger than self",
        ),
        (lambda x: x.scatter(0, I, 1.0), RuntimeError, "same number of dimensions as self"),
        (
            lambda x: x.scatter(0, torch.zeros(1, 1), 1.0),
            RuntimeError,
            "Expected dtype int32/int64 for index",
        ),
        (
            lambda x: x.scatter_add(0, torch.zeros(1, 1).long(), torch.ones(1, 1).double()),
            RuntimeError,
            "equal to src.dtype",
        ),
        (
            lambda x: x.scatter(0, torch.zeros(1, 1).long(), 1.0, reduce="max"),
            RuntimeError,
            "either add or multiply",
        ),
        (
            lambda x: x.scatter_reduce(0, torch.zeros(1, 1).long(), torch.ones(1, 1), "max"),
            RuntimeError,
            "got max",
        ),
        (lambda x: x.index_add(0, I, torch.ones(3, 2)), IndexError, r"Number of indices \(2\)"),
        (lambda x: x.index_add(0, I, torch.ones(2, 3)), RuntimeError, "source tensor shape must match"),
        (lambda x: x.index_copy(0, I.unsqueeze(0), torch.ones(2, 2)), IndexError, "supposed to be a vector"),
        (lambda x: x.index_fill(0, I, torch.ones(2)), RuntimeError, "0-dimensional value tensor"),
        (lambda x: x.masked_fill(torch.ones(2, 2), 1), RuntimeError, "only supports boolean masks"),
        (lambda x: x.masked_fill(x > 0, torch.ones(2)), RuntimeError, "0-dimensional value tensor"),
        (lambda x: x.masked_fill(x > 0, 1j), RuntimeError, "without overflow"),
        (lambda x: x.long().masked_fill(x > 0, 2.0**70), RuntimeError, "without overflow"),
        (lambda x: x[0].masked_fill_(x > 0, 1), RuntimeError, "doesn't match the broadcast shape"),
        (lambda x: x.put_(I, torch.ones(1)), IndexError, "same number of elements"),
        (lambda x: torch.take_along_dim(x, I, 0), RuntimeError, "same number of dimensions"),
        (lambda x: torch.select_scatter(x, torch.ones(3), 0, 0), RuntimeError, "slice size"),
        (lambda x: x.index_reduce(0, I, torch.ones(2, 2), "sum"), RuntimeError, "prod, mean, amax or amin"),
    ],
)
def test_errors_come_at_the_call(call, error, says):
    with pytest.raises(error, match=says):
        call(torch.zeros(2, 2))


def test_a_place_outside_is_refused_when_the_work_runs():
    with pytest.raises(IndexError, match="index 5 is out of bounds for dimension 0 with size 2"):
        torch.zeros(2, 2).scatter(0, torch.tensor([[5, 0]]), 1.0).tolist()
    with pytest.raises(IndexError, match="out of bounds"):
        torch.zeros(2).index_add(0, torch.tensor([4]), torch.ones(1)).tolist()


@pytest.mark.parametrize(
    "reduce, with_self, without",
    [("sum", [6.0, 9.0], [5.0, 9.0]), ("prod", [6.0, 9.0], [6.0, 9.0]), ("mean", [2.0, 9.0], [2.5, 9.0]),
     ("amax", [3.0, 9.0], [3.0, 9.0]), ("amin", [1.0, 9.0], [2.0, 9.0])],
)  # fmt: skip
def test_scatter_reduce(reduce, with_self, without):
    x, index, src = torch.tensor([1.0, 9.0]), torch.tensor([0, 0]), torch.tensor([2.0, 3.0])
    assert x.scatter_reduce(0, index, src, reduce).tolist() == with_self
    assert x.scatter_reduce(0, index, src, reduce, include_self=False).tolist() == without
    if reduce != "sum":
        assert x.index_reduce(0, index, src, reduce).tolist() == with_self


def test_scatter_reduce_of_integers():
    x, index = torch.tensor([7, 0]), torch.tensor([0, 0])
    assert x.scatter_reduce(0, index, torch.tensor([2, 1]), "mean").tolist() == [3, 0]
    assert x.scatter_reduce(0, index, torch.tensor([2, 1]), "amax", include_self=False).tolist() == [2, 0]


def test_product_gradient_with_a_zero():
    x = torch.tensor([2.0, 0.0], requires_grad=True)
    src = torch.tensor([3.0, 0.0, 5.0], requires_grad=True)
    x.scatter_reduce(0, torch.tensor([0, 0, 1]), src, "prod").sum().backward()
    assert x.grad.tolist() == [0.0, 5.0]
    assert src.grad.tolist() == [0.0, 6.0, 0.0]


def test_index_functions():
    x = torch.zeros(3, 2)
    assert x.index_add(0, I, torch.ones(2, 2), alpha=2).tolist() == [[2.0, 2.0], [0.0, 0.0], [2.0, 2.0]]
    assert x.index_copy(0, I, torch.ones(2, 2)).sum().item() == 4
    assert x.index_fill(1, torch.tensor([-1]), 7).tolist() == [[0.0, 7.0]] * 3
    assert x.index_add(1, torch.tensor([0, 0]), torch.ones(3, 2)).tolist() == [[2.0, 0.0]] * 3
    assert torch.zeros(2).index_add_(0, torch.tensor([1, 1], dtype=torch.int32), torch.ones(2)).tolist() == [
        0.0,
        2.0,
    ]


def test_put_counts_through_the_whole_tensor():
    x = torch.zeros(2, 2)
    x.put_(torch.tensor([-1, 0]), torch.tensor([3.0, 4.0]))
    assert x.tolist() == [[4.0, 0.0], [0.0, 3.0]]
    assert x.put(torch.tensor([0, 0]), torch.tensor([1.0, 1.0]), accumulate=True)[0, 0].item() == 6.0


def test_masked_fill_broadcasts_and_keeps_the_dtype():
    x = torch.zeros(2, dtype=torch.int64)
    mask = torch.tensor([[True, False], [False, True]])
    assert x.masked_fill(mask, 1.7).tolist() == [[1, 0], [0, 1]]
    y = torch.zeros(2, 2)
    y.masked_fill_(torch.tensor([True, False]), -math.inf)
    assert y.tolist() == [[-math.inf, 0.0]] * 2
    value = torch.tensor(2.0, requires_grad=True)
    y.detach().masked_fill(mask, value).sum().backward()
    assert value.grad.item() == 2.0


def test_masked_scatter_hands_out_in_order():
    mask = torch.tensor([[True, False], [True, True]])
    assert torch.zeros(2, 2).masked_scatter(mask, torch.arange(1.0, 6.0)).tolist() == [[1.0, 0.0], [2.0, 3.0]]
    with pytest.raises(RuntimeError, match="Number of elements of source"):
        torch.zeros(2, 2).masked_scatter(mask, torch.ones(0))
    x = torch.zeros(2, 2)
    x.masked_scatter_(mask, torch.ones(4))
    assert x.sum().item() == 3


def test_take_along_dim_broadcasts():
    x = torch.tensor([[10, 30, 20], [60, 40, 50]])
    assert torch.take_along_dim(x, torch.argsort(x, dim=1), dim=1).tolist() == [[10, 20, 30], [40, 50, 60]]
    assert torch.take_along_dim(x, torch.tensor([[1]]), dim=1).tolist() == [[30], [40]]
    assert x.take_along_dim(torch.tensor([-1])).tolist() == [50]


def test_views_replaced_leave_the_input():
    x = torch.zeros(3, 3)
    assert torch.select_scatter(x, torch.ones(3), 1, -1)[:, 2].tolist() == [1.0] * 3
    assert x.slice_scatter(torch.ones(2, 3), 0, 0, 3, 2).sum(1).tolist() == [3.0, 0.0, 3.0]
    assert x.diagonal_scatter(torch.ones(2), 1).tolist()[0] == [0.0, 1.0, 0.0]
    assert torch.as_strided_scatter(x, torch.ones(2), (2,), (4,)).diagonal().tolist() == [1.0, 1.0, 0.0]
    assert x.sum().item() == 0


def test_as_strided_scatter_gradient_skips_what_was_overwritten():
    x = torch.zeros(4, requires_grad=True)
    src = torch.zeros(2, requires_grad=True)
    (torch.as_strided_scatter(x, src, (2,), (2,)) * torch.arange(1.0, 5.0)).sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0, 4.0]
    assert src.grad.tolist() == [1.0, 3.0]


def test_fill_diagonal():
    assert torch.zeros(2, 3).fill_diagonal_(5).tolist() == [[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]]
    tall = torch.zeros(7, 2)
    assert tall.clone().fill_diagonal_(1).sum().item() == 2
    assert tall.fill_diagonal_(1, wrap=True).sum(1).tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    assert torch.zeros(3, 3, 3).fill_diagonal_(1).sum().item() == 3
    view = torch.zeros(3, 3)
    view[:2, :2].fill_diagonal_(4)
    assert view.diagonal().tolist() == [4.0, 4.0, 0.0]
