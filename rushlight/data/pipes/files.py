"""Datapipes over files: listing, opening, reading."""

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from .base import IterDataPipe, functional_datapipe
from .iterating import IterableWrapperIterDataPipe

MODES = ("b", "t", "rb", "rt", "r")


@functional_datapipe("list_files")
class FileListerIterDataPipe(IterDataPipe):
    """Paths of the files in one or several folders, sorted within each folder.

    Args:
        root: a folder (or file), several, or a pipe of them.
        masks: shell patterns, one or a list, for file names; all files when empty.
        recursive: also the folders inside.
        abspath: absolute paths.
        non_deterministic: do not sort.
        length: what `len` says; -1 for no length.
    """

    def __init__(
        self,
        root: str | Sequence[str] | IterDataPipe = ".",
        masks: str | list[str] = "",
        *,
        recursive: bool = False,
        abspath: bool = False,
        non_deterministic: bool = False,
        length: int = -1,
    ) -> None:
        roots = [root] if isinstance(root, str) else root
        self.datapipe = roots if isinstance(roots, IterDataPipe) else IterableWrapperIterDataPipe(roots)
        self.masks = masks
        self.recursive = recursive
        self.abspath = abspath
        self.non_deterministic = non_deterministic
        self.length = length

    def __iter__(self) -> Iterator[str]:
        for root in self.datapipe:
            if self.abspath:
                root = os.path.abspath(root)
            if os.path.isfile(root):
                if self._matches(os.path.basename(root)):
                    yield root
            else:
                yield from self._files(root)

    def _files(self, root: str) -> Iterator[str]:
        for folder, folders, files in os.walk(root, onerror=_raise):
            if not self.non_deterministic:
                files.sort()
                folders.sort()
            for file in files:
                if self._matches(file):
                    yield os.path.join(folder, file)
            if not self.recursive:
                return

    def _matches(self, name: str) -> bool:
        masks = [self.masks] if isinstance(self.masks, str) else self.masks
        return not self.masks or any(fnmatch.fnmatch(name, mask) for mask in masks)

    def __len__(self) -> int:
        return _given_length(self)


def _raise(error: OSError) -> None:
    raise error


@functional_datapipe("open_files")
class FileOpenerIterDataPipe(IterDataPipe):
    """(path, opened file) for each path. Whoever reads a file closes it.

    Raises:
        ValueError: a mode other than reading, or an encoding for a binary one.
        TypeError: a path is no text.
    """

    def __init__(
        self, datapipe: Iterable[str], mode: str = "r", encoding: str | None = None, length: int = -1
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"Invalid mode {mode}: FileOpener reads, with one of {MODES}")
        if "b" in mode and encoding is not None:
            raise ValueError("binary mode doesn't take an encoding argument")
        self.datapipe = datapipe
        self.mode = mode
        self.encoding = encoding
        self.length = length

    def __iter__(self) -> Iterator[tuple[str, IO]]:
        mode = self.mode if self.mode.startswith("r") else "r" + self.mode
        for path in self.datapipe:
            if not isinstance(path, str):
                raise TypeError(f"Expected string type for pathname, but got {type(path)}")
            yield path, open(path, mode, encoding=self.encoding)

    def __len__(self) -> int:
        return _given_length(self)


def _given_length(pipe) -> int:
    if pipe.length == -1:
        raise TypeError(f"{type(pipe).__name__} instance doesn't have valid length")
    return pipe.length


@functional_datapipe("read_from_stream")
class StreamReaderIterDataPipe(IterDataPipe):
    """(name, content) for each (name, opened file), in pieces of `chunk` bytes or characters if given."""

    def __init__(self, datapipe: Iterable[tuple[str, IO]], chunk: int | None = None) -> None:
        self.datapipe = datapipe
        self.chunk = chunk

    def __iter__(self) -> Iterator[tuple[str, bytes | str]]:
        size = -1 if self.chunk is None else self.chunk
        for name, stream in self.datapipe:
            while content := stream.read(size):
                yield name, content
            stream.close()
