"""Writing a file so that it is there whole or not at all.

The bytes go to a new file beside the old one, are forced to disk, and take the old one's name in one step. A
crash or a full disk on the way leaves the previous file as it was.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A file open for writing whose content becomes `path` when the block ends without an error.

    A symbolic link keeps pointing where it did, and an existing file keeps its permissions. What is no
    regular file (a device, a pipe) is written to directly.

    Raises: RuntimeError when the directory is not there, as PyTorch does; OSError when it cannot be written
    to.
    """
    target = os.path.realpath(os.fspath(path))
    directory = os.path.dirname(target)
    if not os.path.isdir(directory):
        raise RuntimeError(f"Parent directory {os.path.dirname(os.fspath(path))} does not exist.")
    mode = _mode_of(target)
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:
            yield file
        return
    aside = os.path.join(directory, f".{os.path.basename(target)[:200]}.{secrets.token_hex(6)}.part")
    try:
        with open(aside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(aside, stat.S_IMODE(mode))
        os.replace(aside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise
    _sync_directory(directory)


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _sync_directory(directory: str) -> None:
    """Force the new name to disk; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = ["replacing"]
