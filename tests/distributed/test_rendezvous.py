"""How a process learns its rank and where to meet, and the launcher that tells it."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from rank_processes import ROOT, environment

import rushlight.distributed as dist
from rushlight.distributed.launching import environment_of, launch, python_command
from rushlight.distributed.rendezvous import meet, of_launcher, of_slurm
from rushlight.distributed.run import parse_args
from rushlight.executors.threads import CORES

NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "PMI_RANK", "PMI_SIZE")
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
def test_what_is_missing_is_named(monkeypatch, missing):
    for name, value in dict(RANK="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="1").items():
        if name != missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(
        ValueError, match=f"env:// rendezvous: environment variable {missing} expected, but not set"
    ):
        dist.init_process_group("gloo", timeout=SECOND)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(init_method="tcp://127.0.0.1:1"), "rank parameter missing"),
        (dict(init_method="tcp://127.0.0.1:1", rank=0), "world size parameter missing"),
        (dict(init_method="tcp://127.0.0.1", rank=0, world_size=1), "port number missing"),
        (dict(init_method="file://", rank=0, world_size=1), "path missing"),
        (dict(init_method="tcp://127.0.0.1:1", rank=3, world_size=1), "ranks are 0 to 0"),
        (dict(store=dist.HashStore()), "rank and world_size are needed"),
    ],
)
def test_incomplete_arguments(options, says):
    with pytest.raises(ValueError, match=says):
        dist.init_process_group("gloo", **options)


def test_unknown_scheme():
    with pytest.raises(RuntimeError, match="No rendezvous handler for pigeon://"):
        dist.init_process_group("gloo", init_method="pigeon://x", rank=0, world_size=1)
    with pytest.raises(TypeError, match="timedelta"):
        dist.init_process_group("gloo", timeout=3)
    with pytest.raises(AssertionError):
        dist.init_process_group("gloo", init_method="env://", store=dist.HashStore())


def test_a_handler_of_ones_own():
    dist.register_rendezvous_handler("test", lambda url, **options: iter([(dist.HashStore(), 0, 1)]))
    dist.init_process_group("gloo", init_method="test://anything")
    assert dist.get_world_size() == 1
    dist.destroy_process_group()
    with pytest.raises(RuntimeError, match="already registered"):
        dist.register_rendezvous_handler("test", lambda url: None)


def test_files(tmp_path):
    store, rank, size = next(dist.rendezvous(f"file://{tmp_path}/meet?rank=1&world_size=3"))
    assert (rank, size) == (1, 3) and isinstance(store, dist.FileStore)


def test_mpiexec_says_it_all(monkeypatch):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "3")
    assert of_launcher() == (1, 3)
    found = meet("gloo", None, -1, -1, None, SECOND)
    assert (found.rank, found.size, found.launched) == (1, 3, True)
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ValueError, match="world_size is 4, but mpiexec started 3"):
        meet("gloo", None, -1, -1, None, SECOND)


def test_slurm():
    task = {
        "SLURM_PROCID": "5",
        "SLURM_STEP_NUM_TASKS": "8",
        "SLURM_LOCALID": "1",
        "SLURM_JOB_ID": "123",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NODELIST": "node[03-07,9],other",
    }
    found = of_slurm(task)
    assert (found["RANK"], found["WORLD_SIZE"], found["LOCAL_RANK"]) == ("5", "8", "1")
    assert found["MASTER_ADDR"] == "node03" and 20000 <= int(found["MASTER_PORT"]) < 32000
    assert of_slurm({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}) == {}  # the batch script itself
    assert of_slurm({**task, "SLURM_STEP_NODELIST": "single"})["MASTER_ADDR"] == "single"


def test_what_a_started_process_is_told():
    told = environment_of(1, 2, 3, 2, "host", 29500, {"HOME": "/h", "OMP_NUM_THREADS": "7", "RANK": "9"})
    assert (told["RANK"], told["LOCAL_RANK"], told["WORLD_SIZE"]) == ("5", "1", "6")
    assert (told["MASTER_ADDR"], told["MASTER_PORT"], told["OMP_NUM_THREADS"]) == ("host", "29500", "7")


def test_processes_of_one_machine_have_one_thread_each():
    told = environment_of(0, 2, 1, 0, "host", 1, {"HOME": "/h"})
    assert (told["OMP_NUM_THREADS"], told["OPENBLAS_NUM_THREADS"]) == ("1", "1")
    alone = environment_of(0, 1, 3, 0, "host", 1, {"HOME": "/h"})
    assert "OMP_NUM_THREADS" not in alone  # the only one on its machine


@pytest.mark.parametrize("given", [{}, {"OMP_NUM_THREADS": "3"}, {"RUSHLIGHT_NUM_THREADS": "4"}])
@pytest.mark.parametrize("processes", [1, 2])
def test_launchers_say_so(tmp_path, given, processes):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, rushlight as torch\nos.write(1, b'threads %d\\n' % torch.get_num_threads())\n"
    )
    base = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    told = subprocess.run(
        [sys.executable, "-m", "rushlight", "launch", "-n", str(processes), str(program)],
        env={**base, **given, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert told.returncode == 0
    said = "Setting OMP_NUM_THREADS environment variable for each process to be 1" in told.stderr
    assert said == (processes == 2 and not given)
    wanted = next(iter(given.values()), "1" if processes == 2 else str(CORES))
    assert told.stdout.split() == ["threads", wanted] * processes


def test_launch(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, sys\n"
        "names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')\n"
        "about = {n: os.environ[n] for n in names}\n"
        "open(sys.argv[1] + os.environ['RANK'], 'w').write(json.dumps(about))\n"
    )
    assert launch(python_command(str(program), [str(tmp_path / "rank")]), 3) == 0
    for rank in range(3):
        about = json.loads((tmp_path / f"rank{rank}").read_text())
        assert about == {"RANK": str(rank), "WORLD_SIZE": "3", "LOCAL_RANK": str(rank)}


def test_one_that_fails_ends_the_others(monkeypatch):
    monkeypatch.setattr("rushlight.distributed.launching._OWN_END", 0.1)
    program = "import os, sys, time; sys.exit(7) if os.environ['RANK'] == '1' else time.sleep(60)"
    begun = time.monotonic()
    assert launch([sys.executable, "-c", program], 2) == 7
    assert time.monotonic() - begun < 30
    with pytest.raises(ValueError, match="0 processes"):
        launch(["true"], 0)


def test_signals_reach_the_processes(tmp_path):
    program = tmp_path / "waits.py"
    program.write_text("import os, time\nos.write(1, b'here\\n')\ntime.sleep(60)\n")
    words = [sys.executable, "-m", "rushlight.distributed.run", "--nproc-per-node", "2", str(program)]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["here\n", "here\n"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


def test_command_line():
    words = [
        "--nnodes=1",
        "--nproc_per_node",
        "4",
        "--standalone",
        "--rdzv-backend",
        "c10d",
        "train.py",
        "--lr",
        "1",
    ]
    read = parse_args(words)
    assert read.nproc_per_node == "4" and read.training_script == "train.py"
    assert read.training_script_args == ["--lr", "1"]
