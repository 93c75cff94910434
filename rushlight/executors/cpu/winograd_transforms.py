"""The matrices of Winograd's F(4x4, 3x3), as vector code; each acts on a list of vectors, and twice on a tile.

With B, G and A as in Lavin and Gray (2016), the convolution of a 6x6 tile d with a 3x3 kernel g is
A^T ((G g G^T) * (B^T d B)) A: 36 multiplications where the direct form has 144. The points are 0, 5/8, -5/8, 3/2, -3/2 and
infinity: with the usual 1, -1, 2, -2 the error is twice as large (searched among sixteenths; all constants here are exact
but for those of G).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .emit import Builder, Value

_A, _B = 0.625, 1.5
_A2, _B2 = _A * _A, _B * _B
# 1 / the products of the points' differences.
_N0, _NA, _NB = 1 / (_A2 * _B2), 1 / (2 * _A2 * (_A2 - _B2)), 1 / (2 * _B2 * (_B2 - _A2))

Map = Callable[[Builder, Sequence[Value]], list[Value]]


def source(b: Builder, d: Sequence[Value]) -> list[Value]:
    """B^T d: six numbers from six."""
    even_a, even_b = b.fma(d[2], -_B2, d[4]), b.fma(d[2], -_A2, d[4])
    odd_a, odd_b = b.fma(d[1], -_B2, d[3]), b.fma(d[1], -_A2, d[3])
    return [
        b.fma(d[0], _A2 * _B2, b.fma(d[2], -_A2 - _B2, d[4])),
        b.fma(odd_a, _A, even_a),
        b.fma(odd_a, -_A, even_a),
        b.fma(odd_b, _B, even_b),
        b.fma(odd_b, -_B, even_b),
        b.fma(d[1], _A2 * _B2, b.fma(d[3], -_A2 - _B2, d[5])),
    ]


def target(b: Builder, m: Sequence[Value]) -> list[Value]:
    """A^T m: four numbers from six."""
    even_a, odd_a, even_b, odd_b = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [
        m[0] + even_a + even_b,
        b.fma(odd_a, _A, odd_b * _B),
        b.fma(even_a, _A2, even_b * _B2),
        b.fma(odd_a, _A2 * _A, b.fma(odd_b, _B2 * _B, m[5])),
    ]


def weight(b: Builder, g: Sequence[Value]) -> list[Value]:
    """G g: six numbers from three."""
    even_a, even_b = b.fma(g[2], _A2, g[0]) * _NA, b.fma(g[2], _B2, g[0]) * _NB
    return [
        g[0] * _N0,
        b.fma(g[1], _A * _NA, even_a),
        b.fma(g[1], -_A * _NA, even_a),
        b.fma(g[1], _B * _NB, even_b),
        b.fma(g[1], -_B * _NB, even_b),
        g[2],
    ]


def target_gradient(b: Builder, d: Sequence[Value]) -> list[Value]:
    """A d: six numbers from four."""
    even_a, even_b = b.fma(d[2], _A2, d[0]), b.fma(d[2], _B2, d[0])
    odd_a, odd_b = b.fma(d[3], _A2, d[1]), b.fma(d[3], _B2, d[1])
    return [
        d[0],
        b.fma(odd_a, _A, even_a),
        b.fma(odd_a, -_A, even_a),
        b.fma(odd_b, _B, even_b),
        b.fma(odd_b, -_B, even_b),
        d[3],
    ]


def weight_gradient(b: Builder, m: Sequence[Value]) -> list[Value]:
    """G^T m: three numbers from six."""
    even_a, odd_a = (m[1] + m[2]) * _NA, (m[1] - m[2]) * (_A * _NA)
    even_b, odd_b = (m[3] + m[4]) * _NB, (m[3] - m[4]) * (_B * _NB)
    return [
        b.fma(m[0], _N0, even_a + even_b),
        odd_a + odd_b,
        b.fma(even_a, _A2, b.fma(even_b, _B2, m[5])),
    ]


def both(b: Builder, map: Map, tile: Sequence[Sequence[Value]]) -> list[list[Value]]:
    """The map on the columns, then on the rows of a tile: M tile M^T."""
    columns = [map(b, [row[j] for row in tile]) for j in range(len(tile[0]))]
    return [map(b, [column[i] for column in columns]) for i in range(len(columns[0]))]
