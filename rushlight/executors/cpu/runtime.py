"""Running native programs: the pool of workers, their barrier, and `run`.

A program is a `Table` of calls `void f(ptr args, ptr slots, i64 worker, i64 workers)`. Worker 0 is whichever thread calls
`run`; the others are daemon threads that entered a native loop once, so a program costs no Python but the one call. What
is launched, waited for and slept on is written with emit.py below; what a call does is kernel.py's matter.

The state of a pool is one block of memory, cut into cells. A cell has a 32-bit word that threads wait on: they spin a
while, then set its lowest bit ("someone sleeps") and sleep; who changes the word wakes them only if it finds that bit.
So while nobody sleeps there is no system call, and while nothing runs nobody spins.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..threads import CORES, Threads
from .emit import I1, I32, I64, PTR, U8, Builder, Module, Value
from .target import address, target

BARRIER = 1  # flag of a call: all workers wait for each other before it
ALONE = 2  # flag of a call: only worker 0 runs it, as the only one (workers is 1)

# How long to spin before sleeping, in microseconds. To wake a sleeper takes about 30, and 100 to 150 when a virtual CPU
# has to be woken with it, so waiting inside a program is spun out for about as long. Between programs it is worth more:
# Python records the next one there, for 100 to 300 in a training step, and every step would pay the waking.
_WAIT = 150.0
_IDLE = 300.0
# With more workers than CPUs spinning keeps the one that is waited for from running. A waiter then offers its CPU at
# every look, this often, before it sleeps: ten times as fast as sleeping at once.
_CROWDED = 100
# Otherwise, looks between two thoughts about offering the CPU (a power of two): some 1.5 microseconds.
_THINK = 64

# A cell's parts, in bytes. The word is by itself: CPUs fetch lines of 64 bytes in pairs. The seat (the CPU that a worker
# was last seen on) lies beside the word, since both change hands at the same time.
_CELL = 384
_SEAT, _THREAD, _MOVED, _PATIENCE, _MUTEX, _CONDITION, _CPUS_ALLOWED = 8, 16, 24, 32, 128, 192, 256
_MASK = 128  # bytes of a set of CPUs: 1024 of them
# How many times a worker offers a shared CPU before it moves to another once more.
_TOLERANCE = 32
# The cells: what is to be run, the barrier, the lock of the callers, then one for each worker.
_COMMAND, _BARRIER, _LOCK, _MAIL = 0, 1, 2, 3
# The command, in words of 8 bytes.
_TABLE, _FIRST, _LAST, _SLOTS, _WORKERS, _STOP, _CPUS, _WAIT_LOOKS, _IDLE_LOOKS, _TIMES = range(10)
# The most workers of a pool.
MOST = 1024


class Table:
    """The calls of a program, as `run` reads them: (function, args, flags), the first two being addresses.

    `array` is int64 (n, 4): function, args, flags, 0. `address` is where it lies for as long as the table is kept.
    """

    __slots__ = ("array", "address")

    def __init__(self, calls: Sequence[tuple[int, int, int]]) -> None:
        self.array = np.zeros((len(calls), 4), np.int64)
        if calls:
            self.array[:, :3] = calls
        self.address: int = self.array.ctypes.data

    def __len__(self) -> int:
        return len(self.array)


def set_threads(count: int) -> None:
    """How many workers programs are to use from now on. Workers beyond that sleep."""
    Threads.count = count


def threads() -> int:
    """How many workers programs are to use."""
    return Threads.count


def run(table_address: int, first: int, last: int, slots_address: int, workers: int) -> None:
    """Run calls first ... last-1 of the table on `workers` workers; worker 0 is this thread. Returns when all are done.

    Where fewer threads can be had, fewer workers run it. Threads that run programs at the same time take turns.
    """
    if workers > 1:
        pool = _pool
        if pool is None or pool.count < workers:
            pool = _grown(workers)
            workers = min(workers, pool.count)
        if workers > 1:
            _parallel(pool.address, table_address, first, last, slots_address, workers, 0)
            return
    _serial(table_address, first, last, slots_address)


def run_timed(
    table_address: int, first: int, last: int, slots_address: int, workers: int, times_address: int
) -> int:
    """`run`, and store when each worker began and ended each call: int64 (workers, last-first, 2) ticks of
    time.perf_counter's clock. Gives how many workers there were.
    """
    if workers > 1:
        pool = _grown(workers)
        workers = min(workers, pool.count)
        if workers > 1:
            _parallel(pool.address, table_address, first, last, slots_address, workers, times_address)
            return workers
    _serial_timed(table_address, first, last, slots_address, times_address)
    return 1


def seconds_per_tick() -> float:
    """The unit of the times that `run_timed` stores."""
    return time.get_clock_info("perf_counter").resolution if sys.platform == "win32" else 1e-9


# ---------------------------------------------------------------- the pool


class Pool:
    """Workers 1 ... count-1 and the memory that they share with the callers."""

    def __init__(self) -> None:
        self.memory = np.zeros((_MAIL + MOST + 1) * _CELL, np.uint8)
        self.address: int = -(-self.memory.ctypes.data // 128) * 128
        self.threads: list[threading.Thread] = []
        self.count = 1
        natives = _natives()
        command = (ctypes.c_int64 * 10).from_address(self.address)
        command[_CPUS] = CORES
        command[_WAIT_LOOKS] = round(_WAIT * natives.rate)
        command[_IDLE_LOOKS] = round(_IDLE * natives.rate)
        for cell in (_BARRIER, _LOCK):
            natives.prepare(self.address + cell * _CELL)

    def grow(self, count: int) -> None:
        """Start workers up to `count` of them."""
        natives = _natives()
        while self.count < min(count, MOST):
            worker = self.count
            natives.prepare(self.address + (_MAIL + worker) * _CELL)
            thread = threading.Thread(
                target=_work,
                args=(self.memory, self.address, worker),
                name=f"rushlight-{worker}",
                daemon=True,
            )
            thread.start()
            self.threads.append(thread)
            self.count = worker + 1

    def stop(self, seconds: float) -> None:
        """Have the workers leave; those that are busy for longer than this are left behind."""
        _natives().stop(self.address, self.count)
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))


def _work(memory: Any, address: int, worker: int) -> None:
    # `memory` is held by this frame: it outlives the modules when the interpreter ends around a busy worker.
    _natives().work(address, worker, threading.get_native_id())


_pool: Pool | None = None
_growing = threading.Lock()


def _grown(workers: int) -> Pool:
    """The pool, with `workers` workers if they can be had.

    Whoever finds another thread at work here, or has interrupted it as a signal's handler, takes what is there.
    """
    global _pool
    pool = _pool
    if pool is not None and pool.count >= workers:
        return pool
    if not _growing.acquire(blocking=False):
        return pool or Pool()
    try:
        if _pool is None:
            _pool = Pool()
            atexit.register(_stop)
        pool = _pool
        pool.grow(workers)
    except RuntimeError:
        # No more threads are to be had, or the interpreter is ending: the program runs on fewer.
        pass
    finally:
        _growing.release()
    return pool or Pool()


def _stop() -> None:
    """At exit: no worker is left in native code while libraries are torn down around it."""
    global _pool
    pool, _pool = _pool, None
    if pool is not None:
        pool.stop(0.5)


def reset_after_fork() -> None:
    """A forked child has none of the workers; it starts its own when it needs them."""
    global _pool, _growing
    _pool = None
    _growing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_after_fork)


# ---------------------------------------------------------------- native functions


class Natives(NamedTuple):
    """The native functions, and how many looks at a word this CPU makes in a microsecond."""

    serial: Any
    serial_timed: Any
    parallel: Any
    work: Any
    stop: Any
    prepare: Any
    rate: float


# Their numbers of arguments.
_ARGUMENTS = {
    "serial": 4, "serial_timed": 5, "parallel": 7, "work": 3, "stop": 2, "prepare": 1, "pauses": 1,
}  # fmt: skip


def _serial(*args: int) -> None:
    _natives().serial(*args)


def _serial_timed(*args: int) -> None:
    _natives().serial_timed(*args)


def _parallel(*args: int) -> None:
    _natives().parallel(*args)


@cache
def code() -> tuple[str, str]:
    """(name, module) of the function that gives the native functions: programs have it compiled beside their kernels."""
    text = _module(target().triple).text()
    name = f"runtime_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    return name, text.replace("@runtime(", f"@{name}(")


@cache
def _natives() -> Natives:
    """Compile the module below; from then on `run` calls its functions directly."""
    global _serial, _serial_timed, _parallel
    places = (ctypes.c_void_p * len(_ARGUMENTS))()
    fill = address(*code())
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(fill)(places)
    # Numbers are c_void_p too: a word all the same, and ctypes converts it in half the time.
    made: dict[str, Any] = {
        function: ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count)(place)
        for place, (function, count) in zip(places, _ARGUMENTS.items())
    }
    rate = _rate(made.pop("pauses"))
    natives = Natives(**made, rate=rate)
    _serial, _serial_timed, _parallel = natives.serial, natives.serial_timed, natives.parallel
    return natives


def _rate(pauses: Any) -> float:
    """Pauses a microsecond: 10 to 200, depending on the CPU. The best of some tries, since any may be interrupted."""
    count, best = 2000, float("inf")
    for _ in range(5):
        start = time.perf_counter_ns()
        pauses(count)
        best = min(best, time.perf_counter_ns() - start)
    return count * 1000 / max(best, 1)


def _module(triple: str) -> Module:
    """All native functions; `runtime(ptr places)` stores the addresses of those in _ARGUMENTS."""
    module = Module()
    _system(module, triple)
    _sleeping(module)
    _seating(module)
    _waiting(module)
    _programs(module)
    _lives(module)
    with module.function("runtime", [PTR]) as (b, places):
        for i, function in enumerate(_ARGUMENTS):
            b.store(Value(b, PTR, f"@{function}"), places, i)
    return module


# ---------------------------------------------------------------- native: the system


def _system(module: Module, triple: str) -> None:
    """pause: one turn of a waiting loop. offer: let another thread have this CPU. clock: time.perf_counter's."""
    windows = sys.platform == "win32"
    with module.function("pause", [], internal=True) as (b,):
        # Leaves the core's resources to its sibling, and saves power.
        if triple.startswith(("x86_64", "i686", "i386")):
            b.call("llvm.x86.sse2.pause", None)
        elif triple.startswith(("aarch64", "arm64")):
            b.call("llvm.aarch64.hint", None, b.constant(1, I32))
    with module.function("pauses", [I64], internal=True) as (b, count):
        with b.loop(0, count):
            b.call("pause", None)
    with module.function("offer", [], internal=True) as (b,):
        b.call("SwitchToThread" if windows else "sched_yield", I32)
    with module.function("clock", [], I64, internal=True) as (b,):
        parts = b.array(I64, 2)
        if windows:
            b.call("QueryPerformanceCounter", I32, parts)
            b.ret(b.load(parts, I64))
        else:
            name = "CLOCK_UPTIME_RAW" if sys.platform == "darwin" else "CLOCK_MONOTONIC"
            b.call("clock_gettime", I32, b.constant(getattr(time, name), I32), parts)
            b.ret(b.load(parts, I64, 0) * 1_000_000_000 + b.load(parts, I64, 1))


