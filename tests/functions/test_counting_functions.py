"""Distinct elements, histograms, looking up in what is sorted, membership."""

import math

import pytest

import rushlight as torch


def lists(result):
    return [x.tolist() for x in result] if isinstance(result, tuple) else result.tolist()


def test_unique_gives_what_was_asked_for():
    x = torch.tensor([[3, 1], [1, 2]])
    assert lists(x.unique()) == [1, 2, 3]
    assert lists(torch.unique(x, return_inverse=True)) == [[1, 2, 3], [[2, 0], [0, 1]]]
    assert lists(torch.unique(x, return_counts=True)) == [[1, 2, 3], [2, 1, 1]]
    assert len(torch.unique(x, return_inverse=True, return_counts=True)) == 3


def test_unique_slices():
    x = torch.tensor([[1, 2, 1], [0, 5, 0]])
    values, inverse, counts = x.unique(dim=1, return_inverse=True, return_counts=True)
    assert values.tolist() == [[1, 2], [0, 5]] and inverse.tolist() == [0, 1, 0] and counts.tolist() == [2, 1]
    assert lists(torch.tensor([[2, 1], [1, 9], [2, 1]]).unique(dim=0)) == [[1, 9], [2, 1]]
    with pytest.raises(RuntimeError, match="0 sized dimensions"):
        torch.ones(2, 0).unique(dim=0)


def test_every_nan_is_distinct():
    assert torch.tensor([math.nan, 1.0, math.nan]).unique().numel() == 3


def test_unique_consecutive():
    values, inverse, counts = torch.unique_consecutive(
        torch.tensor([1, 1, 2, 1]), return_inverse=True, return_counts=True
    )
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([1, 2, 1], [0, 0, 1, 2], [2, 1, 1])
    rows = torch.tensor([[1, 1], [1, 1], [0, 2]])
    assert rows.unique_consecutive(dim=0).tolist() == [[1, 1], [0, 2]]


def test_searchsorted_sides_rows_and_sorter():
    edges = torch.tensor([1, 3, 5])
    assert torch.searchsorted(edges, torch.tensor([1, 4])).tolist() == [0, 2]
    assert torch.searchsorted(edges, torch.tensor([1, 4]), right=True).tolist() == [1, 2]
    assert torch.searchsorted(edges, 3, side="right").item() == 2
    rows = torch.tensor([[1.0, 2.0], [5.0, 6.0]])
    assert torch.searchsorted(rows, torch.tensor([[1.5], [7.0]])).tolist() == [[1], [2]]
    mixed = torch.tensor([3.0, 1.0, 2.0])
    assert torch.searchsorted(mixed, torch.tensor([2.5]), sorter=torch.argsort(mixed)).tolist() == [2]
    assert torch.searchsorted(edges, torch.tensor([1]), out_int32=True).dtype is torch.int32
    with pytest.raises(RuntimeError, match="side and right can't be set to opposites"):
        torch.searchsorted(edges, 1, right=True, side="left")
    with pytest.raises(RuntimeError, match="first N-1 dimensions"):
        torch.searchsorted(rows, torch.ones(3, 2))


def test_bucketize():
    edges = torch.tensor([1.0, 3.0])
    assert torch.bucketize(torch.tensor([[1.0, 2.0]]), edges).tolist() == [[0, 1]]
    assert torch.bucketize(3.0, edges, right=True).item() == 2
    with pytest.raises(RuntimeError, match="must be 1 dimension"):
        torch.bucketize(torch.ones(2), torch.ones(2, 2))


@pytest.mark.parametrize("many", [3, 40])
def test_isin(many):
    tests = torch.arange(0, 2 * many, 2)
    assert torch.isin(torch.tensor([0, 1, 4]), tests).tolist() == [True, False, True]
    assert torch.isin(torch.tensor([0, 1, 4]), tests, invert=True).tolist() == [False, True, False]
    assert torch.isin(torch.tensor([1.0, 2.0]), 2).tolist() == [False, True]
    assert torch.isin(3, tests).item() is False
    assert torch.isin(torch.tensor([math.nan]), torch.full((many,), math.nan)).tolist() == [False]


def test_bincount():
    assert torch.bincount(torch.tensor([1, 1, 3])).tolist() == [0, 2, 0, 1]
    assert torch.bincount(torch.tensor([0]), minlength=3).tolist() == [1, 0, 0]
    weighted = torch.bincount(torch.tensor([0, 0]), weights=torch.tensor([0.5, 0.25]))
    assert weighted.tolist() == [0.75] and weighted.dtype is torch.float32
    assert torch.bincount(torch.tensor([0]), weights=torch.tensor([2])).dtype is torch.float64
    with pytest.raises(RuntimeError, match="1-d non-negative integral"):
        torch.bincount(torch.tensor([-1]))
    with pytest.raises(NotImplementedError, match="bincount_cpu"):
        torch.bincount(torch.ones(2))


def test_histograms():
    x = torch.tensor([1.0, 2.0, 1.0])
    assert torch.histc(x, bins=4, min=0, max=3).tolist() == [0.0, 2.0, 1.0, 0.0]
    hist, edges = torch.histogram(x, 2, range=(0.0, 4.0))
    assert hist.tolist() == [2.0, 1.0] and edges.tolist() == [0.0, 2.0, 4.0]
    hist, _ = torch.histogram(
        x, torch.tensor([0.0, 1.5, 2.0]), weight=torch.tensor([1.0, 3.0, 1.0]), density=True
    )
    assert hist.tolist() == pytest.approx([2 / 7.5, 3 / 2.5])
    hist, edges = torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), bins=[2, 2])
    assert hist.tolist() == [[0.0, 1.0], [1.0, 0.0]] and len(edges) == 2
    with pytest.raises(RuntimeError, match="is not finite"):
        torch.histc(torch.tensor([1.0, math.inf]))
    with pytest.raises(RuntimeError, match="max must be larger than min"):
        torch.histc(x, min=3, max=1)


def test_nonzero_static():
    x = torch.tensor([0, 7, 8])
    assert torch.nonzero_static(x, size=1).tolist() == [[1]]
    assert x.nonzero_static(size=3, fill_value=-5).tolist() == [[1], [2], [-5]]


def test_hash_tensor():
    assert torch.hash_tensor(torch.tensor([1, 2, 4])).item() == 7
    assert torch.hash_tensor(torch.tensor([[1, 2], [3, 3]]), 1).tolist() == [3, 0]
