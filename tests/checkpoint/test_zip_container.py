"""The container: its layout, and files that lie about it."""

import io
import pickle
import struct
import zipfile

import pytest

import rushlight as torch
from rushlight.checkpoint import zip_format
from rushlight.checkpoint.zip_format import Reader, Writer


def entries(data):
    return {entry.filename: entry for entry in zipfile.ZipFile(io.BytesIO(data)).infolist()}


def tensor_archive(
    make, size=b"K\x02\x85", stride=b"K\x01\x85", offset=b"K\x00", numel=b"K\x02", data=bytes(8), **options
):
    storage = options.get(
        "storage", b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    )
    body = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + numel + b"tQ" + offset + size + stride
    body += options.get("grad", b"\x89") + b"ccollections\nOrderedDict\n)RtR."
    return make.archive(body, [("data/0", data)])


def test_layout(tmp_path, make):
    path = tmp_path / "my.model.pth"
    torch.save({"a": torch.ones(5), "b": torch.empty(0)}, path)
    data = path.read_bytes()
    found = entries(data)
    assert list(found) == [
        "my.model/data.pkl", "my.model/.format_version", "my.model/.storage_alignment", "my.model/byteorder",
        "my.model/data/0", "my.model/data/1", "my.model/version", "my.model/.data/serialization_id",
    ]  # fmt: skip
    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None and archive.read("my.model/version") == b"3\n"
    assert len(archive.read("my.model/.data/serialization_id")) == 40
    reader = Reader(io.BytesIO(data))
    assert all(reader.place_of(name.partition("/")[2]) % 64 == 0 for name in found)
    assert make.saved([torch.ones(3)]) == make.saved([torch.ones(3)])


def test_large_files_use_wide_fields(monkeypatch):
    monkeypatch.setattr(zip_format, "ZIP64_FROM", 300)
    buffer = io.BytesIO()
    writer = Writer(buffer, "archive")
    writer.add("data.pkl", b"N.")
    writer.add("big", bytes(range(256)) * 2)
    writer.add("late", b"abc")
    writer.finish()
    archive = zipfile.ZipFile(buffer)
    assert archive.testzip() is None and archive.read("archive/big") == bytes(range(256)) * 2
    reader = Reader(buffer)
    assert reader.read("late") == b"abc" and reader.place_of("late") % 64 == 0


def test_checksums(make):
    data = bytearray(make.saved(torch.arange(100.0)))
    place = Reader(io.BytesIO(data)).place_of("data/0")
    data[place + 9] ^= 1
    with pytest.raises(RuntimeError, match="'data/0' does not match its checksum"):
        torch.load(io.BytesIO(data))
    torch.serialization.set_crc32_options(False)
    try:
        unchecked = bytearray(make.saved(torch.arange(3)))
    finally:
        torch.serialization.set_crc32_options(True)
    unchecked[Reader(io.BytesIO(unchecked)).place_of("data/0")] = 7
    assert torch.load(io.BytesIO(unchecked)).tolist() == [7, 1, 2]


def test_a_good_file_by_hand(watch, make):
    assert watch.load(tensor_archive(make, data=struct.pack("<2f", 1, 2))).tolist() == [1.0, 2.0]
    wide = watch.load(tensor_archive(make, size=b"K\x09\x85", stride=b"K\x00\x85"))
    assert tuple(wide.size()) == (9,)


MINUS, HUGE = b"J\xff\xff\xff\xff", b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40"

