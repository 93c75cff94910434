"""`torch.hub`: weights come from local files; nothing is fetched."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from .checkpoint import load as _load_checkpoint
from .errors import UnsupportedError

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_directory: str | None = None


def _get_torch_home() -> str:
    return os.path.expanduser(
        os.getenv("TORCH_HOME", os.path.join(os.getenv("XDG_CACHE_HOME", "~/.cache"), "torch"))
    )


def get_dir() -> str:
    """The folder of cached weights. Source: torch.hub.get_dir."""
    return _directory or os.path.join(_get_torch_home(), "hub")


def set_dir(d: str) -> None:
    """Choose the folder of cached weights. Source: torch.hub.set_dir."""
    global _directory
    _directory = os.path.expanduser(d)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The state dict of a file that is already in the cache folder under the URL's name.

    Raises: FileNotFoundError saying where to put the file: nothing is fetched here.
    Source: torch.hub.load_state_dict_from_url.
    """
    folder = Path(model_dir or os.path.join(get_dir(), "checkpoints"))
    path = folder / (file_name or os.path.basename(urlparse(url).path))
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: not there, and rushlight fetches nothing: put the file of {url} there yourself"
        )
    return _load_checkpoint(path, map_location=map_location)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Raises: UnsupportedError: nothing is fetched here."""
    raise UnsupportedError(f"torch.hub fetches nothing here: put the file of {url} at {dst} yourself")


def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """The model that a local folder's hubconf.py makes (source="local").

    Raises: UnsupportedError for other sources: nothing is fetched here.
    """
    if source != "local":
        raise UnsupportedError(
            f"torch.hub.load fetches nothing here: clone {repo_or_dir} yourself and pass source='local'"
        )
    import importlib.util

    spec = importlib.util.spec_from_file_location("hubconf", os.path.join(repo_or_dir, "hubconf.py"))
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{repo_or_dir}: no hubconf.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return getattr(found, model)(*args, **kwargs)


def list(github: str, *args: Any, **kwargs: Any) -> Any:
    """Raises: UnsupportedError: nothing is fetched here."""
    raise UnsupportedError(f"torch.hub.list fetches nothing here: look into {github} yourself")
