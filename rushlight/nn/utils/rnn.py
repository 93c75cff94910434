"""torch.nn.utils.rnn: hands on what packed_sequence.py holds, which the recurrent layers use as well."""

from ..packed_sequence import (
    PackedSequence,
    PackedSequence_,
    bind,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)

__all__ = [
    "PackedSequence",
    "PackedSequence_",
    "bind",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

for _named in (PackedSequence, PackedSequence_):
    _named.__module__ = __name__  # their place in torch.nn, which files name
