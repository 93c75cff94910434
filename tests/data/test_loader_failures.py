"""What goes wrong with workers: exceptions, dead processes, timeouts, Ctrl-C, a dead parent."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import rushlight
from rushlight.data import worker_pool
from rushlight.utils.data import DataLoader, Dataset, IterableDataset

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="local classes reach workers by fork"),
]


class Calls(Dataset):
    """Sample 5 is `call()`, the others are their index."""

    def __init__(self, call, size=8):
        self.call = call
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.call() if index == 5 else index


class TwoParts(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


def raising(error):
    def call():
        raise error

    return call


def load(call, **arguments):
    return DataLoader(Calls(call), **{"batch_size": 2, "num_workers": 2, **arguments})


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until_gone(pids, seconds=8.0):
    deadline = time.monotonic() + seconds
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[pid for pid in pids if is_running(pid)]}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "error", [ValueError("odd sample"), IndexError("odd sample"), KeyError("odd sample")]
)
def test_exception_keeps_its_type_and_traceback(error):
    with pytest.raises(type(error)) as caught:
        list(load(raising(error)))
    message = str(caught.value)
    assert message.startswith(
        f"Caught {type(error).__name__} in DataLoader worker process 0.\nOriginal Traceback"
    )
    assert "in call" in message
    assert "raise error" in message
    assert "odd sample" in message
    assert "Raised while reading the sample at index 5." in message


def test_exceptions_that_cannot_be_rebuilt_are_runtime_errors():
    class Local(Exception):
        pass

    with pytest.raises(RuntimeError, match=r"Caught TwoParts(.|\n)*'a', 'b'"):
        list(load(raising(TwoParts("a", "b"))))
    with pytest.raises(RuntimeError, match=r"Caught Local(.|\n)*hidden"):
        list(load(raising(Local("hidden"))))


def test_iteration_goes_on_after_an_exception():
    iterator = iter(load(raising(ValueError("once"))))
    assert [next(iterator).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="once"):
        next(iterator)
    assert [batch.tolist() for batch in iterator] == [[6, 7]]


def test_batches_that_cannot_be_sent():
    with pytest.raises(Exception, match=r"in DataLoader worker process 0(.|\n)*while sending a batch"):
        list(load(lambda: 5, collate_fn=lambda batch: lambda: batch))
    graph = lambda: rushlight.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"gradient history(.|\n)*detach"):
        list(load(graph, batch_size=None, collate_fn=lambda sample: sample))


def test_failing_worker_init_fn():
    def fail(worker_id):
        raise OSError(f"no disk for {worker_id}")

    with pytest.raises(OSError, match=r"in DataLoader worker process 0(.|\n)*no disk for 0"):
        list(load(lambda: 5, worker_init_fn=fail))


def test_failing_iterable_dataset():
    class Broken(IterableDataset):
        def __iter__(self):
            raise PermissionError("closed")

    for persistent in (False, True):
        loader = DataLoader(Broken(), num_workers=1, persistent_workers=persistent)
        with pytest.raises(PermissionError, match="closed"):
            list(loader)


def test_killed_worker_is_named():
    loader = load(lambda: os.kill(os.getpid(), signal.SIGKILL))
    iterator = iter(loader)
    pids = [process.pid for process in iterator._workers]
    with pytest.raises(
        RuntimeError, match=rf"DataLoader worker \(pid {pids[0]}\) is killed by signal: SIGKILL"
    ):
        list(iterator)
    wait_until_gone(pids)
    with pytest.raises(RuntimeError, match=f"cannot go on.*{pids[0]}"):
        next(iterator)


def test_worker_killed_between_batches():
    iterator = iter(load(lambda: 5))
    next(iterator)
    victim = iterator._workers[1]
    os.kill(victim.pid, signal.SIGTERM)
    victim.join()
    with pytest.raises(RuntimeError, match=rf"pid {victim.pid}\) is killed by signal: SIGTERM"):
        for _ in range(10):
            next(iterator)


def test_worker_that_exits_is_named_with_its_code():
    with pytest.raises(
        RuntimeError, match=r"DataLoader worker \(pid \d+\) exited unexpectedly with exit code 3"
    ):
        list(load(lambda: os._exit(3)))
    with pytest.raises(RuntimeError, match="exit code 4"):
        list(load(lambda: sys.exit(4)))


@pytest.mark.parametrize("stubborn", [False, True])
def test_timeout_and_the_end_of_busy_workers(stubborn, monkeypatch):
    monkeypatch.setattr(worker_pool, "GRACE", 0.1)
    monkeypatch.setattr(worker_pool, "GRACE_AFTER_TERMINATE", 0.1)

    def sleep():
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)

    iterator = iter(load(sleep, timeout=0.3))
    pids = [process.pid for process in iterator._workers]
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.3 seconds"):
        list(iterator)
    del iterator
    gc.collect()
    wait_until_gone(pids, 2)


def test_workers_end_when_the_iterator_is_dropped():
    iterator = iter(load(lambda: 5))
    pids = [process.pid for process in iterator._workers]
    next(iterator)
    assert all(is_running(pid) for pid in pids)
    del iterator
    gc.collect()
    wait_until_gone(pids)


def test_workers_end_with_the_last_batch():
    iterator = iter(load(lambda: 5))
    pids = [process.pid for process in iterator._workers]
    assert len(list(iterator)) == 4
    wait_until_gone(pids)
    with pytest.raises(StopIteration):
        next(iterator)


def test_no_descriptors_are_left():
    def count():
        return len(os.listdir("/proc/self/fd"))

    list(load(lambda: 5))
    before = count()
    kept = [list(load(lambda: 5, collate_fn=lambda batch: rushlight.zeros(20000))) for _ in range(3)]
    assert len(kept) == 3
    assert count() == before


SCRIPT = """
    import os, signal, sys, time
    from rushlight.utils.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, index):
            time.sleep({seconds})
            return index

    signal.signal(signal.SIGINT, signal.default_int_handler)
    iterators = [iter(DataLoader(Slow(), num_workers=1, {options})) for _ in range(2)]
    print(*[process.pid for iterator in iterators for process in iterator._workers], flush=True)
    {then}
"""


@contextlib.contextmanager
def running(then, seconds="0.01", options=""):
    """A program with two loaders of one worker each, and the pids of the workers."""
    script = textwrap.dedent(SCRIPT).format(then=then, seconds=seconds, options=options)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2, process.stderr.read()
        yield process, pids
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_leaves_no_orphans():
    # Both workers are in the middle of a sample that takes far longer than anyone wants to wait.
    with running("[list(iterator) for iterator in iterators]", seconds="600") as (process, pids):
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=8)
        assert process.returncode == -signal.SIGINT or process.returncode == 130
        assert "KeyboardInterrupt" in errors
        assert "worker.py" not in errors
        wait_until_gone(pids, 2)


def test_workers_end_when_the_parent_is_killed():
    with running("time.sleep(600)") as (process, pids):
        process.kill()
        process.wait()
        wait_until_gone(pids, 3)


def test_program_ends_with_iterators_open():
    for options in ("", "persistent_workers=True"):
        with running("next(iterators[0])", options=options) as (process, pids):
            _, errors = process.communicate(timeout=8)
            assert (process.returncode, errors) == (0, "")
            wait_until_gone(pids, 2)


def test_a_persistent_loader_gets_over_a_dead_worker():
    deadly = [True]

    def die_once():
        return os._exit(3) if deadly else 5

    loader = load(die_once, persistent_workers=True)
    with pytest.raises(RuntimeError, match="exit code 3"):
        list(loader)
    deadly.clear()
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5], [6, 7]]
