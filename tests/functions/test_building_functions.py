"""Tensors built from tensors, joined by NumPy's names, and contracted."""

import warnings

import pytest

import rushlight as torch


def test_diagonals():
    assert torch.diag(torch.tensor([1, 2]), 1).tolist() == [[0, 1, 0], [0, 0, 2], [0, 0, 0]]
    assert torch.diag(torch.arange(6).reshape(2, 3), -1).tolist() == [3]
    assert torch.diag_embed(torch.ones(2, 3), dim1=0, dim2=2).shape == (3, 2, 3)
    assert torch.diagflat(torch.tensor([[1], [2]])).tolist() == [[1, 0], [0, 2]]
    copy = torch.zeros(2, 2)
    copy.diag().fill_(1)
    assert copy.sum().item() == 0  # diag copies; diagonal is the view
    with pytest.raises(RuntimeError, match="1D or 2D tensors. Got 3D"):
        torch.diag(torch.ones(1, 1, 1))


def test_triangles_in_place_and_batched():
    x = torch.ones(2, 3, 3)
    assert torch.tril(x, -1).sum().item() == 6
    assert x.triu_(1) is x and x[1].tolist() == [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert torch.triu(torch.ones(2, 3, dtype=torch.bool)).tolist() == [[True] * 3, [False, True, True]]
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        torch.tril(torch.ones(3))


def test_trace_of_integers_is_int64():
    assert torch.trace(torch.ones(2, 2, dtype=torch.int8)).dtype is torch.int64
    with pytest.raises(RuntimeError, match="expected a matrix"):
        torch.ones(2).trace()


def test_block_diag_promotes():
    found = torch.block_diag(torch.tensor([[1, 2]]), torch.tensor(0.5), torch.tensor([3]))
    assert found.tolist() == [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 3.0]]


def test_meshgrid():
    a, b = torch.tensor([1, 2, 3]), torch.tensor([4, 5])
    x, y = torch.meshgrid(a, b, indexing="ij")
    assert x.shape == (3, 2) and x[:, 0].tolist() == [1, 2, 3] and y[0].tolist() == [4, 5]
    x, y = torch.meshgrid([a, b], indexing="xy")
    assert x.shape == (2, 3) and x[0].tolist() == [1, 2, 3] and y[:, 0].tolist() == [4, 5]
    with pytest.raises(RuntimeError, match='"xy" or "ij"'):
        torch.meshgrid(a, indexing="no")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        assert torch.meshgrid(a, b)[0].shape == (3, 2)


def test_pairs_and_combinations():
    assert torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist() == [
        [1, 3],
        [1, 4],
        [2, 3],
        [2, 4],
    ]
    assert torch.combinations(torch.tensor([1, 2, 3])).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert torch.combinations(torch.tensor([1, 2]), with_replacement=True).tolist() == [
        [1, 1],
        [1, 2],
        [2, 2],
    ]
    assert torch.combinations(torch.tensor([1, 2]), 3).shape == (0, 3)
    assert torch.vander(torch.tensor([2, 3])).tolist() == [[2, 1], [3, 1]]
    assert torch.vander(torch.tensor([2.0]), N=3, increasing=True).tolist() == [[1.0, 2.0, 4.0]]
    assert torch.kron(torch.eye(2), torch.tensor([1.0, 2.0])).tolist() == [
        [1.0, 2.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 2.0],
    ]


def test_rot90():
    x = torch.tensor([[1, 2], [3, 4]])
    assert [torch.rot90(x, k).tolist() for k in (1, 2, -1)] == [
        [[2, 4], [1, 3]], [[4, 3], [2, 1]], [[3, 1], [4, 2]]
    ]  # fmt: skip
    with pytest.raises(RuntimeError, match="rotation dims to be different"):
        torch.rot90(x, 1, (0, 0))


def test_repeat_interleave():
    x = torch.tensor([[1, 2], [3, 4]])
    assert x.repeat_interleave(2).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert x.repeat_interleave(2, dim=1).tolist() == [[1, 1, 2, 2], [3, 3, 4, 4]]
    assert torch.repeat_interleave(x, torch.tensor([1, 2]), dim=0).tolist() == [[1, 2], [3, 4], [3, 4]]
    assert torch.repeat_interleave(torch.tensor([0, 2, 1])).tolist() == [1, 1, 2]
    assert x.repeat_interleave(torch.tensor([2]), 0, output_size=4).shape == (4, 2)
    with pytest.raises(RuntimeError, match="must have the same size as input along dim"):
        x.repeat_interleave(torch.tensor([1, 2, 3]), 0)