def _sleeping(module: Module) -> None:
    """prepare(cell). sleep(cell, seen): while the word is `seen`, or less. wake(cell): all who sleep on it.

    With a mutex and a condition variable: measured, waking takes no longer than with Linux's own futex.
    """
    if sys.platform == "win32":
        _sleeping_by_polling(module)
        return
    with module.function("prepare", [PTR], internal=True) as (b, cell):
        usual = b.constant(0, PTR)
        b.call("pthread_mutex_init", I32, _part(b, cell, _MUTEX), usual)
        b.call("pthread_cond_init", I32, _part(b, cell, _CONDITION), usual)
    with module.function("sleep", [PTR, I32], internal=True) as (b, cell, seen):
        mutex = _part(b, cell, _MUTEX)
        b.call("pthread_mutex_lock", I32, mutex)
        with b.when(_word(b, cell).eq(seen)):
            b.call("pthread_cond_wait", I32, _part(b, cell, _CONDITION), mutex)
        b.call("pthread_mutex_unlock", I32, mutex)
    # The word was changed before: once the mutex could be had, no thread is between its look at it and its sleep.
    with module.function("wake", [PTR], internal=True) as (b, cell):
        mutex = _part(b, cell, _MUTEX)
        b.call("pthread_mutex_lock", I32, mutex)
        b.call("pthread_mutex_unlock", I32, mutex)
        b.call("pthread_cond_broadcast", I32, _part(b, cell, _CONDITION))


