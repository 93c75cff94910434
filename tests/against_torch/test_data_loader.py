"""Loaders, samplers, splits and batches against PyTorch's: same order, same values, same random stream."""

import collections
import itertools
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.utils.data as theirs  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import rushlight  # noqa: E402
import rushlight.utils.data as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

LIBRARIES = [(rushlight, ours), (torch, theirs)]
Point = collections.namedtuple("Point", ["x", "y"])


def plain(value):
    """A batch as plain Python, for comparison: tensors with their dtype and shape."""
    if isinstance(value, rushlight.Tensor | torch.Tensor):
        return str(value.dtype).rpartition(".")[2], tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(item) for item in value]
    return value


def both(run, seed=0):
    """`run(library, data)` in both libraries from one seed, and the next numbers of either's stream."""
    results = []
    for library, data in LIBRARIES:
        library.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        results.append(
            (plain(run(library, data)), library.rand(1).item(), library.randint(1000, (3,)).tolist())
        )
    return results


def same(run, seed=0):
    mine, reference = both(run, seed)
    assert mine == reference


class Samples:
    """A map-style dataset (of either library: nothing has to be inherited)."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return {
            "image": np.full((2, 2), index, np.float32),
            "label": index,
            "weight": index / 2,
            "name": str(index),
            "pair": (index, [float(index)]),
            "point": Point(index, "p"),
            "flag": index % 2 == 0,
        }


class Drawing(Samples):
    """Samples that are drawn from each of the generators a worker seeds."""

    def __init__(self, size, library):
        super().__init__(size)
        self.library = library

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(), self.library.rand(2)


OPTIONS = [
    {"batch_size": 3},
    {"batch_size": 4, "shuffle": True},
    {"batch_size": 4, "shuffle": True, "drop_last": True},
    {"batch_size": None, "shuffle": True},
    {"batch_size": None},
    {"sampler": [3, 1, 1, 6], "batch_size": 3},
    {"batch_sampler": [[3, 1], [6], [0, 2, 4]]},
]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("arguments", OPTIONS, ids=str)
def test_batches_order_and_stream(arguments, num_workers):
    def run(library, data):
        loader = data.DataLoader(Samples(11), num_workers=num_workers, **arguments)
        return [len(loader), list(loader), library.rand(1).item(), list(loader)]

    same(run)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_stream_when_a_pass_is_left_half_way(num_workers):
    def run(library, data):
        loader = data.DataLoader(range(50), batch_size=2, shuffle=True, num_workers=num_workers)
        started = list(itertools.islice(loader, 3))
        iterator = iter(loader)
        before = library.rand(1).item()
        return [started, before, next(iterator), library.rand(1).item(), list(loader)]

    same(run, 4)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_generator_argument(num_workers):
    def run(library, data):
        generator = library.Generator().manual_seed(9)
        loader = data.DataLoader(range(20), 4, shuffle=True, generator=generator, num_workers=num_workers)
        return [list(loader), list(loader), library.rand(4, generator=generator)]

    same(run)


def test_persistent_workers():
    def run(library, data):
        loader = data.DataLoader(range(9), 2, shuffle=True, num_workers=2, persistent_workers=True)
        return [list(loader), library.rand(1).item(), list(loader)]

    same(run, 2)


def test_seeds_of_workers():
    def run(library, data):
        loader = data.DataLoader(Drawing(10, library), 2, shuffle=True, num_workers=2)
        return [list(loader), list(loader)]

    same(run, 5)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_samplers_that_draw_early_or_late(num_workers):
    class Early:
        def __init__(self, library):
            self.library = library

        def __iter__(self):
            return iter(self.library.randperm(12).tolist())

        def __len__(self):
            return 12

    class Late(Early):
        def __iter__(self):
            for _ in range(12):
                yield self.library.randint(12, ()).item()

    for kind in (Early, Late):
        for arguments in ({"batch_size": 2}, {"batch_size": None}):
            same(
                lambda library, data, kind=kind, arguments=arguments: list(
                    data.DataLoader(range(12), sampler=kind(library), num_workers=num_workers, **arguments)
                ),
                6,
            )


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_iterable_datasets(batch_size, num_workers):
    def run(library, data):
        class Stream(data.IterableDataset):
            def __iter__(self):
                info = data.get_worker_info()
                part, parts = (info.id, info.num_workers) if info else (0, 1)
                return iter(range(part, 9 + part, parts))

        loader = data.DataLoader(Stream(), batch_size=batch_size, num_workers=num_workers)
        return list(loader)

    same(run)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 90), st.integers(0, 2**63 - 1))
def test_samplers(size, count, seed):
    def run(library, data):
        source = range(size)
        weights = [1.0 + i % 3 for i in source]
        generator = library.Generator().manual_seed(seed)
        samplers = [
            data.RandomSampler(source),
            data.RandomSampler(source, num_samples=count),
            data.RandomSampler(source, replacement=True, num_samples=count),
            data.RandomSampler(source, generator=generator),
            data.SubsetRandomSampler(list(source)),
            data.BatchSampler(data.SequentialSampler(source), count, False),
            data.BatchSampler(data.SequentialSampler(source), count, True),
            data.WeightedRandomSampler(weights, count),
            data.WeightedRandomSampler(weights, min(size, count), replacement=False),
        ]
        return [[len(sampler), list(sampler)] for sampler in samplers]

    same(run, seed % 1000)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.booleans(), st.booleans(), st.integers(0, 9))
def test_distributed_sampler(size, replicas, shuffle, drop_last, epoch):
    def run(library, data):
        shares = []
        for rank in range(replicas):
            sampler = data.DistributedSampler(
                range(size), replicas, rank, shuffle, seed=3, drop_last=drop_last
            )
            sampler.set_epoch(epoch)
            shares.append([len(sampler), list(sampler)])
        return shares

    same(run)


@pytest.mark.parametrize(
    "lengths", [[7, 13], [20], [0, 20], [0.5, 0.5], [0.3, 0.3, 0.4], [1 / 3, 1 / 3, 1 / 3]]
)
def test_random_split(lengths):
    def run(library, data):
        split = data.random_split(range(20), lengths)
        seeded = data.random_split(range(20), lengths, generator=library.Generator().manual_seed(1))
        return [list(part) for part in split + seeded]

    same(run, 8)


def test_split_tensor_datasets():
    def run(library, data):
        rows = data.TensorDataset(library.arange(30.0).view(10, 3), library.arange(10))
        train, test = data.random_split(rows, [0.7, 0.3])
        return [list(data.DataLoader(part, 3, shuffle=True)) for part in (train, test, rows)] + [
            rows[2],
            rows[1:3],
        ]

    same(run, 3)


BATCHES = [
    [1, 2],
    [1, 2.5],
    [1.5, 2],
    [True, False],
    [np.float32(1), np.float32(2)],
    [np.int16(1), np.float64(2)],
    [np.bool_(True), np.bool_(False)],
    [np.zeros((2, 3)), np.ones((2, 3))],
    [np.zeros(2, np.float32), np.ones(2, np.int64)],
    [np.array(1, np.uint8), np.array(2, np.uint8)],
    ["a", "b"],
    [b"a", b"b"],
    ["a", 1],
    [(1, "a"), (2, "b")],
    [[1, 2.0], [3, 4.0]],
    [{"a": [1], "b": {"c": (1.0,)}}, {"a": [2], "b": {"c": (2.0,)}}],
    [Point(1, [2.0]), Point(3, [4.0])],
    [range(3), range(3)],
    [(), ()],
    [[], []],
    [{}, {}],
]


@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_collate_and_convert(batch):
    assert plain(ours.default_collate(batch)) == plain(theirs.default_collate(batch))
    assert plain(ours.default_convert(batch)) == plain(theirs.default_convert(batch))


REFUSED = [
    [None],
    [{1}],
    [[1, 2], [1]],
    [(1,), (1, 2)],
    [np.zeros(2), np.zeros(3)],
    [np.array(["a"])],
    [np.array([object()])],
    [{"a": 1}, {"b": 1}],
    [1, None],
    [[1], 2],
    [],
]


@pytest.mark.parametrize("batch", REFUSED, ids=range(len(REFUSED)))
def test_collate_refuses_as_pytorch_does(batch):
    with pytest.raises(Exception) as reference:
        theirs.default_collate(batch)
    with pytest.raises(Exception) as mine:
        ours.default_collate(batch)
    assert isinstance(mine.value, reference.type)


MISTAKES = [
    {"num_workers": -1},
    {"timeout": -1},
    {"prefetch_factor": 2},
    {"prefetch_factor": -1, "num_workers": 1},
    {"persistent_workers": True},
    {"multiprocessing_context": "fork"},
    {"multiprocessing_context": "x", "num_workers": 1},
    {"multiprocessing_context": 3, "num_workers": 1},
    {"sampler": [0], "shuffle": True},
    {"batch_sampler": [[0]], "batch_size": 3},
    {"batch_size": None, "drop_last": True},
    {"batch_size": 0},
    {"batch_size": 2.5},
    {"drop_last": 1},
    {"unknown": 1},
]


@pytest.mark.parametrize("arguments", MISTAKES, ids=str)
def test_mistakes_raise_what_pytorch_raises(arguments):
    types = []
    for _, data in LIBRARIES:
        with pytest.raises(Exception) as caught:
            data.DataLoader(range(4), **arguments)
        types.append(caught.type)
    assert types[0] is types[1]


@pytest.mark.parametrize(
    "error", [ValueError("a"), KeyError("b"), UnicodeDecodeError("utf8", b"x", 0, 1, "c")]
)
def test_worker_exceptions_have_pytorchs_type_and_first_lines(error):
    class Bad(Samples):
        def __getitem__(self, index):
            raise error

    with pytest.raises(Exception) as mine:
        list(ours.DataLoader(Bad(4), num_workers=1))
    with pytest.raises(Exception) as reference:
        torch._utils.ExceptionWrapper((type(error), error, None), "in DataLoader worker process 0").reraise()
    assert mine.type is reference.type
    assert str(mine.value).splitlines()[0] == str(reference.value).splitlines()[0]


@pytest.mark.filterwarnings("ignore:(Lambda|Local) function is not supported", "ignore:Length of Iter")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_datapipes(num_workers):
    def run(library, data):
        source = data.datapipes.iter.IterableWrapper(range(20)).shuffle().sharding_filter()
        pipe = source.map(lambda x: x + 1).batch(3)
        loader = data.DataLoader(pipe, batch_size=None, num_workers=num_workers)
        indexed = data.datapipes.map.SequenceWrapper(list(range(9))).shuffle()
        return [list(pipe), list(loader), list(loader), list(indexed)]

    same(run, 6)


def test_signature_is_pytorchs():
    import inspect

    for name in (
        "DataLoader",
        "TensorDataset",
        "Subset",
        "RandomSampler",
        "BatchSampler",
        "DistributedSampler",
    ):
        mine = inspect.signature(getattr(ours, name)).parameters
        reference = inspect.signature(getattr(theirs, name)).parameters
        assert [(p.name, p.kind, p.default) for p in mine.values()] == [
            (p.name, p.kind, p.default) for p in reference.values()
        ]
