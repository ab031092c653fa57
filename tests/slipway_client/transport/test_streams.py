from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpcore
import pytest

from slipway_client.transport.streams import PIECE, Backend, deadline


@pytest.fixture
def pair() -> Iterator[tuple[httpcore.NetworkStream, socket.socket]]:
    """A stream to a server that accepts and says nothing, and the server's end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        stream = Backend(3600).connect_tcp(host, port, timeout=30)
        with server.accept()[0] as other:
            yield stream, other
        stream.close()


def test_all_reads_share_the_time_that_is_left(pair: tuple[httpcore.NetworkStream, socket.socket]) -> None:
    stream, other = pair
    ended = threading.Event()

    def drip() -> None:
        while not ended.is_set():
            other.sendall(b"x")
            time.sleep(0.01)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(httpcore.ReadTimeout), deadline(0.2):
            while True:
                # Each read alone is well within its limit.
                assert stream.read(1, timeout=30) == b"x"
    finally:
        ended.set()
        thread.join()


def test_writes_to_a_server_that_does_not_read_end_in_time(
    pair: tuple[httpcore.NetworkStream, socket.socket],
) -> None:
    with pytest.raises(httpcore.WriteTimeout), deadline(0.2):
        pair[0].write(b"x" * 100 * PIECE, timeout=30)


def test_what_is_written_in_pieces_arrives_whole(pair: tuple[httpcore.NetworkStream, socket.socket]) -> None:
    stream, other = pair
    sent = bytes(range(256)) * (PIECE // 128)
    found = bytearray()

    def read() -> None:
        while len(found) < len(sent):
            found.extend(other.recv(65536))

    thread = threading.Thread(target=read)
    thread.start()
    stream.write(sent)
    thread.join()
    assert found == sent


def test_without_a_deadline_the_limit_of_the_read_counts(
    pair: tuple[httpcore.NetworkStream, socket.socket],
) -> None:
    with pytest.raises(httpcore.ReadTimeout):
        pair[0].read(1, timeout=0.01)
    with deadline(-1), pytest.raises(httpcore.ReadTimeout, match="the time for the request is over"):
        pair[0].read(1)


def test_an_old_connection_looks_like_one_that_the_server_has_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        for age, old in ((3600.0, False), (0.0, True)):
            stream = Backend(age).connect_tcp(host, port, timeout=30)
            assert stream.get_extra_info("is_readable") is old
            assert stream.get_extra_info("server_addr") == (host, port)
            stream.close()
