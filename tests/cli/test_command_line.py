"""The commands, on small data: what they write, what they refuse, and that resuming goes on to the bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rushlight import checkpoint
from rushlight.cli.main import main
from rushlight.cli.sources import open_source

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")


def command(*arguments):
    return main([str(a) for a in arguments])


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def weights(folder):
    held = checkpoint.load(Path(folder) / "checkpoint.pt")
    return {k: v.numpy() for k, v in held["model"].items()}, held["history"]


def test_train_leaves_checkpoint_metrics_pictures_and_page(capsys):
    assert command("train", "digits", "--model", "mlp", "--epochs", 4, "--limit", 600, "--out", "run") == 0
    names = {p.name for p in Path("run").iterdir()}
    assert {
        "checkpoint.pt",
        "metrics.json",
        "report.html",
        "confusion_matrix.png",
        "learning_curves.png",
        "roc.png",
    } <= names
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["results"]["accuracy"] > 0.8 and len(metrics["history"]) == 4
    page = Path("run/report.html").read_text()
    assert "digits" in page and "http" not in page.split("</head>")[1]
    assert "epoch 4/4" in capsys.readouterr().out


def test_evaluate_and_predict_use_the_run(capsys):
    command("train", "digits", "--model", "mlp", "--epochs", 5, "--out", "run")
    accuracy = json.loads(Path("run/metrics.json").read_text())["results"]["accuracy"]
    assert command("evaluate", "run") == 0
    assert json.loads(Path("run/metrics.json").read_text())["results"]["accuracy"] == accuracy
    from PIL import Image
    from sklearn.datasets import load_digits

    Image.fromarray((load_digits().images[0] * 15.9).astype(np.uint8)).save("zero.png")
    capsys.readouterr()
    assert command("predict", "run", "zero.png") == 0
    assert capsys.readouterr().out.startswith("zero.png: 0 ")


def test_csv_files_are_classified_and_regressed(capsys):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 2))
    rows = [f"{a:.4f},{b:.4f},{'up' if a + b > 0 else 'down'}" for a, b in x]
    Path("kinds.csv").write_text("a,b,kind\n" + "\n".join(rows) + "\n")
    assert command("train", "csv:kinds.csv", "--epochs", 30, "--out", "kinds") == 0
    assert json.loads(Path("kinds/metrics.json").read_text())["results"]["accuracy"] > 0.9
    Path("sums.csv").write_text(
        "a,b,sum\n" + "\n".join(f"{a:.4f},{b:.4f},{a + 2 * b:.4f}" for a, b in x) + "\n"
    )
    assert command("train", "csv:sums.csv", "--epochs", 30, "--out", "sums") == 0
    assert Path("sums/residuals.png").exists()
    capsys.readouterr()
    assert command("predict", "sums", "0.5,0.25") == 0
    assert abs(float(capsys.readouterr().out.split("=")[1]) - 1.0) < 0.25


def test_a_folder_of_pictures():
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        Path("pictures", name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(rng.integers(level, level + 40, (12, 12, 3), dtype=np.uint8)).save(
                f"pictures/{name}/{i}.png"
            )
    source = open_source("images:pictures")
    assert source.classes == ["dark", "light"] and len(source.train) == 16 and len(source.held_out) == 4
    assert command("train", "images:pictures", "--model", "linear", "--epochs", 5, "--out", "run") == 0


def test_resuming_goes_on_to_the_bit():
    command("train", "digits", "--model", "cnn", "--epochs", 12, "--limit", 200, "--out", "straight")
    process = subprocess.Popen(
        [sys.executable, "-m", "rushlight", "train", "digits", "--model", "cnn", "--epochs", "12", "--limit", "200", "--out", "cut"],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("epoch 1/12"):
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if process.returncode == 130:
        assert "--resume cut" in errors
        assert len(weights("cut")[1]) < 12
    assert command("train", "--resume", "cut") == 0
    (a, history_a), (b, history_b) = weights("straight"), weights("cut")
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    assert [r["train_loss"] for r in history_a] == [r["train_loss"] for r in history_b]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "nothing"], "unknown source"),
        (["train", "mnist:nowhere"], "nowhere"),
        (["train", "digits", "--model", "huge"], "unknown model"),
        (["train", "digits", "--optimizer", "magic"], "unknown optimizer"),
        (["train", "digits", "--schedule", "never"], "unknown schedule"),
        (["train"], "a source is needed"),
        (["evaluate", "nowhere"], "no such checkpoint"),
        (["predict", "nowhere", "x.png"], "no such checkpoint"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, says, capsys):
    assert command(*arguments) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_a_bad_table_names_the_place(capsys):
    Path("bad.csv").write_text("a,b,c\n" + "1,2,3\n" * 6 + "1,x,3\n")
    assert command("train", "csv:bad.csv") == 2
    assert "'x' in row 8, column 'b'" in capsys.readouterr().err


def test_run_passes_arguments_and_status(tmp_path):
    Path("program.py").write_text(
        "import sys, torch, torchvision\nimport torch.nn.functional as F\nfrom torch.utils.data import DataLoader\n"
        "assert torch.__name__ == 'rushlight' and torch.nn.functional is F\n"
        "print(sys.argv[1:], __name__, torch.ones(2).sum().item())\nsys.exit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", "program.py", "--flag", "7"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3 and done.stdout == "['--flag', '7'] __main__ 2.0\n", done.stderr


def test_run_reaches_child_processes():
    Path("spawning.py").write_text(
        "import multiprocessing as mp\nimport torch\n\ndef work(t):\n    import torch as again\n"
        "    assert again.__name__ == 'rushlight'\n    return (t + 1).tolist()\n\nif __name__ == '__main__':\n"
        "    with mp.get_context('spawn').Pool(1) as pool:\n        print(pool.map(work, [torch.zeros(2)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", "spawning.py"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[[1.0, 1.0]]\n", done.stderr


def test_doctor(capsys):
    assert command("doctor") == 0
    out = capsys.readouterr().out
    assert "numpy" in out and "executor" in out


def test_launch_tells_each_process_its_rank():
    Path("rank.py").write_text(
        "import os, torch\nopen(f\"rank-{os.environ['RANK']}\", 'w').write(os.environ['WORLD_SIZE'] + torch.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "launch", "-n", "2", "rank.py"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [Path(f"rank-{i}").read_text() for i in range(2)] == ["2rushlight"] * 2
    assert command("launch", "-n", 2, "nowhere.py") == 2
