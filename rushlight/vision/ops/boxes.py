"""Boxes: areas, overlaps, conversions, and the suppression of boxes that overlap.

A box is (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2, in any unit. Overlaps are differentiable; `nms` works in
NumPy and returns indices.
"""

import math

import numpy as np

from ... import functions as fn
from ...dtypes import float32, int64


def nms(boxes, scores, iou_threshold):
    """Indices of the boxes left when each box that overlaps a better one too much is dropped.

    Args:
        boxes: (N, 4).
        scores: (N,).
        iou_threshold: a box goes when its IoU with a better one is above this, in [0, 1].
    Returns:
        int64 (K,), best score first.
    Source: torchvision.ops.nms
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.ops import nms
        >>> boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
        >>> nms(boxes, torch.tensor([0.8, 0.9, 0.5]), 0.5)
        tensor([1, 2])
    """
    _check_boxes("nms", boxes)
    if scores.ndim != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(
            f"nms: scores should be one number a box, got {tuple(scores.shape)} for {boxes.shape[0]} boxes"
        )
    kept = _kept(_array(boxes), _array(scores), iou_threshold)
    return fn.tensor(kept, dtype=int64, device=boxes.device)


def batched_nms(boxes, scores, idxs, iou_threshold):
    """`nms` within each category: boxes with different `idxs` (N,) do not suppress each other.

    Source: torchvision.ops.batched_nms
    """
    _check_boxes("batched_nms", boxes)
    corners, values, categories = _array(boxes), _array(scores), idxs.detach().cpu().numpy()
    kept = []
    for category in np.unique(categories):
        members = np.flatnonzero(categories == category)
        kept.extend(members[_kept(corners[members], values[members], iou_threshold)])
    kept = np.array(kept, dtype=np.int64)
    kept = kept[np.argsort(-values[kept], kind="stable")]
    return fn.tensor(kept.tolist(), dtype=int64, device=boxes.device)


def _array(values):
    values = values.detach().cpu()
    return (values if values.dtype.itemsize >= 4 else values.to(float32)).numpy()


def _kept(boxes, scores, iou_threshold):
    """The list of indices that `nms` keeps, of arrays."""
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    left = np.argsort(-scores, kind="stable")
    kept = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        across = np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left])
        down = np.minimum(y2[best], y2[left]) - np.maximum(y1[best], y1[left])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            overlap = shared / (areas[best] + areas[left] - shared)
        left = left[~(overlap > iou_threshold)]
    return kept


def remove_small_boxes(boxes, min_size):
    """Indices of the boxes whose sides are both min_size or more.

    Source: torchvision.ops.remove_small_boxes
    """
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return fn.where((widths >= min_size) & (heights >= min_size))[0]


