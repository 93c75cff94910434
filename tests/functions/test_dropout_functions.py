"""Dropout: when nothing is drawn, what is given back, errors and warnings. Same seed, same mask: tests/against_torch."""

import pytest

import rushlight as torch

F = torch.nn.functional

ALL = [F.dropout, F.dropout1d, F.alpha_dropout, F.feature_alpha_dropout]


@pytest.mark.parametrize("drop", ALL)
def test_nothing_is_drawn_where_nothing_is_dropped(drop):
    x = torch.ones(2, 3, 4)
    torch.manual_seed(0)
    expected = torch.rand(2).tolist()
    for p, training in ((0.0, True), (0.5, False), (1.0, True)):
        torch.manual_seed(0)
        out = drop(x, p, training)
        assert torch.rand(2).tolist() == expected
        assert out.tolist() == torch.zeros(2, 3, 4).tolist() if p == 1 else out is x


def test_kept_elements_are_scaled():
    torch.manual_seed(0)
    out = F.dropout(torch.ones(1000), 0.75)
    assert set(out.tolist()) == {0.0, 4.0}
    assert 180 < int((out != 0).sum()) < 320


def test_channels_go_as_a_whole():
    torch.manual_seed(0)
    for drop, shape in (
        (F.dropout1d, (5, 6, 7)),
        (F.dropout2d, (5, 6, 7, 2)),
        (F.dropout3d, (5, 6, 7, 2, 2)),
    ):
        flat = drop(torch.ones(shape), 0.5).reshape(5, 6, -1)
        assert torch.equal(flat.amin(2), flat.amax(2))
        assert set(flat[..., 0].flatten().tolist()) == {0.0, 2.0}
    single = F.dropout1d(torch.ones(6, 7), 0.5)
    assert torch.equal(single.amin(1), single.amax(1))


def test_the_gradient_is_the_mask():
    torch.manual_seed(0)
    x = torch.ones(50, requires_grad=True)
    out = F.dropout(x, 0.5)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_in_place():
    x = torch.ones(4, 3, 2)
    torch.manual_seed(0)
    expected = F.dropout1d(x, 0.5).tolist()
    torch.manual_seed(0)
    assert F.dropout1d(x, 0.5, True, True) is x and x.tolist() == expected
    y = torch.ones(3)
    assert torch.dropout_(y, 1.0, True) is y and y.tolist() == [0.0, 0.0, 0.0]


def test_errors_and_warnings():
    x = torch.ones(2, 3, 4)
    for drop in ALL:
        with pytest.raises(ValueError, match="between 0 and 1, but got 1.5"):
            drop(x, 1.5, True)
    with pytest.raises(RuntimeError, match="between 0 and 1, but got -1"):
        torch.dropout(x, -1, True)
    with pytest.raises(RuntimeError, match="Expected 2D or 3D input, but received a 1D input"):
        F.dropout1d(x[0, 0])
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        F.dropout(x.long())
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.feature_alpha_dropout(x[0, 0], 0.5, True)
    with pytest.warns(UserWarning, match="dropout2d: Received a 3D input") as seen:
        F.dropout2d(x)
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match="dropout3d: Received a 3-D input") as seen:
        F.dropout3d(x)
    assert seen[0].filename == __file__
