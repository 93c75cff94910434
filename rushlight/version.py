"""`torch.version`: the PyTorch version whose behaviour this reproduces, and what it was built for."""

__version__ = "2.13.0"
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = "unknown"