def _sleeping_by_polling(module: Module) -> None:
    with module.function("prepare", [PTR], internal=True):
        pass
    with module.function("sleep", [PTR, I32], internal=True) as (b, _cell, _seen):
        b.call("Sleep", None, b.constant(1, I32))
    with module.function("wake", [PTR], internal=True):
        pass


# ---------------------------------------------------------------- native: who runs where


def _seating(module: Module) -> None:
    """sit: note this worker's CPU. beside: whether one of `count` workers was last seen on it.

    keep_off: a sleeping worker is not to be woken on `cpu`. let_go: it has been woken, and may run anywhere again.
    step_aside: a running worker moves from the CPU that it is on to any other.

    Why: a worker that spins on the CPU on which the one it waits for is queued, waits for nothing; it has to offer the
    CPU. To offer it in any other case costs a turn of the scheduler (3 ms) when another program is running too.
    Two that offer one CPU to each other stay on it for 0.1 s, if nobody moves. And Linux likes to wake a thread on the
    CPU of the thread that wakes it, above all as a guest whose other CPUs are halted. That is right for two who talk by
    turns, but here both are to compute, and would take twice as long.
    """
    linux = sys.platform == "linux"
    with module.function("sit", [PTR, I64], internal=True) as (b, state, worker):
        if linux:
            seat, cpu = _part(b, _cell(b, state, worker + _MAIL), _SEAT), b.call("sched_getcpu", I32)
            with b.when(_word(b, seat).ne(cpu)):
                b.line(f"store atomic i32 {cpu.text}, ptr {seat.text} monotonic, align 4")
    with module.function("beside", [PTR, I64, I64], I1, internal=True) as (b, state, worker, count):
        if linux:
            cpu = b.call("sched_getcpu", I32)
            with b.loop(0, count) as other:
                taken = _word(b, _part(b, _cell(b, state, other + _MAIL), _SEAT))
                with b.when(taken.eq(cpu) & other.ne(worker)):
                    b.ret(b.constant(True, I1))
            b.ret(b.constant(False, I1))
        else:
            b.ret(b.constant(True, I1))
    with module.function("keep_off", [PTR, I64], internal=True) as (b, cell, cpu):
        if linux:
            thread = b.convert(b.load(_part(b, cell, _THREAD), I64), "i32")
            allowed, size = _part(b, cell, _CPUS_ALLOWED), b.i64(_MASK)
            with b.when(b.call("sched_getaffinity", I32, thread, size, allowed).ge(0)):
                old = b.load(allowed, I64, cpu / 64)
                b.store(old & ~(b.i64(1) << (cpu % 64)), allowed, cpu / 64)
                b.call("sched_setaffinity", I32, thread, size, allowed)
                b.store(old, allowed, cpu / 64)
                b.store(b.i64(1), _part(b, cell, _MOVED))
    with module.function("step_aside", [PTR], internal=True) as (b, cell):
        if linux:
            patience = _part(b, cell, _PATIENCE)
            left = b.load(patience, I64)
            with b.when(left.gt(0)):
                b.store(left - 1, patience)
                b.call("offer", None)
                b.ret()
            b.store(b.i64(_TOLERANCE), patience)
            itself, allowed, size = b.constant(0, I32), _part(b, cell, _CPUS_ALLOWED), b.i64(_MASK)
            with b.when(b.call("sched_getaffinity", I32, itself, size, allowed).ge(0)):
                cpu = b.convert(b.call("sched_getcpu", I32), "i64")
                old = b.load(allowed, I64, cpu / 64)
                b.store(old & ~(b.i64(1) << (cpu % 64)), allowed, cpu / 64)
                b.call("sched_setaffinity", I32, itself, size, allowed)
                b.store(old, allowed, cpu / 64)
                b.call("sched_setaffinity", I32, itself, size, allowed)
        b.call("offer", None)
    with module.function("let_go", [PTR], internal=True) as (b, cell):
        if linux:
            moved = _part(b, cell, _MOVED)
            with b.when(b.load(moved, I64).ne(0)):
                b.store(b.i64(0), moved)
                itself, size = b.constant(0, I32), b.i64(_MASK)
                b.call("sched_setaffinity", I32, itself, size, _part(b, cell, _CPUS_ALLOWED))


