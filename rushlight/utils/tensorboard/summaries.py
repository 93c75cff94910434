"""The summaries that SummaryWriter writes, made of tensors, arrays and numbers. Files are writer.py's.

`tensorboard` is loaded at first use; its messages are built here and nowhere else.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import wave
from typing import Any

import numpy as np

from ...tensor import Tensor


def tensorboard_part(name: str) -> Any:
    """A module of the tensorboard package. Raises: ImportError saying how to get it."""
    try:
        return importlib.import_module(f"tensorboard.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "tensorboard":
            raise
        raise ImportError(
            "torch.utils.tensorboard writes its files with the tensorboard package, which is not installed: "
            "pip install tensorboard"
        ) from error


def _proto() -> Any:
    return tensorboard_part("compat.proto.summary_pb2")


def numbers(x: Any) -> np.ndarray:
    """What is given as an array: a tensor, an array, a list or a number."""
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        return (x.float() if x.dtype.name == "bfloat16" else x).numpy()
    return np.atleast_1d(np.asarray(x)) if np.isscalar(x) else np.asarray(x)


def _plugin(name: str, content: bytes = b"") -> Any:
    proto = _proto()
    return proto.SummaryMetadata(
        plugin_data=proto.SummaryMetadata.PluginData(plugin_name=name, content=content)
    )


def _tensor_proto(array: np.ndarray) -> Any:
    proto = tensorboard_part("compat.proto.tensor_pb2").TensorProto()
    types = tensorboard_part("compat.proto.types_pb2")
    kinds = {
        "f2": "DT_HALF", "f4": "DT_FLOAT", "f8": "DT_DOUBLE", "i1": "DT_INT8", "i2": "DT_INT16", "i4": "DT_INT32",
        "i8": "DT_INT64", "u1": "DT_UINT8", "b1": "DT_BOOL",
    }  # fmt: skip
    code = array.dtype.str[1:]
    if code not in kinds:
        raise ValueError(f"SummaryWriter: tensors of {array.dtype} cannot be written; convert to float32")
    proto.dtype = getattr(types, kinds[code])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_content = array.tobytes()
    return proto


def _one(tag: str, **value: Any) -> Any:
    proto = _proto()
    return proto.Summary(value=[proto.Summary.Value(tag=tag, **value)])


# ---------------------------------------------------------------- numbers


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    found = numbers(value)
    if found.size != 1:
        raise AssertionError(f"scalar should be 0D: add_scalar({tag!r}) got a value of shape {found.shape}")
    single = found.reshape(()).astype(np.float64 if double_precision else np.float32)
    if new_style or double_precision:
        return _one(tag, tensor=_tensor_proto(single), metadata=_plugin("scalars"))
    return _one(tag, simple_value=float(single))


def tensor(tag: str, value: Any) -> Any:
    return _one(tag, tensor=_tensor_proto(numbers(value)), metadata=_plugin("tensor"))


def growing_edges() -> np.ndarray:
    """Edges that grow by a tenth each, from 1e-12 to 1e20 and the same below zero: TensorBoard's own."""
    count = math.ceil(math.log(1e20 / 1e-12) / math.log(1.1))
    positive = 1e-12 * 1.1 ** np.arange(count)
    return np.concatenate([-positive[::-1], [0.0], positive])


def histogram(tag: str, values: Any, bins: Any = "tensorflow", max_bins: int | None = None) -> Any:
    flat = numbers(values).reshape(-1).astype(np.float64)
    if flat.size == 0:
        raise ValueError("The input has no element.")
    edges = growing_edges() if isinstance(bins, str) and bins == "tensorflow" else bins
    counts, limits = np.histogram(flat, bins=edges)
    if max_bins is not None and len(counts) > max_bins:
        step = -(-len(counts) // max_bins)
        counts = np.add.reduceat(counts, np.arange(0, len(counts), step))
        limits = np.append(limits[:-1:step], limits[-1])
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        raise ValueError("The histogram is empty, please file a bug report: no value lies within the bins")
    first, last = filled[0], filled[-1] + 1
    # An empty bucket in front gives the first its left edge.
    limits = np.concatenate([limits[first : first + 1], limits[first + 1 : last + 1]])
    counts = np.concatenate([[0], counts[first:last]])
    return counted_histogram(
        tag, flat.min(), flat.max(), len(flat), flat.sum(), float(flat @ flat), limits, counts
    )


def counted_histogram(
    tag: str, low: Any, high: Any, count: Any, total: Any, squares: Any, limits: Any, counts: Any
) -> Any:
    made = _proto().HistogramProto(
        min=float(low), max=float(high), num=float(count), sum=float(total), sum_squares=float(squares),
        bucket_limit=[float(x) for x in numbers(limits)], bucket=[float(x) for x in numbers(counts)],
    )  # fmt: skip
    return _one(tag, histo=made)


def pr_table(
    labels: np.ndarray, predictions: np.ndarray, thresholds: int, weights: np.ndarray | None
) -> np.ndarray:
    """Rows: true and false positives, true and false negatives, precision, recall; a column each threshold."""
    weights = np.ones_like(predictions, dtype=np.float64) if weights is None else weights
    buckets = (
        np.clip(np.floor(predictions * (thresholds - 1)), 0, thresholds - 1).astype(np.int64).reshape(-1)
    )
    positive = labels.reshape(-1).astype(np.float64)
    weights = weights.reshape(-1)

    def above(mass: np.ndarray) -> np.ndarray:
        return np.cumsum(np.bincount(buckets, mass, thresholds)[::-1])[::-1]

    tp, fp = above(positive * weights), above((1 - positive) * weights)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision = tp / np.maximum(1e-7, tp + fp)
    recall = tp / np.maximum(1e-7, tp + fn)
    return np.stack([tp, fp, tn, fn, precision, recall])


def pr_curve(tag: str, table: np.ndarray, thresholds: int) -> Any:
    data = tensorboard_part("plugins.pr_curve.plugin_data_pb2")
    content = data.PrCurvePluginData(version=0, num_thresholds=min(thresholds, 127)).SerializeToString()
    metadata = _plugin("pr_curves", content)
    return _one(tag, metadata=metadata, tensor=_tensor_proto(table.astype(np.float32)))


# ---------------------------------------------------------------- pictures, sound, text


def pictures(value: Any, dataformats: str) -> np.ndarray:
    """(H, W, C) uint8 of a picture, or of several side by side (an N in dataformats)."""
    array = numbers(value)
    letters = dataformats.upper()
    if array.ndim != len(letters) or len(set(letters)) != len(letters):
        raise AssertionError(
            f"size of input tensor and input format are different. tensor shape: {array.shape}, input_format: {dataformats}"
        )
    if array.dtype != np.uint8:
        array = (array.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)
    for missing in "NC":
        if missing not in letters:
            array, letters = array[None], missing + letters
    return _side_by_side(array.transpose([letters.index(d) for d in "NHWC"]))


def _side_by_side(batch: np.ndarray) -> np.ndarray:
    n, h, w, c = batch.shape
    if n == 1:
        grid = batch[0]
    else:
        columns = min(n, 8)
        rows = -(-n // columns)
        grid = np.zeros((rows * h, columns * w, c), batch.dtype)
        for i, picture in enumerate(batch):
            top, left = divmod(i, columns)
            grid[top * h : (top + 1) * h, left * w : (left + 1) * w] = picture
    return np.repeat(grid, 3, axis=2) if c == 1 else grid


def _encoded(array: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return file.getvalue()


def _image_proto(array: np.ndarray, content: bytes) -> Any:
    h, w, c = array.shape
    return _proto().Summary.Image(height=h, width=w, colorspace=c, encoded_image_string=content)


def image(tag: str, value: Any, dataformats: str) -> Any:
    array = pictures(value, dataformats)
    return _one(tag, image=_image_proto(array, _encoded(array)))


def image_with_boxes(
    tag: str, value: Any, boxes: np.ndarray, rescale: float, dataformats: str, labels: Any
) -> Any:
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(pictures(value, dataformats))
    pen = ImageDraw.Draw(drawn)
    for i, box in enumerate(boxes):
        left, top, right, bottom = (float(v) for v in box)
        pen.rectangle((left, top, right, bottom), outline="red", width=2)
        if labels is not None:
            pen.text((left, top), str(labels[i]), fill="red")
    size = (int(drawn.width * rescale), int(drawn.height * rescale))
    array = np.asarray(drawn.resize(size))
    return _one(tag, image=_image_proto(array, _encoded(array)))


def drawn_figure(figure: Any, close: bool) -> np.ndarray:
    """(H, W, 4) uint8 of a matplotlib figure."""
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    array = np.asarray(canvas.buffer_rgba()).copy()
    if close:
        pyplot.close(figure)
    return array


def video(tag: str, value: Any, fps: float) -> Any:
    from PIL import Image

    clips = numbers(value)
    if clips.ndim != 5:
        raise AssertionError(f"add_video: expected (N, T, C, H, W), got {clips.shape}")
    frames = [pictures(clips[:, t], "NCHW") for t in range(clips.shape[1])]
    made = [Image.fromarray(f) for f in frames]
    file = io.BytesIO()
    made[0].save(file, "GIF", save_all=True, append_images=made[1:], duration=int(1000 / fps), loop=0)
    return _one(tag, image=_image_proto(frames[0], file.getvalue()))


def audio(tag: str, value: Any, sample_rate: int) -> Any:
    samples = numbers(value).squeeze()
    if samples.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    whole = (samples.astype(np.float64).clip(-1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(whole.tobytes())
    made = _proto().Summary.Audio(
        sample_rate=sample_rate, num_channels=1, length_frames=len(whole), encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )  # fmt: skip
    return _one(tag, audio=made)


def text(tag: str, value: str) -> Any:
    proto = tensorboard_part("compat.proto.tensor_pb2").TensorProto(
        dtype="DT_STRING", string_val=[value.encode()]
    )
    proto.tensor_shape.dim.add(size=1)
    data = tensorboard_part("plugins.text.plugin_data_pb2").TextPluginData(version=0).SerializeToString()
    return _one(f"{tag}/text_summary", metadata=_plugin("text", data), tensor=proto)


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config: Any) -> Any:
    metadata = tensorboard_part("plugins.mesh.metadata")
    data = tensorboard_part("plugins.mesh.plugin_data_pb2").MeshPluginData
    proto = _proto()
    parts = [
        (vertices, data.VERTEX, np.float32),
        (faces, data.FACE, np.int32),
        (colors, data.COLOR, np.uint8),
    ]
    given = [(numbers(x).astype(kind), content) for x, content, kind in parts if x is not None]
    components = metadata.get_components_bitmask([content for _, content in given])
    rows = []
    for array, content in given:
        about = metadata.create_summary_metadata(
            tag, tag, content, components, list(array.shape), None, json_config=json.dumps(config or {})
        )
        name = metadata.get_instance_name(tag, content)
        rows.append(proto.Summary.Value(tag=name, metadata=about, tensor=_tensor_proto(array)))
    return proto.Summary(value=rows)


# ---------------------------------------------------------------- the model and the run


def module_graph(model: Any) -> Any:
    """A graph of the modules: each node holds the module's own line, and its parent is its input."""
    graph = tensorboard_part("compat.proto.graph_pb2").GraphDef()
    graph.versions.producer = 22
    root = type(model).__name__
    for name, module in model.named_modules():
        parent = root if "." not in name else f"{root}/{name.rpartition('.')[0].replace('.', '/')}"
        node = graph.node.add(
            name=f"{root}/{name.replace('.', '/')}" if name else root, op=type(module).__name__
        )
        if name:
            node.input.append(parent)
        node.attr["text"].s = f"{type(module).__name__}({module.extra_repr()})".encode()
        count = sum(p.numel() for p in module.parameters(recurse=False))
        node.attr["parameters"].i = count
    return graph


def hparams(settings: dict[str, Any], metrics: dict[str, Any], discrete: Any) -> tuple[Any, Any, Any]:
    """(experiment, start, end) of a run on the HParams page."""
    api = tensorboard_part("plugins.hparams.api_pb2")
    data = tensorboard_part("plugins.hparams.plugin_data_pb2")
    name = tensorboard_part("plugins.hparams.metadata").PLUGIN_NAME
    start = data.SessionStartInfo()
    infos = []
    for key, value in settings.items():
        if value is None:
            continue
        value = value.item() if isinstance(value, Tensor) else value
        info = api.HParamInfo(name=key)
        if isinstance(value, bool):
            start.hparams[key].bool_value = value
            info.type = api.DATA_TYPE_BOOL
        elif isinstance(value, (int, float)):
            start.hparams[key].number_value = value
            info.type = api.DATA_TYPE_FLOAT64
        elif isinstance(value, str):
            start.hparams[key].string_value = value
            info.type = api.DATA_TYPE_STRING
        else:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        for choice in (discrete or {}).get(key, []):
            info.domain_discrete.values.add(**{_FIELDS[type(choice)]: choice})
        infos.append(info)
    measured = [api.MetricInfo(name=api.MetricName(tag=key)) for key in metrics]
    experiment = api.Experiment(hparam_infos=infos, metric_infos=measured)
    end = data.SessionEndInfo(status=api.STATUS_SUCCESS)
    holders = (
        ("_hparams_/experiment", data.HParamsPluginData(experiment=experiment, version=0)),
        ("_hparams_/session_start_info", data.HParamsPluginData(session_start_info=start, version=0)),
        ("_hparams_/session_end_info", data.HParamsPluginData(session_end_info=end, version=0)),
    )
    made = tuple(_one(tag, metadata=_plugin(name, held.SerializeToString())) for tag, held in holders)
    return made[0], made[1], made[2]


_FIELDS = {bool: "bool_value", int: "number_value", float: "number_value", str: "string_value"}


def chart_layout(layout: dict) -> Any:
    data = tensorboard_part("plugins.custom_scalar.layout_pb2")
    categories = []
    for category, charts in layout.items():
        made = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                series = data.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                made.append(data.Chart(title=title, margin=data.MarginChartContent(series=[series])))
            else:
                lines = data.MultilineChartContent(tag=[f"^{t}$" for t in tags])
                made.append(data.Chart(title=title, multiline=lines))
        categories.append(data.Category(title=category, chart=made))
    content = data.Layout(category=categories).SerializeToString()
    proto = tensorboard_part("compat.proto.tensor_pb2").TensorProto(dtype="DT_STRING", string_val=[content])
    proto.tensor_shape.SetInParent()
    return _one("custom_scalars__config__", tensor=proto, metadata=_plugin("custom_scalars"))


def write_labels(path: str, metadata: Any, header: Any) -> None:
    """A line each point, tabs between the columns that the header names."""
    rows = [[str(c) for c in row] if header else [str(row)] for row in metadata]
    with open(path, "w") as file:
        for row in [[str(h) for h in header]] + rows if header else rows:
            file.write("\t".join(row) + "\n")


def write_sprite(path: str, label_img: Any) -> list[int]:
    """All pictures in one square PNG; (width, height) of one."""
    array = numbers(label_img)
    n, _, h, w = array.shape
    side = math.ceil(math.sqrt(n))
    padded = np.concatenate([array, np.zeros((side * side - n, *array.shape[1:]), array.dtype)])
    columns = padded.reshape(side, side, *array.shape[1:])
    sheet = np.concatenate([np.concatenate(list(row), axis=2) for row in columns], axis=1)
    with open(path, "wb") as file:
        file.write(_encoded(pictures(sheet, "CHW")))
    return [w, h]