def clip_boxes_to_image(boxes, size):
    """The boxes (..., 4) with their corners moved into a picture of size (height, width).

    Source: torchvision.ops.clip_boxes_to_image
    """
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return fn.stack((x, y), dim=boxes.ndim).reshape(boxes.shape)


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes (..., 4) in another form.

    Args:
        in_fmt, out_fmt: "xyxy" (two corners), "xywh" (first corner and sides) or "cxcywh" (middle and sides).

    Raises:
        ValueError: another form.
    Source: torchvision.ops.box_convert
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.ops import box_convert
        >>> box_convert(torch.tensor([[1.0, 2, 5, 8]]), "xyxy", "cxcywh")
        tensor([[3., 5., 4., 6.]])
    """
    forms = ("xyxy", "xywh", "cxcywh")
    if in_fmt not in forms or out_fmt not in forms:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}; {forms}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    first, second, third, fourth = boxes.unbind(-1)
    if in_fmt == "xywh":
        first, second, third, fourth = first, second, first + third, second + fourth
    elif in_fmt == "cxcywh":
        half_w, half_h = 0.5 * third, 0.5 * fourth
        first, second, third, fourth = first - half_w, second - half_h, first + half_w, second + half_h
    if out_fmt == "xywh":
        third, fourth = third - first, fourth - second
    elif out_fmt == "cxcywh":
        first, second, third, fourth = (
            (first + third) / 2,
            (second + fourth) / 2,
            third - first,
            fourth - second,
        )
    return fn.stack((first, second, third, fourth), dim=-1)


def box_area(boxes):
    """Areas (N,) of boxes (N, 4).

    Source: torchvision.ops.box_area
    """
    boxes = _wide(boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _wide(boxes):
    """Small dtypes widened, so that products of sides do not overflow."""
    if boxes.is_floating_point():
        return boxes if boxes.dtype.itemsize >= 4 else boxes.float()
    return boxes if boxes.dtype.itemsize >= 4 else boxes.int()


def _box_inter_union(boxes1, boxes2):
    area1, area2 = box_area(boxes1), box_area(boxes2)
    first = fn.max(boxes1[..., None, :2], boxes2[..., None, :, :2])
    last = fn.min(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    sides = _wide(last - first).clamp(min=0)
    inter = sides[..., 0] * sides[..., 1]
    return inter, area1[..., None] + area2[..., None, :] - inter


def box_iou(boxes1, boxes2):
    """Intersection over union of each box of boxes1 (N, 4) with each of boxes2 (M, 4): (N, M).

    Source: torchvision.ops.box_iou
    Example:
        >>> import rushlight as torch
        >>> from rushlight.vision.ops import box_iou
        >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]])).item()
        0.3333...
    """
    inter, union = _box_inter_union(boxes1, boxes2)
    return inter / union


def generalized_box_iou(boxes1, boxes2):
    """IoU less the share of the smallest enclosing box that neither covers: (N, M), in (-1, 1].

    Source: torchvision.ops.generalized_box_iou, after Rezatofighi et al. 2019.
    """
    inter, union = _box_inter_union(boxes1, boxes2)
    first, last = _enclosing(boxes1, boxes2)
    sides = _wide(last - first).clamp(min=0)
    area = sides[..., 0] * sides[..., 1]
    return inter / union - (area - union) / area


def _enclosing(boxes1, boxes2):
    first = fn.min(boxes1[..., None, :2], boxes2[..., None, :, :2])
    last = fn.max(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    return first, last


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """IoU less the squared distance of the middles over the squared diagonal of the enclosing box: (N, M).

    Source: torchvision.ops.distance_box_iou, after Zheng et al. 2020.
    """
    return box_iou(boxes1, boxes2) - _middle_distance(boxes1, boxes2, eps)


def _middle_distance(boxes1, boxes2, eps):
    first, last = _enclosing(boxes1, boxes2)
    diagonal = (_wide(last - first).clamp(min=0) ** 2).sum(-1) + eps
    middle1 = (boxes1[..., :2] + boxes1[..., 2:]) / 2
    middle2 = (boxes2[..., :2] + boxes2[..., 2:]) / 2
    apart = _wide(middle1[..., None, :] - middle2[..., None, :, :])
    return (apart**2).sum(-1) / diagonal


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """`distance_box_iou` less a term for differing proportions: (N, M).

    Source: torchvision.ops.complete_box_iou, after Zheng et al. 2020.
    """
    iou = box_iou(boxes1, boxes2)
    slant1, slant2 = _slant(boxes1), _slant(boxes2)
    v = (4 / math.pi**2) * (slant1[..., None] - slant2[..., None, :]) ** 2
    with fn.no_grad():
        alpha = v / (1 - iou + v + eps)
    return iou - _middle_distance(boxes1, boxes2, eps) - alpha * v


def _slant(boxes):
    return fn.atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))


def masks_to_boxes(masks):
    """The smallest boxes (N, 4), in whole pixels and float32, around the nonzero pixels of masks (N, H, W).

    Source: torchvision.ops.masks_to_boxes
    """
    found = []
    for index, mask in enumerate(masks.detach().cpu().numpy()):
        rows, columns = np.nonzero(mask)
        if rows.size == 0:
            raise ValueError(f"masks_to_boxes: mask {index} is empty")
        found.append([columns.min(), rows.min(), columns.max(), rows.max()])
    boxes = np.array(found, dtype=np.float32).reshape(-1, 4)
    return fn.from_numpy(boxes).to(masks.device)


def _check_boxes(name, boxes):
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise RuntimeError(f"{name}: boxes should be (N, 4), got {tuple(boxes.shape)}")
