"""A save that fails leaves the file that was there."""

import os
import stat

import pytest

import rushlight as torch
from rushlight.checkpoint import atomic, saving


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("zipped", [True, False])
def test_a_failure_on_the_way(tmp_path, monkeypatch, zipped):
    path = tmp_path / "x.pt"
    torch.save(torch.ones(3), path)
    before = path.read_bytes()

    def disk_is_full(key):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "bytes_of", disk_is_full)
    monkeypatch.setattr(saving.legacy_format, "bytes_of", disk_is_full)
    with pytest.raises(OSError, match="No space left"):
        torch.save(torch.zeros(3), path, _use_new_zipfile_serialization=zipped)
    assert path.read_bytes() == before and names(tmp_path) == ["x.pt"]


def test_the_order_of_events(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    path.write_bytes(b"old")
    events = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        events.append("fsync")
        fsync(handle)

    def note_replace(source, target):
        events.append("replace")
        assert path.read_bytes() == b"old" and os.path.dirname(source) == os.path.dirname(target)
        replace(source, target)

    monkeypatch.setattr(atomic.os, "fsync", note_fsync)
    monkeypatch.setattr(atomic.os, "replace", note_replace)
    torch.save(torch.ones(2), path)
    assert events == ["fsync", "replace", "fsync"] and torch.load(path).tolist() == [1.0, 1.0]


def test_links_and_permissions_stay(tmp_path):
    target, link = tmp_path / "target.pt", tmp_path / "link.pt"
    target.write_bytes(b"")
    target.chmod(0o640)
    link.symlink_to(target.name)
    torch.save(1, link)
    assert link.is_symlink() and torch.load(target) == 1 and stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_files_get_the_usual_permissions(tmp_path):
    mask = os.umask(0)
    os.umask(mask)
    torch.save(1, tmp_path / "x.pt")
    assert stat.S_IMODE((tmp_path / "x.pt").stat().st_mode) == 0o666 & ~mask


def test_devices_are_written_to():
    torch.save(torch.ones(2), os.devnull)


def test_a_file_object_is_written_to_directly(tmp_path):
    with open(tmp_path / "x.pt", "wb") as file:
        torch.save(torch.ones(2), file)
        assert names(tmp_path) == ["x.pt"] and not file.closed
