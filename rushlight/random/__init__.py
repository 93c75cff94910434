"""PyTorch's random numbers: the CPU stream rebuilt on NumPy's MT19937, and what draws from it.

Nothing here knows of tensors: a stream hands out NumPy arrays. `mt19937` holds the stream itself; the
other modules are the algorithms it is made of. Import them by name: `from .random.mt19937 import Stream`.
"""
