from __future__ import annotations

import shutil
from itertools import pairwise

import pytest

from benchmarks.load.closed_loop import http_load, read_h2load, read_wrk, require
from benchmarks.load.wire import Request
from benchmarks.setup.place import BenchmarkError
from tests.loopback import Handler, Loopback

WRK = """Running 1s test @ http://127.0.0.1:1/x
  1 threads and 16 connections
Requests/sec:  100.00
{"requests":1000,"microseconds":2000000,"status":40,"connect":0,"read":6,"write":0,"timeout":4,"p50":1500,\
"p95":2000,"p99":2500,"p999":3500,"max":9000}
"""
H2LOAD = """finished in 2.00s, 2.00 req/s, 897.03KB/s
requests: 4 total, 5 started, 4 done, 4 succeeded, 0 failed, 0 errored, 0 timeout
traffic: 1.75MB (1837110) total, 18.76KB (19209) headers (space savings 96.28%), 300B (300) data
"""


def test_wrk_figures_are_read() -> None:
    found = read_wrk(WRK)
    assert (found.p50_ms, found.p95_ms, found.p99_ms) == (1.5, 2.0, 2.5)
    assert (found.p999_ms, found.max_ms) == (3.5, 9.0)
    assert (found.requests, found.errors, found.seconds) == (1010, 50, 2.0)
    # Only requests that succeeded count.
    assert found.rate == 480


def test_output_without_figures_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="unable to connect"):
        read_wrk("unable to connect to 127.0.0.1:1 Connection refused")
    with pytest.raises(BenchmarkError, match="no figures"):
        read_h2load("finished in 0s", "", 1, 100)


def test_grpc_answers_without_a_message_are_errors() -> None:
    log = "".join(f"17951999637982{n}\t200\t{1000 * (n + 1)}\n" for n in range(4))
    found = read_h2load(H2LOAD, log, 2, answer_bytes=100)
    assert (found.requests, found.errors, found.rate) == (4, 1, 1.5)
    assert (found.p50_ms, found.max_ms) == (2.5, 4.0)


def test_a_missing_client_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BenchmarkError, match="wrk is not installed: apt-get install wrk"):
        require("wrk")
    with pytest.raises(BenchmarkError, match="apt-get install nghttp2-client"):
        require("h2load")


def test_nobody_listening_is_an_error(unused_port: int) -> None:
    with pytest.raises(BenchmarkError, match="wrk"):
        http_load(unused_port, Request("/", b"{}"), 1, 1)


class Noting(Loopback):
    """Answers every request, and writes down its path and its body."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []

    def handler(self) -> type[Handler]:
        seen = self.seen

        class Answers(Handler):
            def do_POST(self) -> None:
                seen.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

        return Answers


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_requests_go_to_the_paths_in_turn() -> None:
    with Noting() as server:
        port = int(server.url.rpartition(":")[2])
        found = http_load(port, Request("/a", b"{}"), 1, 1, ("/a", "/b", "/c"))
    assert found.errors == 0 and found.requests > 6
    paths = [path for path, _ in server.seen]
    assert {body for _, body in server.seen} == {b"{}"}
    assert set(pairwise(paths)) == {("/a", "/b"), ("/b", "/c"), ("/c", "/a")}
