"""What is saved comes back: values, types, sharing, geometry."""

import argparse
import collections
import datetime
import functools
import io
import pathlib
import pickle
import types

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn

DTYPES = [
    "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16",
    "float32", "float64", "complex64", "complex128", "bool", "float8_e4m3fn", "float8_e5m2",
]  # fmt: skip


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def trip(request, make):
    return functools.partial(make.round_trip, _use_new_zipfile_serialization=request.param)


def same(a, b):
    return a.dtype is b.dtype and a.size() == b.size() and a.tolist() == b.tolist()


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(name, trip):
    x = torch.tensor([[0, 1, 2], [1, 0, 1]]).to(getattr(torch, name))
    back = trip(x)
    assert same(x, back) and type(back) is torch.Tensor and not back.requires_grad


def test_shapes(trip):
    shapes = [(), (0,), (0, 3), (1,), (2, 0, 4), (2, 3, 4)]
    for shape, back in zip(shapes, trip([torch.zeros(shape) for shape in shapes])):
        assert tuple(back.size()) == shape and back.sum().item() == 0


def test_special_values_bit_for_bit(trip):
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])
    assert trip(x).numpy().tobytes() == x.numpy().tobytes()


def test_views_keep_geometry_and_share_memory(trip):
    x = torch.arange(12.0).reshape(3, 4)
    back = trip({"x": x, "t": x.t(), "row": x[1], "corner": x[1:, 2:], "wide": x[0, 0].expand(5)})
    assert back["t"].stride() == (1, 4) and back["corner"].storage_offset() == 6
    assert back["wide"].stride() == (0,) and same(back["corner"], x[1:, 2:])
    back["x"][1, 2] = 100.0
    assert back["t"][2, 1].item() == back["row"][2].item() == back["corner"][0, 0].item() == 100.0


def test_a_view_saves_its_whole_storage_once(make):
    x = torch.zeros(10_000)
    assert len(make.saved([x, x[:3], x.reshape(100, 100)])) < 60_000
    back = make.round_trip([x[5:7], x[6:8]])
    back[0][1] = 1.0
    assert back[1][0].item() == 1.0


def test_two_types_on_one_storage_are_refused(make):
    x = torch.zeros(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        make.saved([x, x.view(torch.int32)])


def test_memory_of_a_foreign_layout(trip):
    x = torch.from_numpy(np.arange(6.0).reshape(2, 3).T)
    assert same(trip(x), x)


def test_parameters(trip):
    shared = nn.Parameter(torch.ones(2))
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    marked = nn.Parameter(torch.zeros(1))
    marked.sharded = True
    back = trip([shared, shared, frozen, marked, torch.ones(1, requires_grad=True)])
    assert back[0] is back[1] and type(back[0]) is nn.Parameter and back[0].requires_grad
    assert not back[2].requires_grad and back[3].sharded is True and back[3].requires_grad
    assert back[4].requires_grad and back[4].is_leaf and type(back[4]) is torch.Tensor


def test_plain_values(trip):
    values = {
        "none": None, "yes": True, "no": False,
        "ints": [0, -1, 255, 256, 65536, 2**31, -(2**40), 2**100, -(2**2000)],
        "floats": [0.5, float("inf"), -0.0], "complex": 1 + 2j, "text": "äöü 模型 \U0001f600 \n",
        "long": "x" * 100_000, "bytes": b"\x00\xff", "more": bytes(70_000), "array": bytearray(b"ab"),
        "tuple": (1, (2, ()), [3]), "set": {1, "a", (2, 3)}, "frozen": frozenset({1, 2}), "ellipsis": ...,
        "slice": slice(1, None, 2), "range": range(1, 9, 3), 3: "int key", (1, "a"): "tuple key", None: 0,
        1.5: 1, True: 2, "ordered": collections.OrderedDict(a=1, b=2), "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, {"a": [1]}), "deque": collections.deque([1, 2], 5),
        "types": [int, float, list, dict, str, type(None)],
    }  # fmt: skip
    back = trip(values)
    assert back == values and list(back) == list(values)
    assert type(back["ordered"]) is collections.OrderedDict and back["default"]["new"] == []
    assert back["deque"].maxlen == 5 and type(back["array"]) is bytearray


def test_dates_paths_and_options(trip):
    zone = datetime.timezone(datetime.timedelta(hours=2), "there")
    values = [
        datetime.datetime(2024, 2, 29, 23, 59, 58, 123456), datetime.datetime(2024, 1, 1, tzinfo=zone),
        datetime.date(1999, 12, 31), datetime.time(1, 2, 3, 4), datetime.timedelta(days=-1, seconds=5), zone,
        pathlib.PurePosixPath("/a/b"), pathlib.Path("c") / "d", argparse.Namespace(lr=0.1, layers=[1, 2]),
        types.SimpleNamespace(a=1),
    ]  # fmt: skip
    assert trip(values) == values


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_every_protocol(protocol, make):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    obj = {
        "model": model,
        "x": torch.ones(2),
        "set": {1},
        "bytes": b"a",
        "array": np.arange(3),
        "d": torch.float32,
    }
    back = make.round_trip(obj, pickle_protocol=protocol)
    assert same(back["model"][0].weight, model[0].weight) and back["set"] == {1} and back["bytes"] == b"a"
    assert back["array"].tolist() == [0, 1, 2] and back["d"] is torch.float32


def test_protocol_zero_is_refused(make):
    with pytest.raises(ValueError, match="protocol 0"):
        make.saved(1, pickle_protocol=0)


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i1", "u8", "?", "c16", "f2", "U3", "S5", "M8[ms]", "m8[D]"])
def test_numpy_arrays(dtype, trip):
    x = np.array([[1, 0], [1, 1]]).astype(dtype)
    back = trip([x, np.asfortranarray(x), x[0, 0], x[:0], x.dtype])
    native = pickle.loads(pickle.dumps(x))  # NumPy puts pickled arrays into this machine's byte order
    for a, b in zip(back[:2], (native, native)):
        assert a.dtype == b.dtype and a.tolist() == b.tolist() and a.flags.writeable
    assert back[2] == x[0, 0] and back[3].shape == (0, 2) and back[4] == x.dtype


def test_numpy_arrays_share_a_dtype(trip):
    a, b = trip([np.ones(2, ">f4"), np.zeros(3, ">f4")])
    assert a.dtype == b.dtype == np.dtype("f4") and np.dtype("f4").isnative and a.tolist() == [1, 1]


def test_random_states(trip):
    state = np.random.default_rng(0).bit_generator.state
    legacy = np.random.RandomState(3).get_state()
    generator = torch.Generator().manual_seed(7)
    torch.rand(5, generator=generator)
    back = trip([state, legacy, torch.get_rng_state(), generator.get_state(), generator])
    assert back[0] == state and back[1][1].tolist() == legacy[1].tolist()
    assert same(back[2], torch.get_rng_state())
    assert same(torch.rand(3, generator=back[4]), torch.rand(3, generator=generator))


def test_torch_constants(trip):
    values = [
        torch.float32, torch.bool, torch.bfloat16, torch.device("cpu"), torch.device("cuda", 1),
        torch.strided, torch.channels_last, torch.Size([2, 3]), torch.Size([]),
    ]  # fmt: skip
    back = trip(values)
    assert (
        back == values and all(type(a) is type(b) for a, b in zip(back, values)) and back[0] is torch.float32
    )


def test_results_with_names(trip):
    values, indices = trip(torch.tensor([[1.0, 3.0]]).max(1))
    assert values.tolist() == [3.0] and indices.tolist() == [1]
    assert trip(torch.tensor([[1.0, 3.0]]).max(1)).values.tolist() == [3.0]


def test_identity_and_cycles(trip):
    x, inner = torch.ones(1), []
    loop = {"x": x, "again": x, "inner": inner}
    inner.append(loop)
    back = trip(loop)
    assert back["x"] is back["again"] and back["inner"][0] is back


def test_state_dict_keeps_its_metadata(trip):
    state = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).state_dict()
    back = trip(state)
    assert list(back) == list(state) and back._metadata == state._metadata
    assert all(same(back[key], state[key]) for key in state)


Point = collections.namedtuple("Point", "x y")


def test_named_tuples_of_the_program(trip):
    assert trip(Point(1, [2])) == Point(1, [2]) and type(trip(Point(1, 2))) is Point
    assert trip({Point(1, 2): 3}) == {Point(1, 2): 3}


def test_files(tmp_path, make):
    x = torch.arange(5)
    path = tmp_path / "模型 x.pt"
    torch.save(x, path)
    assert same(torch.load(path), x) and same(torch.load(str(path), mmap=True), x)
    with open(path, "rb") as file:
        assert same(torch.load(file), x)
    with open(tmp_path / "b", "wb") as file:
        torch.save(x, file)
    assert same(torch.load(tmp_path / "b"), x)

    class OnlyWrite:
        parts = b""

        def write(self, data):
            self.parts += bytes(data)

    file = OnlyWrite()
    torch.save(x, file)
    assert same(torch.load(io.BytesIO(file.parts)), x)


