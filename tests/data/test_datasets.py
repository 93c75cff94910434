"""Datasets: indexing, combining, splitting, and what each refuses."""

import pytest

import rushlight
from rushlight.utils.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Tens(Dataset):
    """0, 10, 20, ..."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return 10 * index


class Together(Tens):
    """The same, a whole batch at once."""

    def __getitems__(self, indices):
        return [10 * index for index in indices]


class Stream(IterableDataset):
    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)


def test_dataset_without_getitem_names_its_class():
    class Nothing(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Nothing"):
        Nothing()[0]
    with pytest.raises(TypeError):
        len(Nothing())


def test_iterable_dataset_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        IterableDataset()


def test_classes_take_type_parameters():
    assert Dataset[int] is not None
    assert IterableDataset[int] is not None


def test_tensor_dataset():
    rows = TensorDataset(rushlight.arange(6).view(3, 2), rushlight.tensor([7, 8, 9]))
    first, second = rows[1]
    assert len(rows) == 3
    assert first.tolist() == [2, 3]
    assert second.item() == 8
    assert rows[1:][1].tolist() == [8, 9]


def test_tensor_dataset_refuses_sizes_that_differ():
    with pytest.raises(AssertionError, match=r"Size mismatch.*\[3, 4\]"):
        TensorDataset(rushlight.zeros(3), rushlight.zeros(4, 2))


def test_concat_dataset():
    both = Tens(3) + Tens(2)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(5)] == [0, 10, 20, 0, 10]
    assert [both[-i] for i in range(1, 6)] == [10, 0, 20, 10, 0]
    assert both.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="index -6"):
        both[-6]
    with pytest.warns(FutureWarning):
        assert both.cummulative_sizes == [3, 5]


def test_concat_dataset_refuses():
    with pytest.raises(AssertionError, match="empty"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="IterableDataset"):
        ConcatDataset([Stream(1)])


def test_chain_dataset():
    chain = Stream(1, 2) + Stream(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [1, 2, 3]
    assert len(chain) == 3
    with pytest.raises(AssertionError, match="Tens"):
        list(ChainDataset([Tens(2)]))


@pytest.mark.parametrize("kind", [Tens, Together])
def test_stack_dataset(kind):
    pair = StackDataset(kind(3), "abc")
    named = StackDataset(number=kind(3), letter="abc")
    assert len(pair) == len(named) == 3
    assert pair[1] == (10, "b")
    assert named[1] == {"number": 10, "letter": "b"}
    assert pair.__getitems__([2, 0]) == [(20, "c"), (0, "a")]
    assert named.__getitems__([2]) == [{"number": 20, "letter": "c"}]


def test_stack_dataset_refuses():
    with pytest.raises(ValueError, match="At least one"):
        StackDataset()
    with pytest.raises(ValueError, match=r"Size mismatch.*\[2, 3\]"):
        StackDataset("ab", "abc")
    with pytest.raises(ValueError, match="by position"):
        StackDataset("ab", letter="ab")

    class Short(Together):
        def __getitems__(self, indices):
            return super().__getitems__(indices)[1:]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        StackDataset(Short(3)).__getitems__([0, 1])


@pytest.mark.parametrize("kind", [Tens, Together])
def test_subset(kind):
    part = Subset(kind(9), [8, 1, 5])
    assert len(part) == 3
    assert list(part) == [80, 10, 50]
    assert part.__getitems__([2, 0]) == [50, 80]


def test_subset_passes_lists_on():
    part = Subset(TensorDataset(rushlight.arange(5)), [4, 2, 0])
    assert part[[0, 2]][0].tolist() == [4, 0]


def test_subset_subclass_needs_both_methods():
    class Half(Subset):
        def __getitem__(self, index):
            return -1

    with pytest.raises(NotImplementedError, match="Half overrides __getitem__ but not __getitems__"):
        Half(Tens(2), [0])


def test_random_split_covers_everything_once():
    parts = random_split(range(20), [12, 8], generator=rushlight.Generator().manual_seed(3))
    assert [len(part) for part in parts] == [12, 8]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(20))
    again = random_split(range(20), [12, 8], generator=rushlight.Generator().manual_seed(3))
    assert again[0].indices == parts[0].indices


@pytest.mark.parametrize(
    ("size", "fractions", "lengths"),
    [
        (10, [0.5, 0.5], [5, 5]),
        (10, [1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
        (7, [0.2, 0.8], [2, 5]),
        (3, [1.0], [3]),
    ],
)
def test_random_split_by_fractions(size, fractions, lengths):
    assert [len(part) for part in random_split(range(size), fractions)] == lengths


def test_random_split_refuses():
    with pytest.raises(ValueError, match=r"\[3, 4\] add up to 7, the dataset has 9"):
        random_split(range(9), [3, 4])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        random_split(range(9), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="split at index 1 is 0"):
        random_split(range(2), [0.9, 0.1])