# ---------------------------------------------------------------- native: waiting


def _cell(b: Builder, state: Value, index: Any) -> Value:
    return b.at(state, b.i64(index) * _CELL if isinstance(index, Value) else index * _CELL, U8)


def _part(b: Builder, cell: Value, offset: int) -> Value:
    return b.at(cell, offset, U8)


def _word(b: Builder, cell: Value) -> Value:
    """The word of a cell; what its writer did before is seen after."""
    return b.emit(I32, f"load atomic i32, ptr {cell.text} acquire, align 4")


def _change(b: Builder, operation: str, cell: Value, number: Any) -> Value:
    """Change the word in one step (xchg, add, and); gives what it was. Nothing is moved across it."""
    number = b.like(number, I32)
    return b.emit(I32, f"atomicrmw {operation} ptr {cell.text}, i32 {number.text} seq_cst, align 4")


def _replace(b: Builder, cell: Value, old: Any, new: Any) -> Value:
    """Change the word from `old` to `new`, if it is `old`; whether it was."""
    old, new, pair = b.like(old, I32), b.like(new, I32), b.name()
    b.line(f"{pair} = cmpxchg ptr {cell.text}, i32 {old.text}, i32 {new.text} seq_cst seq_cst, align 4")
    return b.emit(I1, f"extractvalue {{ i32, i1 }} {pair}, 1")


