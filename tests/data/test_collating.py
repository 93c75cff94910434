"""Joining samples: what becomes of each type, and what the errors say."""

import collections
import collections.abc

import numpy as np
import pytest

import rushlight
from rushlight.utils.data import default_collate, default_convert
from rushlight.utils.data._utils.collate import collate, default_collate_fn_map

Point = collections.namedtuple("Point", ["x", "y"])


def test_numbers():
    assert default_collate([1, 2]).dtype == rushlight.int64
    assert default_collate([1.0, 2.5]).dtype == rushlight.float64
    assert default_collate([True, False]).dtype == rushlight.bool
    assert default_collate([np.float32(1), np.float32(2)]).dtype == rushlight.float32
    assert default_collate([np.int16(1), np.int16(2)]).tolist() == [1, 2]
    assert default_collate([np.float16(1), np.float32(2)]).dtype == rushlight.float32


def test_arrays_and_tensors_are_stacked():
    arrays = default_collate([np.full((2, 3), i, dtype=np.int32) for i in range(4)])
    assert arrays.shape == (4, 2, 3)
    assert arrays.dtype == rushlight.int32
    assert arrays[3, 1, 2].item() == 3
    tensors = default_collate([rushlight.full((2,), float(i)) for i in range(3)])
    assert tensors.tolist() == [[0, 0], [1, 1], [2, 2]]
    scalars = default_collate([np.array(1.5), np.array(2.5)])
    assert scalars.tolist() == [1.5, 2.5]


def test_arrays_of_different_dtypes_are_promoted():
    joined = default_collate([np.zeros(2, np.float32), np.ones(2, np.float64)])
    assert joined.dtype == rushlight.float64
    assert joined.tolist() == [[0, 0], [1, 1]]


def test_memory_maps(tmp_path):
    np.arange(6, dtype=np.float32).tofile(tmp_path / "numbers")
    mapped = np.memmap(tmp_path / "numbers", dtype=np.float32, mode="r", shape=(3, 2))
    assert default_collate([mapped[0], mapped[2]]).tolist() == [[0, 1], [4, 5]]


def test_text_stays():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]
    assert default_collate([("a", 1), ("b", 2)])[0] == ("a", "b")


def test_structures():
    joined = default_collate([{"x": (1, [2.0]), "p": Point(0, "a")}, {"x": (3, [4.0]), "p": Point(5, "b")}])
    assert list(joined) == ["x", "p"]
    assert isinstance(joined["x"], list)
    assert joined["x"][0].tolist() == [1, 3]
    assert joined["x"][1][0].tolist() == [2.0, 4.0]
    assert isinstance(joined["p"], Point)
    assert joined["p"].x.tolist() == [0, 5]
    assert joined["p"].y == ("a", "b")


def test_mapping_types_are_kept():
    ordered = default_collate([collections.OrderedDict(b=1, a=2), collections.OrderedDict(b=3, a=4)])
    assert isinstance(ordered, collections.OrderedDict)
    assert list(ordered) == ["b", "a"]
    counted = default_collate([collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)])
    assert counted.default_factory is int


class Frozen(collections.abc.Mapping):
    def __init__(self, values):
        self.values_ = dict(values)

    def __getitem__(self, key):
        return self.values_[key]

    def __iter__(self):
        return iter(self.values_)

    def __len__(self):
        return len(self.values_)


class Picky(Frozen):
    def __init__(self):
        super().__init__({"a": 1})


def test_immutable_mappings_are_rebuilt_or_become_dicts():
    assert isinstance(default_collate([Frozen({"a": 1}), Frozen({"a": 2})]), Frozen)
    assert type(default_collate([Picky(), Picky()])) is dict


def test_other_sequences():
    assert [column.tolist() for column in default_collate([range(2), range(2)])] == [[0, 0], [1, 1]]
    assert isinstance(default_collate([collections.deque([1]), collections.deque([2])]), collections.deque)


def test_unequal_shapes_name_entries_and_shapes():
    tensors = [rushlight.zeros(3), rushlight.zeros(3), rushlight.zeros(4)]
    with pytest.raises(RuntimeError, match=r"got \[3\] at entry 0 and \[4\] at entry 2"):
        default_collate(tensors)
    with pytest.raises(RuntimeError, match=r"got \[2, 2\] at entry 0 and \[2\] at entry 1"):
        default_collate([np.zeros((2, 2)), np.zeros(2)])
    with pytest.raises(RuntimeError, match="equal size, but got 2 at entry 0 and 1 at entry 1"):
        default_collate([[1, 2], [1]])


@pytest.mark.parametrize("leaf", [None, {1}, object()])
def test_other_leaves_are_refused(leaf):
    with pytest.raises(TypeError, match=type(leaf).__name__):
        default_collate([leaf])


def test_arrays_without_numbers_are_refused():
    for array in (np.array(["a"]), np.array([b"a"]), np.array([None])):
        with pytest.raises(TypeError, match="default_collate: batch must contain"):
            default_collate([array])


def test_mixed_batches_are_refused():
    with pytest.raises(TypeError, match="element 1"):
        default_collate([rushlight.zeros(2), 1.0])
    with pytest.raises(KeyError):
        default_collate([{"a": 1}, {"b": 1}])


def test_own_functions():
    total = collate(
        [(1, "a"), (2, "b")], collate_fn_map={int: lambda b, **_: sum(b), str: lambda b, **_: len(b)}
    )
    assert total == [3, 2]
    with pytest.raises(TypeError):
        collate([1, 2])


def test_registered_function_is_used_for_arrays_too(monkeypatch):
    monkeypatch.setitem(default_collate_fn_map, rushlight.Tensor, lambda batch, **_: len(batch))
    assert default_collate([np.zeros(2), np.zeros(2)]) == 2
    assert default_collate([rushlight.zeros(2)]) == 1


def test_convert():
    array = np.array([0.0, 1.0])
    converted = default_convert(
        {"a": array, "t": (array, "x"), "n": 3, "s": np.array(["q"]), "p": Point(array, 1)}
    )
    assert converted["a"].tolist() == [0, 1]
    assert isinstance(converted["t"], list)
    assert converted["t"][1] == "x"
    assert converted["n"] == 3
    assert isinstance(converted["s"], np.ndarray)
    assert isinstance(converted["p"], Point)
    assert converted["p"].x.dtype == rushlight.float64
    assert default_convert(np.float32(2)).item() == 2
    assert default_convert([array])[0].tolist() == [0, 1]
    assert default_convert(b"abc") == b"abc"
    array[0] = 5
    assert converted["a"][0].item() == 5
