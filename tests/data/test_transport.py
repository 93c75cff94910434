"""Messages between processes: every dtype and size survives, and what is received can be written to."""

import contextlib
import multiprocessing
import threading

import numpy as np
import pytest

import rushlight
from rushlight.data import transport


def exchanged(message):
    """The message after a journey through a socket."""
    there, here = multiprocessing.Pipe(duplex=True)
    received = []

    def read():
        with contextlib.suppress(EOFError):
            received.append(transport.receive(here))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        transport.send(there, message)
    finally:
        there.close()
        reader.join(10)
        here.close()
    return received[0]


@pytest.mark.parametrize("in_memory_files", [True, False])
@pytest.mark.parametrize("size", [0, 1, 100, transport.INLINE_LIMIT, 1_000_000])
def test_sizes(size, in_memory_files, monkeypatch):
    monkeypatch.setattr(transport, "HAS_MEMORY_FILES", in_memory_files and transport.HAS_MEMORY_FILES)
    text = "x" * size
    array = np.arange(size, dtype=np.int16)
    number, (a, b) = exchanged((7, (text, array)))
    assert (number, a) == (7, text)
    assert b.dtype == array.dtype
    assert np.array_equal(b, array)
    b[:] = 1


@pytest.mark.parametrize("name", sorted(transport.NUMPY_NAMES | {"bfloat16"}))
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (4, 5000)])
def test_tensors(name, shape):
    dtype = getattr(rushlight, name)
    tensor = rushlight.ones(shape).to(dtype)
    received = exchanged({"t": tensor})["t"]
    assert received.dtype == dtype
    assert tuple(received.shape) == shape
    assert received.float().sum().item() == tensor.float().sum().item() if "complex" not in name else True


def test_views_and_gradients():
    matrix = rushlight.arange(12.0).view(3, 4)
    received = exchanged([matrix.t(), matrix[:, 1], rushlight.ones(2, requires_grad=True)])
    assert received[0].tolist() == matrix.t().tolist()
    assert received[1].tolist() == [1, 5, 9]
    assert received[2].requires_grad
    assert received[2].is_leaf
    with pytest.raises(RuntimeError, match="detach"):
        exchanged(rushlight.ones(2, requires_grad=True) * 2)


def test_one_object_stays_one_object():
    tensor = rushlight.zeros(3)
    first, second = exchanged([tensor, tensor])
    assert first is second


def test_strided_and_foreign_arrays():
    array = np.arange(20.0).reshape(4, 5)
    strided, swapped, text, objects = exchanged(
        [array[:, ::2], array.astype(">f4"), np.array(["a", "bc"]), np.array([None, 1], dtype=object)]
    )
    assert np.array_equal(strided, array[:, ::2])
    assert np.array_equal(swapped, array)
    assert text.tolist() == ["a", "bc"]
    assert objects.tolist() == [None, 1]


def test_a_closed_connection_is_an_end():
    there, here = multiprocessing.Pipe(duplex=True)
    there.close()
    with pytest.raises(EOFError):
        transport.receive(here)
    with pytest.raises(ConnectionError):
        transport.send(here, 1)
