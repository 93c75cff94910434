"""`torch.quasirandom`: not supported; making an engine says what to use."""

from .absent import absent_class

_INSTEAD = "Sobol sequences are not drawn here; scipy.stats.qmc.Sobol gives such points"

SobolEngine = absent_class("quasirandom.SobolEngine", _INSTEAD)
