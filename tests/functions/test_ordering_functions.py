"""Sorting, the k largest, medians, modes and quantiles: what PyTorch promises beyond the numbers of a sample."""

import math

import pytest

import rushlight as torch

nan = math.nan


def test_sort_keeps_the_order_of_equals_both_ways():
    x = torch.tensor([2, 1, 2, 1, 2])
    assert torch.sort(x, stable=True).indices.tolist() == [1, 3, 0, 2, 4]
    assert torch.sort(x, descending=True, stable=True).indices.tolist() == [0, 2, 4, 1, 3]
    assert torch.argsort(x, descending=True, stable=True).tolist() == [0, 2, 4, 1, 3]


def test_nan_is_the_largest():
    x = torch.tensor([1.0, nan, -1.0])
    assert torch.sort(x).indices.tolist() == [2, 0, 1]
    assert torch.sort(x, descending=True).indices.tolist() == [1, 0, 2]
    assert torch.topk(x, 1).indices.tolist() == [1]
    assert torch.kthvalue(x, 3).indices.item() == 1


def test_results_are_named_and_unpack():
    x = torch.tensor([[3.0, 1.0], [2.0, 4.0]])
    values, indices = x.sort(dim=0)
    assert values.tolist() == [[2.0, 1.0], [3.0, 4.0]]
    found = x.median(dim=1, keepdim=True)
    assert found.values.shape == (2, 1) and found.indices.tolist() == [[1], [0]]
    assert "torch.return_types.topk" in repr(torch.topk(x, 1))
    assert type(x.sort()).__name__ == "sort"


def test_out_and_numpy_spellings():
    x = torch.tensor([3.0, 1.0])
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    torch.sort(x, out=(values, indices))
    assert values.tolist() == [1.0, 3.0] and indices.tolist() == [1, 0]
    assert torch.sort(torch.tensor([[2, 1]]), axis=0).indices.tolist() == [[0, 0]]


@pytest.mark.parametrize("n, k", [(5, 2), (50, 3), (50, 40), (400, 10)])
@pytest.mark.parametrize("largest", [True, False])
def test_topk_is_the_beginning_of_the_sorted(n, k, largest):
    x = torch.randint(0, 7, (3, n), generator=torch.Generator().manual_seed(n + k)).float()
    values, indices = torch.topk(x, k, largest=largest)
    ordered = torch.sort(x, descending=largest, stable=True)
    assert values.tolist() == ordered.values[:, :k].tolist()
    assert indices.tolist() == ordered.indices[:, :k].tolist()


def test_topk_along_another_dimension_and_its_gradient():
    x = torch.tensor([[1.0, 5.0], [3.0, 2.0], [2.0, 9.0]], requires_grad=True)
    values, indices = x.topk(2, dim=0)
    assert indices.tolist() == [[1, 2], [2, 0]]
    (values * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [[0.0, 4.0], [1.0, 0.0], [3.0, 2.0]]


@pytest.mark.parametrize(
    "call, error, says",
    [
        (lambda: torch.ones(2).topk(3), RuntimeError, "selected index k out of range"),
        (
            lambda: torch.ones(2, dtype=torch.bool).topk(1),
            RuntimeError,
            "topk does not support bool dtypes on CPU",
        ),
        (lambda: torch.ones(2, dtype=torch.complex64).sort(), RuntimeError, "does not support complex"),
        (lambda: torch.ones(2, 0).median(1), IndexError, "Expected reduction dim 1 to have non-zero size"),
        (lambda: torch.ones(2).kthvalue(3), RuntimeError, "selected number k out of range for dimension 0"),
        (
            lambda: torch.ones(2, dtype=torch.bool).median(),
            NotImplementedError,
            '"median_cpu" not implemented for',
        ),
        (lambda: torch.ones(2).sort(dim=2), IndexError, "Dimension out of range"),
        (lambda: torch.ones(2).quantile(1.5), RuntimeError, r"q must be in the range \[0, 1\] but got 1.5"),
        (lambda: torch.ones(2).long().quantile(0.5), RuntimeError, "must be either float or double"),
        (lambda: torch.ones(0).quantile(0.5), RuntimeError, "must be non-empty"),
        (lambda: torch.ones(2).quantile(0.5, interpolation="cubic"), RuntimeError, "but got cubic"),
    ],
)
def test_errors(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_median_is_the_lower_of_two_and_shares_its_gradient():
    x = torch.tensor([4.0, 1.0, 2.0, 2.0], requires_grad=True)
    middle = x.median()
    assert middle.item() == 2.0
    middle.backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.5, 0.5]
    assert math.isnan(torch.tensor([]).median().item())


def test_medians_and_nan():
    x = torch.tensor([[1.0, nan, 3.0], [4.0, 5.0, 6.0]])
    values, indices = x.median(1)
    assert math.isnan(values[0].item()) and values[1].item() == 5.0
    assert indices.tolist() == [1, 1]
    assert x.nanmedian(1).values.tolist() == [1.0, 5.0]
    assert math.isnan(torch.tensor([nan, nan]).nanmedian().item())


def test_mode_is_the_smallest_of_the_most_frequent_at_its_last_place():
    values, indices = torch.tensor([[5, 2, 2, 5, 1], [3, 3, 3, 0, 0]]).mode()
    assert values.tolist() == [2, 3]
    assert indices.tolist() == [2, 2]


def test_quantile_shapes_and_interpolations():
    x = torch.arange(12.0).reshape(3, 4)
    q = torch.tensor([0.25, 0.5])
    assert x.quantile(0.5).shape == ()
    assert x.quantile(q, dim=1).shape == (2, 3)
    assert x.quantile(q, dim=1, keepdim=True).shape == (2, 3, 1)
    assert x.quantile(q, keepdim=True).shape == (2, 1, 1)
    line = torch.tensor([0.0, 10.0])
    found = {
        how: line.quantile(0.3, interpolation=how).item()
        for how in ("lower", "higher", "midpoint", "nearest")
    }
    assert found == {"lower": 0.0, "higher": 10.0, "midpoint": 5.0, "nearest": 0.0}
    assert line.quantile(0.3).item() == pytest.approx(3.0)


def test_nanquantile_leaves_nan_out():
    x = torch.tensor([[nan, 1.0, 3.0], [nan, nan, nan]])
    assert torch.nanquantile(x, 0.5, dim=1)[0].item() == 2.0
    assert math.isnan(torch.nanquantile(x, 0.5, dim=1)[1].item())
    assert math.isnan(torch.quantile(x, 0.5, dim=1)[0].item())
