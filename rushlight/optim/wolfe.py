"""A line search for the strong Wolfe conditions: sufficient decrease, and a slope that has flattened enough.

Bracketing, then zooming by cubic interpolation (Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor

Point = tuple[float, float, Any, float]  # (step length, loss, gradient, slope)


def _cubic(
    x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, low: float, high: float
) -> float:
    """The minimum, inside [low, high], of the cubic with these values and slopes; the middle when it has none."""
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        found = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        found = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(found, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Tensor]],
    t: float,
    d: Tensor,
    f: float,
    g: Tensor,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[float, Tensor, float, int]:
    """(loss, gradient, step length, evaluations) of a step along `d` that meets the conditions, or the best found.

    Args:
        evaluate: step length -> (loss, gradient).
        t: the first step length to try.
        f, g, slope: loss, gradient and directional derivative at the start.
    """
    width = float(d.abs().max())
    bracket, done, calls, tried = _bracket(evaluate, t, d, f, g, slope, c1, c2, max_ls)
    if len(bracket) == 1:
        t, loss, gradient, _ = bracket[0]
        return loss, gradient, t, calls
    best = _zoom(evaluate, bracket, done, width, d, f, slope, c1, c2, tolerance_change, max_ls - tried)
    point, extra = best
    return point[1], point[2], point[0], calls + extra


def _bracket(
    evaluate: Callable,
    t: float,
    d: Tensor,
    f: float,
    g: Tensor,
    slope: float,
    c1: float,
    c2: float,
    most: int,
) -> tuple[list[Point], bool, int, int]:
    """Two points with an acceptable one between them, or one acceptable point."""
    before: Point = (0.0, f, g.clone(), slope)
    loss, gradient = evaluate(t)
    calls, tried = 1, 0
    now: Point = (t, loss, gradient, float(gradient.dot(d)))
    while tried < most:
        if now[1] > f + c1 * now[0] * slope or (tried > 1 and now[1] >= before[1]):
            return [before, now], False, calls, tried
        if abs(now[3]) <= -c2 * slope:
            return [now], True, calls, tried
        if now[3] >= 0:
            return [before, now], False, calls, tried
        least = now[0] + 0.01 * (now[0] - before[0])
        further = _cubic(before[0], before[1], before[3], now[0], now[1], now[3], least, now[0] * 10)
        before = now
        loss, gradient = evaluate(further)
        calls += 1
        now = (further, loss, gradient.clone(), float(gradient.dot(d)))
        tried += 1
    return [(0.0, f, g, slope), now], False, calls, tried


def _zoom(
    evaluate: Callable, bracket: list[Point], done: bool, width: float, d: Tensor, f: float, slope: float,
    c1: float, c2: float, tolerance: float, most: int,
) -> tuple[Point, int]:  # fmt: skip
    """Shrink the bracket until its lower end is acceptable."""
    low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
    calls = 0
    stuck = False
    while not done and calls < max(most, 0):
        ends = sorted((bracket[0][0], bracket[1][0]))
        if abs(ends[1] - ends[0]) * width < tolerance:
            break
        a, b = bracket
        t = _cubic(a[0], a[1], a[3], b[0], b[1], b[3], ends[0], ends[1])
        margin = 0.1 * (ends[1] - ends[0])
        if min(ends[1] - t, t - ends[0]) < margin:
            # Near an end: the first time it is let be, then the point is moved inside.
            if stuck or t >= ends[1] or t <= ends[0]:
                t = ends[1] - margin if abs(t - ends[1]) < abs(t - ends[0]) else ends[0] + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        loss, gradient = evaluate(t)
        calls += 1
        now: Point = (t, loss, gradient.clone(), float(gradient.dot(d)))
        if loss > f + c1 * t * slope or loss >= bracket[low][1]:
            bracket[high] = now
            low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(now[3]) <= -c2 * slope:
                done = True
            elif now[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = now
    return bracket[low], calls
