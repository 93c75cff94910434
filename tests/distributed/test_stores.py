"""Stores: in memory, in a file, over TCP, under a prefix."""

import socket
import threading
from datetime import timedelta

import pytest

import rushlight.distributed as dist

SHORT = timedelta(seconds=0.05)


@pytest.fixture(params=["hash", "file", "tcp server", "tcp client", "prefix"])
def store(request, tmp_path):
    if request.param == "hash":
        yield dist.HashStore()
    elif request.param == "file":
        yield dist.FileStore(str(tmp_path / "store"), 1)
    elif request.param == "prefix":
        yield dist.PrefixStore("of", dist.HashStore())
    else:
        server = dist.TCPStore("127.0.0.1", 0, is_master=True)
        if request.param == "tcp server":
            yield server
        else:
            yield dist.TCPStore("127.0.0.1", server.port, timeout=timedelta(seconds=10))


def test_values(store):
    store.set("color", "blue")
    assert store.get("color") == b"blue"
    assert store.add("count", 3) == 3 and store.add("count", -1) == 2 and store.get("count") == b"2"
    assert store.check(["color", "count"]) and not store.check(["color", "shape"])
    assert store.num_keys() == 2 and sorted(store.list_keys()) == ["color", "count"]
    store.append("color", b"ish")
    assert store.get("color") == b"blueish"
    assert store.delete_key("color") and not store.delete_key("color")
    store.multi_set(["a", "b"], ["1", b"\0\xff"])
    assert store.multi_get(["a", "b"]) == [b"1", b"\0\xff"]
    store.set("empty", "")
    assert store.get("empty") == b""


def test_compare_and_set(store):
    assert store.compare_set("k", "expected", "v") == b"expected"
    assert store.compare_set("k", "", "first") == b"first"
    assert store.compare_set("k", "other", "second") == b"first"
    assert store.compare_set("k", "first", "second") == b"second" == store.get("k")


def test_queues(store):
    store.queue_push("q", "1")
    store.queue_push("q", "2")
    assert store.queue_len("q") == 2
    assert [store.queue_pop("q"), store.queue_pop("q")] == [b"1", b"2"]
    with pytest.raises(dist.QueueEmptyError):
        store.queue_pop("q", block=False)


def test_waiting(store):
    with pytest.raises(dist.DistStoreError, match="50ms, keys: .*missing"):
        store.wait(["missing"], SHORT)
    store.set_timeout(SHORT)
    assert store.timeout == SHORT
    with pytest.raises(dist.DistStoreError):
        store.get("missing")
    with pytest.raises(TypeError, match="str or bytes"):
        store.set("k", 3)


def test_one_waits_for_another():
    server = dist.TCPStore("127.0.0.1", 0, is_master=True)
    client = dist.TCPStore("127.0.0.1", server.port)
    timer = threading.Timer(0.05, server.set, ("late", "here"))
    timer.start()
    assert client.get("late") == b"here"
    timer.join()
    client.set("from client", "x")
    assert server.get("from client") == b"x"


def test_files_are_shared(tmp_path):
    first, second = (dist.FileStore(str(tmp_path / "f"), 2) for _ in range(2))
    assert [s.add("n", 1) for s in (first, second, first)] == [1, 2, 3]
    first.set("k", "v")
    assert second.get("k") == b"v"


def test_all_workers_come_or_it_is_an_error():
    with pytest.raises(dist.DistStoreError, match="1 of 2 processes came"):
        dist.TCPStore("127.0.0.1", 0, 2, True, timeout=timedelta(seconds=0.1))


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(dist.DistNetworkError, match=f"nobody answered at 127.0.0.1:{port}.*MASTER_ADDR"):
        dist.TCPStore("127.0.0.1", port, timeout=timedelta(seconds=0.1))


def test_another_protocol():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(dist.DistNetworkError, match="no rushlight store"):
            dist.TCPStore("127.0.0.1", server.getsockname()[1], timeout=timedelta(seconds=5))
        thread.join()


def test_strangers_do_not_disturb_the_server():
    store = dist.TCPStore("127.0.0.1", 0, is_master=True)
    for noise in (b"", b"GET / HTTP/1.1\r\n\r\n" * 4, b"rushlight store 1\n\xff\xff\xff\xff"):
        with socket.create_connection(("127.0.0.1", store.port)) as stranger:
            stranger.sendall(noise)
    client = dist.TCPStore("127.0.0.1", store.port)
    client.set("k", "v")
    assert store.get("k") == b"v"


def test_a_port_that_is_taken():
    first = dist.TCPStore("127.0.0.1", 0, is_master=True)
    with pytest.raises(dist.DistNetworkError, match=f"could not listen at 127.0.0.1:{first.port}"):
        dist.TCPStore("127.0.0.1", first.port, is_master=True)