def _crowded(b: Builder, state: Value, workers: Value) -> Value:
    return workers.gt(b.load(state, I64, _CPUS))


def _waiting(module: Module) -> None:
    """await_change: for mail. await_count, arrive: the barrier. lock, unlock: the callers' turns."""
    # One turn of a waiting loop with `left` turns to go: the CPU is offered to any of `count` workers queued on it.
    with module.function("linger", [PTR, I64, I64, I1, I64], internal=True) as (b, state, *rest):
        worker, count, crowded, left = rest
        b.call("pause", None)
        with b.when((left & (_THINK - 1)).eq(0) | crowded):
            with b.when(crowded):
                b.call("offer", None)
                b.ret()
            with b.when(b.call("beside", I1, state, worker, count)):
                # One of two that meet has to stay, or they would meet again.
                with b.when(worker.eq(0)):
                    b.call("offer", None)
                    b.ret()
                b.call("step_aside", None, _cell(b, state, worker + _MAIL))

    # Until the word of a worker's cell is no longer `seen` (even).
    types = [PTR, PTR, I32, I64, I1]
    with module.function("await_change", types, I32, internal=True) as (
        b,
        state,
        cell,
        seen,
        worker,
        crowded,
    ):
        left = b.variable(b.select(crowded, b.i64(_CROWDED), b.load(state, I64, _IDLE_LOOKS)))
        with b.repeat(lambda: left.value.gt(0)):
            word = _word(b, cell)
            with b.when(word.ne(seen)):
                b.ret(word)
            left.set(left.value - 1)
            # It is worker 0 who will bring news.
            b.call("linger", None, state, worker, b.i64(1), crowded, left.value)
        asleep = seen | 1
        _replace(b, cell, seen, asleep)
        with b.repeat(lambda: _word(b, cell).eq(asleep)):
            b.call("sleep", None, cell, asleep)
        b.call("let_go", None, cell)
        b.ret(_word(b, cell))

    # Until the barrier's word, which counts arrivals by 2, is `goal`. More than that are arrivals at later barriers.
    types = [PTR, PTR, I32, I64, I64]
    with module.function("await_count", types, internal=True) as (b, state, cell, goal, worker, workers):
        with b.when(_word(b, cell).ge(goal)):
            b.ret()
        crowded = _crowded(b, state, workers)
        left = b.variable(b.select(crowded, b.i64(_CROWDED), b.load(state, I64, _WAIT_LOOKS)))
        with b.repeat(lambda: left.value.gt(0)):
            left.set(left.value - 1)
            b.call("linger", None, state, worker, workers, crowded, left.value)
            with b.when(_word(b, cell).ge(goal)):
                b.ret()
        word = b.variable(_word(b, cell))
        with b.repeat(lambda: word.value.lt(goal)):
            asleep = word.value | 1
            marked = b.variable((word.value & 1).ne(0))
            with b.when(~marked.value):
                marked.set(_replace(b, cell, word.value, asleep))
            with b.when(marked.value):
                b.call("sleep", None, cell, asleep)
            word.set(_word(b, cell))
        b.call("sit", None, state, worker)

    # The last to arrive wakes those who sleep. It clears the bit first: a worker that has gone on to the next barrier and
    # relied on the old bit is woken with them, looks, and sets it again.
    with module.function("arrive", [PTR, I32], internal=True) as (b, cell, goal):
        before = _change(b, "add", cell, 2)
        with b.when((before | 1).eq(goal - 1) & (before & 1).ne(0)):
            _change(b, "and", cell, -2)
            b.call("wake", None, cell)

    # 0: free, 2: taken, 3: taken, and someone may sleep.
    with module.function("lock", [PTR, PTR], internal=True) as (b, state, cell):
        with b.when(_replace(b, cell, 0, 2)):
            b.ret()
        with b.repeat(lambda: b.constant(True, I1)):
            with b.loop(0, b.load(state, I64, _WAIT_LOOKS)):
                with b.when(_word(b, cell).eq(0)):
                    with b.when(_replace(b, cell, 0, 3)):
                        b.ret()
                b.call("pause", None)
            with b.when(_change(b, "xchg", cell, 3).eq(0)):
                b.ret()
            b.call("sleep", None, cell, b.constant(3, I32))
    with module.function("unlock", [PTR], internal=True) as (b, cell):
        with b.when(_change(b, "xchg", cell, 0).eq(3)):
            b.call("wake", None, cell)


