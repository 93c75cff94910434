"""Boxes, regions, deformable convolution and the building blocks, against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight import nn
from rushlight.vision import ops

RNG = np.random.default_rng(0)


def boxes(count, size=20.0, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, size / 2, (count, 2))
    return np.concatenate([first, first + rng.uniform(1, size / 2, (count, 2))], axis=1).astype(np.float32)


def plain_iou(a, b):
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    both = width * height
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return both / (area(a) + area(b) - both)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 25), st.floats(0.0, 1.0), st.integers(0, 1000))
def test_nms(count, threshold, seed):
    corners = boxes(count, seed=seed)
    scores = np.random.default_rng(seed).permutation(count).astype(np.float32)
    kept = []
    for index in np.argsort(-scores):
        if all(plain_iou(corners[index], corners[other]) <= threshold + 1e-6 for other in kept):
            kept.append(int(index))
    result = ops.nms(torch.from_numpy(corners), torch.from_numpy(scores), threshold)
    assert result.dtype == torch.int64
    assert result.tolist() == kept


def test_batched_nms_keeps_categories_apart():
    corners = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [5, 5, 6, 6]])
    scores = torch.tensor([0.5, 0.9, 0.7, 0.1])
    assert ops.boxes.batched_nms(corners, scores, torch.tensor([0, 0, 1, 0]), 0.5).tolist() == [1, 2, 3]
    empty = ops.batched_nms(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), 0.5)
    assert empty.tolist() == []
    with pytest.raises(RuntimeError, match=r"boxes should be \(N, 4\), got \(3,\)"):
        ops.nms(torch.zeros(3), torch.zeros(3), 0.5)
    with pytest.raises(RuntimeError, match=r"got \(2,\) for 3 boxes"):
        ops.nms(torch.zeros(3, 4), torch.zeros(2), 0.5)


def test_overlaps():
    a, b = boxes(5, seed=1), boxes(7, seed=2)
    expected = np.array([[plain_iou(x, y) for y in b] for x in a])
    ta, tb = torch.from_numpy(a), torch.from_numpy(b)
    np.testing.assert_allclose(ops.box_iou(ta, tb).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(ops.box_area(ta).numpy(), (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]), rtol=1e-6)
    first = np.minimum(a[:, None, :2], b[None, :, :2])
    last = np.maximum(a[:, None, 2:], b[None, :, 2:])
    around = np.prod(last - first, axis=2)
    inter, union = (part.numpy() for part in ops.boxes._box_inter_union(ta, tb))
    np.testing.assert_allclose(
        ops.generalized_box_iou(ta, tb).numpy(), expected - (around - union) / around, atol=1e-5
    )
    middle = lambda box: (box[:, :2] + box[:, 2:]) / 2
    apart = ((middle(a)[:, None] - middle(b)[None]) ** 2).sum(2)
    distance = expected - apart / (((last - first) ** 2).sum(2) + 1e-7)
    np.testing.assert_allclose(ops.distance_box_iou(ta, tb).numpy(), distance, atol=1e-5)
    slant = lambda box: np.arctan((box[:, 2] - box[:, 0]) / (box[:, 3] - box[:, 1]))
    v = 4 / np.pi**2 * (slant(a)[:, None] - slant(b)[None]) ** 2
    complete = distance - v * v / (1 - expected + v + 1e-7)
    np.testing.assert_allclose(ops.complete_box_iou(ta, tb).numpy(), complete, atol=1e-5)


def test_overlaps_are_differentiable():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    ops.box_iou(a, torch.tensor([[1.0, 0.0, 3.0, 2.0]])).sum().backward()
    # IoU = (x2 - 1) 2 / (2 x2 + 4 - (x2 - 1) 2): its derivative in x2 at 2 is (2 * 6 - 2 * 0) / 36.
    assert a.grad[0, 2].item() == pytest.approx(1 / 3)


def test_areas_do_not_overflow_small_dtypes():
    corners = torch.tensor([[0, 0, 300, 300]], dtype=torch.int16)
    assert ops.box_area(corners).tolist() == [90000]


@pytest.mark.parametrize("source", ["xyxy", "xywh", "cxcywh"])
@pytest.mark.parametrize("target", ["xyxy", "xywh", "cxcywh"])
def test_box_convert(source, target):
    corners = boxes(4)
    sides = corners[:, 2:] - corners[:, :2]
    forms = {
        "xyxy": corners,
        "xywh": np.concatenate([corners[:, :2], sides], axis=1),
        "cxcywh": np.concatenate([corners[:, :2] + sides / 2, sides], axis=1),
    }
    result = ops.box_convert(torch.from_numpy(forms[source]), in_fmt=source, out_fmt=target)
    np.testing.assert_allclose(result.numpy(), forms[target], atol=1e-5)


def test_small_functions_of_boxes():
    corners = torch.tensor([[-3.0, 2, 50, 9], [1, 1, 2, 1.5]])
    assert ops.clip_boxes_to_image(corners, (8, 20)).tolist() == [[0, 2, 20, 8], [1, 1, 2, 1.5]]
    assert ops.remove_small_boxes(corners, 1.0).tolist() == [0]
    masks = torch.zeros(1, 6, 7)
    masks[0, 2:4, 1:6] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[1, 2, 5, 3]]
    with pytest.raises(ValueError, match="Unsupported .* in_fmt a"):
        ops.box_convert(corners, "a", "xyxy")


def plain_roi_align(features, box, size, scale, ratio, aligned):
    C, H, W = features.shape
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64) * scale - (0.5 if aligned else 0.0)
    width, height = x2 - x1, y2 - y1
    if not aligned:
        width, height = max(width, 1.0), max(height, 1.0)
    rows = ratio if ratio > 0 else int(np.ceil(height / size[0]))
    columns = ratio if ratio > 0 else int(np.ceil(width / size[1]))
    output = np.zeros((C, *size))
    for i in range(size[0]):
        for j in range(size[1]):
            for r in range(rows):
                for c in range(columns):
                    y = y1 + (i + (r + 0.5) / rows) * height / size[0]
                    x = x1 + (j + (c + 0.5) / columns) * width / size[1]
                    if -1 <= y <= H and -1 <= x <= W:
                        output[:, i, j] += bilinear(features, y, x) / (rows * columns)
    return output


def bilinear(features, y, x):
    H, W = features.shape[1:]
    y, x = min(max(y, 0), H - 1), min(max(x, 0), W - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, H - 1), min(left + 1, W - 1)
    dy, dx = y - top, x - left
    above = features[:, top, left] * (1 - dx) + features[:, top, right] * dx
    below = features[:, bottom, left] * (1 - dx) + features[:, bottom, right] * dx
    return above * (1 - dy) + below * dy


ROIS = np.float32(
    [[1, 2, 3, 9, 12], [0, 0, 0, 19, 17], [1, -4, -4, 3, 4], [0, 15, 10, 30, 30], [0, 5, 5, 5.2, 5.1]]
)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 2])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_roi_align(aligned, ratio, scale):
    features = RNG.standard_normal((2, 3, 9, 10)).astype(np.float32)
    layer = ops.RoIAlign((3, 2), scale, ratio, aligned)
    result = layer(torch.from_numpy(features), torch.from_numpy(ROIS)).numpy()
    for row, roi in enumerate(ROIS):
        expected = plain_roi_align(features[int(roi[0])], roi[1:], (3, 2), scale, ratio, aligned)
        np.testing.assert_allclose(result[row], expected, atol=1e-5)


def test_roi_align_takes_lists_and_gives_gradients():
    features = torch.from_numpy(RNG.standard_normal((2, 3, 9, 10)).astype(np.float32)).requires_grad_()
    listed = [torch.from_numpy(ROIS[[1, 3, 4], 1:]), torch.from_numpy(ROIS[[0, 2], 1:])]
    together = ops.roi_align(features, torch.from_numpy(ROIS[[1, 3, 4, 0, 2]]), 2)
    np.testing.assert_array_equal(
        ops.roi_align(features, listed, 2).detach().numpy(), together.detach().numpy()
    )
    together.sum().backward()
    # The weights of a bin that lies inside add up to one for each channel.
    inside = ops.roi_align(torch.ones(1, 1, 9, 10), [torch.tensor([[1.0, 1, 7, 7]])], 2)
    np.testing.assert_allclose(inside.numpy(), 1.0, atol=1e-6)
    assert float(features.grad.abs().sum()) > 0
    empty = ops.roi_align(features, [torch.zeros(0, 4), torch.zeros(0, 4)], (4, 5))
    assert tuple(empty.shape) == (0, 3, 4, 5)
    with pytest.raises(ValueError, match=r"Tensor\[K, 5\]"):
        ops.roi_align(features, torch.zeros(3, 4), 2)


def plain_roi_pool(features, box, size, scale):
    C, H, W = features.shape
    x1, y1, x2, y2 = (int(np.floor(abs(v) + 0.5) * np.sign(v)) for v in np.asarray(box) * scale)
    width, height = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
    output = np.zeros((C, *size), dtype=np.float32)
    for i in range(size[0]):
        for j in range(size[1]):
            top, bottom = int(np.floor(i * height / size[0])), int(np.ceil((i + 1) * height / size[0]))
            left, right = int(np.floor(j * width / size[1])), int(np.ceil((j + 1) * width / size[1]))
            rows = slice(min(max(top + y1, 0), H), min(max(bottom + y1, 0), H))
            columns = slice(min(max(left + x1, 0), W), min(max(right + x1, 0), W))
            part = features[:, rows, columns]
            output[:, i, j] = part.max(axis=(1, 2)) if part.size else 0
    return output


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_roi_pool(scale):
    features = RNG.standard_normal((2, 3, 9, 10)).astype(np.float32)
    tensor = torch.from_numpy(features).requires_grad_()
    result = ops.RoIPool((3, 2), scale)(tensor, torch.from_numpy(ROIS))
    for row, roi in enumerate(ROIS):
        expected = plain_roi_pool(features[int(roi[0])], roi[1:], (3, 2), scale)
        np.testing.assert_array_equal(result[row].detach().numpy(), expected)
    result.sum().backward()
    assert float(tensor.grad.sum()) == np.count_nonzero(result.detach().numpy())


def test_deform_conv_without_offsets_is_a_convolution():
    x = torch.from_numpy(RNG.standard_normal((2, 4, 7, 8)).astype(np.float32))
    weight = torch.from_numpy(RNG.standard_normal((6, 2, 3, 3)).astype(np.float32))
    bias = torch.from_numpy(RNG.standard_normal(6).astype(np.float32))
    expected = nn.functional.conv2d(x, weight, bias, stride=2, padding=1, dilation=1, groups=2)
    still = torch.zeros(2, 2 * 2 * 9, *expected.shape[-2:])
    result = ops.deform_conv2d(x, still, weight, bias, stride=2, padding=1)
    np.testing.assert_allclose(result.numpy(), expected.numpy(), atol=1e-4)
    mask = torch.full((2, 2 * 9, *expected.shape[-2:]), 0.5)
    halved = ops.deform_conv2d(x, still, weight, None, stride=2, padding=1, mask=mask)
    np.testing.assert_allclose(
        halved.numpy(), (expected.numpy() - bias.numpy()[:, None, None]) / 2, atol=1e-4
    )


def test_deform_conv_reads_where_the_offsets_say():
    x = torch.arange(30.0).view(1, 1, 5, 6)
    offset = torch.zeros(1, 2, 5, 6)
    offset[:, 0] = 1.0
    offset[:, 1] = 0.5
    moved = ops.deform_conv2d(x, offset, torch.ones(1, 1, 1, 1))[0, 0].numpy()
    values = np.pad(np.arange(30.0).reshape(5, 6), [(0, 1), (0, 1)])
    np.testing.assert_allclose(moved, (values[1:, :-1] + values[1:, 1:]) / 2, atol=1e-4)
    layer = ops.DeformConv2d(4, 6, 3, padding=1, groups=2)
    assert tuple(layer(torch.rand(1, 4, 5, 5), torch.zeros(1, 18, 5, 5)).shape) == (1, 6, 5, 5)
    with pytest.raises(RuntimeError, match=r"offset should be .*got \(1, 3, 5, 6\)"):
        ops.deform_conv2d(x, torch.zeros(1, 3, 5, 6), torch.ones(1, 1, 1, 1))


def test_sigmoid_focal_loss():
    logits, targets = RNG.standard_normal(20), RNG.integers(0, 2, 20).astype(float)
    p = 1 / (1 + np.exp(-logits))
    p_true = np.where(targets == 1, p, 1 - p)
    expected = np.where(targets == 1, 0.25, 0.75) * (1 - p_true) ** 2 * -np.log(p_true)
    loss = lambda reduction: ops.sigmoid_focal_loss(
        torch.from_numpy(logits), torch.from_numpy(targets), reduction=reduction
    ).numpy()
    np.testing.assert_allclose(loss("none"), expected, rtol=1e-8)
    assert loss("mean") == pytest.approx(expected.mean())
    assert loss("sum") == pytest.approx(expected.sum())
    with pytest.raises(ValueError, match="'average'"):
        loss("average")


def test_frozen_batch_norm():
    layer = ops.FrozenBatchNorm2d(3)
    frozen = {
        "weight": torch.tensor([1.0, 2.0, 3.0]),
        "bias": torch.tensor([0.1, 0.2, 0.3]),
        "running_mean": torch.tensor([0.5, 0.6, 0.7]),
        "running_var": torch.tensor([1.0, 4.0, 9.0]),
        "num_batches_tracked": torch.tensor(3),
    }
    layer.load_state_dict(frozen)
    assert list(layer.parameters()) == []
    x = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
    column = lambda name: frozen[name].numpy()[None, :, None, None]
    expected = (x - column("running_mean")) / np.sqrt(column("running_var") + 1e-5)
    expected = expected * column("weight") + column("bias")
    np.testing.assert_allclose(layer(torch.from_numpy(x)).numpy(), expected, atol=1e-5)
    assert repr(layer) == "FrozenBatchNorm2d(3, eps=1e-05)"


def test_building_blocks():
    block = ops.Conv2dNormActivation(3, 8, kernel_size=3, stride=2)
    assert [type(layer).__name__ for layer in block] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert (block[0].padding, block[0].bias, block.out_channels) == ((1, 1), None, 8)
    assert tuple(block(torch.rand(2, 3, 9, 9)).shape) == (2, 8, 5, 5)
    plain = ops.Conv2dNormActivation(3, 8, norm_layer=None, activation_layer=None, dilation=2)
    assert len(plain) == 1
    assert plain[0].bias is not None
    assert tuple(plain(torch.rand(1, 3, 9, 9)).shape) == (1, 8, 9, 9)
    squeeze = ops.SqueezeExcitation(4, 2)
    assert [name for name, _ in squeeze.named_parameters()] == [
        "fc1.weight",
        "fc1.bias",
        "fc2.weight",
        "fc2.bias",
    ]
    assert tuple(squeeze(torch.rand(2, 4, 3, 3)).shape) == (2, 4, 3, 3)
    mlp = ops.MLP(4, [6, 2], norm_layer=nn.LayerNorm, dropout=0.5)
    names = ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear", "Dropout"]
    assert [type(layer).__name__ for layer in mlp] == names
    assert tuple(ops.Permute([0, 2, 1])(torch.rand(2, 3, 4)).shape) == (2, 4, 3)


def test_stochastic_depth():
    x = torch.ones(200, 3, 2)
    torch.manual_seed(0)
    rows = ops.StochasticDepth(0.25, "row")(x).numpy()
    values = rows[:, 0, 0]
    assert set(np.round(values, 5)) == {0.0, np.float32(1.33333)}
    assert np.all(rows == values[:, None, None])
    assert 0.15 < np.mean(values == 0) < 0.35
    batch = ops.stochastic_depth(x, 0.5, "batch").numpy()
    assert np.unique(batch).size == 1
    layer = ops.StochasticDepth(0.25, "row").eval()
    assert layer(x) is x
    assert float(ops.stochastic_depth(x, 1.0, "row").sum()) == 0.0
    with pytest.raises(ValueError, match="'batch' or 'row', but got rows"):
        ops.stochastic_depth(x, 0.5, "rows")


def test_drop_block_drops_squares():
    torch.manual_seed(0)
    x = torch.ones(4, 2, 20, 20)
    dropped = ops.DropBlock2d(0.2, 3)(x).numpy()
    zeros = np.mean(dropped == 0)
    assert 0.08 < zeros < 0.35
    assert dropped.mean() == pytest.approx(1.0, abs=1e-4)
    assert ops.DropBlock2d(0.2, 3).eval()(x) is x
    assert tuple(ops.drop_block2d(x, 0.2, 4).shape) == (4, 2, 20, 20)
