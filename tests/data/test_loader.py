"""DataLoader in one process: batches, order, length, argument checks, errors."""

import itertools

import numpy as np
import pytest

import rushlight
from rushlight.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
    get_worker_info,
    random_split,
)
from rushlight.utils.data.dataloader import _BaseDataLoaderIter, _DatasetKind


class Rows(Dataset):
    """The samples of the guide: dicts with an array and a label."""

    def __init__(self, size, transform=None):
        self.data = np.arange(size * 2, dtype=np.float32).reshape(size, 2)
        self.labels = list(range(size))
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        sample = {"data": self.data[index], "label": self.labels[index]}
        return self.transform(sample) if self.transform else sample


class Stream(IterableDataset):
    def __init__(self, size):
        self.size = size

    def __iter__(self):
        return iter(range(self.size))

    def __len__(self):
        return self.size


def labels(loader):
    return [batch["label"].tolist() for batch in loader]


def test_dict_samples_collate_by_key():
    batches = list(DataLoader(Rows(5), batch_size=2))
    assert [tuple(batch["data"].shape) for batch in batches] == [(2, 2), (2, 2), (1, 2)]
    assert batches[0]["data"].dtype == rushlight.float32
    assert batches[0]["label"].dtype == rushlight.int64
    assert batches[2]["data"].tolist() == [[8, 9]]


@pytest.mark.parametrize(("drop_last", "length"), [(False, 3), (True, 2)])
def test_length_and_drop_last(drop_last, length):
    loader = DataLoader(Rows(5), batch_size=2, drop_last=drop_last)
    assert len(loader) == len(list(loader)) == length


def test_shuffle_goes_through_everything_in_another_order_each_epoch():
    rushlight.manual_seed(0)
    loader = DataLoader(Rows(64), batch_size=10, shuffle=True)
    first, second = labels(loader), labels(loader)
    assert sorted(itertools.chain(*first)) == sorted(itertools.chain(*second)) == list(range(64))
    assert first != second
    rushlight.manual_seed(0)
    assert labels(loader) == first


def test_generator_argument_leaves_the_default_generator_alone():
    rushlight.manual_seed(1)
    expected = rushlight.rand(1).item()
    rushlight.manual_seed(1)
    order = labels(DataLoader(Rows(9), 3, shuffle=True, generator=rushlight.Generator().manual_seed(7)))
    assert rushlight.rand(1).item() == expected
    assert order == labels(
        DataLoader(Rows(9), 3, shuffle=True, generator=rushlight.Generator().manual_seed(7))
    )


def test_without_batching_samples_are_converted():
    samples = list(DataLoader(Rows(3), batch_size=None))
    assert samples[1]["data"].tolist() == [2, 3]
    assert samples[1]["label"] == 1


def test_sampler_and_batch_sampler():
    assert labels(DataLoader(Rows(5), batch_size=2, sampler=[4, 1, 3])) == [[4, 1], [3]]
    assert labels(DataLoader(Rows(5), batch_sampler=[[4], [1, 3]])) == [[4], [1, 3]]
    loader = DataLoader(Rows(5), batch_sampler=BatchSampler(SequentialSampler(range(5)), 2, True))
    assert len(loader) == 2
    assert loader.batch_size is None


def test_own_collate_fn():
    loader = DataLoader(range(4), batch_size=2, collate_fn=tuple)
    assert list(loader) == [(0, 1), (2, 3)]


def test_getitems_is_used():
    class Whole(Rows):
        def __getitems__(self, indices):
            return [(index, "together") for index in indices]

    assert next(iter(DataLoader(Whole(4), batch_size=2)))[1] == ("together", "together")


def test_iterable_dataset():
    assert [batch.tolist() for batch in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [batch.tolist() for batch in DataLoader(Stream(5), batch_size=2, drop_last=True)] == [
        [0, 1],
        [2, 3],
    ]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Stream(5), batch_size=2)) == 3
    assert len(DataLoader(Stream(5), batch_size=2, drop_last=True)) == 2


def test_iterable_dataset_longer_than_its_length_warns():
    class Liar(Stream):
        def __len__(self):
            return 1

    loader = DataLoader(Liar(2), batch_size=None)
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="reported to be 1.*2 samples"):
        assert list(loader) == [0, 1]


def test_tensor_datasets_give_the_rows_that_indexing_gives():
    rows = TensorDataset(rushlight.arange(12.0).view(6, 2), rushlight.arange(6))
    train, rest = random_split(rows, [4, 2], generator=rushlight.Generator().manual_seed(1))
    for dataset in (rows, train, Subset(train, [3, 0]), rest):
        quick = list(DataLoader(dataset, batch_size=3))
        slow = list(DataLoader(dataset, batch_size=3, collate_fn=lambda samples: default_collate(samples)))
        assert len(quick) == len(slow)
        for a, b in zip(quick, slow):
            assert isinstance(a, list)
            assert [t.tolist() for t in a] == [t.tolist() for t in b]
            assert [t.dtype for t in a] == [t.dtype for t in b]


