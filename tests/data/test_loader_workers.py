"""DataLoader with worker processes: same batches and order, seeds, iterable datasets, start methods."""

import os
import random
import time

import numpy as np
import pytest

import rushlight
from rushlight.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

# Python 3.12 and later warn of forking while there are other threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class Numbers(Dataset):
    """Every kind of value a batch can hold."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return {
            "index": index,
            "array": np.full((3, 2), index, np.float32),
            "tensor": rushlight.full((2,), float(index)),
            "half": rushlight.full((2, 1), float(index)).to(rushlight.bfloat16),
            "text": f"sample {index}",
            "large": np.full(5000, index),
        }


class Shards(IterableDataset):
    """Each worker yields its own part of range(size)."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __iter__(self):
        info = get_worker_info()
        step = info.num_workers if info else 1
        return iter(range(info.id if info else 0, self.size, step))


def indices(loader):
    return [batch["index"].tolist() for batch in loader]


def test_same_batches_in_the_same_order():
    orders = []
    for num_workers in (0, 1, 2):
        rushlight.manual_seed(3)
        loader = DataLoader(Numbers(23), batch_size=4, shuffle=True, num_workers=num_workers)
        orders.append([indices(loader), indices(loader), rushlight.rand(1).item()])
    assert orders[0] == orders[1] == orders[2]
    assert len(orders[0][0]) == len(loader) == 6


def test_values_arrive_whole():
    batch = list(DataLoader(Numbers(5), batch_size=3, num_workers=2))[1]
    assert batch["index"].tolist() == [3, 4]
    assert batch["array"].shape == (2, 3, 2)
    assert batch["array"].dtype == rushlight.float32
    assert batch["tensor"].tolist() == [[3, 3], [4, 4]]
    assert batch["half"].dtype == rushlight.bfloat16
    assert batch["half"].float().tolist() == [[[3], [3]], [[4], [4]]]
    assert batch["text"] == ["sample 3", "sample 4"]
    assert batch["large"].sum().item() == 35000
    batch["large"][0] = 0
    assert batch["large"].sum().item() == 20000


def test_worker_info_and_seeds():
    class Seeds(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            info = get_worker_info()
            drawn = (random.random(), float(np.random.rand()), rushlight.rand(1).item())
            return info.id, info.num_workers, info.seed, len(info.dataset), drawn

    def collect(seed):
        rushlight.manual_seed(seed)
        loader = DataLoader(Seeds(), batch_size=None, num_workers=2, collate_fn=lambda sample: sample)
        return list(loader)

    samples = collect(6)
    base = samples[0][2]
    assert [sample[0] for sample in samples] == [0, 1, 0, 1]
    assert [sample[2] for sample in samples] == [base, base + 1, base, base + 1]
    assert all(sample[1] == 2 and sample[3] == 4 for sample in samples)
    assert len({sample[4] for sample in samples}) == 4
    assert samples[0][4][0] == random.Random(base).random()
    assert collect(6) == samples
    assert collect(7) != samples


def test_iterable_datasets_are_divided():
    loader = DataLoader(Shards(10), batch_size=2, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[0, 2], [1, 3], [4, 6], [5, 7], [8], [9]]
    assert sorted(DataLoader(Shards(7), batch_size=None, num_workers=2)) == list(range(7))


def test_workers_that_end_early():
    class Uneven(IterableDataset):
        def __iter__(self):
            info = get_worker_info()
            return iter([info.id] * (5 * info.id))

    assert list(DataLoader(Uneven(), batch_size=None, num_workers=2)) == [1] * 5
    loader = DataLoader(Uneven(), batch_size=None, num_workers=2, persistent_workers=True)
    assert list(loader) == list(loader) == [1] * 5


def test_persistent_workers_stay():
    class Pid(Numbers):
        def __getitem__(self, index):
            return os.getpid()

    loader = DataLoader(Pid(6), batch_size=None, num_workers=2, persistent_workers=True)
    first, second = list(loader), list(loader)
    assert first == second
    assert len(set(first)) == 2
    iterator = iter(loader)
    next(iterator)  # a pass that is left half way: the next one starts afresh
    assert list(loader) == first
    loader = DataLoader(Pid(6), batch_size=None, num_workers=2)
    assert set(loader).isdisjoint(loader)


def test_persistent_workers_shuffle_anew():
    loader = DataLoader(Numbers(40), batch_size=8, shuffle=True, num_workers=2, persistent_workers=True)
    first, second = indices(loader), indices(loader)
    assert first != second
    assert sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(40))


