"""Regions of a feature map brought to one size: `roi_align` and `roi_pool`.

Boxes are (x1, y1, x2, y2) in the picture's pixels; `spatial_scale` takes them to the feature map's. They come
as one tensor (K, 5) whose first column is the picture's index in the batch, or as a list with one (L, 4) for
each picture. Gradients flow to the features and not to the boxes, as in torchvision.
"""

import numpy as np

from ... import functions as fn
from ...dtypes import float32
from ...nn import Module
from ...tensor import Tensor


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """The features of each box, averaged over sampling points in each of output_size bins: (K, C, h, w).

    Args:
        input: (N, C, H, W).
        output_size: (h, w), or one number for both.
        sampling_ratio: points a bin along each side; ceil(box side / bins) when 0 or less.
        aligned: shift the boxes by half a pixel, which puts pixel centres right.

    Source: torchvision.ops.roi_align, after He et al. 2017.

    Bilinear reading separates into rows and columns, so the features of a box are A X B^T with A (h, H) and B
    (w, W) made from the box alone.
    """
    h, w = _pair(output_size)
    pictures, corners = _regions(input, boxes)
    corners = corners * spatial_scale - (0.5 if aligned else 0.0)
    smallest = None if aligned else 1.0
    rows = _sampling_weights(corners[:, 1], corners[:, 3], h, input.shape[2], sampling_ratio, smallest)
    columns = _sampling_weights(corners[:, 0], corners[:, 2], w, input.shape[3], sampling_ratio, smallest)
    return _by_picture(
        input, pictures, (h, w), lambda n, members: _weighted(input[n], rows[members], columns[members])
    )


def _weighted(features, rows, columns):
    """A X B^T for features X (C, H, W), A (K, h, H) and B (K, w, W): (K, C, h, w)."""
    A = fn.from_numpy(rows).to(features.dtype).to(features.device)
    B = fn.from_numpy(columns).to(features.dtype).to(features.device)
    return fn.matmul(fn.matmul(A.unsqueeze(1), features.unsqueeze(0)), B.transpose(1, 2).unsqueeze(1))


def _sampling_weights(start, end, bins, size, sampling_ratio, smallest):
    """Weights (K, bins, size) of a side's positions in the average over each bin's sampling points."""
    length = end - start
    if smallest is not None:
        length = np.maximum(length, smallest)
    bin_length = length / bins
    points = np.full(len(start), sampling_ratio) if sampling_ratio > 0 else np.ceil(bin_length).astype(int)
    weights = np.zeros((len(start), bins, size), dtype=np.float32)
    for box in range(len(start)):
        count = max(int(points[box]), 1)
        offsets = (np.arange(count) + 0.5) / count
        positions = start[box] + (np.arange(bins)[:, None] + offsets) * bin_length[box]
        if points[box] > 0:
            _add_bilinear(weights[box], positions, 1.0 / count)
    return weights


def _add_bilinear(weights, positions, share):
    """Add to weights (bins, size) what reading at positions (bins, count) takes from each place."""
    size = weights.shape[1]
    inside = (positions >= -1.0) & (positions <= size)
    at = np.clip(positions, 0.0, size - 1.0)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, size - 1)
    fraction = at - low
    bins = np.broadcast_to(np.arange(len(weights))[:, None], positions.shape)
    np.add.at(weights, (bins[inside], low[inside]), ((1.0 - fraction) * share)[inside])
    np.add.at(weights, (bins[inside], high[inside]), (fraction * share)[inside])


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """The largest feature of each box in each of output_size bins: (K, C, h, w); empty bins are 0.

    Source: torchvision.ops.roi_pool, after Girshick 2015.
    """
    h, w = _pair(output_size)
    pictures, corners = _regions(input, boxes)
    scaled = corners * np.float32(spatial_scale)
    corners = (np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)).astype(
        int
    )  # halves go away from zero, as in C
    values = input.detach().cpu().numpy()

    def pooled(n, members):
        places = np.stack([_places_of_largest(values[n], corners[member], h, w) for member in members])
        return _picked(input[n], places)

    return _by_picture(input, pictures, (h, w), pooled)


