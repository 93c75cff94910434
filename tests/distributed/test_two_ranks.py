"""Two processes, started by mpiexec and by the environment that torchrun sets; and what happens when one is not there."""

import socket

import pytest
from rank_processes import command, needs_mpi, run, start

pytestmark = needs_mpi


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("how", ["mpiexec", "environment"])
@pytest.mark.parametrize("program", ["collectives.py", "training.py"])
def test_two_ranks(how, program):
    done = run(command(how, program))
    assert done.returncode == 0, done.stdout + done.stderr
    for rank in range(2):
        assert f"rank {rank}: " in done.stdout, done.stdout + done.stderr
    assert done.stderr == ""


def both(mode, seconds):
    """Both ranks of losing.py by environment; (status, stderr) of each."""
    meeting = dict(WORLD_SIZE=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port())
    ranks = [start("losing.py", mode, str(seconds), RANK=rank, **meeting) for rank in range(2)]
    outcomes = []
    for process in ranks:
        _, errors = process.communicate(timeout=60)
        outcomes.append((process.returncode, errors))
    return outcomes


def test_a_rank_that_dies_is_an_error():
    (status, errors), (lost, _) = both("killed", 60)
    assert status == 1 and lost == -9
    assert "all_reduce(float32[2], SUM) at " in errors and "rank 1 has died" in errors


def test_a_rank_that_raises_says_so_to_the_others():
    (status, errors), (_, own) = both("raises", 60)
    assert status == 1 and "rank 1 failed with KeyError: 'the batch is broken'" in errors
    assert "KeyError: 'the batch is broken'" in own


def test_under_mpiexec_a_failing_rank_ends_the_run():
    done = run(command("mpiexec", "losing.py", "raises", "60"))
    assert done.returncode != 0
    assert "KeyError: 'the batch is broken'" in done.stderr


def test_a_rank_that_never_comes_is_named():
    process = start(
        "losing.py", "leaves", "1", RANK=0, WORLD_SIZE=3, MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port()
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "of 3 processes, ranks 1, 2 did not come within 1 s" in errors


def test_a_meeting_place_where_nobody_is():
    process = start(
        "losing.py", "leaves", "1", RANK=1, WORLD_SIZE=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port()
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "nobody answered at 127.0.0.1:" in errors and "rank 0" in errors