def test_mapped_memory_is_private(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"a": torch.zeros(4), "b": torch.ones(3, dtype=torch.bfloat16)}, path)
    before = path.read_bytes()
    back = torch.load(path, mmap=True)
    back["a"] += 1
    assert back["a"].tolist() == [1.0] * 4 and back["b"].tolist() == [1.0] * 3 and path.read_bytes() == before
    with pytest.raises(ValueError, match="f must be a file path"):
        torch.load(io.BytesIO(before), mmap=True)
    torch.save(torch.zeros(1), path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        torch.load(path, mmap=True)


def test_loaded_memory_is_our_own(make):
    data = make.saved(torch.zeros(3))
    first, second = torch.load(io.BytesIO(data)), torch.load(io.BytesIO(data))
    first += 1
    assert second.tolist() == [0.0, 0.0, 0.0]


def test_big_endian_files(make, monkeypatch):
    from rushlight.checkpoint import saving

    values = [torch.tensor([1, 256]), torch.tensor([1 + 2j]), torch.tensor([1.5], dtype=torch.bfloat16)]
    monkeypatch.setattr(saving, "bytes_of", lambda key: _swapped(key))
    monkeypatch.setattr("sys.byteorder", "big")
    data = make.saved(values)
    monkeypatch.undo()
    back = torch.load(io.BytesIO(data))
    assert all(same(a, b) for a, b in zip(back, values))


def _swapped(storage):
    from rushlight.checkpoint.tensors import bytes_of
    from rushlight.tensor import dtype_of, on_storage

    dtype = dtype_of(on_storage(storage)).numpy
    element = np.dtype(f"u{dtype.itemsize}") if dtype.kind != "c" else dtype
    return bytes_of(storage).view(element).byteswap().view(np.uint8)


def test_default_endianness():
    torch.serialization.set_default_load_endianness(torch.serialization.LoadEndianness.BIG)
    try:
        buffer = io.BytesIO()
        torch.save(torch.tensor([1], dtype=torch.int16), buffer, _disable_byteorder_record=True)
        assert torch.load(io.BytesIO(buffer.getvalue())).item() == 256
    finally:
        torch.serialization.set_default_load_endianness(None)
    assert torch.load(io.BytesIO(buffer.getvalue())).item() == 1
    with pytest.raises(TypeError):
        torch.serialization.set_default_load_endianness("big")


def test_skip_data(make):
    with torch.serialization.skip_data():
        data = make.saved({"x": torch.ones(3)})
    assert torch.load(io.BytesIO(data))["x"].tolist() == [0.0, 0.0, 0.0]
    with torch.serialization.skip_data(), pytest.raises(RuntimeError, match="skip_data"):
        make.saved(1, _use_new_zipfile_serialization=False)


def test_what_cannot_be_pickled_is_an_error_and_leaves_the_file(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(1, path)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        torch.save({"f": lambda: 0}, path)
    assert torch.load(path) == 1 and [p.name for p in tmp_path.iterdir()] == ["x.pt"]


def test_arguments():
    with pytest.raises(AttributeError, match="'write' attribute"):
        torch.save(1, 5)
    with pytest.raises(RuntimeError, match="Parent directory /nowhere/at/all does not exist"):
        torch.save(1, "/nowhere/at/all/x.pt")
    with pytest.raises(FileNotFoundError):
        torch.load("/nowhere/at/all.pt")
    with pytest.raises(AttributeError, match="seekable"):
        torch.load(5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        torch.load(io.BytesIO(b"x"), colour=1)
    with pytest.raises(TypeError, match="binary mode"):
        torch.load(io.StringIO("abcdefg"))
    with pytest.raises(EOFError):
        torch.load(io.BytesIO())
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        torch.load(io.BytesIO(b"x"), weights_only=True, pickle_module=io)


def test_deep_nesting(make):
    deep = []
    for _ in range(900):
        deep = [deep]
    back = make.round_trip(deep)
    depth = 0
    while back:
        back, depth = back[0], depth + 1
    assert depth == 900


def test_several_legacy_files_in_one_stream():
    buffer = io.BytesIO()
    for number in range(3):
        torch.save(torch.full((2,), float(number)), buffer, _use_new_zipfile_serialization=False)
    buffer.seek(0)
    assert [torch.load(buffer).tolist() for _ in range(3)] == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_bare_storages(trip):
    x = torch.arange(4.0)
    b = torch.tensor([1, 2], dtype=torch.uint8)
    obj = [x, x.storage(), {"u": (torch.ones(2).untyped_storage(), b)}, b.untyped_storage()]
    back = trip(obj)
    assert (
        type(back[1]) is torch.TypedStorage
        and back[1].tolist() == [0, 1, 2, 3]
        and back[1].dtype is torch.float32
    )
    back[0][0] = 9.0
    assert back[1][0] == 9.0 and back[2]["u"][0].nbytes() == 8
    assert type(back[2]["u"][0]) is torch.UntypedStorage
    back[3][0] = 7
    assert back[2]["u"][1].tolist() == [7, 2] and trip(b.untyped_storage()).tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="different types"):
        trip([x, x.untyped_storage()])
