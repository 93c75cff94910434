"""Machine code: compiled by several threads, kept on disk, made again when what is there is no good."""

import ctypes
import threading
import time

import pytest

from rushlight.executors.cpu import compiling, target
from rushlight.executors.cpu.emit import I64, Module

FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def adds(name, number):
    module = Module()
    with module.function(name, [I64], I64) as (b, x):
        b.ret(x + number)
    return module.text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of compiled code, and a process that knows none."""
    monkeypatch.setattr(target, "folder", lambda: tmp_path)
    monkeypatch.setattr(target, "_loaded", {})
    monkeypatch.setattr(target, "_keys", {})
    return tmp_path


def made(texts):
    """(what each function gives for 1, how many were compiled, how many were found on disk)."""
    compiled, loaded = target.Counters.compiled, target.Counters.loaded
    found = target.addresses(texts)
    values = {name: FUNCTION(address)(1) for name, address in found.items()}
    return values, target.Counters.compiled - compiled, target.Counters.loaded - loaded


def texts_of(prefix, count):
    return {f"{prefix}{i}": adds(f"{prefix}{i}", i) for i in range(count)}


def test_functions_that_are_asked_for_together_are_compiled_together_and_each_once(folder):
    texts = texts_of("together", 9)
    expected = {name: 1 + i for i, name in enumerate(texts)}
    assert made(texts) == (expected, 9, 0)
    assert made(texts) == (expected, 0, 0)
    assert len(list(folder.glob("*.o"))) == 9


def test_a_later_process_finds_them_on_disk(folder, monkeypatch):
    machine = target.target()
    first = texts_of("later", 3)
    paths = [target._path(machine, *item) for item in first.items()]
    codes = compiling.object_codes(machine, list(first.values()), 2)
    for path, code in zip(paths, codes):
        target.write(path, code)
    assert made(first) == ({"later0": 1, "later1": 2, "later2": 3}, 0, 3)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: data + b"\0"])
def test_a_damaged_file_is_made_again(folder, damage):
    name = f"damaged{len(damage(b'ab'))}"
    path = target._path(target.target(), name, adds(name, 7))
    target.write(path, b"no object")
    path.write_bytes(damage(path.read_bytes()))
    assert made({name: adds(name, 7)}) == ({name: 8}, 1, 0)
    assert target.read(path)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_give_what_one_gives(threads):
    machine = target.target()
    texts = [adds("f", i) for i in range(7)]
    one = [compiling.Compiler(machine).object_code(text) for text in texts]
    assert compiling.object_codes(machine, texts, threads) == one


@pytest.mark.parametrize("threads", [1, 3])
def test_a_module_that_is_wrong_is_an_error_whoever_compiles_it(threads):
    texts = [adds("f", 1), "define void @f() { nonsense }", adds("f", 2), adds("f", 3)]
    with pytest.raises(RuntimeError, match="parsing error"):
        compiling.object_codes(target.target(), texts, threads)


def test_threads_that_come_first_together_share_one_target(monkeypatch):
    """The code of a second one was unmapped with it, and calling it crashed."""

    class Slow(target._Target):
        def __init__(self):
            time.sleep(0.05)
            super().__init__()

    monkeypatch.setattr(target, "_Target", Slow)
    monkeypatch.setattr(target, "_target", None)
    monkeypatch.setattr(target, "_loaded", {})
    found = []
    threads = [threading.Thread(target=lambda: found.append(target.target())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(map(id, found))) == 1
