"""The primitives, one record each. Importing this package declares all of them.

elementwise (arithmetic, functions of one number, comparisons, bits), special (scipy's functions), movement,
reduction, scan, contraction (matrix products, convolutions), attention, recurrence, pooling, indexing, ordering, linalg, fourier.
"""

from . import (
    attention,
    bessel,
    checking,
    contraction,
    ctc,
    elementwise,
    factorizations,
    fourier,
    indexing,
    linalg,
    movement,
    ordering,
    polynomials,
    pooling,
    recurrence,
    reduction,
    scan,
    special,
    spectra,
)
from .samples import Call
