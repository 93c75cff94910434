"""Packing and padding of sequences, and recurrent layers on packed ones."""

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils import rnn


def sequences():
    return [torch.arange(1.0, 1.0 + 2 * n).reshape(n, 2) for n in (4, 2, 1)]


def test_packing_lays_steps_side_by_side():
    packed = rnn.pack_sequence(sequences())
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.data[:, 0].tolist() == [1, 1, 1, 3, 3, 5, 7]
    assert packed.sorted_indices is None


@pytest.mark.parametrize("batch_first", [False, True])
def test_round_trip_of_unsorted_sequences(batch_first):
    given = [sequences()[i] for i in (1, 0, 2)]
    padded = rnn.pad_sequence(given, batch_first=batch_first)
    packed = rnn.pack_padded_sequence(padded, [2, 4, 1], batch_first=batch_first, enforce_sorted=False)
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    back, lengths = rnn.pad_packed_sequence(packed, batch_first=batch_first)
    assert torch.equal(back, padded)
    assert lengths.tolist() == [2, 4, 1]
    for mine, theirs in zip(rnn.unpack_sequence(packed), given):
        assert torch.equal(mine, theirs)


def test_padding_value_side_and_total_length():
    given = [torch.tensor([1, 2]), torch.tensor([3])]
    assert rnn.pad_sequence(given, True, 9, "left").tolist() == [[1, 2], [9, 3]]
    packed = rnn.pack_sequence(given)
    padded, _ = rnn.pad_packed_sequence(packed, True, -1, total_length=3)
    assert padded.tolist() == [[1, 2, -1], [3, -1, -1]]


def test_gradients_flow_through_packing():
    x = torch.ones(3, 2, 1, requires_grad=True)
    packed = rnn.pack_padded_sequence(x, [3, 1])
    padded, _ = rnn.pad_packed_sequence(packed)
    (padded * torch.arange(1.0, 7.0).reshape(3, 2, 1)).sum().backward()
    assert x.grad.flatten().tolist() == [1, 2, 3, 0, 5, 0]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_packed_input_equals_each_sequence_alone(kind):
    torch.manual_seed(0)
    layer = kind(2, 3, num_layers=2, bidirectional=True)
    given = [sequences()[i] / 8 for i in (2, 0, 1)]
    packed, state = layer(rnn.pack_sequence(given, enforce_sorted=False))
    outputs = rnn.unpack_sequence(packed)
    for i, sequence in enumerate(given):
        alone, last = layer(sequence)
        assert torch.allclose(outputs[i], alone, atol=1e-6)
        pairs = zip(state, last) if kind is nn.LSTM else [(state, last)]
        for whole, single in pairs:
            assert torch.allclose(whole[:, i], single, atol=1e-6)


def test_converting_a_packed_sequence():
    packed = rnn.pack_sequence(sequences())
    assert packed.to("cpu") is packed
    assert packed.double().data.dtype is torch.float64
    assert packed.long().batch_sizes.dtype is torch.int64
    assert not packed.is_cuda


def test_lengths_beyond_the_padding_are_refused():
    with pytest.raises(RuntimeError, match="at most 2, the padded length, but got 3"):
        rnn.pack_padded_sequence(torch.ones(2, 1), [3])
