"""`torch.backends`: switches that programs set. They are kept and steer nothing here: there is one executor."""

from . import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum
