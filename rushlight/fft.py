"""`torch.fft`: discrete Fourier transforms. They are computed in functions/fourier.py."""

from .functions.fourier import *
from .functions.fourier import __all__
