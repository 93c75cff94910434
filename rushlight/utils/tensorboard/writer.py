"""`SummaryWriter`: what a run shows in TensorBoard, through the event files of the `tensorboard` package.

Each add_* makes one summary (summaries.py) and puts it on the queue of the file writer. The package is loaded when the
first writer is made.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from types import TracebackType
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from . import summaries
from .summaries import numbers, tensorboard_part


class FileWriter:
    """Puts summaries into one event file. Source: torch.utils.tensorboard.FileWriter."""

    def __init__(
        self, log_dir: Any, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = ""
    ) -> None:
        made = tensorboard_part("summary.writer.event_file_writer").EventFileWriter
        self.event_writer = made(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: int | None = None, walltime: float | None = None) -> None:
        """Write an event of this step and time (seconds since 1970)."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(
        self, summary: Any, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        event = tensorboard_part("compat.proto.event_pb2").Event(summary=summary)
        self.add_event(event, global_step, walltime)

    def flush(self) -> None:
        self.event_writer.flush()

    def close(self) -> None:
        self.event_writer.close()

    def reopen(self) -> None:
        self.event_writer.reopen()


class SummaryWriter:
    """Writes scalars, histograms, images, figures, text and more into a directory that TensorBoard reads.

    Args:
        log_dir: by default runs/<date>_<host><comment>.
        purge_step: steps from here on that an earlier run wrote are hidden.
        flush_secs: how often what waits is written out.
    Raises:
        ImportError: the tensorboard package is not installed.
    Source: torch.utils.tensorboard.SummaryWriter.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            stamp = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{stamp}_{socket.gethostname()}{comment}")
        self.log_dir = str(log_dir)
        self.purge_step, self.max_queue = purge_step, max_queue
        self.flush_secs, self.filename_suffix = flush_secs, filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] = {}
        self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None:
            self.file_writer = self._open(self.log_dir)
            if self.purge_step is not None:
                self._mark_restart(self.file_writer, self.purge_step)
                self.purge_step = None
        return self.file_writer

    def _open(self, directory: str) -> FileWriter:
        made = FileWriter(directory, self.max_queue, self.flush_secs, self.filename_suffix)
        self.all_writers[directory] = made
        return made

    @staticmethod
    def _mark_restart(writer: FileWriter, step: int) -> None:
        proto = tensorboard_part("compat.proto.event_pb2")
        writer.add_event(proto.Event(file_version="brain.Event:2"), step)
        writer.add_event(proto.Event(session_log=proto.SessionLog(status=proto.SessionLog.START)), step)

    def get_logdir(self) -> str:
        """The directory that events are written into."""
        return self.log_dir

    def _add(self, summary: Any, step: int | None, walltime: float | None) -> None:
        self._get_file_writer().add_summary(summary, step, walltime)

    # ------------------------------------------------------------ numbers

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: int | None = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """One number of a curve."""
        self._add(summaries.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """One number of each of several curves in one picture; each has a run of its own below log_dir."""
        base = self._get_file_writer().get_logdir()
        for tag, value in tag_scalar_dict.items():
            directory = os.path.join(base, f"{main_tag.replace('/', '_')}_{tag}")
            writer = self.all_writers.get(directory) or self._open(directory)
            writer.add_summary(summaries.scalar(main_tag, value), global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """A whole tensor."""
        self._add(summaries.tensor(tag, tensor), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: int | None = None, bins: Any = "tensorflow",
        walltime: float | None = None, max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """How values are spread; bins: "tensorflow" (growing with the value), what numpy.histogram takes, or edges."""
        self._add(summaries.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min: float, max: float, num: int, sum: float, sum_squares: float, bucket_limits: Any,
        bucket_counts: Any, global_step: int | None = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A histogram that has been counted: right edges and counts of the buckets."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        made = summaries.counted_histogram(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(made, global_step, walltime)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: int | None = None, num_thresholds: int = 127,
        weights: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Precision over recall. labels: 0 or 1; predictions: probabilities in [0, 1]."""
        labels, predictions = numbers(labels), numbers(predictions)
        weights = None if weights is None else numbers(weights)
        table = summaries.pr_table(labels, predictions, num_thresholds, weights)
        self._add(summaries.pr_curve(tag, table, num_thresholds), global_step, walltime)

    def add_pr_curve_raw(
        self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any,
        false_negative_counts: Any, precision: Any, recall: Any, global_step: int | None = None,
        num_thresholds: int = 127, weights: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """As add_pr_curve, of counts that have been made."""
        columns = (
            true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall,
        )  # fmt: skip
        table = np.stack([numbers(c) for c in columns])
        self._add(summaries.pr_curve(tag, table, num_thresholds), global_step, walltime)

    # ------------------------------------------------------------ pictures, sound, text

    def add_image(
        self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:  # fmt: skip
        """A picture: floats in [0, 1] or uint8, one, three or four channels."""
        self._add(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:  # fmt: skip
        """Several pictures, side by side."""
        self._add(summaries.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_image_with_boxes(
        self, tag: str, img_tensor: Any, box_tensor: Any, global_step: int | None = None,
        walltime: float | None = None, rescale: float = 1, dataformats: str = "CHW", labels: Any = None,
    ) -> None:  # fmt: skip
        """A picture with boxes (x1, y1, x2, y2), in pixels, drawn on it."""
        if isinstance(labels, str):
            labels = [labels]
        boxes = numbers(box_tensor)
        if labels is not None and len(labels) != len(boxes):
            labels = None
        made = summaries.image_with_boxes(tag, img_tensor, boxes, rescale, dataformats, labels)
        self._add(made, global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A matplotlib figure, or a list of them, as a picture; closed afterwards if `close`."""
        figures = figure if isinstance(figure, list) else [figure]
        drawn = np.stack([summaries.drawn_figure(f, close) for f in figures])
        if isinstance(figure, list):
            self.add_images(tag, drawn, global_step, walltime, dataformats="NHWC")
        else:
            self.add_image(tag, drawn[0], global_step, walltime, dataformats="HWC")

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: int | None = None, sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Sound: values in [-1, 1], one channel, `sample_rate` a second."""
        self._add(summaries.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: int | None = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """Moving pictures (N, T, C, H, W), side by side, as an animated GIF of `fps` pictures a second."""
        self._add(summaries.video(tag, vid_tensor, fps), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Text, shown as Markdown."""
        self._add(summaries.text(tag, text_string), global_step, walltime)

    def add_mesh(
        self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: Any = None,
        global_step: int | None = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Meshes or point clouds: vertices (B, N, 3), colors (B, N, 3) in [0, 255], faces (B, F, 3)."""
        made = summaries.mesh(tag, vertices, colors, faces, config_dict)
        self._add(made, global_step, walltime)

    # ------------------------------------------------------------ the model and the run

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """The modules of `model` as a tree: a node for each module, with its own text; edges follow the nesting."""
        if not hasattr(model, "named_modules"):
            raise TypeError(f"add_graph: model must be a torch.nn.Module, got {type(model)}")
        made = summaries.module_graph(model)
        if verbose:
            print(model)
        event = tensorboard_part("compat.proto.event_pb2").Event(graph_def=made.SerializeToString())
        self._get_file_writer().add_event(event)

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Not supported. Raises: UnsupportedError."""
        raise UnsupportedError(
            "SummaryWriter.add_onnx_graph: ONNX files are not read here; use add_graph(model)"
        )

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: Any = None,
        run_name: str | None = None, global_step: int | None = None,
    ) -> None:  # fmt: skip
        """The settings of a run and what came of it, for the HParams page; a run of its own below log_dir."""
        if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = summaries.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        directory = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=directory) as below:
            for part in parts:
                below._add(part, None, None)
            for name, value in metric_dict.items():
                below.add_scalar(name, value, global_step)

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Have these curves shown in one chart."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Have a curve shown with its margin: tags of value, lower and upper."""
        if len(tags) != 3:
            raise AssertionError(f"add_custom_scalars_marginchart: expected three tags, got {len(tags)}")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: dict) -> None:
        """Charts of several curves: {category: {title: ["Multiline" or "Margin", tags]}}."""
        self._add(summaries.chart_layout(layout), None, None)

    def add_embedding(
        self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: int | None = None,
        tag: str = "default", metadata_header: Any = None,
    ) -> None:  # fmt: skip
        """Points for the projector: mat (N, D), a label or a row of labels each; pictures (N, C, H, W) if given."""
        rows = numbers(mat)
        if rows.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        step = "00000" if global_step is None else f"{global_step:05}"
        folder = os.path.join(self.log_dir, step, tag)
        os.makedirs(folder, exist_ok=True)
        np.savetxt(os.path.join(folder, "tensors.tsv"), rows, delimiter="\t", fmt="%.8g")
        entry: dict[str, Any] = {"tensorName": f"{tag}:{step}", "tensorPath": f"{step}/{tag}/tensors.tsv"}
        if metadata is not None:
            if len(metadata) != len(rows):
                raise AssertionError("#labels should equal with #data points")
            summaries.write_labels(os.path.join(folder, "metadata.tsv"), metadata, metadata_header)
            entry["metadataPath"] = f"{step}/{tag}/metadata.tsv"
        if label_img is not None:
            pictures = summaries.write_sprite(os.path.join(folder, "sprite.png"), label_img)
            entry["sprite"] = {"imagePath": f"{step}/{tag}/sprite.png", "singleImageDim": pictures}
        self._keep_projector(entry)

    def _keep_projector(self, entry: dict) -> None:
        """The projector's list of embeddings."""
        self._embeddings = [*getattr(self, "_embeddings", []), entry]
        config = tensorboard_part("plugins.projector.projector_config_pb2").ProjectorConfig()
        for item in self._embeddings:
            added = config.embeddings.add(tensor_name=item["tensorName"], tensor_path=item["tensorPath"])
            added.metadata_path = item.get("metadataPath", "")
            if "sprite" in item:
                added.sprite.image_path = item["sprite"]["imagePath"]
                added.sprite.single_image_dim.extend(item["sprite"]["singleImageDim"])
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w") as file:
            file.write(str(config))

    # ------------------------------------------------------------ the files

    def flush(self) -> None:
        """Write what waits."""
        for writer in self.all_writers.values():
            writer.flush()

    def close(self) -> None:
        """Write what waits and close the files; a later add_* opens a new one."""
        for writer in self.all_writers.values():
            writer.flush()
            writer.close()
        self.file_writer, self.all_writers = None, {}

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


__all__ = ["FileWriter", "SummaryWriter"]
