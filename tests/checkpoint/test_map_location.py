"""Where storages go on loading."""

import io

import pytest

import rushlight as torch


def on_cuda(make):
    """A checkpoint that says its storages were on cuda:1."""
    data = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n"
    data += b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    data += b"X\x06\x00\x00\x00cuda:1K\x02tQK\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR."
    return make.archive(data, [("data/0", bytes(8))])


WAYS = {
    "name": "cpu", "device": torch.device("cpu"), "dict": {"cuda:1": "cpu"}, "function": lambda storage,
    location: storage, "bytes": b"cpu",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_to_the_cpu(way, make):
    back = torch.load(io.BytesIO(on_cuda(make)), map_location=WAYS[way])
    assert back.tolist() == [0.0, 0.0] and back.device == torch.device("cpu")
    plain = torch.load(io.BytesIO(make.saved(torch.ones(2))), map_location=WAYS[way])
    assert plain.tolist() == [1.0, 1.0]


def test_a_device_that_is_not_there(make):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    for way in (None, {"cpu": "cuda"}, lambda storage, location: None, "cuda"):
        with pytest.raises(
            RuntimeError, match=r"CUDA device but torch.cuda.is_available\(\) is False.*map_location"
        ):
            torch.load(io.BytesIO(on_cuda(make)), map_location=way)


def test_what_functions_are_given(make):
    seen = []
    x = torch.arange(4.0)
    torch.load(
        io.BytesIO(make.saved([x, x[1:], torch.ones(3)])),
        map_location=lambda s, where: seen.append((s, where)),
    )
    assert [(storage.nbytes(), where) for storage, where in seen] == [(16, "cpu"), (12, "cpu")]


def test_meta(make):
    model = torch.load(io.BytesIO(make.saved(torch.nn.Linear(3, 2))), map_location="meta")
    assert model.weight.device.type == "meta" and tuple(model.weight.size()) == (2, 3)
    back = torch.load(io.BytesIO(make.saved(model)))
    assert back.weight.device.type == "meta"


def test_nonsense(make):
    with pytest.raises(TypeError, match="map_location must be"):
        torch.load(io.BytesIO(make.saved(1)), map_location=5)
    with pytest.raises(RuntimeError, match="location"):
        torch.load(io.BytesIO(make.saved(torch.ones(1))), map_location="nowhere")


def test_register_package(make):
    serialization = torch.serialization
    from rushlight.checkpoint import locations

    before = list(locations._packages)
    try:
        serialization.register_package(
            5, lambda obj: "drawer:3", lambda obj, where: obj if where[:6] == "drawer" else None
        )
        data = make.saved(torch.ones(2))
        assert b"drawer:3" in data and torch.load(io.BytesIO(data)).tolist() == [1.0, 1.0]
    finally:
        locations._packages[:] = before
    with pytest.raises(RuntimeError, match="drawer"):
        torch.load(io.BytesIO(data))
    x = torch.ones(2)
    assert serialization.location_tag(x.untyped_storage()) == "cpu"
    assert serialization.default_restore_location(x.untyped_storage(), "cpu").nbytes() == 8
    with pytest.raises(RuntimeError, match="don't know how to restore"):
        serialization.default_restore_location(x.untyped_storage(), "attic")
