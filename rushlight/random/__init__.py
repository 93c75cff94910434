"""Random numbers: PyTorch's CPU stream (mt19937.py and its parts) and generators (generator.py); `torch.random`."""

from .generator import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