# ---------------------------------------------------------------- native: programs


def _call(b: Builder, entry: Value, slots: Value, worker: Any, workers: Any) -> None:
    function, args = b.load(entry, PTR, 0), b.load(entry, PTR, 1)
    worker, workers = b.i64(worker), b.i64(workers)
    numbers = f"i64 {worker.text}, i64 {workers.text}"
    b.line(f"call void {function.text}(ptr {args.text}, ptr {slots.text}, {numbers})")


def _programs(module: Module) -> None:
    """serial, serial_timed: all calls, one after the other. share: one worker's part of them, with the barriers."""
    for name, more in (("serial", []), ("serial_timed", [PTR])):
        with module.function(name, [PTR, I64, I64, PTR, *more], internal=True) as (
            b,
            table,
            first,
            last,
            slots,
            *times,
        ):
            with b.loop(first, last) as i:
                if times:
                    b.store(b.call("clock", I64), times[0], (i - first) * 2)
                _call(b, b.at(table, i * 4, I64), slots, 0, 1)
                if times:
                    b.store(b.call("clock", I64), times[0], (i - first) * 2 + 1)

    types = [PTR, PTR, I64, I64, PTR, I64, I64, PTR]
    with module.function("share", types, internal=True) as (b, state, *rest):
        table, first, last, slots, worker, workers, times = rest
        timed, mine = times.ne(0), worker * (last - first)
        barrier = _cell(b, state, _BARRIER)
        step = b.convert(workers * 2, "i32")
        goal = b.variable(step)
        b.call("sit", None, state, worker)
        with b.loop(first, last) as i:
            entry = b.at(table, i * 4, I64)
            flags = b.load(entry, I64, 2)
            with b.when((flags & BARRIER).ne(0)):
                b.call("sit", None, state, worker)
                b.call("arrive", None, barrier, goal.value)
                b.call("await_count", None, state, barrier, goal.value, worker, workers)
                goal.set(goal.value + step)
            with b.when(timed):
                b.store(b.call("clock", I64), times, (mine + i - first) * 2)
            alone = (flags & ALONE).ne(0)
            with b.when(alone & worker.eq(0)):
                _call(b, entry, slots, 0, 1)
            with b.when(~alone):
                _call(b, entry, slots, worker, workers)
            with b.when(timed):
                b.store(b.call("clock", I64), times, (mine + i - first) * 2 + 1)
        # Worker 0 waits for all; the others only say that they are done.
        b.call("sit", None, state, worker)
        b.call("arrive", None, barrier, goal.value)
        with b.when(worker.eq(0)):
            b.call("await_count", None, state, barrier, goal.value, worker, workers)