LIES = {
    "record shorter": {"data": bytes(4)},
    "record longer": {"data": bytes(16)},
    "record empty": {"data": b""},
    "numel too small": {"numel": b"K\x01"},
    "numel too large": {"numel": b"K\x03"},
    "numel negative": {"numel": MINUS},
    "numel huge": {"numel": HUGE},
    "numel no number": {"numel": b"N"},
    "numel true": {"numel": b"\x88"},
    "size too large": {"size": b"K\x03\x85"},
    "size negative": {"size": MINUS + b"\x85"},
    "size huge": {"size": HUGE + b"\x85"},
    "size overflowing": {"size": HUGE * 3 + b"\x87", "stride": b"K\x00K\x00K\x00\x87"},
    "size no tuple": {"size": b"K\x02"},
    "size text": {"size": b"X\x01\x00\x00\x002\x85"},
    "stride negative": {"stride": MINUS + b"\x85"},
    "stride too large": {"stride": b"K\x02\x85"},
    "stride huge": {"stride": HUGE + b"\x85"},
    "stride missing": {"stride": b")"},
    "offset beyond": {"offset": b"K\x01"},
    "offset negative": {"offset": MINUS},
    "offset huge": {"offset": HUGE},
    "offset a float": {"offset": b"G" + bytes(8)},
    "grad no bool": {"grad": b"K\x01"},
    "grad of ints": {
        "storage": b"(X\x07\x00\x00\x00storagectorch\nIntStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu",
        "grad": b"\x88",
    },
    "storage no type": {"storage": b"(X\x07\x00\x00\x00storageNX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"},
    "key missing": {
        "storage": b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x001X\x03\x00\x00\x00cpu"
    },
    "key a path": {
        "storage": b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x04\x00\x00\x00../0X\x03\x00\x00\x00cpu"
    },
    "device unknown": {
        "storage": b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00abc"
    },
    "storage wider": {
        "storage": b"(X\x07\x00\x00\x00storagectorch\nDoubleStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    },
    "quantized": {
        "storage": b"(X\x07\x00\x00\x00storagectorch\nQInt8Storage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_sizes(lie, watch, make):
    watch.refuses(tensor_archive(make, **LIES[lie]))


def python_zip(names, compression=zipfile.ZIP_STORED, data=b"\x80\x02N."):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in names:
            archive.writestr(name, data)
    return buffer.getvalue()


def test_names(watch):
    assert watch.load(python_zip(["a/data.pkl"])) is None
    for names in (
        ["/a/data.pkl"], ["a/../data.pkl"], ["../data.pkl"], ["data.pkl"], ["a\\data.pkl"],
        ["a/data.pkl", "b/data/0"], ["a/other"], [],
    ):  # fmt: skip
        watch.refuses(python_zip(names))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicates(watch):
    watch.refuses(python_zip(["a/data.pkl", "a/data.pkl"]), match="'data.pkl' twice")


def test_compression(watch):
    bomb = python_zip(["a/data.pkl"], zipfile.ZIP_DEFLATED, bytes(50_000_000))
    assert len(bomb) < 60_000
    watch.refuses(bomb, match="compressed")


def change(data, name, field, value):
    """A zip file with one number of its central directory changed: (offset in the entry, struct format)."""
    data = bytearray(data)
    entry = data.rindex(name) - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    struct.pack_into(field[1], data, entry + field[0], value)
    return bytes(data)


def test_directories_that_lie(watch, make):
    data = make.saved([torch.ones(4), torch.ones(4)])
    sizes, place, flags = ((20, "<I"), (24, "<I")), (42, "<I"), (8, "<H")
    for value in (0, 15, 17, 10_000, 0xFFFFFFFF):
        lying = change(change(data, b"archive/data/0", sizes[0], value), b"archive/data/0", sizes[1], value)
        watch.refuses(lying)
    watch.refuses(change(data, b"archive/data/0", sizes[1], 32))
    other = entries(data)["archive/data/1"].header_offset
    watch.refuses(change(data, b"archive/data/0", place, other))
    for value in (1, 4_000_000_000, len(data) - 10):
        watch.refuses(change(data, b"archive/data/0", place, value))
    watch.refuses(change(data, b"archive/data/0", flags, 0x0801), match="encrypted")


def test_overlaps(watch, make):
    # Both names lead to the same bytes: the second header is moved into the first record's data.
    data = make.saved([torch.ones(64)])
    found = entries(data)
    inner = data[found["archive/version"].header_offset :][: 30 + 15]
    body = bytearray(data)
    place = Reader(io.BytesIO(data)).place_of("data/0")
    body[place : place + len(inner)] = inner
    watch.refuses(
        change(bytes(body), b"archive/version", (42, "<I"), place), match="overlap|not where|another name"
    )


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_cut_short(legacy, watch, make):
    data = make.saved(
        {"a": torch.arange(50.0), "m": torch.nn.Linear(3, 2)}, _use_new_zipfile_serialization=not legacy
    )
    for length in range(1, len(data), 50):
        watch.refuses(data[:length])
    watch.refuses(data[:-1])
    watch.refuses(b"", error=EOFError)


def test_torchscript_and_tar(watch, make):
    watch.refuses(make.archive(b"\x80\x02N.", [("constants.pkl", b"")]), match="TorchScript")
    watch.refuses(b"storages".ljust(257, b"\0") + b"ustar".ljust(300, b"\0"), match="tar archive")


def test_unsupported_tensors_are_named(watch, make):
    for name in ("_rebuild_sparse_tensor", "_rebuild_qtensor", "_rebuild_nested_tensor"):
        watch.refuses(make.archive(b"\x80\x02ctorch._utils\n" + name.encode() + b"\n)R."), match="save")


def test_errors_are_of_pytorchs_kinds():
    from rushlight import checkpoint

    assert issubclass(checkpoint.CorruptFileError, (pickle.UnpicklingError, RuntimeError))
    assert issubclass(checkpoint.CorruptFileError, RuntimeError)
    assert issubclass(checkpoint.ClassNotFoundError, AttributeError)
    assert issubclass(checkpoint.RefusedError, pickle.UnpicklingError)
