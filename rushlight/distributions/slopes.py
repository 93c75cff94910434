"""How draws of Gamma and Beta move with their parameters: -(d cdf / d parameter) / density."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..tensor import Tensor


def _moved(cdf: Callable, tail: Callable, x: Any, at: Any) -> Any:
    """d cdf / d parameter by differences of sixth order, of whichever of cdf and tail is smaller, in float64."""
    import numpy as np

    h = at * 1e-3
    use_tail = cdf(at, x) > 0.5

    def slope(f: Callable) -> Any:
        return (
            45 * (f(at + h, x) - f(at - h, x))
            - 9 * (f(at + 2 * h, x) - f(at - 2 * h, x))
            + f(at + 3 * h, x)
            - f(at - 3 * h, x)
        ) / (60 * h)

    return np.where(use_tail, -slope(tail), slope(cdf))


def gamma_slope(drawn: Tensor, concentration: Tensor) -> Tensor:
    """d draw / d concentration of draws of Gamma(concentration, 1)."""
    import numpy as np
    from scipy import special

    x, a = (t.detach().double().numpy() for t in (drawn, concentration))
    moved = _moved(special.gammainc, special.gammaincc, x, a)
    density = np.exp((a - 1) * np.log(x) - x - special.gammaln(a))
    with np.errstate(all="ignore"):
        found = -moved / density
        # Far down in the lower tail the cdf is x^a / (a Gamma(a)): its slope has a closed form.
        low = -(x / a) * (np.log(x) - special.digamma(a + 1))
    found = np.where(np.isfinite(found) & (special.gammainc(a, x) > 1e-200), found, low)
    return fn.as_tensor(found).to(drawn.dtype)


def beta_slope(drawn: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """d draw / d a of draws of Beta(a, b)."""
    import numpy as np
    from scipy import special

    x, p, q = (t.detach().double().numpy() for t in (drawn, a, b))
    moved = _moved(lambda s, v: special.betainc(s, q, v), lambda s, v: special.betainc(q, s, 1 - v), x, p)
    with np.errstate(all="ignore"):
        density = np.exp((p - 1) * np.log(x) + (q - 1) * np.log1p(-x) - special.betaln(p, q))
        found = -moved / density
    return fn.as_tensor(np.where(np.isfinite(found), found, 0.0)).to(drawn.dtype)
