"""One pass over a loader: in this process, or through workers.

The order in which random numbers are drawn is PyTorch's: a pass takes the sampler's iterator, then one base
seed from the loader's generator, and asks the sampler for indices as late, or with workers as early, as
PyTorch does. So the order of samples and the state of the generator afterwards are PyTorch's too. Processes
and pipes are worker_pool.py's work; here is only which task goes to which worker and which result comes
next.
"""

import itertools
import multiprocessing
import warnings
import weakref
from dataclasses import dataclass
from typing import Any

from .. import functions as fn
from ..dtypes import int64
from .failure import CarriedError
from .fetch import IterableFetcher, MapFetcher
from .pinning import accelerator_available, pin_memory
from .pipes import chain
from .worker import Signal, WorkerPlan
from .worker_pool import WorkerPool


class DatasetKind:
    """Which of the two styles a dataset has; `torch.utils.data._DatasetKind`."""

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        """What fetches batches of a dataset of this kind."""
        fetcher = MapFetcher if kind == DatasetKind.Map else IterableFetcher
        return fetcher(dataset, auto_collation, collate_fn, drop_last)


class BaseDataLoaderIter:
    """What both kinds of iterator share: the sampler's pass, the base seed, counting."""

    def __init__(self, loader) -> None:
        self._dataset = loader.dataset
        self._shared_seed: int | None = None
        if chain.is_pipe(self._dataset):
            self._seed_pipes(loader)
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._pin_memory = _pins(loader)
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = fn.empty((), dtype=int64).random_(generator=loader.generator).item()
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0

    def _seed_pipes(self, loader) -> None:
        """One seed, agreed on by all ranks, for everything random in a chain of iterable datapipes."""
        if loader._dataset_kind == DatasetKind.Iterable:
            self._shared_seed = chain.draw_shared_seed(loader.generator)
            chain.seed_chain(self._dataset, self._shared_seed)

    @property
    def _is_broken(self) -> bool:
        """Whether its workers are lost, so that no further pass can be made with it."""
        return False

    def __iter__(self):
        return self

    def _reset(self, loader, first_iter: bool = False) -> None:
        """Begin another pass with the same seed and the same workers."""
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        if chain.is_pipe(self._dataset):
            self._seed_pipes(loader)

    def _next_index(self):
        return next(self._sampler_iter)

    def _next_data(self):
        raise NotImplementedError(f"{type(self).__name__} has no _next_data")

    def __next__(self):
        batch = self._next_data()
        self._num_yielded += 1
        expected = self._IterableDataset_len_called
        if (
            self._dataset_kind == DatasetKind.Iterable
            and expected is not None
            and self._num_yielded > expected
        ):
            self._warn_of_length(expected)
        if self._pin_memory:
            batch = pin_memory(batch)
        return batch

    def _warn_of_length(self, expected: int) -> None:
        message = (
            f"Length of IterableDataset {self._dataset} was reported to be {expected} "
            f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            message += (
                "Each worker runs through its own copy of the dataset: divide the samples among them "
                "with get_worker_info()."
            )
        warnings.warn(message, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled; pickle the DataLoader instead")


def _pins(loader) -> bool:
    if not loader.pin_memory:
        return False
    if loader.pin_memory_device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device, "
            f"ignore pin_memory_device='{loader.pin_memory_device}'.",
            stacklevel=6,
        )
    if not accelerator_available():
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, "
            "then device pinned memory won't be used.",
            stacklevel=6,
        )
        return False
    return True


class SingleProcessDataLoaderIter(BaseDataLoaderIter):
    """Batches fetched in this process, each when it is asked for."""

    def __init__(self, loader) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError(
                f"a timeout needs num_workers > 0, got timeout={self._timeout} and no workers"
            )
        if chain.is_pipe(self._dataset):
            rank, world_size = chain.rank_and_world_size()
            chain.apply_sharding(self._dataset, world_size, rank)
        self._dataset_fetcher = DatasetKind.create_fetcher(
            self._dataset_kind, self._dataset, self._auto_collation, self._collate_fn, self._drop_last
        )

    def _next_data(self):
        return self._dataset_fetcher.fetch(self._next_index())


_PENDING = object()


@dataclass
class _Task:
    """A batch that was asked for: of which worker, and what came of it."""

    worker: int
    result: Any = _PENDING


