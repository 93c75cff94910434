"""The Mersenne Twister: seeding, 32-bit words and uniforms made of them, and PyTorch's form of its state.

NumPy turns the crank; this module seeds it as PyTorch does and converts its state to and from the 5056 bytes
of torch.get_rng_state(). What the numbers are made into is decided in mt19937.py and rejection.py. A seed has
64 bits, but only its low 32 reach the twister; all of them are remembered.
"""

from __future__ import annotations

import numpy as np

STATE_BYTES = 5056

_WORDS = 624
_LARGEST_WORD = 2**32 - 1

# The record that PyTorch copies into a state: an older generator's fields, then a sample in single precision.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", (_WORDS,)),
        ("normal_x", "<f8"),
        ("normal", "<f8"),
        ("normal_rho", "<f8"),
        ("has_normal", "<i4"),
        ("padding", "V4"),
        ("single_normal", "<f4"),
        ("has_single_normal", "u1"),
        ("tail", "V3"),
    ]
)


class Engine:
    """A twister, with the normal sample that PyTorch keeps beside it for the next call.

    Attributes: `seed`, the 64-bit seed last set; `next_normal`, a float or None.
    """

    def __init__(self, seed: int) -> None:
        self._twister = np.random.MT19937(0)
        self._integers = np.random.Generator(self._twister).integers
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        self.seed = seed
        self.next_normal: float | None = None
        self._single_normal: np.float32 | None = None
        self._untouched = True
        self._twister._legacy_seeding(seed & _LARGEST_WORD)

    def words(self, n: int) -> np.ndarray:
        """The next n words, uint32."""
        if n == 0:
            return np.empty(0, np.uint32)
        self._untouched = False
        if n < 64:
            return self._twister.random_raw(n).astype(np.uint32)  # less to set up
        return self._integers(0, _LARGEST_WORD, n, dtype=np.uint32, endpoint=True)

    def words64(self, n: int) -> np.ndarray:
        """n numbers of 64 bits, each from two words, the high one first; uint64."""
        pairs = self.words(2 * n)
        return (pairs[0::2].astype(np.uint64) << np.uint64(32)) | pairs[1::2]

    def singles(self, n: int) -> np.ndarray:
        """n uniforms in [0, 1) of 24 bits, one word each; float32."""
        kept = self.words(n) & np.uint32(2**24 - 1)
        return kept.view(np.int32).astype(np.float32) * np.float32(2.0**-24)

    def doubles(self, n: int) -> np.ndarray:
        """n uniforms in [0, 1) of 53 bits, two words each; float64."""
        pairs = self.words(2 * n)
        high = (pairs[0::2] & np.uint32(2**21 - 1)).astype(np.float64)
        return high * 2.0**-21 + pairs[1::2].astype(np.float64) * 2.0**-53

    def skip(self, n: int) -> None:
        """Throw n words away."""
        if n:
            self._untouched = False
            self._twister.random_raw(n, output=False)

    def mark(self) -> tuple:
        """Where the words stand now, for `rewind`."""
        return self._twister.state, self._untouched

    def rewind(self, mark: tuple) -> None:
        """Go back to a mark; the normal sample is left alone."""
        self._twister.state, self._untouched = mark

    def clone(self) -> Engine:
        """A second engine in the same state."""
        twin = Engine(self.seed)
        twin.rewind(self.mark())
        twin.next_normal = self.next_normal
        twin._single_normal = self._single_normal
        return twin

    def to_bytes(self) -> np.ndarray:
        """The state as torch.get_rng_state() gives it: uint8, 5056."""
        inner = self._twister.state["state"]
        record = np.zeros((), _STATE)
        record["seed"] = self.seed
        record["left"] = _WORDS + 1 - inner["pos"]
        record["seeded"] = 1
        record["next"] = 0 if self._untouched else inner["pos"]
        record["words"] = inner["key"]
        if self.next_normal is not None:
            record["normal"], record["has_normal"] = self.next_normal, 1
        if self._single_normal is not None:
            record["single_normal"], record["has_single_normal"] = self._single_normal, 1
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def from_bytes(self, state: np.ndarray) -> None:
        """Take over a state from `to_bytes` or torch.get_rng_state().

        Raises: TypeError unless it is uint8; RuntimeError for another size, or bytes that are no state.
        """
        if state.dtype != np.uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor, got {state.dtype.name}")
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"set_rng_state: expected a CPU generator's state of {STATE_BYTES} bytes, got {state.size}"
            )
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        left, position = int(record["left"]), int(record["next"])
        untouched = left == 1 and position == 0
        if not record["seeded"] or not 0 < left <= _WORDS or not (untouched or left + position == _WORDS + 1):
            raise RuntimeError(
                f"Invalid mt19937 state: seeded {record['seeded']}, left {left}, next {position}; expected "
                f"seeded 1 and left + next = {_WORDS + 1}, as torch.get_rng_state() gives them"
            )
        self.seed = int(record["seed"])
        self._set_words(record["words"], _WORDS + 1 - left)
        self._untouched = untouched
        self.next_normal = float(record["normal"]) if record["has_normal"] else None
        self._single_normal = record["single_normal"] if record["has_single_normal"] else None

    def _set_words(self, words: np.ndarray, position: int) -> None:
        key = (words & np.uint64(_LARGEST_WORD)).astype(np.uint32)
        self._twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
