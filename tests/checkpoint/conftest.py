"""What the checkpoint tests share: files made by hand, and a watch over what a load does."""

import io
import pickle
import sys
import threading

import pytest

import rushlight as torch
from rushlight.checkpoint.zip_format import Writer

# What Python reports (sys.addaudithook) when code is made or run, or the world outside is touched.
_FORBIDDEN = (
    "exec", "compile", "import", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "marshal.",
    "pickle.find_class", "builtins.input", "code.__new__", "function.__new__", "webbrowser.", "urllib.",
    "ftplib.", "open",
)  # fmt: skip
_seen: list | None = None
_loader = 0  # the thread that loads: others may be preparing a program in the background


def _listen(event, args):
    if _seen is not None and event.startswith(_FORBIDDEN) and threading.get_ident() == _loader:
        _seen.append((event, str(args)[:100]))


sys.addaudithook(_listen)


class Watch:
    """Loads bytes and fails if anything ran meanwhile."""

    def load(self, data, **options):
        global _seen, _loader
        _loader, _seen = threading.get_ident(), []
        try:
            return torch.load(io.BytesIO(data), **options)
        finally:
            seen, _seen = _seen, None
            assert not seen, f"loading did {seen}"

    def refuses(self, data, match=None, error=pickle.UnpicklingError, **options):
        """The error's text."""
        with pytest.raises(error, match=match) as caught:
            self.load(data, **options)
        return str(caught.value)


def archive(pickled, records=(), root="archive"):
    """A zip checkpoint around any pickle; records are (name, bytes)."""
    buffer = io.BytesIO()
    writer = Writer(buffer, root)
    writer.add("data.pkl", pickled)
    writer.add("byteorder", b"little")
    for name, data in records:
        writer.add(name, data)
    writer.finish()
    return buffer.getvalue()


def saved(obj, **options):
    """The bytes of torch.save(obj)."""
    buffer = io.BytesIO()
    torch.save(obj, buffer, **options)
    return buffer.getvalue()


def round_trip(obj, **options):
    """obj after saving and loading."""
    return torch.load(io.BytesIO(saved(obj, **options)))


@pytest.fixture
def watch():
    # What is imported at first use has been used.
    b"a".decode("cp437"), b"a".decode("raw-unicode-escape")
    round_trip([torch.ones(2), torch.ones(2, dtype=torch.bfloat16), torch.nn.Linear(1, 1)])
    return Watch()


@pytest.fixture
def make():
    """The functions above, for tests (which cannot import this file)."""

    class Make:
        archive = staticmethod(archive)
        saved = staticmethod(saved)
        round_trip = staticmethod(round_trip)

    return Make


@pytest.fixture(autouse=True)
def nothing_registered():
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
