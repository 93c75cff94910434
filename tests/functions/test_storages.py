"""A tensor's memory as bytes and as numbers, and the legacy constructors on it."""

import warnings

import numpy as np
import pytest

import rushlight as torch


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TypedStorage is deprecated")
        yield


def test_a_storage_is_shared_by_views_and_nobody_else():
    x = torch.arange(6.0)
    y = x.view(2, 3)[1]
    assert x.untyped_storage() is y.untyped_storage()
    assert x.untyped_storage() != x.clone().untyped_storage()
    assert x.untyped_storage().data_ptr() == x.data_ptr() == y.untyped_storage().data_ptr()
    assert y.data_ptr() - x.data_ptr() == 12 and y.storage_offset() == 3


def test_sizes_and_bytes():
    held = torch.tensor([1, 256], dtype=torch.int16).untyped_storage()
    assert (held.nbytes(), held.size(), len(held)) == (4, 4, 4)
    assert held.tolist() == [1, 0, 0, 1] and held[3] == 1 and held[1:3].tolist() == [0, 0]
    assert str(held.device) == "cpu" and held.type() == "torch.storage.UntypedStorage"
    assert (
        repr(torch.UntypedStorage([3, 4])) == " 3\n 4\n[torch.storage.UntypedStorage(device=cpu) of size 2]"
    )


def test_writes_are_seen_by_tensors_and_count_as_versions():
    x = torch.zeros(2, dtype=torch.uint8)
    view = x[1:]
    before = x._version
    x.untyped_storage()[1] = 7
    assert x.tolist() == [0, 7] and view.tolist() == [7] and x._version > before
    x.untyped_storage().fill_(1)
    assert x.tolist() == [1, 1]
    x.untyped_storage().copy_(torch.UntypedStorage([5, 6]))
    assert view.tolist() == [6]
    x.storage()[0] = 9
    assert x.tolist() == [9, 6]


def test_typed_storages():
    x = torch.tensor([[1.0, 2.0]])
    held = x.storage()
    assert held.dtype is torch.float32 and held.tolist() == [1.0, 2.0] and held[1] == 2.0
    assert (held.size(), held.nbytes(), held.element_size()) == (2, 8, 4)
    assert held.type() == "torch.FloatStorage" and x.storage_type() is torch.FloatStorage
    assert isinstance(held, torch.FloatStorage) and not isinstance(held, torch.LongStorage)
    assert held.untyped() is x.untyped_storage()
    assert held.double().tolist() == [1.0, 2.0] and held.double().dtype is torch.float64
    held.fill_(4)
    assert x.tolist() == [[4.0, 4.0]]
    with pytest.raises(RuntimeError, match="slices are only supported in UntypedStorage"):
        held[0:1]


def test_storages_of_old():
    assert torch.LongStorage([1, 2]).tolist() == [1, 2] and torch.FloatStorage(3).size() == 3
    bytes_ = torch.ByteStorage.from_buffer(b"abc")
    assert torch.ByteTensor(bytes_).tolist() == [97, 98, 99]
    assert torch.is_storage(bytes_) and not torch.is_storage(torch.ones(1))


def test_tensors_set_on_a_storage():
    x = torch.arange(6.0)
    y = torch.empty(0).set_(x.untyped_storage(), 2, (2, 2), (2, 1))
    assert y.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    y[0, 0] = 10
    assert x[2].item() == 10


def test_meta_storages_have_sizes_and_no_bytes():
    held = torch.ones(3, device="meta").untyped_storage()
    assert held.nbytes() == 12 and held.data_ptr() == 0 and held.device.type == "meta"
    with pytest.raises(NotImplementedError, match="no data"):
        held.tolist()


def test_resizing_under_tensors_is_refused():
    held = torch.ones(2).untyped_storage()
    assert held.resize_(8) is held
    with pytest.raises(NotImplementedError, match="Tensor.resize_"):
        held.resize_(0)


def test_files(tmp_path):
    path = tmp_path / "numbers"
    np.arange(4, dtype=np.float32).tofile(path)
    private = torch.from_file(str(path), size=4)
    private[0] = 9
    assert np.fromfile(path, np.float32)[0] == 0
    shared = torch.from_file(str(path), shared=True, size=4)
    shared[0] = 5
    assert shared.tolist() == [5.0, 1.0, 2.0, 3.0]
    del shared
    assert np.fromfile(path, np.float32)[0] == 5
    with pytest.raises(RuntimeError, match="has 16 bytes, 40 are needed"):
        torch.from_file(str(path), size=10)


def test_constructors_of_old():
    assert torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor(torch.Size([4])).shape == (4,)
    assert torch.Tensor([1, 2]).dtype is torch.float32 and torch.Tensor((2, 3)).tolist() == [2.0, 3.0]
    assert torch.Tensor().shape == (0,) and torch.Tensor(np.array([1, 2])).dtype is torch.float32
    assert torch.LongTensor([1, 2]).dtype is torch.int64 and torch.HalfTensor(2).dtype is torch.float16
    assert torch.BoolTensor([0, 2]).tolist() == [False, True]
    x = torch.tensor([1])
    again = torch.Tensor(x)
    again[0] = 3
    assert x.item() == 3 and again.dtype is torch.int64
    with pytest.raises(TypeError, match="data must be a sequence"):
        torch.Tensor(2.5)
    with pytest.raises(TypeError, match="expected a tensor of torch.float32"):
        torch.FloatTensor(x)
    with pytest.raises(TypeError, match="failed to unpack the object at pos 2"):
        torch.Tensor(2, 3.5)


def test_subclasses_are_made_by_the_constructor():
    class Named(torch.Tensor):
        pass

    made = Named([1.0, 2.0])
    assert type(made) is Named and isinstance(made, torch.Tensor) and made.tolist() == [1.0, 2.0]


def test_legacy_types_ask_for_the_dtype():
    x = torch.ones(1)
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.LongTensor)
    assert not isinstance(x, torch.cuda.FloatTensor) and not isinstance(1.0, torch.FloatTensor)
    assert x.type() == "torch.FloatTensor" and x.type(torch.LongTensor).dtype is torch.int64
    assert x.type("torch.DoubleTensor").dtype is torch.float64
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>" and torch.IntTensor.dtype is torch.int32
    assert torch.typename(x) == "torch.FloatTensor" and torch.typename([]) == "list"


def test_new():
    x = torch.ones(2, dtype=torch.float64)
    assert x.new(2, 3).shape == (2, 3) and x.new([1]).dtype is torch.float64 and x.new().shape == (0,)
    assert x.new(x).data_ptr() == x.data_ptr()


def test_default_tensor_type():
    try:
        torch.set_default_tensor_type(torch.DoubleTensor)
        assert torch.tensor([1.0]).dtype is torch.float64 and torch.Tensor([1]).dtype is torch.float64
        torch.set_default_tensor_type("torch.FloatTensor")
        assert torch.tensor([1.0]).dtype is torch.float32
        with pytest.raises(TypeError, match="only floating-point types"):
            torch.set_default_tensor_type(torch.LongTensor)
    finally:
        torch.set_default_dtype(torch.float32)
