"""Errors of a Triton, on a real port."""

from __future__ import annotations

import socket
import threading

import grpc
import pytest

from control.triton.server import Server, TritonAway, TritonRefused
from tests.control.triton.fake_triton import FakeTriton, running


def test_whatever_is_wrong_with_the_index_is_no_models_fault() -> None:
    """A process that ended with it would be started again, and not come further."""
    triton = FakeTriton()
    with running(triton) as url:
        server = Server(url)
        for code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED):
            triton.fails = {"index": code}
            with pytest.raises(TritonAway, match=f"Triton at {url} does not answer: it is broken"):
                server.served()
        triton.fails = {"config": grpc.StatusCode.NOT_FOUND}
        with pytest.raises(TritonRefused, match="it is broken"):
            server.config("toy")
        triton.fails = {}
        assert not server.config("toy").instance_group, "an answer without a configuration"
        server.close()


def test_something_else_on_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of")

        thread = threading.Thread(target=answer)
        thread.start()
        server = Server(f"127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(TritonAway):
            server.served()
        server.close()
        other.shutdown(socket.SHUT_RDWR)
        thread.join()
