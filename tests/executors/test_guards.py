"""No kernel reads or writes outside the memory it was given, and none depends on what stood there before."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pages are forbidden by mprotect")


def guarded(*arguments):
    script = Path(__file__).with_name("guarded.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_random_graphs(first):
    guarded("graphs", first, first + 40)


@pytest.mark.parametrize("letters", ["ab", "ce", "fk", "lo", "pr", "sz"])
def test_records(letters):
    guarded("records", *letters)