def _lives(module: Module) -> None:
    """parallel: launch a program, do worker 0's part, wait. work: the life of a worker. stop: the end of it."""
    # A worker's word goes up to the next even number: there is something new.
    with module.function("post", [PTR], internal=True) as (b, cell):
        before = _change(b, "xchg", cell, (_word(b, cell) | 1) + 1)
        with b.when((before & 1).ne(0)):
            b.call("wake", None, cell)

    types = [PTR, PTR, I64, I64, PTR, I64, PTR]
    with module.function("parallel", types, internal=True) as (b, state, *rest):
        table, first, last, slots, workers, times = rest
        lock = _cell(b, state, _LOCK)
        b.call("lock", None, state, lock)
        places = (_TABLE, _FIRST, _LAST, _SLOTS, _WORKERS, _TIMES)
        for place, value in zip(places, (table, first, last, slots, workers, times)):
            b.store(value, state, place)
        b.store(b.constant(0, I32), _cell(b, state, _BARRIER))
        roomy = ~_crowded(b, state, workers)
        b.call("sit", None, state, b.i64(0))
        cpu = b.convert(_word(b, _part(b, _cell(b, state, _MAIL), _SEAT)), "i64")
        with b.loop(1, workers) as worker:
            cell = _cell(b, state, worker + _MAIL)
            # A marked word changes by nobody's hand but ours: the worker cannot be running meanwhile.
            with b.when((_word(b, cell) & 1).ne(0) & roomy):
                b.call("keep_off", None, cell, cpu)
            b.call("post", None, cell)
        b.call("share", None, state, table, first, last, slots, b.i64(0), workers, times)
        b.call("unlock", None, lock)

    with module.function("work", [PTR, I64, I64], internal=True) as (b, state, worker, thread):
        cell = _cell(b, state, worker + _MAIL)
        b.store(thread, _part(b, cell, _THREAD))
        seen = b.variable(0, I32)
        crowded = b.variable(False, I1)
        stopped = b.variable(0, I64)
        with b.repeat(lambda: stopped.value.eq(0)):
            seen.set(b.call("await_change", I32, state, cell, seen.value, worker, crowded.value))
            stopped.set(b.load(state, I64, _STOP))
            with b.when(stopped.value.eq(0)):
                table, slots = b.load(state, PTR, _TABLE), b.load(state, PTR, _SLOTS)
                first, last = b.load(state, I64, _FIRST), b.load(state, I64, _LAST)
                workers = b.load(state, I64, _WORKERS)
                crowded.set(_crowded(b, state, workers))
                times = b.load(state, PTR, _TIMES)
                b.call("share", None, state, table, first, last, slots, worker, workers, times)

    with module.function("stop", [PTR, I64], internal=True) as (b, state, count):
        b.store(b.i64(1), state, _STOP)
        with b.loop(1, count) as worker:
            b.call("post", None, _cell(b, state, worker + _MAIL))


__all__ = ["ALONE", "BARRIER", "Table", "run", "run_timed", "seconds_per_tick", "set_threads", "threads"]