def test_tensor_dataset_with_an_index_that_is_not_there():
    loader = DataLoader(TensorDataset(rushlight.arange(3)), batch_sampler=[[0, 3]])
    with pytest.raises(IndexError) as caught:
        list(loader)
    assert "index 3" in "".join(caught.value.__notes__)


def test_error_names_the_sample():
    def broken(sample):
        if sample["label"] == 3:
            raise ValueError("no label")
        return sample

    with pytest.raises(ValueError, match="no label") as caught:
        list(DataLoader(Rows(5, broken), batch_size=2))
    assert caught.value.__notes__ == ["Raised while reading the sample at index 3."]


def test_unequal_shapes_name_the_samples():
    ragged = [np.zeros(2), np.zeros(2), np.zeros(3)]
    with pytest.raises(RuntimeError, match=r"\[2\] at entry 0 and \[3\] at entry 1") as caught:
        list(DataLoader(ragged, batch_sampler=[[0], [1, 2]]))
    assert caught.value.__notes__ == ["The batch holds the samples at indices [1, 2]."]


def test_iterable_error_names_the_position():
    class Broken(IterableDataset):
        def __iter__(self):
            yield 0
            raise OSError("gone")

    with pytest.raises(OSError, match="gone") as caught:
        list(DataLoader(Broken(), batch_size=4))
    assert caught.value.__notes__ == ["Raised while reading sample number 1 of the iterable dataset."]


def test_no_worker_info_here():
    assert get_worker_info() is None


def test_pin_memory_warns_without_an_accelerator():
    loader = DataLoader(range(2), pin_memory=True)
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert [batch.item() for batch in loader] == [0, 1]


def test_attributes_are_fixed():
    loader = DataLoader(range(4), batch_size=2)
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
            setattr(loader, name, None)
    loader.collate_fn = list
    assert next(iter(loader)) == [0, 1]


def test_iterators_are_not_pickled():
    iterator = iter(DataLoader(range(2)))
    assert isinstance(iterator, _BaseDataLoaderIter)
    assert iterator._dataset_kind == _DatasetKind.Map
    assert len(iterator) == 2
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        iterator.__getstate__()


stream = Stream(3)


@pytest.mark.parametrize(
    ("error", "says", "arguments"),
    [
        (ValueError, "num_workers", {"num_workers": -1}),
        (ValueError, "timeout", {"timeout": -1}),
        (ValueError, "prefetch_factor", {"prefetch_factor": 2}),
        (ValueError, "prefetch_factor", {"prefetch_factor": -1, "num_workers": 1}),
        (ValueError, "persistent_workers", {"persistent_workers": True}),
        (ValueError, "num_workers=0", {"multiprocessing_context": "fork"}),
        (ValueError, "start method.*'nonsense'", {"multiprocessing_context": "nonsense", "num_workers": 1}),
        (TypeError, "context object", {"multiprocessing_context": 3, "num_workers": 1}),
        (ValueError, "exclusive with shuffle", {"sampler": [0], "shuffle": True}),
        (ValueError, "batch_sampler option", {"batch_sampler": [[0]], "batch_size": 2}),
        (ValueError, "batch_sampler option", {"batch_sampler": [[0]], "shuffle": True}),
        (ValueError, "batch_sampler option", {"batch_sampler": [[0]], "sampler": [0]}),
        (ValueError, "batch_sampler option", {"batch_sampler": [[0]], "drop_last": True}),
        (ValueError, "auto-batching", {"batch_size": None, "drop_last": True}),
        (ValueError, "batch_size=0", {"batch_size": 0}),
        (ValueError, "drop_last=1", {"drop_last": 1}),
        (ValueError, "num_samples=0", {"dataset": [], "shuffle": True}),
        (ValueError, "shuffle=True", {"dataset": stream, "shuffle": True}),
        (ValueError, "sampler option", {"dataset": stream, "sampler": [0]}),
        (ValueError, "batch_sampler option", {"dataset": stream, "batch_sampler": [[0]]}),
    ],
)
def test_arguments_are_checked(error, says, arguments):
    with pytest.raises(error, match=says):
        DataLoader(**{"dataset": range(4), **arguments})


def test_timeout_needs_workers():
    with pytest.raises(AssertionError, match="timeout=3"):
        iter(DataLoader(range(4), timeout=3))


def test_more_workers_than_processors_warns():
    with pytest.warns(UserWarning, match="will create 4096 worker processes"):
        DataLoader(range(4), num_workers=4096)
