"""Samplers: the laws each order has to keep, found by hypothesis, and what is refused."""

import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight
from rushlight.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from rushlight.utils.data.distributed import DistributedSampler

sizes = st.integers(1, 60)
few = settings(max_examples=40, deadline=None)


def seeded(seed):
    return rushlight.Generator().manual_seed(seed)


@few
@given(sizes, st.integers(0, 2**31))
def test_random_sampler_is_a_permutation(size, seed):
    sampler = RandomSampler(range(size), generator=seeded(seed))
    assert sorted(sampler) == list(range(size))
    assert len(sampler) == size


@few
@given(sizes, st.integers(1, 150), st.integers(0, 2**31))
def test_random_sampler_with_more_samples_than_data(size, num_samples, seed):
    drawn = list(RandomSampler(range(size), num_samples=num_samples, generator=seeded(seed)))
    counts = collections.Counter(drawn)
    assert len(drawn) == num_samples
    for start in range(0, num_samples - size + 1, size):
        assert sorted(drawn[start : start + size]) == list(range(size))
    assert max(counts.values()) - min(counts.get(i, 0) for i in range(size)) <= 1


@few
@given(sizes, st.integers(1, 150), st.integers(0, 2**31))
def test_random_sampler_with_replacement(size, num_samples, seed):
    sampler = RandomSampler(range(size), replacement=True, num_samples=num_samples, generator=seeded(seed))
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == num_samples
    assert all(0 <= index < size for index in drawn)


def test_random_sampler_orders():
    rushlight.manual_seed(4)
    sampler = RandomSampler(range(50))
    first, second = list(sampler), list(sampler)
    rushlight.manual_seed(4)
    assert list(sampler) == first
    assert first != second


def test_random_sampler_follows_a_growing_source():
    source = [0]
    sampler = RandomSampler(source)
    source += [1, 2]
    assert sorted(sampler) == [0, 1, 2]


def test_random_sampler_refuses():
    with pytest.raises(TypeError, match="replacement=1"):
        RandomSampler(range(3), replacement=1)
    for num_samples in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"num_samples={num_samples}"):
            RandomSampler(range(3), num_samples=num_samples)
    with pytest.raises(ValueError, match="num_samples=0"):
        RandomSampler([])


@few
@given(st.lists(st.integers(), max_size=30), st.integers(0, 2**31))
def test_subset_random_sampler(indices, seed):
    sampler = SubsetRandomSampler(indices, generator=seeded(seed))
    assert sorted(sampler) == sorted(indices)
    assert len(sampler) == len(indices)


@few
@given(st.lists(st.sampled_from([0.0, 0.5, 3.0]), min_size=1, max_size=20), st.integers(0, 2**31))
def test_weighted_sampler_never_draws_weight_zero(weights, seed):
    positive = {index for index, weight in enumerate(weights) if weight}
    if not positive:
        return
    drawn = list(WeightedRandomSampler(weights, 25, generator=seeded(seed)))
    once = list(WeightedRandomSampler(weights, len(positive), replacement=False, generator=seeded(seed)))
    assert len(drawn) == 25
    assert set(drawn) <= positive
    assert sorted(once) == sorted(positive)


def test_weighted_sampler_refuses():
    for num_samples in (0, True, 2.0):
        with pytest.raises(ValueError, match=f"num_samples={num_samples}"):
            WeightedRandomSampler([1.0], num_samples)
    with pytest.raises(ValueError, match="replacement=1"):
        WeightedRandomSampler([1.0], 1, replacement=1)
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        WeightedRandomSampler([[1.0, 2.0]], 1)


@few
@given(st.integers(0, 60), st.integers(1, 20), st.booleans())
def test_batch_sampler_cuts_without_loss(size, batch_size, drop_last):
    sampler = BatchSampler(SequentialSampler(range(size)), batch_size, drop_last)
    batches = list(sampler)
    joined = [index for batch in batches for index in batch]
    assert len(sampler) == len(batches)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    if drop_last:
        assert joined == list(range(size - size % batch_size))
    else:
        assert joined == list(range(size))


def test_batch_sampler_refuses():
    for batch_size in (0, -1, 2.0, True, None):
        with pytest.raises(ValueError, match=f"batch_size={batch_size}"):
            BatchSampler(range(3), batch_size, False)
    with pytest.raises(ValueError, match="drop_last=1"):
        BatchSampler(range(3), 1, 1)


@few
@given(sizes, st.integers(1, 7), st.booleans(), st.booleans(), st.integers(0, 5))
def test_distributed_sampler_shares_evenly(size, replicas, shuffle, drop_last, epoch):
    shares = []
    for rank in range(replicas):
        sampler = DistributedSampler(range(size), replicas, rank, shuffle=shuffle, drop_last=drop_last)
        sampler.set_epoch(epoch)
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler)
    drawn = collections.Counter(index for share in shares for index in share)
    assert len({len(share) for share in shares}) == 1
    assert set(drawn) <= set(range(size))
    if drop_last:
        assert all(count == 1 for count in drawn.values())
    else:
        assert set(drawn) == set(range(size))


def test_distributed_sampler_epochs_and_ranks():
    sampler = DistributedSampler(range(40), 2, 1, seed=5)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    for rank in (-1, 2):
        with pytest.raises(ValueError, match=f"Invalid rank {rank}"):
            DistributedSampler(range(4), 2, rank)


def test_base_sampler():
    with pytest.raises(NotImplementedError, match="Sampler"):
        iter(Sampler())
    with pytest.raises(TypeError):
        len(Sampler())
    assert Sampler[int] is not None
