"""`torch.return_types`: the classes of results with named fields."""

from typing import Any

from .results import named

_FIELDS = {
    "max": ("values", "indices"), "min": ("values", "indices"), "sort": ("values", "indices"), "topk": ("values", "indices"),
    "median": ("values", "indices"), "nanmedian": ("values", "indices"), "mode": ("values", "indices"),
    "kthvalue": ("values", "indices"), "cummax": ("values", "indices"), "cummin": ("values", "indices"),
    "aminmax": ("min", "max"), "frexp": ("mantissa", "exponent"), "geqrf": ("a", "tau"), "qr": ("Q", "R"),
    "svd": ("U", "S", "V"), "slogdet": ("sign", "logabsdet"), "lu_unpack": ("P", "L", "U"),
    "triangular_solve": ("solution", "cloned_coefficient"), "linalg_cholesky_ex": ("L", "info"),
    "linalg_eig": ("eigenvalues", "eigenvectors"), "linalg_eigh": ("eigenvalues", "eigenvectors"),
    "linalg_inv_ex": ("inverse", "info"), "linalg_ldl_factor": ("LD", "pivots"),
    "linalg_ldl_factor_ex": ("LD", "pivots", "info"),
    "linalg_lstsq": ("solution", "residuals", "rank", "singular_values"), "linalg_lu": ("P", "L", "U"),
    "linalg_lu_factor": ("LU", "pivots"), "linalg_lu_factor_ex": ("LU", "pivots", "info"), "linalg_qr": ("Q", "R"),
    "linalg_slogdet": ("sign", "logabsdet"), "linalg_solve_ex": ("result", "info"), "linalg_svd": ("U", "S", "Vh"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _FIELDS:
        return named(name, *_FIELDS[name])
    raise AttributeError(f"module 'torch.return_types' has no attribute {name!r}")