def _places_of_largest(values, corners, h, w):
    """Flat positions (C, h, w) in (H, W) of the largest value of each bin; -1 for an empty bin."""
    channels, height, width = values.shape
    x1, y1, x2, y2 = corners
    rows = _bin_bounds(y1, max(y2 - y1 + 1, 1), h, height)
    columns = _bin_bounds(x1, max(x2 - x1 + 1, 1), w, width)
    places = np.full((channels, h, w), -1)
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            if bottom > top and right > left:
                inside = values[:, top:bottom, left:right].reshape(channels, -1)
                down, across = np.divmod(inside.argmax(axis=1), right - left)
                places[:, i, j] = (top + down) * width + left + across
    return places


def _bin_bounds(start, length, bins, size):
    edges = np.arange(bins + 1, dtype=np.float32) * np.float32(length / bins)
    first = np.clip(np.floor(edges[:-1]).astype(int) + start, 0, size)
    last = np.clip(np.ceil(edges[1:]).astype(int) + start, 0, size)
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _picked(features, places):
    """The features (C, H, W) at places (K, C, h, w), 0 where the place is -1."""
    K, C, h, w = places.shape
    index = np.ascontiguousarray(places.transpose(1, 0, 2, 3)).reshape(C, -1)
    there = fn.from_numpy(index >= 0).to(features.device)
    index = fn.from_numpy(np.maximum(index, 0)).to(features.device)
    values = fn.gather(features.reshape(C, -1), 1, index)
    values = fn.where(there, values, fn.zeros_like(values))
    return values.reshape(C, K, h, w).permute(1, 0, 2, 3)


def _regions(input, boxes):
    """(index of each box's picture, corners (K, 4)) as arrays, from either form of boxes."""
    if isinstance(boxes, (list, tuple)):
        counts = [len(each) for each in boxes]
        if len(boxes) > input.shape[0]:
            raise ValueError(f"boxes for {len(boxes)} pictures were given, the batch has {input.shape[0]}")
        corners = [each.detach().cpu().to(float32).numpy().reshape(-1, 4) for each in boxes]
        return np.repeat(np.arange(len(boxes)), counts), np.concatenate(
            [np.zeros((0, 4), np.float32), *corners]
        )
    if not isinstance(boxes, Tensor) or boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ValueError(
            "The boxes tensor shape is not correct as Tensor[K, 5]; a list of Tensor[L, 4] is fine too"
        )
    table = boxes.detach().cpu().to(float32).numpy()
    pictures = table[:, 0].astype(int)
    if len(pictures) and not 0 <= pictures.min() <= pictures.max() < input.shape[0]:
        raise ValueError(f"boxes name picture {pictures.max()}, the batch has {input.shape[0]}")
    return pictures, table[:, 1:]


def _by_picture(input, pictures, output_size, regions_of):
    """Results of `regions_of(picture, its boxes)` put back into the order of the boxes."""
    if len(pictures) == 0:
        return input.new_zeros((0, input.shape[1], *output_size))
    members = [np.flatnonzero(pictures == n) for n in np.unique(pictures)]
    together = fn.cat([regions_of(int(pictures[each[0]]), each) for each in members])
    order = np.argsort(np.concatenate(members), kind="stable")
    if np.array_equal(order, np.arange(len(order))):
        return together
    return together.index_select(0, fn.from_numpy(order).to(input.device))


def _pair(size):
    return (size, size) if isinstance(size, int) else (size[0], size[1])


class RoIAlign(Module):
    """`roi_align` with its settings kept.

    Source: torchvision.ops.RoIAlign
    """

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input, rois):
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )


class RoIPool(Module):
    """`roi_pool` with its settings kept.

    Source: torchvision.ops.RoIPool
    """

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
        )
