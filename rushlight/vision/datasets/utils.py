"""Files by URL, checksums and archives, under torchvision's public path.

The datasets here fetch nothing by themselves; these functions fetch what a program names.
"""

import hashlib
import os
import pathlib
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile

_CHUNK = 1 << 20


def calculate_md5(fpath, chunk_size=_CHUNK):
    """The MD5 of a file, as 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath, md5, **kwargs):
    """Whether a file has this MD5."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath, md5=None):
    """Whether a file is there and, when an MD5 is given, has it."""
    if not os.path.isfile(fpath):
        return False
    return md5 is None or check_md5(fpath, md5)


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """Fetch a file into the folder `root`, unless it is there already with the right MD5.

    Args:
        filename: its name there; the last part of the URL by default.
        md5: what the file must hash to; not checked by default.

    Raises:
        RuntimeError: the file could not be fetched, or has another MD5.
    Source: torchvision.datasets.utils.download_url
    """
    root = os.path.expanduser(root)
    fpath = os.path.join(root, filename or os.path.basename(url))
    if check_integrity(fpath, md5):
        return
    os.makedirs(root, exist_ok=True)
    partial = fpath + ".part"
    request = urllib.request.Request(url, headers={"User-Agent": "rushlight"})
    try:
        with urllib.request.urlopen(request) as response, open(partial, "wb") as file:
            shutil.copyfileobj(response, file, _CHUNK)
    except (urllib.error.URLError, OSError) as fault:
        raise RuntimeError(
            f"download_url: {url} could not be fetched: {fault}. Put the file at {fpath}."
        ) from fault
    if md5 is not None and not check_md5(partial, md5):
        found = calculate_md5(partial)
        os.remove(partial)
        raise RuntimeError(f"download_url: {url} has the MD5 {found}, {md5} was expected. File not kept.")
    os.replace(partial, fpath)


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpack a tar or zip archive into a folder, by default its own; nothing is written outside of it.

    Raises:
        RuntimeError: the file is no such archive.
    Source: torchvision.datasets.utils.extract_archive
    """
    to_path = os.path.dirname(from_path) if to_path is None else to_path
    if tarfile.is_tarfile(from_path):
        with tarfile.open(from_path, "r:*") as tar:
            tar.extractall(to_path, filter="data")
    elif zipfile.is_zipfile(from_path):
        with zipfile.ZipFile(from_path) as archive:
            archive.extractall(to_path)
    else:
        raise RuntimeError(f"{from_path}: neither a tar nor a zip archive")
    if remove_finished:
        os.remove(from_path)
    return to_path


def download_and_extract_archive(
    url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False
):
    """`download_url`, then `extract_archive`, by default into the folder of the download.

    Source: torchvision.datasets.utils.download_and_extract_archive
    """
    download_root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    archive = os.path.join(download_root, filename)
    extract_archive(archive, extract_root or download_root, remove_finished)


def list_dir(root, prefix=False):
    """Names of the folders in a folder, or their paths when `prefix`."""
    return [str(entry) if prefix else entry.name for entry in pathlib.Path(root).iterdir() if entry.is_dir()]


def list_files(root, suffix, prefix=False):
    """Names of the files in a folder that end in a suffix (or a tuple's), or their paths when `prefix`."""
    entries = (entry for entry in pathlib.Path(root).iterdir() if entry.is_file())
    return [str(entry) if prefix else entry.name for entry in entries if entry.name.endswith(suffix)]


def iterable_to_str(iterable):
    """'a', 'b', 'c' as one text."""
    return "'" + "', '".join(str(element) for element in iterable) + "'"


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    """The value, if it is a str and among the valid ones; else ValueError."""
    if not isinstance(value, str):
        place = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{place}, but got type {type(value).__name__}.")
    if valid_values is not None and value not in valid_values:
        known = iterable_to_str(valid_values)
        raise ValueError(
            custom_msg or f"Unknown value '{value}' for argument {arg}. Valid values are {{{known}}}."
        )
    return value