def test_out_of_order():
    class SlowStart(Numbers):
        def __getitem__(self, index):
            if index == 0:
                time.sleep(0.5)
            return index

    arguments = {"batch_size": None, "num_workers": 2, "collate_fn": int}
    assert list(DataLoader(SlowStart(6), **arguments)) == list(range(6))
    unordered = list(DataLoader(SlowStart(6), in_order=False, **arguments))
    assert unordered[0] != 0
    assert sorted(unordered) == list(range(6))


def test_prefetch_factor_bounds_what_is_fetched_ahead(tmp_path):
    class Noting(Numbers):
        def __getitem__(self, index):
            (tmp_path / str(index)).touch()
            return index

    iterator = iter(DataLoader(Noting(50), batch_size=None, num_workers=1, prefetch_factor=3, collate_fn=int))
    assert next(iterator) == 0
    time.sleep(0.2)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [0, 1, 2, 3]
    with pytest.raises(AssertionError, match="prefetch_factor"):
        iter(DataLoader(Numbers(2), num_workers=1, prefetch_factor=0))


def test_worker_init_fn(tmp_path):
    def note(worker_id):
        (tmp_path / f"{worker_id} {get_worker_info().id}").touch()

    list(DataLoader(Numbers(2), num_workers=2, worker_init_fn=note))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0 0", "1 1"]


def test_spawned_workers():
    loader = DataLoader(Numbers(5), batch_size=2, num_workers=1, multiprocessing_context="spawn")
    assert indices(loader) == [[0, 1], [2, 3], [4]]


def test_spawning_what_cannot_be_pickled_warns():
    loader = DataLoader(
        range(3), num_workers=1, multiprocessing_context="spawn", collate_fn=lambda batch: batch
    )
    with pytest.warns(UserWarning, match="'spawn' start method"), pytest.raises(Exception, match="[pP]ickle"):
        iter(loader)


def test_large_index_lists_do_not_block():
    sampler = [list(range(20000)) for _ in range(6)]

    class Echo(Numbers):
        def __getitems__(self, batch):
            return batch

    sizes = [
        len(batch) for batch in DataLoader(Echo(1), batch_sampler=sampler, num_workers=1, collate_fn=list)
    ]
    assert sizes == [20000] * 6


def test_nested_iterators():
    outer = DataLoader(Numbers(4), batch_size=2, num_workers=1)
    inner = DataLoader(Numbers(2), batch_size=1, num_workers=1)
    seen = [(a["index"].tolist(), b["index"].item()) for a in outer for b in inner]
    assert seen == [([0, 1], 0), ([0, 1], 1), ([2, 3], 0), ([2, 3], 1)]


def test_tensor_datasets_in_workers():
    rows = rushlight.utils.data.TensorDataset(rushlight.arange(10.0).view(5, 2) * 2, rushlight.arange(5))
    loader = DataLoader(rows, batch_size=2, num_workers=2)
    assert [[t.tolist() for t in batch] for batch in loader] == [
        [[[0, 2], [4, 6]], [0, 1]],
        [[[8, 10], [12, 14]], [2, 3]],
        [[[16, 18]], [4]],
    ]


def test_workers_compute_only_what_they_read():
    if not hasattr(os, "fork"):
        pytest.skip("only forked workers inherit recorded work")
    from rushlight.executors import queue

    pending = rushlight.ones(8) * 3
    other = rushlight.ones(8) * 4

    class Reading(Numbers):
        def __getitem__(self, index):
            return pending[index].item(), len(queue.values), other._storage.node.buffer is None

    samples = list(DataLoader(Reading(3), batch_size=None, num_workers=1, collate_fn=tuple))
    assert samples == [(3.0, 0, True)] * 3
    assert other.sum().item() == 32
