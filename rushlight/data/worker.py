"""What runs inside a worker process: seeding, then fetching batches until the loader is done or gone.

A worker has two threads. The main one fetches and sends batches in the order their tasks came. The other
receives tasks, so that the loader never waits to hand one out, and notices at once when the loader closes
the connection or dies (the kernel closes it then). Only NumPy and the reference executor's functions run
here.
"""

import os
import queue
import random
import signal
import threading
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .. import functions as fn
from . import transport
from .failure import CarriedError
from .fetch import IterableFetcher, MapFetcher
from .pipes import chain

# Seconds that a worker may still spend on the batch at hand after its loader has gone away.
GRACE = 5.0


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker knows about itself.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: what `random` and the default generator of this process were seeded with.
        dataset: this process's copy of the dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo of the worker process this is called in; None in any other process.

    Source: torch.utils.data.get_worker_info.
    Example:
        >>> get_worker_info() is None
        True
    """
    return _worker_info


@dataclass(frozen=True)
class WorkerPlan:
    """All that a worker needs to be told at its start. Pickled when processes are spawned."""

    iterable: bool
    dataset: Any
    auto_collation: bool
    collate_fn: Any
    drop_last: bool
    base_seed: int
    init_fn: Any
    worker_id: int
    num_workers: int
    rank: int = 0
    world_size: int = 1
    shared_seed: int | None = None

    def prepare_pipes(self) -> None:
        """Seed a chain of datapipes as in all other workers, and take this worker's part of it."""
        if not chain.is_pipe(self.dataset):
            return
        if self.shared_seed is not None:
            chain.seed_chain(self.dataset, self.shared_seed)
        # Ranks divide the data first, then each rank's workers.
        part = self.worker_id * self.world_size + self.rank
        chain.apply_sharding(self.dataset, self.num_workers * self.world_size, part)

    def fetcher(self) -> MapFetcher | IterableFetcher:
        kind = IterableFetcher if self.iterable else MapFetcher
        return kind(self.dataset, self.auto_collation, self.collate_fn, self.drop_last)


class Signal(Enum):
    """Messages besides tasks (number, index) and results (number, batch)."""

    RESUME = "begin the next pass over the dataset"  # both ways: the worker answers when it has
    EXHAUSTED = "the iterable dataset has no more samples in this worker"  # to the loader
    END = "the loader is done"  # from the receiving thread to the main one


def run(plan: WorkerPlan, connection: Connection) -> None:
    """The main function of a worker process."""
    _set_signals()
    inbox = Inbox(connection)
    try:
        _Work(plan, connection, inbox).run()
    except ConnectionError:
        pass  # the loader went away while a result was being sent: nobody is left to tell


_interrupted = threading.Event()


def _set_signals() -> None:
    # Ctrl-C reaches every process of the terminal. The loader decides what becomes of its workers, which only
    # remember it and then end without delay. (SIG_IGN would be inherited by programs that a dataset starts.)
    signal.signal(signal.SIGINT, lambda *_: _interrupted.set())
    # A forked worker must end on SIGTERM, not run the handler of a training script.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _set_seeds(plan: WorkerPlan) -> None:
    global _worker_info
    seed = plan.base_seed + plan.worker_id
    random.seed(seed)
    fn.manual_seed(seed)
    np.random.seed(numpy_seed(plan.base_seed, plan.worker_id))
    fn.set_num_threads(1)
    _worker_info = WorkerInfo(plan.worker_id, plan.num_workers, seed, plan.dataset)


def numpy_seed(base_seed: int, worker_id: int) -> np.ndarray:
    """Four words for `np.random.seed`, mixed so that they share no state with `random`'s."""
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(words).generate_state(4)


class Inbox:
    """Tasks as they arrive, received by a thread of its own."""

    def __init__(self, connection: Connection) -> None:
        self.closed = threading.Event()
        self._connection = connection
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._receive, name="rushlight-worker-inbox", daemon=True).start()

    def get(self):
        """The next task, waiting for it; Signal.END when there will be none."""
        task = self._tasks.get()
        return Signal.END if self.closed.is_set() else task

    def _receive(self) -> None:
        try:
            while True:
                self._tasks.put(transport.receive(self._connection))
        except (EOFError, OSError):
            self.closed.set()
            self._tasks.put(Signal.END)
        # The main thread may finish the batch at hand, and the process ends with it. A dataset that waits for
        # something forever must not keep the process alive.
        _interrupted.wait(GRACE)
        os._exit(1)


class _Work:
    """The main thread's part: one task after another."""

    def __init__(self, plan: WorkerPlan, connection: Connection, inbox: Inbox) -> None:
        self.plan = plan
        self.connection = connection
        self.inbox = inbox
        self.where = f"in DataLoader worker process {plan.worker_id}"
        self.fetcher: MapFetcher | IterableFetcher | None = None
        self.failure: CarriedError | None = None
        self.exhausted = False

    def run(self) -> None:
        try:
            _set_seeds(self.plan)
            self.plan.prepare_pipes()
            if self.plan.init_fn is not None:
                self.plan.init_fn(self.plan.worker_id)
            self.fetcher = self.plan.fetcher()
        except Exception as error:
            self.failure = CarriedError(error, self.where)
        while (task := self.inbox.get()) is not Signal.END:
            number, index = task
            if number is Signal.RESUME:
                self._begin_again(index)
            elif not self.exhausted:
                self._send(number, self._result(index))

    def _begin_again(self, shared_seed: int | None) -> None:
        self.exhausted = False
        try:
            if shared_seed is not None:
                chain.seed_chain(self.plan.dataset, shared_seed)
            self.fetcher = self.plan.fetcher()
        except Exception as error:
            self.failure = CarriedError(error, self.where)
        transport.send(self.connection, (Signal.RESUME, None))

    def _result(self, index):
        """The batch, or the error to raise in the loader; one of the start is raised for the first task."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            return failure
        try:
            return self.fetcher.fetch(index)
        except StopIteration as error:
            if not self.plan.iterable:
                return CarriedError(error, self.where)
            self.exhausted = True
            return Signal.EXHAUSTED
        except Exception as error:
            return CarriedError(error, self.where)

    def _send(self, number: int, result) -> None:
        try:
            transport.send(self.connection, (number, result))
        except ConnectionError:
            raise
        except Exception as error:
            if isinstance(result, CarriedError):
                failure = result.without_type()
            else:
                error.add_note(f"Raised while sending a batch ({type(result).__name__}) to the loader.")
                failure = CarriedError(error, self.where)
            transport.send(self.connection, (number, failure))
