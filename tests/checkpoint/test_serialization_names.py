"""The public room torch.serialization."""

import io
import types

import pytest

import rushlight as torch
from rushlight import serialization


def test_names():
    import rushlight.serialization as module

    assert torch.serialization is module and torch.save is module.save and torch.load is module.load
    for name in module.__all__:
        assert hasattr(module, name)
    assert issubclass(serialization.SourceChangeWarning, Warning) and serialization.DEFAULT_PROTOCOL == 2


class Known:
    pass


def test_the_register():
    serialization.add_safe_globals([Known, (Known, "elsewhere.Known")])
    serialization.add_safe_globals([Known])
    assert serialization.get_safe_globals() == [Known, (Known, "elsewhere.Known")]
    with serialization.safe_globals([Known, int]):
        assert int in serialization.get_safe_globals()
    assert serialization.get_safe_globals() == [Known, (Known, "elsewhere.Known")]
    with pytest.raises(ValueError):
        serialization.add_safe_globals([(Known, "a", "b")])
    with pytest.raises(TypeError):
        serialization.add_safe_globals([(Known, 3)])


def test_registered_under_another_name(make):
    serialization.add_safe_globals([(Known, "elsewhere.Known")])
    pickled = b"\x80\x02celsewhere\nKnown\n)\x81}X\x01\x00\x00\x00aK\x05sb."
    back = torch.load(io.BytesIO(make.archive(pickled)))
    assert type(back) is Known and back.a == 5


def test_versions():
    module = types.SimpleNamespace(__name__="m", __version__="0.3.10")
    assert serialization.check_module_version_greater_or_equal(module, (0, 3, 1))
    assert not serialization.check_module_version_greater_or_equal(module, (0, 4))
    module.__version__ = "a.b"
    with pytest.raises(RuntimeError, match="malformed"):
        serialization.check_module_version_greater_or_equal(module, (1, 0))
    with pytest.warns(UserWarning, match="malformed"):
        assert serialization.check_module_version_greater_or_equal(module, (1, 0), error_if_malformed=False)


def test_options():
    import mmap

    assert serialization.get_crc32_options() is True
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert serialization.get_default_mmap_options() == mmap.MAP_SHARED
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with pytest.raises(ValueError):
        serialization.set_default_mmap_options(12345)


def test_files(tmp_path, make):
    data = io.BytesIO(make.saved(1))
    assert serialization._is_zipfile(data) and data.tell() == 0
    with serialization._open_file_like(data, "rb") as file:
        assert file is data
    with serialization._open_file_like(tmp_path / "a", "wb") as file:
        file.write(b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    with pytest.raises(RuntimeError, match="Expected 'r' or 'w'"):
        with serialization._open_file_like(data, "a"):
            pass
    assert serialization.get_unsafe_globals_in_checkpoint(data) == []
