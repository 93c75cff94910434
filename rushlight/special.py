"""`torch.special`: special functions of mathematics, by the names they have in SciPy.

They are computed in functions/special.py, transcendental.py, pointwise.py, numeric.py, reduction.py and softmax.py.
"""

from .functions.numeric import xlogy
from .functions.pointwise import exp2, expm1, log1p, round
from .functions.pointwise import sigmoid as expit
from .functions.reduction import logsumexp
from .functions.softmax import log_softmax, softmax
from .functions.special import (
    airy_ai,
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    entr,
    erfcx,
    hermite_polynomial_h,
    hermite_polynomial_he,
    i0e,
    i1,
    i1e,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    log_ndtr,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
    ndtr,
    ndtri,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
    spherical_bessel_j0,
    xlog1py,
    zeta,
)
from .functions.transcendental import digamma, erf, erfc, erfinv, i0, logit, polygamma, sinc
from .functions.transcendental import igamma as gammainc
from .functions.transcendental import igammac as gammaincc
from .functions.transcendental import lgamma as gammaln
from .functions.transcendental import mvlgamma as multigammaln

psi = digamma