def test_unravel_index():
    assert [i.tolist() for i in torch.unravel_index(torch.tensor([5, 0]), (2, 3))] == [[1, 0], [2, 0]]


def test_stacks():
    a, b = torch.tensor([1, 2]), torch.tensor([3, 4])
    assert torch.hstack((a, b)).tolist() == [1, 2, 3, 4]
    assert torch.vstack((a, b)).tolist() == torch.row_stack((a, b)).tolist() == [[1, 2], [3, 4]]
    assert torch.dstack((a, b)).tolist() == [[[1, 3], [2, 4]]]
    assert torch.column_stack((a, torch.eye(2, dtype=torch.int64))).tolist() == [[1, 1, 0], [2, 0, 1]]
    with pytest.raises(TypeError, match="must be tuple of Tensors"):
        torch.hstack(a)


def test_atleast_gives_views():
    x = torch.tensor(1.0)
    torch.atleast_2d(x).fill_(5)
    assert x.item() == 5
    assert [t.shape for t in torch.atleast_1d(x, torch.ones(2))] == [(1,), (2,)]
    assert torch.atleast_3d(torch.ones(2)).shape == (1, 2, 1)


def test_einsum_forms():
    a, b = torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(3, 4)
    assert torch.equal(torch.einsum("ij,jk->ik", a, b), a @ b)
    assert torch.equal(torch.einsum("ij, jk", [a, b]), a @ b)
    assert torch.equal(torch.einsum(a, [0, 1], b, [1, 2], [0, 2]), a @ b)
    assert torch.einsum("ii", torch.ones(3, 3)).item() == 3
    assert torch.equal(torch.einsum("...ij->...ji", a), a.T)
    assert torch.equal(torch.einsum("ba", a), a.T)  # without an arrow the letters are sorted
    assert (
        torch.einsum("bij,bjk,bk->bi", torch.ones(2, 3, 4), torch.ones(2, 4, 5), torch.ones(2, 5)).tolist()
        == [[20.0] * 3] * 2
    )
    assert torch.einsum("i,i->i", torch.ones(3), torch.full((1,), 2.0)).tolist() == [2.0] * 3
    assert torch.einsum("...a,...b->...ab", torch.ones(2, 1, 3), torch.ones(4, 5)).shape == (2, 4, 3, 5)


@pytest.mark.parametrize(
    "equation, shapes, says",
    [
        ("ij,jk->ik", [(2, 3)], "fewer operands were provided"),
        ("ij", [(2, 3), (2, 3)], "more operands were provided"),
        ("ijk", [(2, 3)], "number of subscripts in the equation"),
        ("ij->k", [(2, 3)], "output subscript k does not appear"),
        ("ij->ii", [(2, 3)], "appears more than once in the output"),
        ("i1", [(2, 3)], "invalid subscript given at index 1"),
        ("ij,jk", [(2, 3), (2, 3)], "subscript j has size 2 for operand 1 which does not broadcast"),
        ("ii", [(2, 3)], "repeated for operand 0 but the sizes don't match"),
        ("i.j", [(2, 3)], "not part of any ellipsis"),
    ],
)
def test_einsum_errors(equation, shapes, says):
    with pytest.raises(RuntimeError, match=says):
        torch.einsum(equation, *(torch.ones(s) for s in shapes))


def test_tensordot_inner_and_cross():
    a, b = torch.ones(2, 3, 4), torch.ones(3, 4, 5)
    assert torch.tensordot(a, b).shape == (2, 5)
    assert torch.tensordot(a, b, ([1], [0])).shape == (2, 4, 4, 5)
    assert torch.tensordot(torch.ones(2), torch.ones(3), 0).shape == (2, 3)
    assert torch.inner(torch.arange(3.0), torch.ones(2, 3)).tolist() == [3.0, 3.0]
    x, y = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    assert torch.cross(x, y, dim=0).tolist() == [0.0, 0.0, 1.0]
    assert torch.cross(x.expand(2, 3), y.expand(2, 3), dim=-1).shape == (2, 3)
    with pytest.raises(RuntimeError, match="must have length 3"):
        torch.cross(torch.ones(2), torch.ones(2), dim=0)
    with pytest.raises(RuntimeError, match="contracted dimensions need to match"):
        torch.tensordot(a, b, ([0], [0]))
