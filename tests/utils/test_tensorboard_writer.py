"""SummaryWriter: what is written is read back with the tensorboard package."""

import sys

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils.tensorboard import SummaryWriter

pytestmark = pytest.mark.filterwarnings("ignore")


def read(path):
    module = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    events = []
    for file in sorted(path.glob("events*")):
        events += list(module.LegacyEventFileLoader(str(file)).Load())
    return [(e.step, v) for e in events for v in e.summary.value], events


def test_values(tmp_path):
    pytest.importorskip("tensorboard")
    with SummaryWriter(tmp_path) as w:
        w.add_scalar("loss", torch.tensor(0.5), 3)
        w.add_scalar("fine", 1 / 3, 1, double_precision=True)
        w.add_histogram("h", torch.tensor([1.0, 2.0, 2.0, -4.0]), 1)
        w.add_histogram("h2", np.arange(10), 1, bins=5)
        w.add_image("i", torch.rand(3, 4, 5), 0)
        w.add_image("hw", np.zeros((4, 5), np.uint8), dataformats="HW")
        w.add_images("is", torch.rand(9, 1, 4, 5))
        w.add_text("t", "**words**")
        w.add_pr_curve("pr", torch.tensor([0, 1, 1]), torch.tensor([0.1, 0.8, 0.4]))
        w.add_audio("a", torch.zeros(1, 10))
        w.add_video("v", torch.rand(1, 2, 3, 4, 4))
        w.add_graph(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()))
        w.add_custom_scalars_multilinechart(["loss"])
        w.add_mesh("m", torch.rand(1, 4, 3), faces=torch.tensor([[[0, 1, 2]]]))
    values, events = read(tmp_path)
    found = {v.tag: (step, v) for step, v in values}
    assert found["loss"][0] == 3 and found["loss"][1].simple_value == 0.5
    histogram = found["h"][1].histo
    assert (histogram.min, histogram.max, histogram.num, histogram.sum) == (-4, 2, 4, 1)
    assert sum(histogram.bucket) == 4 and len(histogram.bucket) == len(histogram.bucket_limit)
    assert found["h2"][1].histo.bucket[1:] == [2.0] * 5
    assert (found["i"][1].image.height, found["i"][1].image.width) == (4, 5)
    assert (found["is"][1].image.height, found["is"][1].image.width) == (8, 40)
    assert found["t/text_summary"][1].tensor.string_val == [b"**words**"]
    table = np.frombuffer(found["pr"][1].tensor.tensor_content, np.float32).reshape(6, 127)
    assert table[0, 0] == 2 and table[1, 0] == 1 and table[5, 0] == 1
    graph = next(e.graph_def for e in events if e.graph_def)
    assert b"Sequential/0" in graph and b"in_features=2" in graph


def test_runs_below(tmp_path):
    pytest.importorskip("tensorboard")
    w = SummaryWriter(str(tmp_path))
    w.add_scalars("acc", {"train": 0.5, "test": 0.4}, 1)
    w.add_hparams({"lr": 0.1, "name": "x", "flag": True}, {"acc": 0.5}, run_name="trial")
    w.add_embedding(torch.eye(3), metadata=["a", "b", "c"], label_img=torch.rand(3, 3, 2, 2))
    w.close()
    assert {"acc_train", "acc_test", "trial"} <= {p.name for p in tmp_path.iterdir()}
    values, _ = read(tmp_path / "trial")
    assert {"_hparams_/experiment", "acc"} <= {v.tag for _, v in values}
    assert "tensors.tsv" in (tmp_path / "projector_config.pbtxt").read_text()
    w.add_scalar("again", 1.0)
    w.close()


def test_figures(tmp_path):
    pytest.importorskip("tensorboard")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = pyplot.figure(figsize=(1, 1), dpi=20)
    with SummaryWriter(tmp_path) as w:
        w.add_figure("f", figure, 1)
    assert read(tmp_path)[0][0][1].image.width == 20
    assert not pyplot.get_fignums()


def test_without_the_package(tmp_path, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        SummaryWriter(tmp_path)


def test_refusals(tmp_path):
    pytest.importorskip("tensorboard")
    with SummaryWriter(tmp_path) as w:
        with pytest.raises(AssertionError, match="shape"):
            w.add_scalar("x", torch.ones(2))
        with pytest.raises(AssertionError, match="input_format"):
            w.add_image("x", torch.ones(2, 2))
        with pytest.raises(ValueError, match="no element"):
            w.add_histogram("x", torch.ones(0))
