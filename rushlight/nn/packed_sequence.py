"""Sequences of different lengths in one tensor: packing, padding and back (torch.nn.utils.rnn).

A PackedSequence lays the first elements of all sequences side by side, then the second ones, and so on,
longest sequence first, so that a recurrent layer runs each step on exactly the sequences that are still
going. Packing and padding are one gather each, and so are their gradients.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from .. import dtypes
from .. import functions as fn
from ..tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
    "pack_sequence",
    "unpack_sequence",
]


class PackedSequence_(NamedTuple):
    """The fields of a PackedSequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


def bind(optional, fn):
    """fn(optional), or None for None."""
    return None if optional is None else fn(optional)


class PackedSequence(PackedSequence_):
    """Packed sequences; made by pack_padded_sequence and pack_sequence, read by pad_packed_sequence.

    Attributes:
        data: all elements, step by step, (sum of lengths, *).
        batch_sizes: number of sequences still going at each step, int64, on the CPU.
        sorted_indices: how the sequences were ordered by length, or None if they came so.
        unsorted_indices: the inverse of it.
    Source: torch.nn.utils.rnn.PackedSequence.
    Example:
        >>> import rushlight as torch
        >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1.0, 2.0]), torch.tensor([3.0])])
        >>> packed.data, packed.batch_sizes
        (tensor([1., 3., 2.]), tensor([2, 1]))
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in "
                "nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """Move and cast data as Tensor.to does, and the indices to its device; self if nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return self._with(data, lambda indices: indices.to(data.device))

    def _with(self, data, convert):
        return type(self)(
            data,
            self.batch_sizes,
            bind(self.sorted_indices, convert),
            bind(self.unsorted_indices, convert),
        )

    def pin_memory(self):
        """The same in page-locked memory."""
        return self._with(self.data.pin_memory(), lambda indices: indices.pin_memory())

    def cuda(self, *args, **kwargs):
        """The same on a CUDA device."""
        return self.to("cuda") if not args and not kwargs else self.to(*args, **kwargs)

    def cpu(self):
        """The same on the CPU."""
        return self.to("cpu")

    def double(self):
        """data as float64."""
        return self.to(dtype=dtypes.float64)

    def float(self):
        """data as float32."""
        return self.to(dtype=dtypes.float32)

    def half(self):
        """data as float16."""
        return self.to(dtype=dtypes.float16)

    def long(self):
        """data as int64."""
        return self.to(dtype=dtypes.int64)

    def int(self):
        """data as int32."""
        return self.to(dtype=dtypes.int32)

    def short(self):
        """data as int16."""
        return self.to(dtype=dtypes.int16)

    def char(self):
        """data as int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self):
        """data as uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self):
        """Whether data is on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self):
        """Whether data is in page-locked memory."""
        return self.data.is_pinned()


def invert_permutation(permutation):
    """The permutation that undoes another; None for None."""
    if permutation is None:
        return None
    positions = fn.arange(permutation.numel(), device=permutation.device, dtype=permutation.dtype)
    return fn.empty_like(permutation).scatter_(0, permutation, positions)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack padded sequences, leaving the padding out.

    Args:
        input: (T, B, *), or (B, T, *) with batch_first.
        lengths: of each sequence, a list or an int64 tensor (B) on the CPU.
        enforce_sorted: the sequences come longest first; False sorts them.
    Returns:
        A PackedSequence.
    Raises:
        RuntimeError: lengths that are not one positive number at most T for each sequence, or not sorted.
    Source: torch.nn.utils.rnn.pack_padded_sequence.
    Example:
        >>> import rushlight as torch
        >>> packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor([[1, 3], [2, 0]]), [2, 1])
        >>> packed.data
        tensor([1, 3, 2])
    """
    if isinstance(lengths, Tensor):
        lengths = lengths.to(dtype=dtypes.int64)
    else:
        lengths = fn.as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    batch_dim = 0 if batch_first else 1
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = fn.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(batch_dim, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    steps, batch = input.shape[:2]
    sizes = _batch_sizes(lengths, steps, batch, input.numel())
    places = [step * batch + b for step, size in enumerate(sizes) for b in range(size)]
    flat = input.reshape(steps * batch, *input.shape[2:])
    data = flat.index_select(0, fn.tensor(places, dtype=dtypes.int64, device=input.device))
    return PackedSequence(data, fn.tensor(sizes, dtype=dtypes.int64), sorted_indices, None)


def _batch_sizes(lengths, steps, batch, elements):
    """How many sequences are still going at each step, from sorted lengths."""
    if lengths.dim() != 1 or lengths.device.type != "cpu":
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D "
            f"{lengths.device.type} Long tensor"
        )
    if elements == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    counts = lengths.tolist()
    if len(counts) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={batch})"
        )
    if min(counts) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if sorted(counts, reverse=True) != counts:
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
            "requirement "
            "if you do not need ONNX exportability."
        )
    if counts[0] > steps:
        raise RuntimeError(f"Expected lengths of at most {steps}, the padded length, but got {counts[0]}")
    return [sum(count > step for count in counts) for step in range(counts[0])]


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undo pack_padded_sequence.

    Args:
        total_length: pad to this length rather than to the longest sequence's.
    Returns:
        The padded tensor (T, B, *), or (B, T, *) with batch_first, and the lengths (B), both in the order in
        which the sequences were given to be packed.
    Raises:
        ValueError: total_length is shorter than the longest sequence.
    Source: torch.nn.utils.rnn.pad_packed_sequence.
    Example:
        >>> import rushlight as torch
        >>> rnn = torch.nn.utils.rnn
        >>> packed = rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
        >>> rnn.pad_packed_sequence(packed, batch_first=True)
        (tensor([[1, 2],
                [3, 0]]), tensor([2, 1]))
    """
    sizes = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data, batch = sequence.data, sizes[0]
    starts = accumulate(sizes, initial=0)
    places = []
    for start, size in zip(starts, sizes, strict=False):
        places += [*range(start, start + size), *([data.size(0)] * (batch - size))]
    places += [data.size(0)] * (batch * (steps - len(sizes)))
    padding = data.new_full((1, *data.shape[1:]), padding_value)  # the row after the last
    rows = fn.cat([data, padding]).index_select(0, fn.tensor(places, dtype=dtypes.int64, device=data.device))
    padded = rows.reshape(steps, batch, *data.shape[1:])
    if batch_first:
        padded = padded.transpose(0, 1)
    lengths = fn.tensor([sum(size > b for size in sizes) for b in range(batch)], dtype=dtypes.int64)
    order = sequence.unsorted_indices
    if order is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack sequences of different lengths, padded to the longest.

    Args:
        sequences: an iterable of B tensors (L_i, *).
        padding_side: "right" or "left".
    Returns:
        (T, B, *), or (B, T, *) with batch_first, of the first tensor's dtype; T the largest L_i.
    Raises:
        RuntimeError: no iterable, no sequences, or sizes after the first that differ.
    Source: torch.nn.utils.rnn.pad_sequence.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = sequences[0]
    steps = max(sequence.size(0) for sequence in sequences)
    padded = []
    for position, sequence in enumerate(sequences):
        if sequence.shape[1:] != first.shape[1:]:
            raise RuntimeError(
                f"pad_sequence: sizes after the first must match, got {tuple(first.shape)} at position 0 and "
                f"{tuple(sequence.shape)} at position {position}"
            )
        missing = steps - sequence.size(0)
        sequence = sequence.to(first.dtype)
        if missing:
            padding = first.new_full((missing, *first.shape[1:]), padding_value)
            sequence = fn.cat([sequence, padding] if padding_side == "right" else [padding, sequence])
        padded.append(sequence)
    return fn.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences that pad_sequence stacked, as a list.

    Args:
        padded_sequences: (T, B, *), or (B, T, *) with batch_first.
        lengths: (B).
    Source: torch.nn.utils.rnn.unpad_sequence.
    Example:
        >>> import rushlight as torch
        >>> torch.nn.utils.rnn.unpad_sequence(torch.tensor([[1, 3], [2, 0]]), torch.tensor([2, 1]))
        [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    counts = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [sequence[:count] for sequence, count in zip(padded_sequences, counts, strict=True)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of tensors (L_i, *); longest first unless enforce_sorted=False.

    Source: torch.nn.utils.rnn.pack_sequence.
    """
    lengths = fn.as_tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list of tensors that was packed. Source: torch.nn.utils.rnn.unpack_sequence.

    Example:
        >>> import rushlight as torch
        >>> rnn = torch.nn.utils.rnn
        >>> rnn.unpack_sequence(rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
        [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
