"""The pool of native workers: barriers hold, threads and forks do not disturb it, it sleeps when idle and ends quietly."""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from functools import cache

import numpy as np
import pytest

from rushlight.executors.cpu import kernel, runtime, target
from rushlight.executors.cpu.emit import I64

# Python 3.12 and later warn of forking while there are other threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
SIZE = 21  # not a multiple of any number of workers but 1, 3 and 7


@cache
def mix():
    """out[i] = 3 x[i] + x[(i + 8) % n] + i: every worker reads what others wrote the round before."""

    def write(body, module):
        b, (x, out), (n,) = body.b, body.pointers, body.numbers
        low, high = b.share(n, body.worker, body.workers)
        with b.loop(low, high) as i:
            b.store(b.load(x, I64, i) * 3 + b.load(x, I64, (i + 8) % n) + i, out, i)

    return address(kernel.kernel("test_mix", 2, 1, write))


@cache
def note():
    """out[worker] += 1000 + workers."""

    def write(body, module):
        b, (out,) = body.b, body.pointers
        b.store(b.load(out, I64, body.worker) + body.workers + 1000, out, body.worker)

    return address(kernel.kernel("test_note", 1, 0, write))


@cache
def churn():
    """out[worker] = a number that takes `n` dependent steps, about 2 ns each, to find."""

    def write(body, module):
        b, (out,), (n,) = body.b, body.pointers, body.numbers
        x = b.variable(body.worker)
        with b.loop(0, n):
            x.set(x.value * 6364136223846793005 + 1442695040888963407)
        b.store(x.value, out, body.worker)

    return address(kernel.kernel("test_churn", 1, 1, write))


def address(made):
    return target.address(made.name, made.text)


class Program:
    """`rounds` times mix, back and forth between two arrays, with a barrier between any two."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.data = np.zeros((2, SIZE), np.int64)
        self.slots = np.array([self.data[0].ctypes.data, self.data[1].ctypes.data], np.int64)
        self.args = np.array([[0, 0, 1, 0, SIZE], [1, 0, 0, 0, SIZE]], np.int64)
        places = [row.ctypes.data for row in self.args]
        self.table = runtime.Table([(mix(), places[i % 2], runtime.BARRIER) for i in range(rounds)])

    def run(self, workers, first=0, last=None):
        last = self.rounds if last is None else last
        runtime.run(self.table.address, first, last, self.slots.ctypes.data, workers)

    def check(self, workers):
        self.data[:] = np.arange(SIZE)
        self.run(workers)
        assert self.data[self.rounds % 2].tolist() == expected(self.rounds).tolist()


class Long:
    """One call that keeps every worker busy for about `seconds`."""

    def __init__(self, seconds):
        self.out = np.zeros(64, np.int64)
        self.slots = np.array([self.out.ctypes.data], np.int64)
        self.args = np.array([0, 0, int(seconds * 500e6)], np.int64)
        self.table = runtime.Table([(churn(), self.args.ctypes.data, 0)])

    def run(self, workers):
        runtime.run(self.table.address, 0, 1, self.slots.ctypes.data, workers)


@cache
def expected(rounds):
    x = np.arange(SIZE, dtype=np.int64)
    for _ in range(rounds):
        x = x * 3 + np.roll(x, -8) + np.arange(SIZE)
    return x


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_barriers_hold(workers):
    program = Program(4001)
    for _ in range(3):
        program.check(workers)


@pytest.mark.parametrize("workers", [2, 5])
def test_barriers_hold_for_workers_that_sleep_at_once(workers, monkeypatch):
    monkeypatch.setattr(runtime, "_WAIT", 0.0)
    monkeypatch.setattr(runtime, "_IDLE", 0.0)
    monkeypatch.setattr(runtime, "CORES", 8)  # not crowded: no looking either
    runtime.reset_after_fork()
    program = Program(9)
    for _ in range(300):
        program.check(workers)
    runtime.reset_after_fork()


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_many_short_programs(workers):
    program = Program(3)
    for _ in range(1000):
        program.check(workers)


def test_numbers_of_workers_change_from_run_to_run():
    program = Program(50)
    for workers in [1, 7, 2, 5, 1, 3, 7, 2] * 10:
        program.check(workers)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_ranges(workers):
    program = Program(100)
    program.data[:] = np.arange(SIZE)
    for first, last in [(0, 0), (0, 1), (1, 1), (1, 37), (37, 100), (100, 100)]:
        program.run(workers, first, last)
    assert program.data[0].tolist() == expected(100).tolist()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_alone(workers):
    out = np.zeros(8, np.int64)
    args, slots = np.zeros(2, np.int64), np.array([out.ctypes.data], np.int64)
    entry = (note(), args.ctypes.data)
    table = runtime.Table(
        [
            (*entry, 0),
            (*entry, runtime.ALONE),
            (*entry, runtime.ALONE | runtime.BARRIER),
            (*entry, runtime.BARRIER),
        ]
    )
    runtime.run(table.address, 0, len(table), slots.ctypes.data, workers)
    shared = 2 * (1000 + workers)
    assert out.tolist() == [shared + 2 * 1001] + [shared] * (workers - 1) + [0] * (8 - workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_times(workers):
    program = Program(10)
    times = np.zeros(workers * 16 + 4, np.int64)
    program.run(workers)
    start = time.perf_counter()
    count = runtime.run_timed(
        program.table.address, 2, 10, program.slots.ctypes.data, workers, times.ctypes.data
    )
    end = time.perf_counter()
    assert count == workers
    ticks = times[: workers * 16].reshape(workers, 16) * runtime.seconds_per_tick()
    assert (np.diff(ticks) >= 0).all()  # begun, ended, begun, ...
    assert start - 1e-6 <= ticks.min() and ticks.max() <= end + 1e-6
    assert not times[workers * 16 :].any()
    program.run(workers)  # no times are stored from now on
    assert not times[workers * 16 :].any()


def test_an_empty_table():
    table = runtime.Table([])
    assert len(table) == 0
    runtime.run(table.address, 0, 0, 0, 1)
    runtime.run(table.address, 0, 0, 0, 3)


def test_more_workers_than_a_pool_has(monkeypatch):
    monkeypatch.setattr(runtime, "MOST", 4)
    Program(20).check(10_000)


def test_fewer_threads_than_asked_for(monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    runtime.reset_after_fork()
    monkeypatch.setattr(threading.Thread, "start", fail)
    Program(20).check(3)
    monkeypatch.undo()
    Program(20).check(3)


def test_set_threads():
    before = runtime.threads()
    try:
        for count in [3, 1, 2]:
            runtime.set_threads(count)
            assert runtime.threads() == count
            Program(30).check(count)
    finally:
        runtime.set_threads(before)


# ---------------------------------------------------------------- sleeping


def test_workers_wake_up():
    program = Program(5)
    for pause in [0.0, 0.0001, 0.0003, 0.001, 0.01] * 10:
        time.sleep(pause)
        program.check(2)


def test_idle_workers_take_no_time():
    Program(5).check(5)
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - start < 0.05


def test_surplus_workers_stay_asleep():
    program = Program(5)
    program.check(6)
    pool = runtime._pool
    mail = [
        ctypes.c_int32.from_address(pool.address + (runtime._MAIL + i) * runtime._CELL) for i in range(2, 6)
    ]
    end = time.monotonic() + 10
    while not all(word.value & 1 for word in mail) and time.monotonic() < end:
        time.sleep(0.01)  # on a loaded machine they take their time to fall asleep
    before = [word.value for word in mail]
    assert all(word & 1 for word in before)
    for _ in range(100):
        program.check(2)
    assert [word.value for word in mail] == before


# ---------------------------------------------------------------- Python threads


def test_several_python_threads_at_once():
    failures = []

    def use(workers):
        try:
            program = Program(50)
            for _ in range(100):
                program.check(workers)
        except BaseException as error:
            failures.append(error)

    users = [threading.Thread(target=use, args=(workers,)) for workers in (1, 2, 3, 2, 4)]
    for user in users:
        user.start()
    for user in users:
        user.join(120)
    assert not failures and not any(user.is_alive() for user in users)


def test_the_interpreter_runs_meanwhile():
    user = threading.Thread(target=Long(0.2).run, args=(2,))
    user.start()
    turns = 0
    while user.is_alive():
        turns += 1
    assert turns > 10


# ---------------------------------------------------------------- processes


def in_fork(work=lambda: Program(200).check(3)):
    """Run `work` in a forked child, which must end by itself and well."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    hangs = child.is_alive()
    if hangs:
        child.kill()
        child.join()
    assert not hangs and child.exitcode == 0


