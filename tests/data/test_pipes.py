"""Datapipes: each pipe, chains of them, files, and what loaders do to a chain."""

import pytest

import rushlight
from rushlight.utils.data import DataChunk, DataLoader, IterDataPipe, MapDataPipe, functional_datapipe
from rushlight.utils.data.datapipes.iter import (
    FileLister,
    FileOpener,
    IterableWrapper,
    Sampler,
    Shuffler,
    StreamReader,
)
from rushlight.utils.data.datapipes.iter.combinatorics import ShufflerIterDataPipe
from rushlight.utils.data.datapipes.map import SequenceWrapper
from rushlight.utils.data.graph_settings import apply_sharding, apply_shuffle_settings

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def numbers(count):
    return IterableWrapper(range(count))


def add(a, b=1):
    return a + b


def is_even(number):
    return number % 2 == 0


def test_chains():
    pipe = numbers(10).map(add).filter(is_even).batch(2)
    assert list(pipe) == [[2, 4], [6, 8], [10]]
    assert list(pipe) == [[2, 4], [6, 8], [10]]
    assert isinstance(next(iter(pipe)), DataChunk)
    assert list(numbers(5).batch(2, drop_last=True)) == [[0, 1], [2, 3]]
    assert len(numbers(5).batch(2)) == 3
    with pytest.raises(TypeError, match="valid length"):
        len(numbers(5).filter(is_even).batch(2))


def test_columns():
    rows = IterableWrapper([(1, 2, 3)])
    assert list(rows.map(add, input_col=0)) == [(2, 2, 3)]
    assert list(rows.map(add, input_col=[0, 2])) == [(4, 2)]
    assert list(rows.map(add, input_col=[0, 2], output_col=-1)) == [(1, 2, 3, 4)]
    assert list(IterableWrapper([{"a": 1}]).map(add, input_col="a", output_col="b")) == [{"a": 1, "b": 2}]
    assert list(rows.filter(is_even, input_col=0)) == []
    with pytest.raises(ValueError, match="output_col"):
        rows.map(add, output_col=1)
    with pytest.raises(ValueError, match="bool, got int"):
        list(rows.filter(add, input_col=0))


def test_joining_and_unpacking():
    assert list(numbers(2).concat(numbers(3))) == [0, 1, 0, 1, 2]
    assert list(numbers(2).zip(numbers(3))) == [(0, 0), (1, 1)]
    assert list(numbers(2).mux(numbers(3).map(str))) == [0, "0", 1, "1"]
    nested = IterableWrapper([[[0, 1], [2]], [[3]]])
    assert list(nested.unbatch()) == [[0, 1], [2], [3]]
    assert list(nested.unbatch(unbatch_level=-1)) == [0, 1, 2, 3]
    with pytest.raises(IndexError, match="unbatch_level 3"):
        list(nested.unbatch(3))
    assert list(Sampler(numbers(3))) == [0, 1, 2]
    assert [t.tolist() for t in numbers(4).batch(2).collate()] == [[0, 1], [2, 3]]


def test_shuffler():
    pipe = numbers(50).shuffle()
    assert isinstance(pipe, ShufflerIterDataPipe)
    assert Shuffler is ShufflerIterDataPipe
    rushlight.manual_seed(1)
    first, second = list(pipe), list(pipe)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert list(pipe.set_seed(3)) == list(pipe.set_seed(3))
    assert list(pipe.set_shuffle(False)) == list(range(50))
    near = list(numbers(50).shuffle(buffer_size=2))
    assert sorted(near) == list(range(50))
    assert all(position <= item + 50 and item - position <= 2 for position, item in enumerate(near))
    with pytest.raises(AssertionError, match="buffer_size"):
        numbers(3).shuffle(buffer_size=0)


def test_one_iterator_at_a_time():
    pipe = numbers(5)
    first = iter(pipe)
    assert next(first) == 0
    second = iter(pipe)
    assert next(second) == 0
    with pytest.raises(RuntimeError, match="invalidated"):
        next(first)
    assert list(second) == [1, 2, 3, 4]


def test_own_pipes():
    @functional_datapipe("repeat_each_twice")
    class Twice(IterDataPipe):
        def __init__(self, source):
            self.source = source
            self.resets = 0

        def reset(self):
            self.resets += 1

        def __iter__(self):
            for item in self.source:
                yield item
                yield item

    pipe = numbers(2).repeat_each_twice()
    assert list(pipe) == list(pipe) == [0, 0, 1, 1]
    assert pipe.resets == 2
    assert repr(pipe).endswith("Twice")
    with pytest.raises(Exception, match="already taken"):
        functional_datapipe("repeat_each_twice")(Twice)
    with pytest.raises(AttributeError, match="no_such_pipe"):
        pipe.no_such_pipe()
    with pytest.raises(TypeError, match="datapipes"):
        functional_datapipe("x")(dict)


def test_files(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("b.txt", "a.txt", "c.csv", "inner/d.txt"):
        (tmp_path / name).write_text(name)
    root = str(tmp_path)
    names = [path[len(root) + 1 :] for path in FileLister(root, masks="*.txt", recursive=True)]
    assert names == ["a.txt", "b.txt", "inner/d.txt"]
    contents = StreamReader(FileOpener(FileLister(root, masks=["*.txt", "*.csv"]), mode="rt"))
    assert [content for _, content in contents] == ["a.txt", "b.txt", "c.csv"]
    with pytest.raises(ValueError, match="Invalid mode w"):
        FileOpener([], mode="w")
    with pytest.raises(TypeError, match="valid length"):
        len(FileLister(root))
    assert len(FileLister(root, length=4)) == 4


def test_map_style():
    pipe = SequenceWrapper([1, 2, 3]).map(str)
    assert isinstance(pipe, MapDataPipe)
    assert [pipe[i] for i in range(len(pipe))] == ["1", "2", "3"]
    assert pipe.concat(pipe)[4] == "2"
    assert pipe.zip(pipe)[1] == ("2", "2")
    batches = pipe.batch(2)
    assert [batches[i] for i in range(len(batches))] == [["1", "2"], ["3"]]
    with pytest.raises(IndexError, match="Index 2"):
        batches[2]
    assert sorted(pipe.shuffle()) == ["1", "2", "3"]
    assert list(DataLoader(pipe, batch_size=2)) == [["1", "2"], ["3"]]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loaders_shuffle_and_divide(num_workers):
    pipe = numbers(30).shuffle().sharding_filter()
    loader = DataLoader(pipe, batch_size=None, shuffle=True, num_workers=num_workers)
    first, second = list(loader), list(loader)
    assert sorted(first) == sorted(second) == list(range(30))
    assert first != second
    assert list(DataLoader(pipe, batch_size=None, shuffle=False)) == list(range(30))


def test_settings_of_chains():
    with pytest.warns(UserWarning, match="does not contain a `Shuffler`"):
        shuffled = apply_shuffle_settings(numbers(20), shuffle=True)
    assert isinstance(shuffled, Shuffler)
    assert apply_shuffle_settings(shuffled, shuffle=None) is shuffled
    divided = numbers(7).sharding_filter()
    apply_sharding(divided, 3, 1)
    assert list(divided) == [1, 4]
    assert len(divided) == 2
    with pytest.raises(RuntimeError, match="Sharding twice"):
        apply_sharding(divided.sharding_filter(), 2, 0)
    with pytest.raises(ValueError, match=r"instance_id\(3\)"):
        apply_sharding(divided, 3, 3)
