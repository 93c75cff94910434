"""Datasets from small files made here, whole and damaged."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import rushlight as torch
from rushlight.vision import datasets as D
from rushlight.vision import transforms as T
from rushlight.vision.datasets import utils
from rushlight.vision.datasets.folder import find_classes, has_file_allowed_extension, make_dataset

RNG = np.random.default_rng(0)


def idx(values, code=8):
    header = bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def mnist_files(root, name="MNIST", suffix="", prefixes=("train", "t10k")):
    pixels, labels = {}, {}
    for prefix, count in zip(prefixes, (6, 4), strict=True):
        pixels[prefix] = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels[prefix] = RNG.integers(0, 10, count, dtype=np.uint8)
        write(root / name / "raw" / f"{prefix}-images-idx3-ubyte{suffix}", idx(pixels[prefix]))
        write(root / name / "raw" / f"{prefix}-labels-idx1-ubyte{suffix}", idx(labels[prefix]))
    return pixels, labels


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("kind", [D.MNIST, D.FashionMNIST, D.KMNIST])
def test_mnist_and_its_kin(tmp_path, kind, suffix):
    pixels, labels = mnist_files(tmp_path, kind.__name__, suffix)
    for train, prefix in ((True, "train"), (False, "t10k")):
        dataset = kind(tmp_path, train=train, download=True)
        assert len(dataset) == len(labels[prefix])
        np.testing.assert_array_equal(dataset.data.numpy(), pixels[prefix])
        assert dataset.targets.dtype == torch.int64
        for index, (image, label) in enumerate(dataset):
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), pixels[prefix][index])
            assert (type(label), label) == (int, labels[prefix][index])
            if index == len(dataset) - 1:
                break
    assert len(kind.classes) == 10
    assert dataset.class_to_idx[kind.classes[3]] == 3


def test_mnist_with_transforms_and_repr(tmp_path):
    mnist_files(tmp_path)
    dataset = D.MNIST(str(tmp_path), transform=T.ToTensor(), target_transform=lambda label: -label)
    image, label = dataset[1]
    assert tuple(image.shape) == (1, 28, 28)
    assert label == -int(dataset.targets[1])
    plain = D.MNIST(str(tmp_path), train=False, transform=T.ToTensor())
    assert repr(plain) == (
        "Dataset MNIST\n"
        "    Number of datapoints: 4\n"
        f"    Root location: {tmp_path}\n"
        "    Split: Test\n"
        "    StandardTransform\n"
        "Transform: ToTensor()"
    )


def test_mnist_data_may_be_replaced(tmp_path):
    mnist_files(tmp_path)
    dataset = D.MNIST(tmp_path)
    dataset.data, dataset.targets = dataset.data[2:4], [7, 8]
    assert len(dataset) == 2
    assert dataset[1][1] == 8


def test_emnist_and_qmnist(tmp_path):
    mnist_files(tmp_path, "EMNIST", ".gz", ("emnist-letters-train", "emnist-letters-test"))
    assert len(D.EMNIST(tmp_path, "letters", train=False)) == 4
    assert len(D.EMNIST(tmp_path, "letters").classes) == 27
    with pytest.raises(ValueError, match="Unknown value 'greek'"):
        D.EMNIST(tmp_path, "greek")
    pixels = RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    facts = RNG.integers(0, 10, (5, 8), dtype=np.int32)
    write(tmp_path / "QMNIST" / "raw" / "qmnist-train-images-idx3-ubyte.gz", idx(pixels))
    write(tmp_path / "QMNIST" / "raw" / "qmnist-train-labels-idx2-int.gz", idx(facts, code=12))
    assert D.QMNIST(tmp_path)[2][1] == facts[2, 0]
    assert D.QMNIST(tmp_path, compat=False)[2][1].tolist() == facts[2].tolist()


def test_missing_files_say_what_to_put_where(tmp_path):
    with pytest.raises(RuntimeError, match=r"Dataset not found.*train-images-idx3-ubyte"):
        D.MNIST(tmp_path)
    with pytest.raises(RuntimeError, match=r"train-images-idx3-ubyte.gz.*MNIST.raw"):
        D.MNIST(tmp_path, download=True)
    with pytest.raises(RuntimeError, match=r"cifar-10-python.tar.gz from https.*put them into"):
        D.CIFAR10(tmp_path, download=True)
    with pytest.raises(RuntimeError, match="neither"):
        D.CIFAR100(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not an IDX file: it starts with nothing"),
        (b"<html>", "not an IDX file: it starts with 3c 68 74 6d"),
        (idx(np.zeros((2, 28, 28), np.uint8))[:9], "ends within its header"),
        (idx(np.zeros((2, 28, 28), np.uint8))[:-5], r"announces \(2, 28, 28\).*1584 bytes.*has 1579"),
        (idx(np.zeros((2, 28, 28), np.uint8)) + b"x", "has 1585"),
        (idx(np.zeros(2, np.uint8)), r"should be 8-bit values \(N, H, W\)"),
        (idx(np.zeros((3, 28, 28), np.uint8)), "6 labels for 3 images"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path, content, says):
    mnist_files(tmp_path)
    write(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", content)
    with pytest.raises(RuntimeError, match=says) as caught:
        D.MNIST(tmp_path)
    assert "train-" in str(caught.value)


def test_damaged_gzip_files_are_named(tmp_path):
    mnist_files(tmp_path, suffix=".gz")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RuntimeError, match=r"images-idx3-ubyte.gz: damaged gzip file"):
        D.MNIST(tmp_path)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(RuntimeError, match="damaged gzip file"):
        D.MNIST(tmp_path)


def cifar_batches(names, key, protocol=2):
    batches = {}
    for name in names:
        data = RNG.integers(0, 256, (3, 3072), dtype=np.uint8)
        labels = RNG.integers(0, 10, 3).tolist()
        batches[name] = pickle.dumps({"data": data, key: labels}, protocol=protocol)
    return batches


def cifar10_files(protocol=2):
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    files = cifar_batches(names, "labels", protocol)
    files["batches.meta"] = pickle.dumps({"label_names": [f"kind {n}" for n in range(10)]}, protocol=protocol)
    return files


def put(root, folder, files):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / folder / name).write_bytes(content)


def pack(path, folder, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar10(tmp_path, packed, protocol):
    files = cifar10_files(protocol)
    if packed:
        pack(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", files)
    else:
        put(tmp_path, "cifar-10-batches-py", files)
    dataset = D.CIFAR10(tmp_path, train=True, download=True)
    assert (len(dataset), dataset.data.shape, dataset.data.dtype) == (15, (15, 32, 32, 3), np.uint8)
    second = pickle.loads(files["data_batch_2"])
    image, label = dataset[4]
    np.testing.assert_array_equal(np.asarray(image), second["data"][1].reshape(3, 32, 32).transpose(1, 2, 0))
    assert label == second["labels"][1]
    assert dataset.classes[3] == "kind 3"
    assert dataset.class_to_idx["kind 3"] == 3
    assert len(D.CIFAR10(tmp_path, train=False)) == 3


def test_cifar100(tmp_path):
    files = cifar_batches(["train", "test"], "fine_labels")
    files["meta"] = pickle.dumps({"fine_label_names": ["apple"] * 100}, protocol=2)
    put(tmp_path, "cifar-100-python", files)
    assert D.CIFAR100(tmp_path)[0][1] == pickle.loads(files["train"])["fine_labels"][0]
    assert D.CIFAR100(tmp_path, train=False).classes[5] == "apple"


def test_a_subclass_may_list_names_with_checksums(tmp_path):
    class Small(D.CIFAR10):
        base_folder = "small"
        train_list = [["only", "c99cafc152244af753f735de768cd75f"]]
        meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    files = cifar10_files()
    put(tmp_path, "small", {"only": files["data_batch_1"], "batches.meta": files["batches.meta"]})
    assert len(Small(tmp_path)) == 3


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps({"data": Malicious()}), r"data_batch_3: .*posix.mkdir, which is no data|nt.mkdir"),
        (pickle.dumps({"data": np.zeros((2, 3072))})[:50], "data_batch_3: not readable"),
        (pickle.dumps([1, 2]), "data_batch_3: damaged: it holds a list"),
        (pickle.dumps({"labels": [1]}), r"'data' should be an array \(N, 3072\), found NoneType"),
        (pickle.dumps({"data": np.zeros((2, 5))}), r"found \(2, 5\)"),
        (pickle.dumps({"data": np.zeros((2, 3072)), "labels": [1]}), "2 labels expected, found 1"),
    ],
)
def test_damaged_and_malicious_batches(tmp_path, monkeypatch, content, says):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "cifar-10-batches-py", {**cifar10_files(), "data_batch_3": content})
    with pytest.raises(RuntimeError, match=says):
        D.CIFAR10(tmp_path)
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_a_damaged_archive(tmp_path):
    files = cifar10_files()
    path = tmp_path / "cifar-10-python.tar.gz"
    pack(path, "cifar-10-batches-py", {name: files[name] for name in ("data_batch_1", "data_batch_2")})
    with pytest.raises(RuntimeError, match=r"cifar-10-python.tar.gz: damaged: .*data_batch_3"):
        D.CIFAR10(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RuntimeError, match=r"cifar-10-python.tar.gz: damaged archive"):
        D.CIFAR10(tmp_path)


def test_digits():
    pytest.importorskip("sklearn")
    train, test = D.Digits(train=True), D.Digits("ignored", train=False)
    assert len(train) + len(test) == 1797
    assert 0.78 < len(train) / 1797 < 0.82
    for part in (train, test):
        shares = np.bincount(part.targets.numpy(), minlength=10) / len(part)
        assert np.all(np.abs(shares - 0.1) < 0.01)
        assert part.data.dtype == torch.uint8
        assert int(part.data.max()) == 255
    image, label = train[0]
    assert (image.mode, image.size, type(label)) == ("L", (8, 8), int)
    again = D.Digits(train=True)
    np.testing.assert_array_equal(again.data.numpy(), train.data.numpy())
    both = np.concatenate([train.data.numpy(), test.data.numpy()]).reshape(1797, -1)
    from sklearn.datasets import load_digits

    expected = np.round(load_digits().data * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, both)) == sorted(map(bytes, expected))
    tensor, label = D.Digits(transform=T.ToTensor(), target_transform=str)[0]
    assert (tuple(tensor.shape), label) == ((1, 8, 8), "0")


@pytest.fixture
def tree(tmp_path):
    for name in ("cat", "dog/young", "dog", "bird"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for index, place in enumerate(["cat/b.png", "cat/A.JPG", "dog/young/c.bmp", "bird/d.png"]):
        Image.new("L", (4 + index, 3), 40 * index).save(tmp_path / place)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    return tmp_path


def test_image_folder(tree):
    dataset = D.ImageFolder(str(tree), transform=T.ToTensor())
    assert dataset.classes == ["bird", "cat", "dog"]
    assert dataset.class_to_idx == {"bird": 0, "cat": 1, "dog": 2}
    assert [os.path.basename(path) for path, _ in dataset.samples] == ["d.png", "A.JPG", "b.png", "c.bmp"]
    assert dataset.targets == [0, 1, 1, 2]
    assert dataset.imgs is dataset.samples
    image, label = dataset[3]
    assert (tuple(image.shape), label) == ((3, 3, 6), 2)
    only = D.ImageFolder(str(tree), is_valid_file=lambda path: path.endswith("g"), allow_empty=True)
    assert len(only) == 2
    sizes = D.DatasetFolder(str(tree), loader=os.path.getsize, extensions=(".txt",), allow_empty=True)
    assert sizes[0] == (10, 1)


def test_image_folder_s_errors(tree, tmp_path):
    with pytest.raises(FileNotFoundError, match="classes bird, dog. Supported extensions are: .txt"):
        D.DatasetFolder(str(tree), loader=open, extensions=(".txt",))
    with pytest.raises(FileNotFoundError, match="any class folder"):
        find_classes(tree / "cat")
    with pytest.raises(ValueError, match="cannot be None or not None at the same time"):
        make_dataset(tree, extensions=".png", is_valid_file=lambda path: True)
    (tree / "cat" / "b.png").write_bytes(b"not a picture")
    dataset = D.ImageFolder(str(tree))
    with pytest.raises(OSError, match=r"cat.b.png: not readable as a picture"):
        dataset[2]
    whole = (tree / "bird" / "d.png").read_bytes()
    (tree / "bird" / "d.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=r"bird.d.png: not readable as a picture"):
        dataset[0]


def test_extensions():
    assert has_file_allowed_extension("A.PNG", (".png",))
    assert has_file_allowed_extension("a.jpeg", ".jpeg")
    assert not has_file_allowed_extension("a.png.txt", (".png",))


def test_fake_data_is_the_same_every_time_and_leaves_the_stream_alone():
    dataset = D.FakeData(size=5, image_size=(3, 6, 7), num_classes=4, random_offset=10)
    torch.manual_seed(0)
    image, label = dataset[2]
    after = torch.rand(1).item()
    torch.manual_seed(0)
    assert torch.rand(1).item() == after
    assert (image.size, len(dataset)) == ((7, 6), 5)
    torch.manual_seed(12)
    expected = T.ToPILImage()(torch.randn(3, 6, 7))
    assert image.tobytes() == expected.tobytes()
    assert label == int(torch.randint(0, 4, size=(1,)))
    with pytest.raises(IndexError, match="out of range"):
        dataset[5]


def test_stl10(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    planes = RNG.integers(0, 256, (3, 3, 96, 96), dtype=np.uint8)
    planes.tofile(folder / "train_X.bin")
    np.array([1, 10, 5], np.uint8).tofile(folder / "train_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    (folder / "fold_indices.txt").write_text("0 2 \n1 \n")
    dataset = D.STL10(tmp_path)
    image, label = dataset[1]
    np.testing.assert_array_equal(np.asarray(image), planes[1].transpose(2, 1, 0))
    assert (label, dataset.classes) == (9, ["airplane", "bird"])
    assert len(D.STL10(tmp_path, folds=0)) == 2
    with pytest.raises(RuntimeError, match="test_X.bin"):
        D.STL10(tmp_path, split="test", download=True)
    (folder / "train_X.bin").write_bytes(b"short")
    with pytest.raises(RuntimeError, match="5 bytes are no whole number"):
        D.STL10(tmp_path)


def test_svhn(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    pixels = RNG.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    savemat(tmp_path / "train_32x32.mat", {"X": pixels, "y": np.array([[10], [1], [2], [9]], np.uint8)})
    dataset = D.SVHN(tmp_path)
    image, label = dataset[0]
    np.testing.assert_array_equal(np.asarray(image), pixels[..., 0])
    assert [dataset[index][1] for index in range(4)] == [0, 1, 2, 9]
    (tmp_path / "test_32x32.mat").write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match=r"test_32x32.mat: not readable"):
        D.SVHN(tmp_path, split="test")
    with pytest.raises(RuntimeError, match=r"extra_32x32.mat from http"):
        D.SVHN(tmp_path, split="extra", download=True)


def test_transforms_come_together_or_apart():
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        D.VisionDataset("x", transforms=lambda a, b: (a, b), transform=lambda a: a)
    dataset = D.VisionDataset("x", transform=abs, target_transform=str)
    assert dataset.transforms(-3, 4) == (3, "4")


def test_download_url_and_archives(tmp_path):
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("inside.txt", "hello")
    md5 = hashlib.md5(source.read_bytes()).hexdigest()
    root = tmp_path / "root"
    utils.download_and_extract_archive(source.as_uri(), str(root), filename="copy.zip", md5=md5)
    assert (root / "inside.txt").read_text() == "hello"
    assert utils.check_integrity(str(root / "copy.zip"), md5)
    assert not utils.check_integrity(str(root / "copy.zip"), "0" * 32)
    with pytest.raises(RuntimeError, match="MD5"):
        utils.download_url(source.as_uri(), str(root), filename="other.zip", md5="0" * 32)
    assert not (root / "other.zip").exists()
    with pytest.raises(RuntimeError, match="could not be fetched"):
        utils.download_url((tmp_path / "absent").as_uri(), str(root))
    with pytest.raises(RuntimeError, match="neither a tar nor a zip"):
        utils.extract_archive(str(root / "inside.txt"))
    assert sorted(utils.list_files(root, ".txt")) == ["inside.txt"]
    with pytest.raises(ValueError, match="Unknown value 'c' for argument split"):
        utils.verify_str_arg("c", "split", ("a", "b"))
