"""rushlight.multiprocessing: everything of the standard module, and what spawn reports of its processes."""

import multiprocessing
import os
import pickle
import signal
import sys
import time

import pytest

import rushlight
import rushlight.multiprocessing as mp
from rushlight.multiprocessing.spawn import ProcessException

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="most tests fork, which is quick"),
]


def note(index, folder, scale):
    with open(os.path.join(folder, str(index)), "w") as file:
        file.write(str(float((rushlight.ones(3) * scale).sum().item() + index)))


def fail(index, call):
    if index == 1:
        call()
    time.sleep(60)


def raise_error():
    raise ValueError("process one is unhappy")


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def forked(fn, args=(), nprocs=2, **options):
    return mp.start_processes(fn, args, nprocs, start_method="fork", **options)


def test_everything_of_the_standard_module_is_there():
    for name in multiprocessing.__all__:
        assert getattr(mp, name) is getattr(multiprocessing, name)
        assert name in mp.__all__


def test_spawn_runs_the_function_in_each_process(tmp_path):
    assert mp.spawn(note, (str(tmp_path), 2.0), nprocs=2) is None
    assert sorted((path.name, path.read_text()) for path in tmp_path.iterdir()) == [
        ("0", "6.0"),
        ("1", "7.0"),
    ]


def test_join_later(tmp_path):
    context = forked(note, (str(tmp_path), 1.0), 3, join=False)
    assert isinstance(context, mp.ProcessContext)
    assert context.pids() == [process.pid for process in context.processes]
    while not context.join(timeout=5):
        pass
    assert context.join()
    assert len(list(tmp_path.iterdir())) == 3


def test_an_exception_ends_all_and_carries_its_traceback():
    started = time.monotonic()
    with pytest.raises(mp.ProcessRaisedException) as caught:
        forked(fail, (raise_error,))
    assert time.monotonic() - started < 10
    assert "-- Process 1 terminated with the following error:" in str(caught.value)
    assert "ValueError: process one is unhappy" in str(caught.value)
    assert "in raise_error" in str(caught.value)
    assert caught.value.error_index == 1
    assert caught.value.error_pid > 0


def test_a_signal_and_an_exit_code_are_named():
    with pytest.raises(mp.ProcessExitedException, match="process 1 terminated with signal SIGKILL") as caught:
        forked(fail, (kill_self,))
    assert (caught.value.exit_code, caught.value.signal_name) == (-9, "SIGKILL")
    with pytest.raises(mp.ProcessExitedException, match="process 1 terminated with exit code 7") as caught:
        forked(fail, (lambda: sys.exit(7),))
    assert (caught.value.exit_code, caught.value.signal_name) == (7, None)


def test_processes_that_ignore_sigterm_are_killed():
    def stubborn(index):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fail(index, raise_error)

    context = forked(stubborn, join=False)
    with pytest.raises(mp.ProcessRaisedException):
        while not context.join(grace_period=0.2):
            pass
    assert all(process.exitcode is not None for process in context.processes)


def test_exceptions_can_be_pickled():
    for error in (
        mp.ProcessRaisedException("m", 1, 2),
        mp.ProcessExitedException("m", 1, 2, -9, "SIGKILL"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert isinstance(again, ProcessException)
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_warnings():
    with pytest.warns(UserWarning, match="ProcessContext"):
        mp.SpawnContext([], [])
    with pytest.warns(FutureWarning, match="start_method=spawn"):
        mp.spawn(note, nprocs=0, start_method="fork")


def test_tensors_go_through_queues_as_copies():
    tensor = rushlight.arange(6.0).view(2, 3)
    parent, child = mp.get_context("fork").Pipe()

    def double():
        child.send(child.recv() * 2)

    process = mp.get_context("fork").Process(target=double)
    process.start()
    parent.send(tensor)
    assert parent.recv().tolist() == [[0, 2, 4], [6, 8, 10]]
    process.join()
    assert tensor.sum().item() == 15


def test_sharing_strategies():
    known = mp.get_all_sharing_strategies()
    before = mp.get_sharing_strategy()
    assert before in known
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy(before)
    with pytest.raises(AssertionError, match="'telepathy'"):
        mp.set_sharing_strategy("telepathy")
