"""Damaged files end in an error or a load, and run nothing."""

import io
import pickle
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight.checkpoint.building import SafeBuilder
from rushlight.checkpoint.unpickler import Machine, Source

CALM = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def sample(legacy):
    import collections

    import numpy as np

    obj = {
        "model": torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.1)),
        "x": torch.arange(6.0).reshape(2, 3).t(), "o": collections.OrderedDict(a=1), "n": np.arange(3),
        "s": {1, 2}, "d": torch.device("cpu"), "t": torch.bfloat16,
    }  # fmt: skip
    buffer = io.BytesIO()
    torch.save(obj, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


FILES = [sample(False), sample(True)]


def ends_well(watch, data):
    try:
        watch.load(data)
    except AssertionError:
        raise
    except Exception as problem:  # any error is a good end; a crash, a hang or running code is not
        assert not isinstance(problem, (MemoryError, RecursionError, SystemError)), problem


@CALM
@given(data=st.data())
def test_flipped_bits(watch, data):
    file = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    ends_well(watch, bytes(file))


@CALM
@given(data=st.data())
def test_damaged_pickles_in_whole_containers(watch, make, data):
    from rushlight.checkpoint.zip_format import Reader

    reader = Reader(io.BytesIO(FILES[0]))
    pickled = bytearray(reader.read("data.pkl"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(pickled) - 1))
        pickled[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    records = [(f"data/{i}", reader.read(f"data/{i}")) for i in range(3)]
    ends_well(watch, make.archive(bytes(pickled), records))


@CALM
@given(data=st.binary(max_size=200))
def test_random_bytes(watch, make, data):
    ends_well(watch, data)
    ends_well(watch, make.archive(b"\x80\x02" + data))


def random_program(rng):
    """Instructions in a random order, with arguments that make sense."""
    parts = [
        b"N", b"\x88", b"K\x01", b"K\x00", b"]", b"}", b")", b"(", b"t", b"l", b"d", b"\x85", b"\x86",
        b"\x87", b"a", b"s", b"e", b"u", b"R", b"b", b"\x81", b"\x92", b"Q", b"0", b"1", b"2", b"\x94",
        b"h\x00", b"h\x01", b"X\x01\x00\x00\x00a", b"\x8f", b"\x90", b"\x91", b"C\x02ab", b"\x93",
        b"cos\nsystem\n", b"c__builtin__\neval\n", b"c__builtin__\ngetattr\n", b"ctorch.nn\nLinear\n",
        b"ctorch.nn\nSequential\n", b"ctorch\nfloat32\n", b"ctorch\ndevice\n", b"ctorch\nSize\n",
        b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_parameter\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n",
        b"cfunctools\npartial\n", b"ctorch._C\n_VariableFunctionsClass\n", b"X\x06\x00\x00\x00matmul",
        b"cargparse\nNamespace\n", b"cbuiltins\nobject\n", b"ccopyreg\n_reconstructor\n",
        b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nTensor\n",
        b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n", b"ccollections\ndefaultdict\n",
        b"cbuiltins\nset\n",
    ]  # fmt: skip
    return b"".join(rng.choice(parts) for _ in range(rng.randrange(1, 25))) + b"."


def test_random_programs(watch, make):
    rng = random.Random(5)
    for _ in range(300):
        ends_well(watch, make.archive(b"\x80\x02" + random_program(rng)))


def test_random_programs_in_the_machine_alone():
    rng = random.Random(6)
    loaded = 0
    for _ in range(3000):
        builder = SafeBuilder(lambda pid: None, lambda tensor, location: tensor)
        try:
            Machine(Source.of_bytes(random_program(rng)), builder).run()
            loaded += 1
        except (pickle.UnpicklingError, TypeError, AttributeError, RuntimeError):
            pass
    assert loaded > 50


@pytest.mark.parametrize("file", FILES, ids=["zip", "legacy"])
def test_the_undamaged_file_loads(file, watch):
    assert watch.load(file)["s"] == {1, 2}