class MultiProcessingDataLoaderIter(BaseDataLoaderIter):
    """Batches fetched by worker processes, `prefetch_factor` ahead for each worker.

    Tasks are numbered as they are handed out, to the workers in turn. Results are given out by number
    (or as they come, with `in_order=False`), and each one given out lets one more task be handed out.
    """

    def __init__(self, loader) -> None:
        super().__init__(loader)
        self._prefetch_factor = loader.prefetch_factor
        self._in_order = loader.in_order
        if self._prefetch_factor <= 0:
            raise AssertionError(
                f"prefetch_factor must be greater than 0 to load with workers, got {self._prefetch_factor}"
            )
        self._pool = WorkerPool(_context(loader), self._plans(loader))
        self._finalizer = weakref.finalize(self, self._pool.close)
        # At the interpreter's end multiprocessing terminates the workers, without waiting for their batches.
        self._finalizer.atexit = False
        self._reset(loader, first_iter=True)

    def _plans(self, loader) -> list[WorkerPlan]:
        rank, world_size = chain.rank_and_world_size()
        return [
            WorkerPlan(
                iterable=self._dataset_kind == DatasetKind.Iterable,
                dataset=self._dataset,
                auto_collation=self._auto_collation,
                collate_fn=self._collate_fn,
                drop_last=self._drop_last,
                base_seed=self._base_seed,
                init_fn=loader.worker_init_fn,
                worker_id=worker_id,
                num_workers=self._num_workers,
                rank=rank,
                world_size=world_size,
                shared_seed=self._shared_seed,
            )
            for worker_id in range(self._num_workers)
        ]

    @property
    def _is_broken(self) -> bool:
        return self._pool.broken is not None

    @property
    def _workers(self) -> list:
        return self._pool.processes

    def _reset(self, loader, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._send_idx = 0  # number of the next task to hand out
        self._rcvd_idx = 0  # number of the next result to give out
        self._tasks: dict[int, _Task] = {}
        self._outstanding = 0
        self._workers_num_tasks = [0] * self._num_workers
        # False: the worker's iterable dataset has ended for this pass.
        self._workers_status = [True] * self._num_workers
        self._turns = itertools.cycle(range(self._num_workers))
        if not first_iter:
            self._resume_workers()
        for _ in range(self._prefetch_factor * self._num_workers):
            self._try_put_index()

    def _resume_workers(self) -> None:
        """Have all workers begin another pass, dropping results of the last one that nobody took."""
        for worker_id in range(self._num_workers):
            self._pool.send(worker_id, (Signal.RESUME, self._shared_seed))
        waiting = self._num_workers
        while waiting:
            _, (number, _) = self._receive()
            waiting -= number is Signal.RESUME

    def _try_put_index(self) -> None:
        """Hand out one more task, if the sampler has one and a worker can take it."""
        try:
            index = self._next_index()
        except StopIteration:
            return
        worker_id = self._worker_in_turn()
        if worker_id is None:
            return
        self._pool.send(worker_id, (self._send_idx, index))
        self._tasks[self._send_idx] = _Task(worker_id)
        self._workers_num_tasks[worker_id] += 1
        self._outstanding += 1
        self._send_idx += 1

    def _worker_in_turn(self) -> int | None:
        most = self._prefetch_factor * self._num_workers
        for worker_id in itertools.islice(self._turns, self._num_workers):
            if not self._workers_status[worker_id]:
                continue
            if self._in_order or self._workers_num_tasks[worker_id] < most // sum(self._workers_status):
                return worker_id
        return None

    def _next_data(self):
        while True:
            self._skip_tasks_of_ended_workers()
            if self._rcvd_idx >= self._send_idx:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if self._tasks[self._rcvd_idx].result is not _PENDING:
                return self._give_out(self._rcvd_idx)
            worker_id, (number, result) = self._receive()
            self._outstanding -= 1
            if result is Signal.EXHAUSTED:
                self._end_worker(worker_id)
                self._try_put_index()
                continue
            self._tasks[number].result = result
            if not self._in_order:
                return self._give_out(number)

    def _skip_tasks_of_ended_workers(self) -> None:
        """Move on to the next task whose result is here or may still come."""
        while self._rcvd_idx < self._send_idx:
            task = self._tasks.get(self._rcvd_idx)
            if task is not None:
                if task.result is not _PENDING or self._workers_status[task.worker]:
                    return
                del self._tasks[self._rcvd_idx]
            self._rcvd_idx += 1

    def _receive(self):
        """The next message; RuntimeError after `timeout` seconds without one."""
        message = self._pool.receive(self._timeout or None)
        if message is None:
            raise RuntimeError(
                f"DataLoader timed out after {self._timeout} seconds; "
                f"{self._outstanding} batches were asked of {self._num_workers} workers"
            )
        return message

    def _give_out(self, number: int):
        task = self._tasks.pop(number)
        if number == self._rcvd_idx:
            self._rcvd_idx += 1
        self._workers_num_tasks[task.worker] -= 1
        self._try_put_index()
        if isinstance(task.result, CarriedError):
            task.result.reraise()
        return task.result

    def _end_worker(self, worker_id: int) -> None:
        self._workers_status[worker_id] = False
        if not self._persistent_workers:
            self._pool.retire(worker_id)

    def _shutdown_workers(self) -> None:
        """End the worker processes now; also done when the iterator is dropped."""
        self._finalizer()


def _context(loader):
    if loader.multiprocessing_context is not None:
        return loader.multiprocessing_context
    return multiprocessing.get_context()
