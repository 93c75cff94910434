"""Programs run on the reference executor here, so that what is compiled agrees to the bit with what is not."""

import pytest

import rushlight as torch
from rushlight import settings


@pytest.fixture(autouse=True)
def reference_executor(monkeypatch):
    monkeypatch.setattr(settings, "EXECUTOR", "reference")
    torch.compiler.reset()
    yield
    torch.compiler.set_stance("default")
    torch.compiler.reset()