@forks
def test_fork_before_use():
    runtime.reset_after_fork()  # as good as new: no worker is known
    in_fork()
    Program(200).check(2)


@forks
def test_fork_after_use():
    Program(200).check(3)
    in_fork()
    Program(200).check(3)
    in_fork(lambda: in_fork())
    Program(200).check(3)


@forks
def test_fork_while_running():
    stop = threading.Event()
    failures = []

    def use():
        program = Program(2000)
        while not stop.is_set():
            try:
                program.check(3)
            except BaseException as error:
                failures.append(error)

    Program(200).check(3)
    users = [threading.Thread(target=use) for _ in range(2)]
    for user in users:
        user.start()
    try:
        for _ in range(10):
            in_fork()
    finally:
        stop.set()
        for user in users:
            user.join(60)
    assert not failures


EXITS = {
    "asleep": "program.check(3); time.sleep(0.3)",
    "spinning": "program.check(3)",
    "spinning_and_thread": """
        program.check(3)
        threading.Thread(target=program.check, args=(2,)).start()
    """,
    "running": """
        program.check(3)
        long = Long(2.0)
        threading.Thread(target=long.run, args=(2,), daemon=True).start()
        time.sleep(0.05)
    """,
    "use_at_exit": """
        import atexit
        atexit.register(lambda: program.check(3))  # runs last
        program.check(3)
        atexit.register(lambda: program.check(3))
    """,
    "error": "program.check(2); raise SystemExit(0)",
}


@pytest.mark.parametrize("case", EXITS)
def test_exit(case):
    path = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])
    head = "import threading, time\nfrom test_runtime import Long, Program\nprogram = Program(100)\n"
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", head + textwrap.dedent(EXITS[case])],
            env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
